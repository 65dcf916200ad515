"""WebSocket streams: what they send, and the one message that they take.

A program shows its credential in the handshake's headers. A web page cannot set those: its first message, within
five seconds, is an `AuthMessage`, and `Authenticated` says that events follow from then on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, NoParams, Request, Response, Stream, Tier

DRIFT_WATCH = 0.1
DRIFT_REPAIR = 0.3
DRIFT_EXCESSIVE = 0.7
DriftState = Literal["healthy", "watch", "repair_recommended", "excessive"]
RepairMethod = Literal["partial_heal", "consensus", "selective", "guided", "full_reset"]


def drift_state(level: float) -> DriftState:
    if level >= DRIFT_EXCESSIVE:
        return "excessive"
    if level >= DRIFT_REPAIR:
        return "repair_recommended"
    return "watch" if level >= DRIFT_WATCH else "healthy"


class AuthMessage(Request, frozen=True):
    type: Literal["auth"]
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
    """An API key or an access token."""

    def __repr__(self) -> str:
        return "AuthMessage(***)"


class Authenticated(Response, frozen=True):
    """The answer to an `AuthMessage`."""

    type: Literal["authenticated"] = "authenticated"


class MemoryDriftEvent(Response, frozen=True):
    """A memory's drift after a change of it: how far what it says now is from its origin, in [0, 1]."""

    memory_id: str
    drift_level: float
    level: float
    """`drift_level` again, under its short name."""
    state: DriftState
    """healthy below 0.1, watch below 0.3, repair_recommended below 0.7, else excessive."""
    repair_recommended: bool
    """From 0.3 on."""
    suggested_method: RepairMethod | None
    """Null where nothing is to be repaired."""
    timestamp: datetime
    missed: int = 0
    """Events lost on this connection since the one before, because it was read too slowly."""


CLOSE_CODES: dict[int, str] = {
    1000: "The client closed it.",
    1001: "The daemon stops.",
    1002: "A frame is not of the WebSocket protocol.",
    1003: "A binary message: only text is taken.",
    1007: "A message is not UTF-8, or not JSON.",
    1008: "No valid credential in time, one that is no longer valid, too low a tier, or a message that is not taken. "
    "An error message, of the shape that HTTP answers have, comes before it.",
    1009: "A message is longer than 16384 bytes.",
    1011: "The daemon failed at this; its log has the reason.",
}

MEMORY_DRIFT = Stream(
    "memory.drift_events", "/stream/memory-drift", "Follow the drift of the caller's memories as it changes.",
    params=NoParams, result=MemoryDriftEvent, tier=Tier.USER, limit=Limit.WEBSOCKET,
)  # fmt: skip

OPERATIONS = (MEMORY_DRIFT,)
