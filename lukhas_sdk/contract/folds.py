"""Folds: the record of each interaction, active, archived or quarantined."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, Operation, Request, Response, Tier

FoldState = Literal["active", "archived", "quarantined"]


class FoldListParams(Request, frozen=True):
    state: FoldState | None = None
    """Null: active and archived ones."""
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None
    """Only folds whose input and answer hold each of these words."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: str | None = None
    """`next_cursor` of the page before."""


class FoldParams(Request, frozen=True):
    fold_id: Name


class Fold(Response, frozen=True):
    fold_id: str
    interaction_id: str
    input: str
    response: str
    parents: list[str]
    """Ids of the memories, and of the fold before it in its conversation, that caused it."""
    importance: float | None
    """Null where it was no number: then `reason` says so."""
    valence: float | None
    """What the words of the input express, in [-1, 1]; null where it was not measured."""
    state: FoldState
    reason: str | None
    """Why it is quarantined."""
    created_at: datetime


class FoldCounts(Response, frozen=True):
    active: int = 0
    archived: int = 0
    quarantined: int = 0


class FoldListResponse(Response, frozen=True):
    """Newest first."""

    folds: list[Fold]
    counts: FoldCounts
    """Of all the caller's folds, whatever was asked for."""
    next_cursor: str | None


LIST = Operation(
    "folds.list", "GET", "/memory/folds", "List folds, newest first; archived ones are searched too.",
    params=FoldListParams, body=NoBody, result=FoldListResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip
SHOW = Operation(
    "folds.show", "GET", "/memory/folds/{fold_id}", "Show one fold.",
    params=FoldParams, body=NoBody, result=Fold, tier=Tier.USER, limit=Limit.MEMORY, errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (LIST, SHOW)
