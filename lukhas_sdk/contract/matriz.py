"""The pipeline: one input through memory, attention, thought, risk, intent and action."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import (
    NOT_BLANK,
    Limit,
    Name,
    NoParams,
    Operation,
    Reasons,
    Request,
    Response,
    Tier,
    TierLabel,
    Unit,
    check_unit,
)  # fmt: skip
from lukhas_sdk.contract.base import STAGES as STAGES
from lukhas_sdk.contract.base import StageName as StageName
from lukhas_sdk.contract.bio import Adaptation, Modulation
from lukhas_sdk.contract.feedback import DetailLevel, ResponseStyle, Style
from lukhas_sdk.contract.guardian import Decision
from lukhas_sdk.contract.nodes import NodeReport
from lukhas_sdk.contract.thought import CandidateDraft, Collapse, Statement

ThoughtMode = Literal["analytical", "creative", "reflective", "symbolic"]
Intent = Literal["ask", "remember", "act", "create", "chat"]


class Preferences(Request, frozen=True):
    """What is null is as the caller's feedback has it (see `GET /feedback/style`), or else plain and moderate. A stage
    run by itself knows of no feedback."""

    response_style: ResponseStyle | None = None
    """How a language model is asked to write; without one: `concise` and `technical` give the quotations alone,
    the others introduce them."""
    detail_level: DetailLevel | None = None
    """How many quotations an answer may hold (1, 3, 6), or how long a model may write."""

    @property
    def style(self) -> ResponseStyle:
        return self.response_style or "plain"

    @property
    def detail(self) -> DetailLevel:
        return self.detail_level or "moderate"


class Context(Request, frozen=True):
    user_id: Name | None = None
    """The caller's own name for whoever asks; recorded with the fold."""
    session_id: Name | None = None
    """Interactions with one session_id are one conversation: the last of them helps to understand the next."""
    lambda_id: Name | None = None
    """Who asks; must be the caller's own ΛiD."""
    previous_interaction_id: Name | None = None
    """The interaction this one follows up on; its memories are looked at too."""
    preferences: Preferences = Preferences()
    educational: bool | None = None
    """What the caller says it is for. A claim: it never lowers a risk."""


class PipelineOptions(Request, frozen=True):
    memory_depth: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    """0: no memory; 1: search; each one more follows links for another hop. Null: 1, or 2 where bio makes it so."""
    attention_focus: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | None = None
    """What to favour among the memories found, in words ("educational_content")."""
    thought_mode: ThoughtMode = "analytical"
    candidates: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    """Drafts held open side by side, of which one is chosen: a model's at several temperatures, or several choices of
    quotations. What a model writes is then streamed once one is chosen."""
    risk_threshold: Unit | None = None
    """The pipeline stops when the measured risk is above it. Null, or no rule with a measured precision fired: the
    guardian's decision alone."""
    intent_verification: bool = True
    action_type: Literal["cognitive_response", "remember"] = "cognitive_response"
    """`remember` also stores the input as an episodic memory."""
    bio: bool | None = None
    """Whether the six signals may change anything: see `metadata.bio`. Null: as the setting `matriz.bio` says."""

    def __post_init__(self) -> None:
        check_unit("risk_threshold", self.risk_threshold)


class ConstellationConfig(Request, frozen=True):
    """Each pillar named here must be active, or the request is refused."""

    identity_pillar: Literal["⚛️"] | None = None
    consciousness_pillar: Literal["🧠"] | None = None
    guardian_pillar: Literal["🛡️"] | None = None
    t4_compliance: bool = False
    """Report whether the performance budgets were met over the requests served so far."""


class ProcessRequest(Request, frozen=True):
    input: Annotated[str, msgspec.Meta(min_length=1, max_length=32_000, pattern=NOT_BLANK)]
    context: Context = Context()
    pipeline_options: PipelineOptions = PipelineOptions()
    constellation_config: ConstellationConfig = ConstellationConfig()


class Citation(Response, frozen=True):
    memory_id: str
    quote: str
    """Word for word from the memory."""
    source: str | None
    """`context.source`, and the heading or speaker where there is one."""
    event_at: datetime
    score: float


class TraceRow(Response, frozen=True):
    stage: StageName
    step: str
    confidence: float | None
    """Memory: the calibrated probability that a memory that answers is among those found. Attention: how concentrated
    the weights are (1 − their normalised entropy), which is no probability. Thought: the calibrated probability that
    one of the quotations answers; of a model's draft, the share of its statements that the memories carry. Risk: the
    verdict's. Intent: the classifier's probability. Action: the overall one of `metadata`."""
    processing_time_ms: float
    ethics_score: float | None = None
    """Risk stage only."""
    auth_tier: TierLabel | None = None
    """Intent stage only."""
    nodes: list[NodeReport] = []
    """What registered nodes said of the stage's input."""
    modulation: list[Modulation] = []
    """What bio changed in the stage."""
    statements: list[Statement] = []
    """Thought stage only: a written draft's statements."""
    candidates: list[CandidateDraft] = []
    """Thought stage only, where more than one was asked for."""
    collapse: Collapse | None = None
    """With `candidates`."""
    reasons: Reasons = {}


class AttentionShare(Response, frozen=True):
    target: str
    """A memory id, or `input`."""
    attention_weight: float
    pipeline_stage: StageName


class InteractionMetadata(Response, frozen=True):
    interaction_id: str
    processing_time_ms: float
    confidence: float | None
    """The calibrated probability that the answer is right: that one of its quotations answers. It takes one question
    in four to have no answer in memory. Null for what a language model wrote: nothing says how often that is right."""
    pipeline_stages_used: list[StageName]
    constellation_validation: bool
    t4_compliance_verified: bool | None
    answered: bool
    """False when nothing in memory answers and no model answered either."""
    answer_source: Literal["memory", "model", "none"]
    model: str | None
    """The language model that wrote the response, null when none did."""
    intent: Intent
    guardian_decision: Decision
    guardian_conditions: list[str]
    """What the caller has to see to where the decision is CONDITIONAL; each names the input or the response."""
    attention_distribution: list[AttentionShare]
    reasons: Reasons = {}
    style: Style | None = None
    """How the response was to be written, and who said so; null in an answer that an earlier version kept."""
    bio: Adaptation | None = None
    """The six signals and what they changed; null in an answer that an earlier version kept."""


class ConstellationMetadata(Response, frozen=True):
    identity_pillar_active: bool
    consciousness_pillar_active: bool
    guardian_pillar_active: bool
    registry_nodes_utilized: list[str]


class ProcessResponse(Response, frozen=True):
    response: str
    citations: list[Citation]
    metadata: InteractionMetadata
    matriz_pipeline_trace: list[TraceRow]
    constellation_metadata: ConstellationMetadata
    memory_fold_created: str | None
    """Null when the fold was not well formed, and so was quarantined."""

    @property
    def text(self) -> str:
        return self.response

    @property
    def confidence(self) -> float | None:
        return self.metadata.confidence


class ProcessEvent(Response, frozen=True):
    """One line of a streamed answer: a trace row as each stage ends, pieces of the response as they are released, then
    the result or an error, then the end."""

    type: Literal["trace", "content", "result", "error", "end"]
    row: TraceRow | None = None
    text: str | None = None
    """With `content`: a piece of the response, which the guardian has let pass with all before it."""
    replace: bool = False
    """With `content`: what came before is void, and `text` begins the response anew."""
    result: ProcessResponse | None = None
    error: dict[str, Any] | None = None
    """The reference's error object."""


PROCESS = Operation(
    "matriz.process", "POST", "/matriz/process", "Send one input through the six stages.",
    params=NoParams, body=ProcessRequest, result=ProcessResponse, tier=Tier.USER, limit=Limit.PROCESS,
    errors=("GUARDIAN_REJECTION", "MODULE_TIMEOUT", "MEMORY_DRIFT_EXCESSIVE", "NOT_FOUND"), stream=ProcessEvent,
)  # fmt: skip

OPERATIONS = (PROCESS,)
