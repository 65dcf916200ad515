"""What the daemon says about itself, from what it measured."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import Literal

from lukhas_sdk._version import __version__
from lukhas_sdk.contract import system as contract
from lukhas_sdk.contract.base import PROTOCOL_VERSION, AnyOperation, NoBody, NoParams, Reasons
from lukhas_sdk.contract.guardian import DECISIONS
from lukhas_sdk.contract.matriz import STAGES
from lukhasd.api import openapi
from lukhasd.api.call import Call, Handler
from lukhasd.constellation.stars import StarState
from lukhasd.parts import Parts
from lukhasd.records.compliance import compliance
from lukhasd.records.metrics import Metrics
from lukhasd.records.process import resident_bytes

NOT_MEASURED = "nothing was served since start"


async def live(call: Call[NoParams, NoBody]) -> contract.ProbeResponse:
    return _probe("live")


async def ready(call: Call[NoParams, NoBody]) -> contract.ProbeResponse:
    return _probe(call.service.phase)


async def health(call: Call[NoParams, NoBody]) -> contract.HealthResponse:
    parts = call.parts
    guardian, memory, pipeline = await asyncio.gather(
        *(parts.stars.state(name) for name in ("guardian", "memory", "consciousness"))
    )
    drift = await parts.memory.mean_drift()
    latency, why = _median(parts.metrics, "process")
    hub = contract.ModuleHealth(status=_state(pipeline), latency_ms=latency, reasons=why | _inactive(pipeline))
    latency, why = _median(parts.metrics, "guardian.validate")
    guardian_health = contract.GuardianHealth(
        status=_state(guardian),
        latency_ms=latency,
        ethics_level=parts.settings.guardian.ethics_level,
        reasons=why | _inactive(guardian),
        behaviour=_behaviour(parts),
        log=contract.VerdictLogHealth(parts.verdict_log.entries, parts.verdict_log.verified),
    )
    latency, why = _median(parts.metrics, "memory.search")
    memory_health = contract.MemoryHealth(
        status=_state(memory),
        latency_ms=latency,
        drift_level=drift,
        pending_vectors=parts.memory.pending_vectors(),
        reasons=why | _inactive(memory) | ({} if drift is not None else {"drift_level": "memory is empty"}),
    )
    awareness = await parts.awareness.awareness(call.caller.identity_id)
    latency, why = _median(parts.metrics, "consciousness.awareness")
    consciousness = contract.ConsciousnessHealth(
        status=_state(pipeline),
        latency_ms=latency,
        awareness_level=awareness.state,
        reasons=why | _inactive(pipeline),
    )
    return contract.HealthResponse(
        status="healthy" if guardian.active and memory.active and pipeline.active else "degraded",
        timestamp=datetime.now(UTC),
        version=__version__,
        modules=contract.HealthModules(
            brain_hub=hub, guardian=guardian_health, memory=memory_health, consciousness=consciousness
        ),
    )


async def status(call: Call[NoParams, NoBody]) -> contract.StatusResponse:
    parts, service = call.parts, call.service
    uptime_s = time.monotonic() - service.started_s
    cpu_s = time.process_time() - service.cpu_at_start_s
    system = contract.SystemFigures(
        uptime_seconds=round(uptime_s, 3),
        total_interactions=await parts.pipeline.total_interactions(),
        active_sessions=await parts.pipeline.active_sessions(),
        memory_usage_gb=round(await asyncio.to_thread(resident_bytes) / 1e9, 4),
        cpu_usage_percent=round(100 * cpu_s / uptime_s, 2) if uptime_s else None,
    )
    guardian = _guardian_figures(parts.metrics)
    performance = contract.PerformanceFigures(
        average_response_time_ms=_rounded(parts.metrics.mean_ms("process")),
        p95_response_time_ms=_rounded(parts.metrics.percentile_ms("process", 95)),
        p99_response_time_ms=_rounded(parts.metrics.percentile_ms("process", 99)),
        samples=parts.metrics.samples("process"),
    )
    reasons: Reasons = {}
    if not guardian.total_validations:
        reasons["guardian"] = "no verdict was given since start"
    if not performance.samples:
        reasons["performance"] = NOT_MEASURED
    return contract.StatusResponse(
        version=__version__, system=system, guardian=guardian, performance=performance, reasons=reasons
    )


async def matriz_status(call: Call[NoParams, NoBody]) -> contract.MatrizStatusResponse:
    parts = call.parts
    memory, guardian, identity, consciousness = await asyncio.gather(
        *(parts.stars.state(name) for name in ("memory", "guardian", "identity", "consciousness"))
    )
    # The consciousness pillar's self-test runs attention and thought on a sample of its own; action writes a fold.
    needed = {"memory": memory, "risk": guardian, "intent": identity, "action": memory}
    stages: dict[str, contract.StageHealth] = {}
    for stage in STAGES:
        star = needed.get(stage, consciousness)
        latency, why = _median(parts.metrics, f"stage.{stage}")
        samples = parts.metrics.samples(f"stage.{stage}")
        stages[stage] = contract.StageHealth(_state(star), latency, samples, reasons=why | _inactive(star))
    return contract.MatrizStatusResponse(
        pipeline_health=contract.PipelineHealth(**stages),
        constellation_framework=contract.FrameworkHealth(
            identity_pillar=f"⚛️ {_state(identity)}",
            consciousness_pillar=f"🧠 {_state(consciousness)}",
            guardian_pillar=f"🛡️ {_state(guardian)}",
        ),
        t4_compliance=_compliance(parts),
    )


async def describe(call: Call[NoParams, NoBody]) -> contract.OpenApiDocument:
    return await asyncio.to_thread(openapi.document)


def _probe(state: Literal["live", "ready", "stopping"]) -> contract.ProbeResponse:
    return contract.ProbeResponse(status=state, version=__version__, protocol=PROTOCOL_VERSION, pid=os.getpid())


def _state(star: StarState) -> contract.ModuleState:
    return "active" if star.active else "inactive"


def _inactive(star: StarState) -> Reasons:
    return {} if star.active else {"status": star.reason or "its self-test failed"}


def _median(metrics: Metrics, name: str) -> tuple[float | None, Reasons]:
    value = metrics.percentile_ms(name, 50)
    return _rounded(value), {} if value is not None else {"latency_ms": NOT_MEASURED}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _behaviour(parts: Parts) -> contract.BehaviourHealth:
    standing = parts.behaviour.standing()
    return contract.BehaviourHealth(standing.sessions, standing.warn, standing.block, standing.highest)


def _guardian_figures(metrics: Metrics) -> contract.GuardianFigures:
    counts = {name: metrics.counter(f"guardian.{name}") for name in DECISIONS}
    total = sum(counts.values())
    approvals = counts["APPROVED"] + counts["CONDITIONAL"]
    return contract.GuardianFigures(
        total_validations=total,
        approvals=approvals,
        rejections=total - approvals,
        approval_rate=round(approvals / total, 4) if total else None,
        average_validation_time_ms=_rounded(metrics.mean_ms("guardian.validate")),
    )


def _compliance(parts: Parts) -> contract.ComplianceStatus:
    problem = parts.audit.problem
    standards, figures = compliance(parts.metrics)
    instantiation, built = parts.nodes.instantiation
    return contract.ComplianceStatus(
        performance_standards=standards,
        audit_readiness=problem is None,
        constructor_aware_instantiation=instantiation,
        reasons={
            "performance_standards": figures,
            **({"audit_readiness": problem} if problem else {}),
            "constructor_aware_instantiation": built,
        },
    )


HANDLERS: dict[AnyOperation, Handler] = {
    contract.LIVE: live,
    contract.READY: ready,
    contract.HEALTH: health,
    contract.STATUS: status,
    contract.MATRIZ_STATUS: matriz_status,
    contract.OPENAPI: describe,
}
