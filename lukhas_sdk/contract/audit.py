"""The audit: every envelope that passed the bus, kept for a while. It holds ids and figures, and no content."""

from __future__ import annotations

from lukhas_sdk.contract.base import Limit, Name, NoBody, Operation, Reasons, Response, Tier
from lukhas_sdk.contract.glyph import KeptToken, TokenListParams


class AuditParams(TokenListParams, frozen=True):
    user: Name | None = None
    """Whom it concerns: a ΛiD, or a name."""


class AuditStanding(Response, frozen=True):
    """`ready` is true while everything since the start was written down, or waits for it."""

    ready: bool
    kept: int
    """Envelopes that are held now."""
    written: int
    """Since the start, as `lost` is."""
    lost: int
    """They came faster than they could be written, or the disk refused them."""
    keep_days: int
    keep_rows: int
    """Older ones, and the oldest above this number, are deleted once an hour."""
    reasons: Reasons = {}


class AuditResponse(Response, frozen=True):
    """Newest first."""

    entries: list[KeptToken]
    next_cursor: str | None
    standing: AuditStanding


LIST = Operation(
    "audit.list", "GET", "/audit", "List what happened inside, newest first.",
    params=AuditParams, body=NoBody, result=AuditResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (LIST,)
