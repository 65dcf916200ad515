"""What both ways of dreaming hand over: realities without their scores, and what was made of them together."""

from __future__ import annotations

from dataclasses import dataclass, field

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.dream import ConstraintCheck, Label, Taken


@dataclass(frozen=True)
class Draft:
    """`text` is what its distance is measured by. `judged` is False where a constraint could not be judged."""

    concept: str
    description: str
    text: str
    key_features: tuple[str, ...]
    label: Label
    checks: tuple[ConstraintCheck, ...]
    memory_ids: tuple[str, ...]
    approach: str | None = None
    judged: bool = True

    @property
    def feasibility(self) -> float | None:
        if not self.checks or not self.judged:
            return None
        return sum(check.addressed for check in self.checks) / len(self.checks)


@dataclass(frozen=True)
class Woven:
    """The synthesis; the realities of `Taken` are places among the drafts, as text: "0"."""

    elements: tuple[Taken, ...] = ()
    insights: tuple[Taken, ...] = ()
    reasons: Reasons = field(default_factory=dict)
