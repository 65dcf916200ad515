"""What the daemon attends to on behalf of the caller. Operational words only: nothing here claims to feel."""

from __future__ import annotations

from typing import Literal

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Response, StageName, Tier, Unit
from lukhas_sdk.contract.matriz import AttentionShare
from lukhas_sdk.contract.streams import Awareness, Mode

RiskAssessment = Literal["low", "elevated", "high"]


class CurrentState(Response, frozen=True):
    current_mode: Mode
    """Of the caller's own work: another identity's leaves it at IDLE. Of several, the newest."""
    awareness_level: Unit
    """Share of active stars × 2^(−idle time / 5 min) × (0.5 + 0.5 × concentration of the last attention); the idle time
    is 0 while something is worked on."""
    active_pipeline_stage: StageName | None
    """Of the newest input that is worked on."""
    constellation_alignment: str
    """The stars that are active, as "⚛️ Identity · ✦ Memory"."""


class MatrizContext(Response, frozen=True):
    memory_active: bool
    """The memory star passes its self-test."""
    attention_focused: bool | None
    """The last attention's concentration (1 − normalised entropy) was at least 0.5."""
    thought_processing: bool
    """A thought stage runs now."""
    risk_assessment: RiskAssessment | None
    """The guardian's last decision: APPROVED is low, CONDITIONAL elevated, REVIEW and REJECTED high."""
    intent_verified: bool | None
    """The last input's intent was classified and checked."""
    action_ready: bool
    """Memory, guardian and pipeline pass their self-tests."""


class ConsciousnessState(Response, frozen=True, kw_only=True):
    consciousness_state: CurrentState
    awareness: Awareness
    matriz_context: MatrizContext
    attention_distribution: list[AttentionShare]
    """The last answer's; it sums to 1."""
    state_duration_seconds: float
    """Since `current_mode` began."""
    registry_nodes_active: list[str]
    """Those that the last answer came through."""
    reasons: Reasons = {}


STATE = Operation(
    "consciousness.state", "GET", "/consciousness/state", "Get what is attended to on the caller's behalf.",
    params=NoParams, body=NoBody, result=ConsciousnessState, tier=Tier.USER, limit=Limit.CONSCIOUSNESS,
)  # fmt: skip
AWARENESS = Operation(
    "consciousness.awareness", "GET", "/consciousness/awareness", "Get the awareness level and its name.",
    params=NoParams, body=NoBody, result=Awareness, tier=Tier.USER, limit=Limit.CONSCIOUSNESS,
)  # fmt: skip

OPERATIONS = (STATE, AWARENESS)
