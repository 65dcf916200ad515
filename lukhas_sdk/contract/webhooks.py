"""Webhooks: events that are posted to an address of the caller's, signed, until it takes them.

A webhook gets the tokens of its own identity that it asks for. What one carries from outside, and what a memory says,
is left out. Each delivery is posted at least once: `delivery_id` stays the same in every repetition. What webhooks
tell of themselves (`webhook_added`, `webhook_removed`, `webhook_rotated`, `webhook_delivery_dead`) goes to streams and
the audit, and to no webhook.

An event counts as accepted once it is on disk, which is some milliseconds after it happened: from then on neither a
crash nor a restart loses it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, NoParams, Operation, Reasons, Request, Response, Tier
from lukhas_sdk.contract.glyph import KeptToken, Symbol

WEBHOOKS_EACH = 16
"""That one identity may have."""
PENDING_MOST = 10_000
"""Deliveries of one webhook that may wait. What comes beyond is dropped, counted in `dropped`, and told in `missed`."""
DELIVERED_MOST = 1_000
"""Of one webhook that are kept, the newest."""
DEAD_MOST = 10_000
"""As `DELIVERED_MOST`. A dead one that goes unreplayed counts as dropped."""
DAY_S = 86_400

DeliveryState = Literal["pending", "delivered", "dead"]
"""`dead`: tried as often as `webhooks.attempts` says; only a replay tries it again."""
EventPattern = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\s*]*\*?$")]
"""A token's action, as `memory_stored`, or its first part with a star, as `memory_*`."""


class WebhookEvent(Response, frozen=True):
    """The body of a delivery."""

    delivery_id: str
    webhook_id: str
    event: str
    """The token's action, or `webhook_test`."""
    occurred_at: datetime
    missed: int
    """Events for this webhook that were dropped since the one before."""
    token: KeptToken | None
    """`context.user_id` is the ΛiD; null for a test."""


class AddWebhookRequest(Request, frozen=True):
    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    """An https address on the public internet, or, where `webhooks.allow_loopback` is on, http or https on this
    machine."""
    events: Annotated[list[EventPattern], msgspec.Meta(max_length=20)] = []
    """None: whatever the event."""
    symbols: Annotated[list[Symbol], msgspec.Meta(max_length=20)] = []
    """None: whatever the symbol. Where both are given, an event must match both."""
    description: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Webhook(Response, frozen=True):
    webhook_id: str
    url: str
    events: list[str]
    symbols: list[str]
    description: str
    created_at: datetime
    status: Literal["active", "failing", "stopped"]
    """`failing`: its last attempt failed. `stopped`: it cannot be signed for; `reasons` says why."""
    pending: int
    delivered: int
    """Of those still kept, as `dead` is."""
    dead: int
    dropped: int
    """Events since its creation that it will not get: they came too fast, too many waited, or they were dead for as
    long as they are kept."""
    last_attempt_at: datetime | None
    last_error: str | None
    """Of the last attempt, null where it succeeded; both since the daemon's start."""
    previous_secret_until: datetime | None
    """Until then deliveries are signed with the secret before the last rotation too."""
    reasons: Reasons = {}


class WebhookSecretResponse(Response, frozen=True):
    def __repr__(self) -> str:
        return "WebhookSecretResponse(***)"

    webhook: Webhook
    secret: str
    """Shown this once. It cannot be asked for again, only rotated."""


class WebhookParams(Request, frozen=True):
    webhook_id: Name


class WebhookListResponse(Response, frozen=True):
    """The caller's own, oldest first."""

    webhooks: list[Webhook]


class RemoveWebhookResponse(Response, frozen=True):
    webhook_id: str
    removed: bool
    deliveries: int
    """So many went with it, whatever their state."""


class TestWebhookResponse(Response, frozen=True):
    """One attempt, made now; it is not kept, and not tried again."""

    delivery_id: str
    delivered: bool
    http_status: int | None
    """Null where there was no answer."""
    duration_ms: float
    error: str | None
    reasons: Reasons = {}


class RotateWebhookRequest(Request, frozen=True):
    grace_s: Annotated[int, msgspec.Meta(ge=0, le=30 * DAY_S)] = DAY_S
    """So long deliveries are signed with both secrets; 0: the old one ends at once."""


class Delivery(Response, frozen=True):
    delivery_id: str
    event: str
    state: DeliveryState
    attempts: int
    """Since it was queued, or last replayed."""
    created_at: datetime
    due_at: datetime | None
    """When it is tried next, at the earliest; null once it has ended."""
    last_attempt_at: datetime | None
    http_status: int | None
    """Of the last attempt; null where there was none, or no answer."""
    duration_ms: float | None
    error: str | None
    replays: int
    reasons: Reasons = {}


class DeliveryListParams(Request, frozen=True):
    webhook_id: Name
    state: DeliveryState | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    """`next_cursor` of the page before."""


class DeliveryListResponse(Response, frozen=True):
    """Newest first."""

    deliveries: list[Delivery]
    total_count: int
    next_cursor: str | None


class ReplayRequest(Request, frozen=True):
    delivery_ids: Annotated[list[Name], msgspec.Meta(max_length=1000)] = []
    """None: all that are dead."""


class ReplayResponse(Response, frozen=True):
    webhook_id: str
    replayed: int
    """Queued anew, under the same ids."""


ADD = Operation(
    "webhook.add", "POST", "/webhooks", "Have events posted to an address.",
    params=NoParams, body=AddWebhookRequest, result=WebhookSecretResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("CONFLICT",),
)  # fmt: skip
LIST = Operation(
    "webhook.list", "GET", "/webhooks", "List the caller's webhooks.",
    params=NoParams, body=NoBody, result=WebhookListResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
)  # fmt: skip
SHOW = Operation(
    "webhook.show", "GET", "/webhooks/{webhook_id}", "Show one webhook.",
    params=WebhookParams, body=NoBody, result=Webhook, tier=Tier.ULTRA, limit=Limit.GENERAL, errors=("NOT_FOUND",),
)  # fmt: skip
REMOVE = Operation(
    "webhook.remove", "DELETE", "/webhooks/{webhook_id}", "Remove a webhook and its deliveries.",
    params=WebhookParams, body=NoBody, result=RemoveWebhookResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip
TEST = Operation(
    "webhook.test", "POST", "/webhooks/{webhook_id}/test", "Post a test event now and say how it went.",
    params=WebhookParams, body=NoBody, result=TestWebhookResponse, tier=Tier.ULTRA, limit=Limit.PROCESS,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
ROTATE = Operation(
    "webhook.rotate", "POST", "/webhooks/{webhook_id}/rotate", "Give a webhook a new secret.",
    params=WebhookParams, body=RotateWebhookRequest, result=WebhookSecretResponse, tier=Tier.ULTRA,
    limit=Limit.GENERAL, errors=("NOT_FOUND",),
)  # fmt: skip
DELIVERIES = Operation(
    "webhook.deliveries", "GET", "/webhooks/{webhook_id}/deliveries", "List a webhook's deliveries, newest first.",
    params=DeliveryListParams, body=NoBody, result=DeliveryListResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip
REPLAY = Operation(
    "webhook.replay", "POST", "/webhooks/{webhook_id}/replay", "Queue deliveries anew.",
    params=WebhookParams, body=ReplayRequest, result=ReplayResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip

OPERATIONS = (ADD, LIST, SHOW, REMOVE, TEST, ROTATE, DELIVERIES, REPLAY)
