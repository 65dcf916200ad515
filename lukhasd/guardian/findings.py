"""What detectors take and give: the subject of a verdict, and what they found in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.guardian import ActionType, DetectorName, Severity
from lukhasd.guardian.normalise import FoundIn, Views
from lukhasd.guardian.policy import Rule

Quoted = Mapping[str, NDArray[np.float32] | None]
"""Texts that a content quotes, each with the classifier's logits of it where these are known."""


@dataclass(frozen=True)
class Subject:
    """An action's content in all its views. `check` is called as work goes on; it raises when the time is up."""

    type: ActionType
    views: Views
    check: Callable[[], None]
    intent: str | None = None
    """What the user asked for, where the caller says it."""
    quoted: Quoted = field(default_factory=dict)
    """What the content quotes, where it says nothing else of its own: see `Guardian.validate`."""


@dataclass(frozen=True)
class Match:
    """`rule` fired on the original characters `start` to `end`. `severity` is the rule's, or less for a mention."""

    rule: Rule
    start: int
    end: int
    excerpt: str
    severity: Severity
    found_in: FoundIn = "plain"
    note: str | None = None
    category: str | None = None
    """The hazard that a classifier sees; None: the rule's."""
    probability: float | None = None
    threshold: float | None = None
    """A classifier's probability, and what it was held against."""
    detector: DetectorName = "rule"
    doubted: bool = False
    """Whether the classifier finds unlikely what a pattern is sure of; `severity` is then the lowered one."""


class Detector(Protocol):
    """Looks for one kind of thing. It may raise: the guardian then rejects."""

    def find(self, subject: Subject) -> Iterable[Match]: ...


SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
