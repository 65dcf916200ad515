"""A memory's two strands, origin and current: its versions, its drift, and its repair."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import (
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
from lukhas_sdk.contract.memory import MemoryParams
from lukhas_sdk.contract.streams import DriftState, RepairMethod

VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
FieldName = Literal["tags", "importance", "context"]
Note = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class EditRequest(Request, frozen=True, kw_only=True):
    """What is not given stays as it is. Of `context`, the names given are set, and those given as null taken out."""

    data: Text | None = None
    tags: Annotated[list[Tag], msgspec.Meta(max_length=100)] | None = None
    importance: Unit | None = None
    context: dict[str, Any] | None = None
    note: Note | None = None
    """What it was done for: kept with the version."""
    expected_version: VersionNumber | None = None
    """409 where the memory is at another version by now."""

    def __post_init__(self) -> None:
        check_unit("importance", self.importance)


class RevertRequest(Request, frozen=True):
    to: VersionNumber
    note: Note | None = None
    expected_version: VersionNumber | None = None


class UndoRequest(Request, frozen=True):
    note: Note | None = None
    expected_version: VersionNumber | None = None


class ChangeResponse(Response, frozen=True):
    """What a memory is at after an edit, a revert or an undo."""

    memory_id: str
    version: int
    changed: bool
    """False where it says that already: no version was written."""
    drift_score: float | None
    state: DriftState | None
    suggested_method: RepairMethod | None
    """How to repair it; null below a drift of 0.3."""
    reasons: Reasons = {}


class HistoryParams(Request, frozen=True):
    memory_id: Name
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    before: VersionNumber | None = None
    """Only versions older than this one."""


class Version(Response, frozen=True):
    version: int
    data: str
    context: dict[str, Any]
    tags: list[str]
    importance: float
    drift_score: float | None
    """Of `data` against the origin; null while it could not be measured yet."""
    cause: str
    """store, edit, merge, consolidate, repair, revert or undo."""
    actor: str
    """The identity that did it, or the part of the daemon."""
    note: str | None
    created_at: datetime


class HistoryResponse(Response, frozen=True):
    """Newest first; version 1 is the origin."""

    memory_id: str
    helix_id: str
    current_version: int
    versions: list[Version]


class DiffParams(Request, frozen=True):
    memory_id: Name
    from_version: VersionNumber = 1
    to_version: VersionNumber | None = None
    """The current one, where not given."""


class DiffPart(Response, frozen=True):
    """The parts that are not added make the older text, those not removed the newer one, to the byte."""

    kind: Literal["same", "removed", "added"]
    text: str


class FieldChange(Response, frozen=True):
    field: FieldName
    before: Any
    after: Any


class DiffResponse(Response, frozen=True):
    memory_id: str
    from_version: int
    to_version: int
    diff: list[DiffPart]
    """Of the text, by words."""
    fields: list[FieldChange]
    """What differs besides the text."""


class RepairRequest(Request, frozen=True):
    """`partial_heal` puts back what was lost of the origin and keeps what was added; `consensus` keeps what most
    versions agree on; `selective` puts the `spans` of the origin back in place of what stands there, and takes out
    `spans` that were added; `guided` writes `text`; `full_reset` writes the origin. They change the text alone."""

    memory_id: Name
    method: RepairMethod | None = None
    """Where not given, the one that trying them suggests."""
    preview: bool = False
    """Say what it would do, and write nothing."""
    spans: Annotated[list[Text], msgspec.Meta(max_length=100)] = []
    text: Text | None = None
    note: Note | None = None
    expected_version: VersionNumber | None = None


class RepairResponse(Response, frozen=True):
    memory_id: str
    method: RepairMethod
    preview: bool
    changed: bool
    """False where there was nothing to repair (see `reasons`); for a preview, whether it would change."""
    version: int
    """That the memory is at now."""
    text: str
    """What it says now, or would."""
    diff: list[DiffPart]
    """From what it said before."""
    drift_before: float | None
    drift_after: float | None
    state: DriftState | None
    """By `drift_after`."""
    kept: float | None
    """Share of what had been added since the origin, in tokens, that stays; null where nothing had been."""
    reasons: Reasons = {}


class DriftParams(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20


class DriftedMemory(Response, frozen=True):
    memory_id: str
    drift_score: float
    state: DriftState
    suggested_method: RepairMethod | None
    version: int
    changed_at: datetime
    data: str


class DriftResponse(Response, frozen=True):
    mean_drift: float | None
    """Over all the caller's memories; null where there are none."""
    p95_drift: float | None
    states: dict[DriftState, int]
    unmeasured: int
    """Memories that have changed while the embedding model was out of order: they are measured once it is back."""
    memories: list[DriftedMemory]
    """The most drifted first; those that have not drifted are left out."""


EDIT = Operation(
    "memory.edit", "POST", "/memory/edit/{memory_id}", "Change what a memory says, as a new version.",
    params=MemoryParams, body=EditRequest, result=ChangeResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND", "CONFLICT", "GUARDIAN_REJECTION"),
)  # fmt: skip
HISTORY = Operation(
    "memory.history", "GET", "/memory/history/{memory_id}", "List a memory's versions, newest first.",
    params=HistoryParams, body=NoBody, result=HistoryResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND",),
)  # fmt: skip
DIFF = Operation(
    "memory.diff", "GET", "/memory/diff/{memory_id}", "Compare two versions of a memory by words.",
    params=DiffParams, body=NoBody, result=DiffResponse, tier=Tier.USER, limit=Limit.MEMORY, errors=("NOT_FOUND",),
)  # fmt: skip
REVERT = Operation(
    "memory.revert", "POST", "/memory/revert/{memory_id}", "Write a version that says the same as an earlier one.",
    params=MemoryParams, body=RevertRequest, result=ChangeResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
UNDO = Operation(
    "memory.undo", "POST", "/memory/undo/{memory_id}", "Write a version that says the same as the one before.",
    params=MemoryParams, body=UndoRequest, result=ChangeResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
REPAIR = Operation(
    "memory.repair", "POST", "/memory/repair", "Bring a drifted memory nearer to its origin, or preview that.",
    params=NoParams, body=RepairRequest, result=RepairResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND", "CONFLICT", "GUARDIAN_REJECTION"),
)  # fmt: skip
DRIFT = Operation(
    "memory.drift", "GET", "/memory/drift", "Get the drift of the caller's memories, the most drifted first.",
    params=DriftParams, body=NoBody, result=DriftResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip

OPERATIONS = (EDIT, HISTORY, DIFF, REVERT, UNDO, REPAIR, DRIFT)
