"""Forgetting: a memory, its versions, its index entries and every quotation of it leave every file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoParams, Operation, Request, Response, Tier
from lukhas_sdk.contract.memory import SearchFilters
from lukhas_sdk.errors import ValidationError


class ForgetRequest(Request, frozen=True):
    """What to forget: either `memory_ids`, or, to look only, the memories that a `query` finds."""

    memory_ids: Annotated[list[Name], msgspec.Meta(max_length=500)] = []
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)] | None = None
    filters: SearchFilters = SearchFilters()
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10
    """Of a query."""
    preview: bool = False
    """Says what would go and changes nothing."""

    def __post_init__(self) -> None:
        if bool(self.memory_ids) == (self.query is not None):
            raise ValidationError("name either memory_ids or a query", field="memory_ids")
        if self.query is not None and not self.preview:
            raise ValidationError(
                "a query only previews: what is forgotten is named by its ids",
                field="preview",
                hint="send it with preview: true, then the ids that it found",
            )


class Forgotten(Response, frozen=True):
    """One memory that goes. `data` is given by a preview alone."""

    memory_id: str
    versions: int
    vectors: int
    folds: int
    """That name it as a parent: they lose it."""
    quotations: int
    """Interactions that cite it or repeat it: those words go."""
    quarantined: int = 0
    """Entries of the quarantine that hold it: they go."""
    searches: int = 0
    """Kept searches that repeat it: they go."""
    results: int = 0
    """Of jobs, that cite it or repeat it: they go."""
    data: str | None = None


class FileScan(Response, frozen=True):
    """A search of every file of ours for the text's own passages, byte by byte, after the erasure."""

    files: int
    size_bytes: int
    passages: int
    """Looked for: its sentences, at most 200, that no other memory says too."""
    found_in: list[str]
    """Files that still hold one; empty where nothing was found."""


class ForgetReceipt(Response, frozen=True):
    receipt_id: str | None
    """Null for a preview."""
    preview: bool
    memories: list[Forgotten]
    forgotten_at: datetime | None
    copies_removed: list[str]
    """Copies of the database, which held it too: from before an upgrade, of a backup under way, and what a restore
    replaced, which can then no longer be undone."""
    scan: FileScan | None
    """Null for a preview."""
    notes: list[str]
    """What is out of our reach, and what was left and why."""


FORGET = Operation(
    "memory.forget", "POST", "/memory/forget", "Erase memories from every file, or say what would go.",
    params=NoParams, body=ForgetRequest, result=ForgetReceipt, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (FORGET,)
