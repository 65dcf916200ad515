"""Nodes: processors that stand by for one or more stages of the pipeline, and the registry of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import (
    NOT_BLANK,
    Limit,
    Name,
    NoBody,
    NoParams,
    Operation,
    Reasons,
    Request,
    Response,
    StageName,
    Tag,
    Tier,
)

NodeStatus = Literal["ok", "failed", "timeout", "invalid"]
"""`invalid`: it answered, but not as a node must, or with what the guardian refuses."""
NodeKind = Literal["built-in", "plug-in", "callback", "composition", "declared"]
"""`declared`: nothing says yet what would run, so nothing does."""
Availability = Literal["active", "degraded", "suspended", "inactive"]
"""`degraded`: its last run failed, or its health check does. `suspended`: it failed three times in a row and is tried
again after a while. `inactive`: there is nothing to run, or what it needs is not there."""
NodeId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{1,63}$")]
SAMPLE = "Where is the spare key?"
"""What a node is tried on where a test names no input."""


class NodeReport(Response, frozen=True):
    """What one node said of one stage's input."""

    node_id: str
    status: NodeStatus
    answer: str | None
    """Null where it gave none, or none that may be shown."""
    confidence: float | None
    """The node's own claim, in [0, 1]; nothing of the daemon's vouches for it."""
    processing_time_ms: float
    """Measured here, not what the node says."""
    error: str | None = None
    """Why `status` is not ok."""


class ConstructorConfig(Request, frozen=True):
    t4_compliant: bool = False
    """The caller's claim. `validation_results.t4_compliance` is what was measured."""
    instantiation_pattern: Literal["constructor_aware"] = "constructor_aware"
    dependencies: Annotated[list[Name], msgspec.Meta(max_length=20)] = []
    """Modules that must be there, as memory_module. Only a node of this daemon's own code is handed them."""


class NodePlace(Request, frozen=True):
    pipeline_stages: Annotated[list[StageName], msgspec.Meta(min_length=1, max_length=6)]
    compatible_pillars: Annotated[list[Name], msgspec.Meta(max_length=9)] = []
    """Names or symbols of stars and pillars, as memory or ✦."""


class NodeCallback(Request, frozen=True):
    url: Annotated[str, msgspec.Meta(pattern=r"^http://", max_length=500)]
    """On this machine: http://127.0.0.1:PORT/PATH, [::1] or localhost. It is sent {node_id, stage, input} and answers
    {answer, confidence}, and optionally processing_time_ms and trace."""
    timeout_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 1000


class RegisterNodeRequest(Request, frozen=True):
    """With neither `callback` nor `composition` a node is declared only: it is listed, and nothing runs."""

    node_id: NodeId
    node_type: Name
    constellation_metadata: NodePlace
    capabilities: Annotated[list[Tag], msgspec.Meta(max_length=20)] = []
    constructor_config: ConstructorConfig = ConstructorConfig()
    callback: NodeCallback | None = None
    composition: Annotated[list[NodeId], msgspec.Meta(min_length=1, max_length=8)] | None = None
    """Built-in nodes that run one after another, each on what the one before gave."""


class ValidationResults(Response, frozen=True):
    t4_compliance: bool | None
    """From this node's own runs since the daemon's start; null until there are enough."""
    constructor_validation: str
    """`passed`, or `failed: ` and what is missing."""
    constellation_compatibility: str
    """`verified`, or `unverified: ` and the pillar that is inactive."""
    reasons: Reasons = {}


class RegisterNodeResponse(Response, frozen=True):
    registration_id: str
    status: Literal["registered"]
    validation_results: ValidationResults
    availability: Availability
    reasons: Reasons = {}


class NodeSummary(Response, frozen=True):
    node_id: str
    capabilities: list[str]
    t4_compliant: bool | None
    availability: Availability
    kind: NodeKind
    pipeline_stages: list[StageName]
    compatible_pillars: list[str]
    reasons: Reasons = {}


class Node(NodeSummary, frozen=True, kw_only=True):
    node_type: str
    dependencies: list[str]
    registration_id: str | None
    """Null for a built-in node and a plug-in: they come with the program."""
    registered_at: datetime | None
    registered_by: str | None
    callback: NodeCallback | None = None
    composition: list[str] | None = None
    distribution: str | None = None
    """The Python package that a built-in node or a plug-in comes from."""
    runs: int
    """Since the daemon's start."""
    failures: int
    """Of those: failed, timed out, invalid."""
    p95_ms: float | None
    last_error: str | None
    retry_at: datetime | None
    """When a suspended node is tried again."""
    validation_results: ValidationResults


class NodeListParams(Request, frozen=True):
    stage: StageName | None = None
    pillar: Name | None = None
    """A star's or a pillar's name or symbol."""


class NodeListResponse(Response, frozen=True):
    """Built-in ones first, then by id: the caller's own and those of the machine's owner."""

    nodes: list[NodeSummary]
    total_count: int
    registry_health: Literal["optimal", "degraded", "critical"]
    """Over all that the caller may use: `critical` where a built-in node fails its health check, `degraded` where
    another does or is suspended."""


class NodeParams(Request, frozen=True):
    node_id: Name


class RemoveNodeResponse(Response, frozen=True):
    node_id: str
    removed: bool


class TestNodeRequest(Request, frozen=True):
    input: Annotated[str, msgspec.Meta(min_length=1, max_length=32_000, pattern=NOT_BLANK)] = SAMPLE
    stage: StageName | None = None
    """Null: the node's first."""


class TestNodeResponse(Response, frozen=True):
    report: NodeReport | None
    """Null where there is nothing to run."""
    availability: Availability
    """After the run."""
    validation_results: ValidationResults
    reasons: Reasons = {}


_PATH = "/constellation/registry/nodes"
REGISTER = Operation(
    "node.register", "POST", _PATH, "Register a declarative node.",
    params=NoParams, body=RegisterNodeRequest, result=RegisterNodeResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("CONFLICT",),
)  # fmt: skip
LIST = Operation(
    "node.list", "GET", _PATH, "List nodes.",
    params=NodeListParams, body=NoBody, result=NodeListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
SHOW = Operation(
    "node.show", "GET", _PATH + "/{node_id}", "Show one node.",
    params=NodeParams, body=NoBody, result=Node, tier=Tier.USER, limit=Limit.GENERAL, errors=("NOT_FOUND",),
)  # fmt: skip
REMOVE = Operation(
    "node.remove", "DELETE", _PATH + "/{node_id}", "Remove a node that the caller registered.",
    params=NodeParams, body=NoBody, result=RemoveNodeResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
TEST = Operation(
    "node.test", "POST", _PATH + "/{node_id}/test", "Run a node once and check what it says.",
    params=NodeParams, body=TestNodeRequest, result=TestNodeResponse, tier=Tier.ULTRA, limit=Limit.PROCESS,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (REGISTER, LIST, SHOW, REMOVE, TEST)
