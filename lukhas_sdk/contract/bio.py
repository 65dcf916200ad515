"""Bio: six measured signals, and what they change of an answer within stated bounds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Response, StageName, Tier

SignalName = Literal["stress", "novelty", "risk", "trust", "urgency", "ambiguity"]


Setting = Literal["memory_depth", "temperature", "context_tokens", "answer_tokens", "nodes"]


class Signal(Response, frozen=True):
    name: SignalName
    level: float | None
    """From 0 to 1; null with a `reason` while it is not measured, and then it changes nothing."""
    neutral: float
    """Up to here it changes nothing; of trust: from here on."""
    how: str | None
    """What it was measured from."""
    measured_at: datetime | None
    half_life_s: float
    """The level fades by half in so long, until it is measured anew. Only what is left of risk goes into the next
    request: that measures the others itself."""
    reason: str | None = None
    """Why it is null."""


class Modulation(Response, frozen=True):
    """What the signals made of one setting; `after` lies between `lowest` and `highest`."""

    setting: Setting
    """`nodes`: whether registered nodes are asked, 1 or 0."""
    stage: StageName
    before: float
    after: float
    lowest: float
    highest: float
    why: str


class Adaptation(Response, frozen=True):
    """What bio did in one answer. `modulation` has a row for each setting that was used, changed or not."""

    on: bool
    signals: list[Signal]
    modulation: list[Modulation]
    reasons: Reasons = {}


class BioResponse(Response, frozen=True):
    """The signals as they are now, the caller's own but for stress, which is the daemon's."""

    on: bool
    """Where a request does not say otherwise: the setting `matriz.bio`."""
    signals: list[Signal]


SHOW = Operation(
    "bio.show", "GET", "/constellation/bio", "Show the six signals as they are now.",
    params=NoParams, body=NoBody, result=BioResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (SHOW,)
