"""What the daemon says about itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Response, Tier

ModuleState = Literal["active", "degraded", "inactive"]


class ProbeResponse(Response, frozen=True):
    """Liveness or readiness, with what a client needs for the handshake."""

    status: Literal["live", "ready", "starting", "stopping"]
    version: str
    protocol: int
    pid: int

    @property
    def well(self) -> bool:
        return self.status in ("live", "ready")


class ModuleHealth(Response, frozen=True):
    """`latency_ms` is the median time of the module's own work since start, null before there is any."""

    status: ModuleState
    latency_ms: float | None = None
    reasons: Reasons = {}


class BehaviourHealth(Response, frozen=True):
    """Of the sessions whose actions are compared with what was asked."""

    sessions: int
    warn: int
    """At or above the warning line, and under the blocking one."""
    block: int
    highest: float | None
    """The greatest average drift; null without a session."""


class Broken(Response, frozen=True):
    segment: str
    """The file in the log's folder, or "head"."""
    line: int
    """From 1; 0 where it is about the file as a whole."""
    why: str


class LogVerification(Response, frozen=True):
    """What a walk along the whole chain found."""

    ok: bool
    entries: int
    first: int | None
    """The first entry's number; null while the log is empty."""
    last: int | None
    head: str
    """The last entry's hash. Written down elsewhere, it shows later that nothing before it was made anew."""
    broken_at: Broken | None
    """Where the chain first does not hold."""
    segments: int
    checked_at: datetime


class VerdictLogHealth(Response, frozen=True):
    entries: int
    verified: LogVerification | None
    """What the last verification since start found."""


class GuardianHealth(ModuleHealth, frozen=True, kw_only=True):
    ethics_level: Literal["STRICT", "BALANCED", "PERMISSIVE"]
    behaviour: BehaviourHealth | None = None
    log: VerdictLogHealth | None = None


class MemoryHealth(ModuleHealth, frozen=True, kw_only=True):
    drift_level: float | None
    """Mean drift of the caller-independent store; null while it is empty."""
    pending_vectors: int
    """Memories found by their words only, because their embedding is still being computed."""


class ConsciousnessHealth(ModuleHealth, frozen=True, kw_only=True):
    awareness_level: str | None


class HealthModules(Response, frozen=True):
    brain_hub: ModuleHealth
    guardian: GuardianHealth
    memory: MemoryHealth
    consciousness: ConsciousnessHealth


class HealthResponse(Response, frozen=True):
    status: Literal["healthy", "degraded"]
    timestamp: datetime
    version: str
    modules: HealthModules


class SystemFigures(Response, frozen=True):
    uptime_seconds: float
    total_interactions: int
    """Ever, not since start."""
    active_sessions: int
    """Distinct session_ids with an interaction in the last 30 minutes."""
    memory_usage_gb: float
    """Resident memory of the daemon."""
    cpu_usage_percent: float | None
    """CPU time of the daemon over wall time since it started, in percent of one core."""


class GuardianFigures(Response, frozen=True):
    total_validations: int
    approvals: int
    """Verdicts APPROVED or CONDITIONAL."""
    rejections: int
    """Verdicts REJECTED or REVIEW."""
    approval_rate: float | None
    average_validation_time_ms: float | None


class PerformanceFigures(Response, frozen=True):
    """Over the requests to `POST /matriz/process` served since start."""

    average_response_time_ms: float | None
    p95_response_time_ms: float | None
    p99_response_time_ms: float | None
    samples: int


class StatusResponse(Response, frozen=True):
    version: str
    system: SystemFigures
    guardian: GuardianFigures
    performance: PerformanceFigures
    reasons: Reasons = {}


class StageHealth(Response, frozen=True):
    status: ModuleState
    latency_ms: float | None
    """Median of the stage's time over the interactions served since start."""
    samples: int
    reasons: Reasons = {}


class PipelineHealth(Response, frozen=True):
    memory: StageHealth
    attention: StageHealth
    thought: StageHealth
    risk: StageHealth
    intent: StageHealth
    action: StageHealth


class FrameworkHealth(Response, frozen=True):
    identity_pillar: str
    consciousness_pillar: str
    guardian_pillar: str


class ComplianceStatus(Response, frozen=True):
    performance_standards: Literal["met", "not_met", "insufficient_data"]
    audit_readiness: bool | None
    constructor_aware_instantiation: str | None
    reasons: Reasons = {}


class MatrizStatusResponse(Response, frozen=True):
    pipeline_health: PipelineHealth
    constellation_framework: FrameworkHealth
    t4_compliance: ComplianceStatus


class OpenApiDocument(Response, frozen=True):
    """An OpenAPI 3.1 document; typed here only as far as the contract itself needs."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any] = {}
    servers: list[dict[str, Any]] = []
    security: list[dict[str, list[str]]] = []
    tags: list[dict[str, Any]] = []


LIVE = Operation(
    "system.live", "GET", "/live", "Say that the process runs.",
    params=NoParams, body=NoBody, result=ProbeResponse, tier=Tier.GUEST, limit=None, public=True,
)  # fmt: skip
READY = Operation(
    "system.ready", "GET", "/ready", "Say whether requests are served.",
    params=NoParams, body=NoBody, result=ProbeResponse, tier=Tier.GUEST, limit=None, public=True, unwell=503,
)  # fmt: skip
HEALTH = Operation(
    "system.health", "GET", "/health", "Check the daemon and each of its modules.",
    params=NoParams, body=NoBody, result=HealthResponse, tier=Tier.GUEST, limit=Limit.GENERAL,
)  # fmt: skip
STATUS = Operation(
    "system.status", "GET", "/status", "Get figures measured since the daemon started.",
    params=NoParams, body=NoBody, result=StatusResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
MATRIZ_STATUS = Operation(
    "matriz.status", "GET", "/matriz/status", "Get the state of the six stages.",
    params=NoParams, body=NoBody, result=MatrizStatusResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
OPENAPI = Operation(
    "system.openapi", "GET", "/openapi.json", "Get this API as OpenAPI 3.1.",
    params=NoParams, body=NoBody, result=OpenApiDocument, tier=Tier.GUEST, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (LIVE, READY, HEALTH, STATUS, MATRIZ_STATUS, OPENAPI)
