"""Incidents: what the guardian refused for a grave reason, or because it failed itself. They show no content."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import NOT_BLANK, Limit, Name, NoBody, Operation, Request, Response, Tier
from lukhas_sdk.contract.guardian import Severity

IncidentStatus = Literal["open", "resolved"]
GUARDIAN_FAILED = "guardian.failed"
"""The rule of an incident that is the guardian's own failure."""
GROUPING_S = 600
"""A verdict within so many seconds of an open incident's last, on the same rule and of the same session or caller,
belongs to it."""
IDS_KEPT = 20


class Incident(Response, frozen=True):
    incident_id: str
    status: IncidentStatus
    rule: str
    category: str
    severity: Severity
    """The gravest of its verdicts'."""
    who: str | None
    """ΛiD of the caller; null: the daemon itself."""
    session_id: str | None
    count: int
    """Verdicts in it."""
    first_seen: datetime
    last_seen: datetime
    validation_ids: list[str]
    """The last 20, newest last."""
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None


class IncidentListParams(Request, frozen=True):
    status: IncidentStatus | None = None
    severity: Severity | None = None
    since: Annotated[str, msgspec.Meta(min_length=10, max_length=40)] | None = None
    """Seen last at this ISO date-time or later, with its offset from UTC."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """`next_cursor` of the page before."""


class IncidentListResponse(Response, frozen=True):
    """Newest first, by when they opened."""

    incidents: list[Incident]
    total_count: int
    next_cursor: str | None


class IncidentParams(Request, frozen=True):
    incident_id: Name


class ResolveIncidentRequest(Request, frozen=True):
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=NOT_BLANK)]
    """What came of it."""


LIST = Operation(
    "incidents.list", "GET", "/incidents", "List incidents, newest first.",
    params=IncidentListParams, body=NoBody, result=IncidentListResponse, tier=Tier.PRIME, limit=Limit.GENERAL,
)  # fmt: skip
SHOW = Operation(
    "incidents.show", "GET", "/incidents/{incident_id}", "Show one incident.",
    params=IncidentParams, body=NoBody, result=Incident, tier=Tier.PRIME, limit=Limit.GENERAL, errors=("NOT_FOUND",),
)  # fmt: skip
RESOLVE = Operation(
    "incidents.resolve", "POST", "/incidents/{incident_id}/resolve", "Close an incident with a note.",
    params=IncidentParams, body=ResolveIncidentRequest, result=Incident, tier=Tier.PRIME, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip

OPERATIONS = (LIST, SHOW, RESOLVE)
