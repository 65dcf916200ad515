"""Searches kept under a name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from lukhas_sdk.contract.base import NOT_BLANK, Limit, NoBody, NoParams, Operation, Request, Response, Tier
from lukhas_sdk.contract.memory import SearchRequest, SearchResponse

SavedName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NOT_BLANK)]


class SavedParams(Request, frozen=True):
    name: SavedName


class SaveSearchRequest(Request, frozen=True):
    name: SavedName
    search: SearchRequest
    """Without a cursor. Dates that its query names ("last week") are read anew each time."""


class SavedSearch(Response, frozen=True):
    name: str
    search: SearchRequest
    created_at: datetime


class SavedListResponse(Response, frozen=True):
    """By name."""

    saved: list[SavedSearch]


class RunSavedRequest(Request, frozen=True):
    """What differs from the search as it was saved; null: nothing."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    """As in a search."""


class RemoveSavedResponse(Response, frozen=True):
    name: str
    removed: bool


ADD = Operation(
    "memory.saved.add", "POST", "/memory/saved", "Keep a search under a name.",
    params=NoParams, body=SaveSearchRequest, result=SavedSearch, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("CONFLICT",),
)  # fmt: skip
LIST = Operation(
    "memory.saved.list", "GET", "/memory/saved", "List the searches that are kept.",
    params=NoParams, body=NoBody, result=SavedListResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip
RUN = Operation(
    "memory.saved.run", "POST", "/memory/saved/{name}/run", "Search as a kept search says.",
    params=SavedParams, body=RunSavedRequest, result=SearchResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND",),
)  # fmt: skip
REMOVE = Operation(
    "memory.saved.remove", "DELETE", "/memory/saved/{name}", "Remove a kept search.",
    params=SavedParams, body=NoBody, result=RemoveSavedResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (ADD, LIST, RUN, REMOVE)
