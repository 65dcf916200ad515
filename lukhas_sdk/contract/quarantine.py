"""The quarantine: what is kept from being stored, because it holds a secret or an instruction to its reader."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, Operation, Request, Response, Tier
from lukhas_sdk.contract.memory import MemoryType, StoreResponse


class QuarantineParams(Request, frozen=True):
    quarantine_id: Name


class QuarantineFinding(Response, frozen=True):
    """Why it is there."""

    rule: str
    """`<pack>.<rule>`, as `lukhas guardian policy show` names it."""
    category: str
    text: str
    excerpt: str
    """What the rule fired on; a secret is masked."""


class Quarantined(Response, frozen=True):
    quarantine_id: str
    type: MemoryType
    text: str
    """Everything that it says, one text a line, with every secret masked."""
    tags: list[str]
    findings: list[QuarantineFinding]
    created_at: datetime


class QuarantineListParams(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: str | None = None
    """`next_cursor` of the page before."""


class QuarantineListResponse(Response, frozen=True):
    """Newest first."""

    entries: list[Quarantined]
    total_count: int
    next_cursor: str | None


class DropResponse(Response, frozen=True):
    quarantine_id: str
    dropped: bool


LIST = Operation(
    "memory.quarantine.list", "GET", "/memory/quarantine", "List what was kept from being stored, newest first.",
    params=QuarantineListParams, body=NoBody, result=QuarantineListResponse, tier=Tier.USER, limit=Limit.MEMORY,
)  # fmt: skip
SHOW = Operation(
    "memory.quarantine.show", "GET", "/memory/quarantine/{quarantine_id}", "Show one entry, its secrets masked.",
    params=QuarantineParams, body=NoBody, result=Quarantined, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND",),
)  # fmt: skip
RELEASE = Operation(
    "memory.quarantine.release", "POST", "/memory/quarantine/{quarantine_id}/release",
    "Store one entry as a memory, marked with why it was held.",
    params=QuarantineParams, body=NoBody, result=StoreResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND", "GUARDIAN_REJECTION"),
)  # fmt: skip
DROP = Operation(
    "memory.quarantine.drop", "DELETE", "/memory/quarantine/{quarantine_id}", "Delete one entry.",
    params=QuarantineParams, body=NoBody, result=DropResponse, tier=Tier.USER, limit=Limit.MEMORY,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (LIST, SHOW, RELEASE, DROP)
