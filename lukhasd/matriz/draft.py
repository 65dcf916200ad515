"""A draft of the response: what thought hands to the stages after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.matriz import Citation
from lukhas_sdk.contract.memory import Memory
from lukhas_sdk.contract.thought import CandidateDraft, Collapse, Statement

UNCALIBRATED = "the probability of being right is not calibrated for a model's draft"


@dataclass(frozen=True)
class Draft:
    text: str
    citations: tuple[Citation, ...]
    used: tuple[Memory, ...]
    source: Literal["memory", "model", "none"]
    model: str | None
    confidence: float | None
    answer_probability: float | None
    """Calibrated probability that one of the quotations answers; None for a model's draft."""
    step: str
    reasons: Reasons = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()
    candidates: tuple[CandidateDraft, ...] = ()
    """Where more than one was held open."""
    collapse: Collapse | None = None

    @property
    def answered(self) -> bool:
        return self.source != "none"
