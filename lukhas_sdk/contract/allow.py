"""Values that someone looked at and lets pass for a while."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Request, Response, Tier


class AllowRequest(Request, frozen=True):
    """The value itself is never sent."""

    rule: Annotated[str, msgspec.Meta(min_length=3, max_length=130)]
    """`<pack>.<rule>`, or `<pack>.*`; rules on secrets and personal data alone are silenced."""
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Of the exact text that the rule fires on, in UTF-8."""
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    expires: date
    """The last day, in UTC; at most a year ahead."""
    path_glob: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None


class AllowParams(Request, frozen=True):
    allow_id: str


class Allowed(Response, frozen=True):
    id: str
    rule: str
    reason: str
    expires: date
    expired: bool
    """It no longer counts: its value is reported again."""
    sha256: str | None
    pattern: str | None
    """Of an entry that was written into the file by hand."""
    path_glob: str | None


class AllowListResponse(Response, frozen=True):
    entries: list[Allowed]
    path: str


LIST = Operation(
    "guardian.allow.list", "GET", "/guardian/allow", "List the values that may pass.",
    params=NoParams, body=NoBody, result=AllowListResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip

ADD = Operation(
    "guardian.allow.add", "POST", "/guardian/allow", "Let a value pass for a while.",
    params=NoParams, body=AllowRequest, result=Allowed, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip

REMOVE = Operation(
    "guardian.allow.remove", "DELETE", "/guardian/allow/{allow_id}", "Let a value pass no longer.",
    params=AllowParams, body=NoBody, result=AllowListResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (LIST, ADD, REMOVE)
