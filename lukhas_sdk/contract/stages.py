"""One stage of the pipeline at a time: what a stage gives is what the next one takes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import (
    NOT_BLANK,
    STAGES,
    Limit,
    Name,
    Operation,
    Reasons,
    Request,
    Response,
    StageName,
    Tier,
    TierLabel,
    Unit,
    check_unit,
)
from lukhas_sdk.contract.guardian import Decision
from lukhas_sdk.contract.matriz import Context, Intent, ThoughtMode
from lukhas_sdk.contract.nodes import NodeReport
from lukhas_sdk.errors import ValidationError

EthicsFramework = Literal["constitutional", "deontological", "consequentialist", "utilitarian", "virtue", "care"]


class FoundMemory(Request, frozen=True):
    """Its text is looked up again for the caller: what a memory says is never taken from a request."""

    memory_id: Name
    relevance: Unit
    cosine: Annotated[float, msgspec.Meta(ge=-1.001, le=1.001)] | None = None
    hop: Annotated[int, msgspec.Meta(ge=0, le=5)] = 0
    """0: found by the search; each link followed adds one."""
    weight: Unit | None = None
    """Share of the attention; the attention stage sets it."""


class Recollected(Request, frozen=True):
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=64_001)]
    """What was searched for."""
    memories: Annotated[list[FoundMemory], msgspec.Meta(max_length=200)]


class Attended(Request, frozen=True):
    kept: Annotated[list[FoundMemory], msgspec.Meta(max_length=200)]
    """Each with its weight."""
    dropped: dict[str, str] = {}
    """Memory id → why."""


class Drafted(Request, frozen=True):
    text: Annotated[str, msgspec.Meta(max_length=100_000)]
    source: Literal["memory", "model", "none"] = "none"
    model: str | None = None
    cites: list[str] = []
    """Memory ids."""
    glyphs: list[str] | None = None
    """Symbols that its words stand for; null unless glyph_processing is asked for."""


class Judged(Request, frozen=True):
    decision: Decision
    conditions: list[str] = []
    ethics_score: float | None = None
    """The lowest of `frameworks`, or of all where none is named."""
    frameworks: dict[str, float | None] = {}
    """Of each that is named in ethics_frameworks: the lower of input's and draft's score."""


class Permitted(Request, frozen=True):
    intent: Intent
    tier: TierLabel
    lambda_id_verified: bool | None = None


class StructuredResponse(Request, frozen=True):
    answered: bool
    text: str
    source: Literal["memory", "model", "none"]
    cites: list[str]


class Acted(Request, frozen=True):
    response: str
    """The response's text, also where `structured` holds it in parts."""
    structured: StructuredResponse | None
    """Null unless output_format is structured."""
    interaction_id: str
    memory_fold_created: str | None


class StageData(Request, frozen=True):
    """What is known so far. Each stage fills its section in; `stage_result` of one is `input_data` of the next."""

    input: Annotated[str, msgspec.Meta(min_length=1, max_length=32_000, pattern=NOT_BLANK)]
    run_id: Name | None = None
    """Names what the daemon keeps, for ten minutes, of how this came about. Intent and action take no draft that is not
    among it as it stands."""
    memory: Recollected | None = None
    attention: Attended | None = None
    thought: Drafted | None = None
    risk: Judged | None = None
    """What the risk stage found. The action stage judges again rather than believe it."""
    intent: Permitted | None = None
    action: Acted | None = None


class MemoryConfig(Request, frozen=True):
    depth: Annotated[int, msgspec.Meta(ge=0, le=5)] = 1
    emotional_context: bool = False


class AttentionConfig(Request, frozen=True):
    focus_type: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None
    """What to favour, in words."""
    pattern_weights: Annotated[list[Unit], msgspec.Meta(min_length=2, max_length=2)] | None = None
    """How much a memory's fit to the query and its fit to the focus weigh; they are scaled to sum to 1. Null: 0.6 and
    0.4."""

    def __post_init__(self) -> None:
        for value in self.pattern_weights or ():
            check_unit("pattern_weights", value)
        if self.pattern_weights is not None and not sum(self.pattern_weights):
            raise ValidationError("pattern_weights sum to nothing", field="$.stage_config.attention.pattern_weights")


class ThoughtConfig(Request, frozen=True):
    reasoning_mode: ThoughtMode = "analytical"
    glyph_processing: bool = False


class RiskConfig(Request, frozen=True):
    guardian_threshold: Unit | None = None
    """The pipeline stops where the measured risk is above it."""
    ethics_frameworks: Annotated[list[EthicsFramework], msgspec.Meta(max_length=6)] = []
    """Whose scores make the ethics score; the decision is by all rules in force."""

    def __post_init__(self) -> None:
        check_unit("guardian_threshold", self.guardian_threshold)


class IntentConfig(Request, frozen=True):
    auth_required: bool = True
    lambda_id_verification: bool = False
    """Hold `context.lambda_id` against the caller."""


class ActionConfig(Request, frozen=True):
    response_type: Literal["cognitive", "cognitive_response", "remember"] = "cognitive"
    """`remember` also stores the input as an episodic memory."""
    output_format: Literal["text", "structured"] = "text"


class StageConfig(Request, frozen=True):
    """Only the section of the stage that runs is looked at; action looks at risk's too."""

    memory: MemoryConfig = MemoryConfig()
    attention: AttentionConfig = AttentionConfig()
    thought: ThoughtConfig = ThoughtConfig()
    risk: RiskConfig = RiskConfig()
    intent: IntentConfig = IntentConfig()
    action: ActionConfig = ActionConfig()


class StageParams(Request, frozen=True):
    stage: StageName


class StageRequest(Request, frozen=True):
    input_data: StageData
    context: Context = Context()
    stage_config: StageConfig = StageConfig()


class StageState(Response, frozen=True):
    """The stars and pillars as they are now."""

    stage: StageName
    stars: dict[str, Literal["active", "inactive"]]
    reasons: Reasons = {}


class ConstellationContext(Response, frozen=True):
    current_state: StageState
    node_utilization: list[str]
    """Nodes that ran."""


class StageResponse(Response, frozen=True):
    stage_result: StageData
    next_stage: StageName | None
    """Null after action, and where risk stops the pipeline; `reasons` says why."""
    confidence: float | None
    processing_time_ms: float
    constellation_context: ConstellationContext
    step: str
    """What was done, in a sentence."""
    nodes: list[NodeReport] = []
    """What registered nodes said."""
    reasons: Reasons = {}


def after(stage: StageName) -> StageName | None:
    place = STAGES.index(stage) + 1
    return STAGES[place] if place < len(STAGES) else None


RUN = Operation(
    "matriz.stage", "POST", "/matriz/stage/{stage}", "Run one stage of the pipeline.",
    params=StageParams, body=StageRequest, result=StageResponse, tier=Tier.USER, limit=Limit.PROCESS,
    errors=("GUARDIAN_REJECTION", "MODULE_TIMEOUT", "MEMORY_DRIFT_EXCESSIVE", "NOT_FOUND"),
)  # fmt: skip

OPERATIONS = (RUN,)
