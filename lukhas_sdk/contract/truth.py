"""Truth over time: which memories contradict which, what was done about it, and how to decide otherwise."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, Operation, Request, Response, Tier

ConflictState = Literal["superseded", "flagged", "dismissed", "undone"]
"""`superseded`: one of the two holds no longer; `flagged`: not certain, nothing was changed; `dismissed`: was flagged,
both hold; `undone`: was superseded, both hold."""
Kept = Literal["older", "newer", "both"]


class ConflictListParams(Request, frozen=True):
    state: ConflictState | None = None
    """Null: all."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: str | None = None
    """`next_cursor` of the page before."""


class ConflictParams(Request, frozen=True):
    conflict_id: Name


class ConflictSide(Response, frozen=True):
    memory_id: str
    data: str
    event_at: datetime
    valid_to: datetime | None
    """Until when it was true; null while it is."""


class Conflict(Response, frozen=True):
    conflict_id: str
    older: ConflictSide
    """By when it happened, not by when it was stored."""
    newer: ConflictSide
    state: ConflictState
    kept: Kept
    """Which of the two is taken to be true."""
    confidence: float
    """Calibrated probability that the newer makes the older untrue."""
    evidence: list[str]
    created_at: datetime
    decided_at: datetime | None
    """Null while it is flagged."""
    actor: str
    """The identity that decided, or `truth` where no person did."""


class ConflictCounts(Response, frozen=True):
    superseded: int = 0
    flagged: int = 0
    dismissed: int = 0
    undone: int = 0


class ConflictListResponse(Response, frozen=True):
    """Newest first."""

    conflicts: list[Conflict]
    counts: ConflictCounts
    """Of all the caller's conflicts, whatever was asked for."""
    unjudged: int
    """The caller's memories that were not compared with the rest yet."""
    next_cursor: str | None


class ResolveRequest(Request, frozen=True):
    """`newer`: the older one holds until the newer one's time. `older`: the newer one never held. `both`: neither
    ends. Any of them can be chosen again later."""

    keep: Kept


LIST = Operation(
    "truth.conflicts", "GET", "/memory/conflicts", "List contradictions between memories, newest first.",
    params=ConflictListParams, body=NoBody, result=ConflictListResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip
RESOLVE = Operation(
    "truth.resolve", "POST", "/memory/conflicts/{conflict_id}", "Decide which of two memories holds.",
    params=ConflictParams, body=ResolveRequest, result=Conflict, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (LIST, RESOLVE)
