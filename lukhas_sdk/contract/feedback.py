"""Feedback on answers, and the style of writing that it shifts within bounds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

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
    Tier,
)

Rating = Literal["good", "bad"]
Wish = Literal[
    "shorter", "longer", "more_detail", "plainer", "friendlier", "more_technical", "more_concise", "more_educational"
]
ResponseStyle = Literal["plain", "educational", "conversational", "concise", "technical"]
DetailLevel = Literal["brief", "moderate", "detailed"]
LEVELS: tuple[DetailLevel, ...] = ("brief", "moderate", "detailed")
"""The bounds of what a wish for less or more can come to: one step for each."""
STEPS: dict[Wish, int] = {"shorter": -1, "longer": 1, "more_detail": 1}
STYLES: dict[Wish, ResponseStyle] = {
    "plainer": "plain", "friendlier": "conversational", "more_technical": "technical", "more_concise": "concise",
    "more_educational": "educational",
}  # fmt: skip


class FeedbackRequest(Request, frozen=True):
    interaction_id: Name
    """`metadata.interaction_id` of the answer: one of the caller's own. Feedback given again replaces the first."""
    rating: Rating
    comment: Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=NOT_BLANK)] | None = None
    """Kept as it is; the guardian judges it first."""
    style: Wish | None = None
    """How answers should be written from now on: a step of `detail_level`, or a `response_style`."""


class Feedback(Response, frozen=True):
    feedback_id: str
    interaction_id: str
    rating: Rating
    style: Wish | None
    comment: str | None
    created_at: datetime


class Origin(Response, frozen=True):
    """Where a setting in force comes from."""

    source: Literal["request", "feedback", "set", "default"]
    why: str
    feedback_id: str | None = None
    """With `feedback`: what shifted it last."""


class Style(Response, frozen=True):
    """How answers are written where a request does not say otherwise; in an answer, how that one was."""

    response_style: ResponseStyle
    detail_level: DetailLevel
    response_style_from: Origin
    detail_level_from: Origin


class Shift(Response, frozen=True):
    """What feedback did to one setting; `after` is `before` where the bound was reached already."""

    setting: Literal["response_style", "detail_level"]
    before: str
    after: str
    why: str


class FeedbackReceipt(Response, frozen=True):
    feedback: Feedback
    replaced: bool
    """Whether this interaction had feedback before, which is gone."""
    shifts: list[Shift]
    """Empty where no setting was asked to change, and none changed back with what was replaced."""
    style: Style
    trust: float | None
    """The signal as it is now: see `GET /constellation/bio`."""


class FeedbackUndone(Response, frozen=True):
    feedback_id: str
    shifts: list[Shift]
    style: Style
    trust: float | None
    reasons: Reasons = {}


class FeedbackListParams(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """`next_cursor` of the page before."""


class FeedbackListResponse(Response, frozen=True):
    """Newest first."""

    feedback: list[Feedback]
    good: int
    bad: int
    trust: float | None
    """(1 + good) / (2 + all) of the newest hundred, each counting half as much for every 14 days of its age."""
    next_cursor: str | None
    reasons: Reasons = {}


class FeedbackParams(Request, frozen=True):
    feedback_id: Name


class StyleRequest(Request, frozen=True):
    """What is left out stays as it is."""

    response_style: ResponseStyle | None = None
    detail_level: DetailLevel | None = None


GIVE = Operation(
    "feedback.give", "POST", "/feedback", "Rate an answer, and say how the next should be written.",
    params=NoParams, body=FeedbackRequest, result=FeedbackReceipt, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "GUARDIAN_REJECTION"),
)  # fmt: skip
LIST = Operation(
    "feedback.list", "GET", "/feedback", "List feedback, newest first.",
    params=FeedbackListParams, body=NoBody, result=FeedbackListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
UNDO = Operation(
    "feedback.undo", "DELETE", "/feedback/{feedback_id}", "Take feedback back, with what it shifted.",
    params=FeedbackParams, body=NoBody, result=FeedbackUndone, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip
STYLE = Operation(
    "feedback.style", "GET", "/feedback/style", "Show how answers are written, and why.",
    params=NoParams, body=NoBody, result=Style, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
SET_STYLE = Operation(
    "feedback.style.set", "PUT", "/feedback/style", "Say how answers are written from now on.",
    params=NoParams, body=StyleRequest, result=Style, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
RESET_STYLE = Operation(
    "feedback.style.reset", "DELETE", "/feedback/style", "Go back to the style that answers have by default.",
    params=NoParams, body=NoBody, result=Style, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (GIVE, LIST, STYLE, SET_STYLE, RESET_STYLE, UNDO)
