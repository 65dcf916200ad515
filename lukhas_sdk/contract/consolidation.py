"""Consolidation: work on the caller's memories as sleep does it. A dry run unless it is told to apply what it found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, NoParams, Operation, Reasons, Request, Response, Tier

ConsolidationState = Literal["preview", "applied", "rolled_back", "undone"]
"""`rolled_back`: recall fell by more than half a point, or the daemon stopped before that was known, and everything was
put back."""


class ConsolidateRequest(Request, frozen=True):
    apply: bool = False
    """Change memory; else only say what would be changed."""


class Merge(Response, frozen=True):
    """Two memories that say the same. Nothing is deleted: the one that goes into the other is superseded by it. Of two
    episodes neither is rewritten: the richer stays as it is."""

    kept_id: str
    merged_id: str
    before: str
    """What the kept one said."""
    after: str
    merged: str
    """What the other said."""


class Surfaced(Response, frozen=True):
    """A contradiction that nobody has decided: see `lukhas memory conflicts`."""

    conflict_id: str
    older_id: str
    newer_id: str
    older: str
    newer: str
    confidence: float


class Abstraction(Response, frozen=True):
    """Episodes that say alike on several days, as one semantic memory that names them as its sources."""

    memory_id: str | None
    """Null in a preview."""
    data: str
    sources: list[str]
    lowest_cosine: float
    """Between any two of the sources."""


class Faded(Response, frozen=True):
    """A memory that is no episode and was never recalled: its importance is halved for each 90 days."""

    memory_id: str
    importance_before: float
    importance_after: float
    unused_days: int


class Replay(Response, frozen=True):
    """Memories of a sample that are found again by a few of their own words, before and after."""

    sampled: int
    recall_before: float | None
    """Share that is among the first five; null without a sample."""
    recall_after: float | None
    """Null where nothing was changed."""


class Consolidation(Response, frozen=True, kw_only=True):
    consolidation_id: str
    state: ConsolidationState
    memories: int
    """Current ones, which were looked at."""
    replay: Replay
    merges: list[Merge]
    contradictions: list[Surfaced]
    abstractions: list[Abstraction]
    faded: list[Faded]
    left_alone: dict[str, str]
    """Memory → why it was not touched though something was found, or not put back by an undo."""
    created_at: datetime
    processing_time_ms: float
    reasons: Reasons = {}


class ConsolidationListResponse(Response, frozen=True):
    """The newest fifty, newest first."""

    consolidations: list[Consolidation]
    total_count: int


class ConsolidationParams(Request, frozen=True):
    consolidation_id: Annotated[Name, msgspec.Meta(description="As consolidate_2025_01_31_0a1b2c3d4e")]


CONSOLIDATE = Operation(
    "dream.consolidate", "POST", "/dream/consolidate", "Merge, abstract and fade memories, or say what that would do.",
    params=NoParams, body=ConsolidateRequest, result=Consolidation, tier=Tier.USER, limit=Limit.DREAM,
    errors=("CONFLICT",),
)  # fmt: skip
LIST = Operation(
    "dream.consolidations", "GET", "/dream/consolidations", "List what consolidating came to, newest first.",
    params=NoParams, body=NoBody, result=ConsolidationListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
UNDO = Operation(
    "dream.undo", "POST", "/dream/consolidations/{consolidation_id}/undo", "Put back what a consolidation changed.",
    params=ConsolidationParams, body=NoBody, result=Consolidation, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip

OPERATIONS = (CONSOLIDATE, LIST, UNDO)
