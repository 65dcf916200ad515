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


StoreOutcome = Literal["stored", "merged", "declined", "quarantined"]


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
    force: bool = False
    """Keep it, marked, even where the gate would decline, merge or quarantine it. It overrides no rejection (403)."""

    def __post_init__(self) -> None:
        check_unit("importance", self.importance)


class StoreResponse(Response, frozen=True):
    """Nothing was stored where `memory_id` is null: `outcome` and `reason` say why."""

    memory_id: str | None
    """After a merge: that of the memory it went into."""
    helix_id: str | None
    drift_score: float | None
    storage_confirmed: bool
    """True once it is on disk: it survives a kill -9 from here on."""
    outcome: StoreOutcome = "stored"
    reason: str | None = None
    """Why it was not stored as a memory of its own; null where it was."""
    matched_memory_id: str | None = None
    """The memory that says the same already, where there is one."""
    quarantine_id: str | None = None
    """Under which the quarantine keeps it."""


class MemoryParams(Request, frozen=True):
    memory_id: Name


class RecallParams(Request, frozen=True):
    memory_id: Name
    version: Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)] | None = None
    """As it was then; the current one, where not given."""


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


SortOrder = Literal["relevance", "newest", "oldest", "importance", "most_recalled"]
FacetName = Literal["type", "tag", "speaker", "source", "month"]
SearchField = Literal["text", "context", "tags"]
FIRST_PAGE = "first"
Expression = Annotated[str, msgspec.Meta(max_length=4_000)]


class SearchRequest(Request, frozen=True):
    """Give `query`, `where` or both."""

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=NOT_BLANK)] | None = None
    filters: SearchFilters = SearchFilters()
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10
    include_context: bool = True
    explain: bool = False
    """Each hit says what its score is made of."""
    as_of: DayOrTime | None = None
    """What was true then: what had happened by then and was not superseded yet; a day means its end."""
    include_superseded: bool = False
    """What is not true any more too. It has no effect beside `as_of`."""
    where: Expression | None = None
    """Only memories that this holds of: words, "phrases", budg*, AND, OR, NOT, -word, parentheses, and fields:
    text:word, speaker:Ana, tag:work, type:semantic, source:notes.md, context.KEY:value, importance>=0.7, date:2025-03,
    date>=2025-01-01. What stands side by side must all hold. A word is found in all its forms; what is quoted or holds
    symbols, as it is written. A filter: it says nothing of the order."""
    sort: SortOrder | None = None
    """By default `relevance` with a query, `newest` (by when it happened) without. In any order but relevance, only
    what shares a word with the query is found."""
    cursor: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    """`first` begins a search in pages, then `next_cursor` of the page before. What is stored after the first page
    does not move the others. By relevance, pages end with the best 250."""
    facets: Annotated[list[FacetName], msgspec.Meta(max_length=5)] = []
    """Count all matches, not only this page's, by these."""
    fields: Annotated[list[SearchField], msgspec.Meta(min_length=1, max_length=3)] | None = None
    """Look for the query's words in these alone, and leave its meaning out."""


class SignalShare(Response, frozen=True):
    """`signal` is `words` (of text, context and tags), `meaning`, `speaker`, `time`, `phrase` (words as
    they stand in the query), `neighbours` (what stands beside it in its session) or `session` (the best of it)."""

    signal: str
    share: float


class HitExplanation(Response, frozen=True):
    signals: list[SignalShare]
    """They sum to `relevance_score`."""


class SearchHit(Response, frozen=True):
    memory_id: str
    relevance_score: float
    """In [0, 1], a mix of signals relative to this query's best: it ranks within one search; it is not a probability
    (see `SearchResponse.answerable`). 0.0 without a query."""
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
    mark: str | None = None
    """Why it was kept all the same, where the gate said no."""
    explanation: HitExplanation | None = None
    """Null unless `explain` was asked for."""
    valid_to: datetime | None = None
    """Until when it was true; null while it is."""
    superseded_by: str | None = None


class DroppedHit(Response, frozen=True):
    """What would have been among the results, and why it is not."""

    memory_id: str
    reason: str
    relevance_score: float


class TimeReading(Response, frozen=True):
    """A time that the query names, and what it was taken to mean: both ends inclusive, null where it has none."""

    text: str
    start: datetime | None
    end: datetime | None
    dated_by: str | None = None
    """The memory that dates what the time hangs on, as the trip in “two days before the trip”."""


class QueryReading(Response, frozen=True):
    """What was searched for, what was ruled out, and the times that were understood."""

    text: str
    excluded: list[str] = []
    times: list[TimeReading] = []


class FacetCount(Response, frozen=True):
    value: str
    count: int


class Facet(Response, frozen=True):
    """`values`: the fifty most frequent, most first; months from the newest."""

    name: FacetName
    values: list[FacetCount]
    distinct: int
    """How many values there are, shown or not."""
    missing: int
    """Matches that have none."""


class SearchResponse(Response, frozen=True):
    results: list[SearchHit]
    total_matches: int
    """Memories that pass the filters and share a word with the query, or are among its nearest by meaning; without a
    query all that pass."""
    search_time_ms: float
    pending_vectors: int = 0
    answerable: float | None = None
    """Calibrated probability that what answers the query is among the results; null where nothing was found."""
    dropped: list[DroppedHit] = []
    reading: QueryReading | None = None
    """Null without a query."""
    facets: list[Facet] = []
    """In the order they were asked for."""
    next_cursor: str | None = None
    """Of the next page; null after the last, and where `cursor` was not given."""


class WhyRequest(Request, frozen=True):
    memory_id: Name
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=NOT_BLANK)]
    filters: SearchFilters = SearchFilters()
    as_of: DayOrTime | None = None
    include_superseded: bool = False
    where: Expression | None = None


class WhyResponse(Response, frozen=True):
    """Where one memory stands in a search, however far down."""

    memory_id: str
    rank: int | None
    """1 is the best; null where a filter leaves it out."""
    candidates: int
    """How many memories were compared."""
    relevance_score: float | None
    explanation: HitExplanation | None
    cosine: float | None
    left_out_by: list[str]
    """Why search does not return it: filters that it does not pass, what the query rules out, a better hit that says
    the same."""
    reading: QueryReading


class ListParams(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: str | None = None
    """`next_cursor` of the page before."""
    type: MemoryType | None = None
    tag: Tag | None = None
    as_of: DayOrTime | None = None
    """As in a search."""
    include_superseded: bool = False


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


class ItemOutcome(Response, frozen=True):
    index: int
    """Of the item, from 0."""
    outcome: StoreOutcome
    reason: str | None = None
    """Null where it was stored as a memory of its own."""
    matched_memory_id: str | None = None
    quarantine_id: str | None = None


class ImportResponse(Response, frozen=True):
    stored: int
    skipped: int
    """Items that memory held already."""
    memory_ids: list[str | None]
    """One per item, in order: the new memory's, or the one that was there; null where nothing was stored."""
    merged: int = 0
    """Items that gave a memory that says the same a new version."""
    declined: int = 0
    quarantined: int = 0
    outcomes: list[ItemOutcome] = []
    """Of every item, in order."""


class StatsResponse(Response, frozen=True):
    memories: int
    """All that are kept, the superseded ones too; what is quarantined is none."""
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
    params=RecallParams, body=NoBody, result=Memory, tier=Tier.USER, limit=Limit.MEMORY, errors=("NOT_FOUND",),
)  # fmt: skip
SEARCH = Operation(
    "memory.search", "POST", "/memory/search", "Search memories by words and meaning.",
    params=NoParams, body=SearchRequest, result=SearchResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip
WHY = Operation(
    "memory.why", "POST", "/memory/why", "Say where one memory stands in a search, and why.",
    params=NoParams, body=WhyRequest, result=WhyResponse, tier=Tier.USER, limit=Limit.MEMORY, errors=("NOT_FOUND",),
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

OPERATIONS = (STORE, RECALL, SEARCH, WHY, LIST, DELETE, IMPORT, STATS)
