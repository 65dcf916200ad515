"""Memories: stored, recalled, searched, listed, deleted, imported."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import (
    NOT_BLANK,
    Limit,
    Name,
    NoBody,
    NoParams,
    Operation,
    Reasons,
    Request,
    Response,
    Tag,
    Text,
    Tier,
    Unit,
    check_unit,
)

MemoryType = Literal["episodic", "semantic", "procedural", "reflective"]
DayOrTime = Annotated[
    str, msgspec.Meta(max_length=40, description="An ISO 8601 date (the whole day, UTC) or date-time (UTC if no zone)")
]


class MemoryContent(Request, frozen=True):
    """What is remembered. `context` keeps whatever it is given; search sees its text, `context.speaker` above all;
    `context.timestamp` (ISO 8601) is when it happened."""

    type: MemoryType
    data: Text
    context: dict[str, Any] = {}
    query: str | None = None
    """The question that `data` answered, where there was one."""


class StoreRequest(Request, frozen=True):
    content: MemoryContent
    tags: Annotated[list[Tag], msgspec.Meta(max_length=100)] = []
    importance: Unit = 0.5

    def __post_init__(self) -> None:
        check_unit("importance", self.importance)


class StoreResponse(Response, frozen=True):
    memory_id: str
    helix_id: str
    drift_score: float
    storage_confirmed: bool
    """True once the row is on disk: it survives a kill -9 from here on."""


class MemoryParams(Request, frozen=True):
    memory_id: Name


class MemoryMetadata(Response, frozen=True):
    created_at: datetime
    event_at: datetime
    """`content.context.timestamp` where given, else `created_at`."""
    access_count: int
    last_accessed: datetime | None
    drift_score: float | None
    """Null where it could not be measured; see `reasons`."""
    importance: float
    version: int = 1
    valid_to: datetime | None = None
    """Until when it was true; null while it is."""
    superseded_by: str | None = None
    mark: str | None = None
    """Why it was kept all the same, where the gate said no."""
    reasons: Reasons = {}


class Memory(Response, frozen=True):
    memory_id: str
    helix_id: str
    content: MemoryContent
    tags: list[str]
    metadata: MemoryMetadata
    related_memories: list[str] = []
    """Ids of the nearest other memories by meaning, nearest first; empty while its vector is pending."""


class DateRange(Request, frozen=True):
    """Both ends inclusive; a day without a time means the whole day."""

    start: DayOrTime | None = None
    end: DayOrTime | None = None


class SearchFilters(Request, frozen=True):
    """A memory must pass all that are given. `tags`: it carries every one of them."""

    type: Annotated[list[MemoryType], msgspec.Meta(min_length=1)] | None = None
    date_range: DateRange | None = None
    min_importance: Unit | None = None
    tags: list[Tag] | None = None

    def __post_init__(self) -> None:
        check_unit("min_importance", self.min_importance)


class SearchRequest(Request, frozen=True):
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=NOT_BLANK)]
    filters: SearchFilters = SearchFilters()
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10
    include_context: bool = True


class SearchHit(Response, frozen=True):
    memory_id: str
    relevance_score: float
    """Score mix in [0, 1]: 0.5 · BM25/max + 0.5 · min-max cosine; BM25/max alone while the memory's vector is pending.
    It ranks; it is not a probability."""
    content: MemoryContent
    """Without its context; see `context`."""
    context: dict[str, Any] | None
    """`content.context`, null unless `include_context`."""
    tags: list[str]
    event_at: datetime
    text_score: float
    """The share of the score that came from words (BM25)."""
    vector_score: float | None
    """The share from meaning (cosine); null while the memory's vector is pending."""
    cosine: float | None = None
    """Raw cosine similarity between query and memory (its best chunk)."""


class SearchResponse(Response, frozen=True):
    results: list[SearchHit]
    total_matches: int
    """Memories that pass the filters and share a word with the query, or are among its nearest by meaning."""
    search_time_ms: float
    pending_vectors: int = 0


class ListParams(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: str | None = None
    """`next_cursor` of the page before."""
    type: MemoryType | None = None
    tag: Tag | None = None


class ListResponse(Response, frozen=True):
    """Newest first."""

    memories: list[Memory]
    total_count: int
    next_cursor: str | None


class DeleteResponse(Response, frozen=True):
    memory_id: str
    deleted: bool


class ImportRequest(Request, frozen=True):
    """Stores those items that memory does not hold yet (content, context, tags): sending it twice changes nothing."""

    items: Annotated[list[StoreRequest], msgspec.Meta(min_length=1, max_length=500)]


class ImportResponse(Response, frozen=True):
    stored: int
    skipped: int
    """Items that memory held already."""
    memory_ids: list[str]
    """One per item, in order: the new memory's, or the one that was there."""


class StatsResponse(Response, frozen=True):
    memories: int
    by_type: dict[str, int]
    pending_vectors: int
    tags: dict[str, int]
    """The fifty most used, most used first."""
    oldest_event_at: datetime | None
    newest_event_at: datetime | None
    mean_drift: float | None
    p95_drift: float | None
    database_size_bytes: int
    index_size_bytes: int


STORE = Operation(
    "memory.store", "POST", "/memory/store", "Store one memory.",
    params=NoParams, body=StoreRequest, result=StoreResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("GUARDIAN_REJECTION",),
)  # fmt: skip
RECALL = Operation(
    "memory.recall", "GET", "/memory/recall/{memory_id}", "Recall one memory by its id.",
    params=MemoryParams, body=NoBody, result=Memory, tier=Tier.USER, limit=Limit.MEMORY, errors=("NOT_FOUND",),
)  # fmt: skip
SEARCH = Operation(
    "memory.search", "POST", "/memory/search", "Search memories by words and meaning.",
    params=NoParams, body=SearchRequest, result=SearchResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip
LIST = Operation(
    "memory.list", "GET", "/memory/list", "List memories, newest first.",
    params=ListParams, body=NoBody, result=ListResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip
DELETE = Operation(
    "memory.delete", "DELETE", "/memory/{memory_id}", "Delete one memory.",
    params=MemoryParams, body=NoBody, result=DeleteResponse, tier=Tier.USER, limit=Limit.MEMORY, errors=("NOT_FOUND",),
)  # fmt: skip
IMPORT = Operation(
    "memory.import", "POST", "/memory/import", "Store many memories, leaving out those already there.",
    params=NoParams, body=ImportRequest, result=ImportResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("GUARDIAN_REJECTION",),
)  # fmt: skip
STATS = Operation(
    "memory.stats", "GET", "/memory/stats", "Get figures about the caller's memories.",
    params=NoParams, body=NoBody, result=StatsResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip

OPERATIONS = (STORE, RECALL, SEARCH, LIST, DELETE, IMPORT, STATS)
