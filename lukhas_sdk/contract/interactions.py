"""Interactions: what was asked and what was answered, and the conversations that they make."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, Operation, Request, Response, Tier
from lukhas_sdk.contract.guardian import Decision

Page = Annotated[int, msgspec.Meta(ge=1, le=200)]
Cursor = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SessionListParams(Request, frozen=True):
    limit: Page = 20
    cursor: Cursor | None = None
    """`next_cursor` of the page before."""


class SessionSummary(Response, frozen=True):
    """A conversation: the interactions with one session_id."""

    session_id: str
    interactions: int
    first_input: str
    """What it began with, its first 200 characters."""
    began_at: datetime
    last_at: datetime


class SessionListResponse(Response, frozen=True):
    """The one that was used last comes first."""

    sessions: list[SessionSummary]
    total_count: int
    next_cursor: str | None


class InteractionListParams(Request, frozen=True):
    session_id: Name | None = None
    """Null: every one, in a conversation or not."""
    limit: Page = 20
    cursor: Cursor | None = None


class InteractionSummary(Response, frozen=True):
    interaction_id: str
    session_id: str | None
    previous_interaction_id: str | None
    input: str
    response: str
    intent: str
    answer_source: str
    cited: list[str]
    """Memory ids."""
    guardian_decision: Decision
    processing_time_ms: float
    created_at: datetime


class InteractionListResponse(Response, frozen=True):
    """Newest first."""

    interactions: list[InteractionSummary]
    total_count: int
    next_cursor: str | None


SESSIONS = Operation(
    "matriz.sessions", "GET", "/matriz/sessions", "List conversations, the one that was used last first.",
    params=SessionListParams, body=NoBody, result=SessionListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
INTERACTIONS = Operation(
    "matriz.interactions", "GET", "/matriz/interactions", "List interactions, newest first.",
    params=InteractionListParams, body=NoBody, result=InteractionListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (SESSIONS, INTERACTIONS)
