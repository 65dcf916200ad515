"""WebSocket streams: what they send, and the messages that they take.

A program shows its credential in the handshake's headers. A web page cannot set those: its first message, within
five seconds, is a `Subscribe` with `auth_token`.

What a stream tells has an `id`, which counts up for each identity and endpoint. With `last_id`, in a `Subscribe` or in
the handshake's query, what happened since comes first, as far as it is still held: up to 1,024 events or 512 kB.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoParams, Reasons, Request, Response, StageName, Stream, Tier, Unit
from lukhas_sdk.contract.matriz import ProcessEvent, ProcessRequest

DRIFT_WATCH = 0.1
DRIFT_REPAIR = 0.3
DRIFT_EXCESSIVE = 0.7
DriftState = Literal["healthy", "watch", "repair_recommended", "excessive"]
RepairMethod = Literal["partial_heal", "consensus", "selective", "guided", "full_reset"]
AwarenessState = Literal["DORMANT", "DROWSY", "AWARE", "FOCUSED", "ABSORBED"]
Mode = Literal["IDLE", "MATRIZ_PROCESSING", "REFLECTING", "DREAMING"]
QUERY_LIMIT_BYTES = 262_144
"""A question of the greatest length, in UTF-8, with its options."""


def drift_state(level: float) -> DriftState:
    if level >= DRIFT_EXCESSIVE:
        return "excessive"
    if level >= DRIFT_REPAIR:
        return "repair_recommended"
    return "watch" if level >= DRIFT_WATCH else "healthy"


StreamNames = Annotated[list[Name], msgspec.Meta(min_length=1, max_length=8)]
EventId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}-[0-9]{1,15}$")]


class Subscribe(Request, frozen=True, tag_field="action", tag="subscribe"):
    """Begins to follow streams, besides those that are followed already. `Subscribed` answers it."""

    streams: StreamNames | None = None
    """Null: all that the endpoint has."""
    auth_token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)] | None = None
    """An API key or an access token, where the handshake had no credential; the first message alone takes it."""
    last_id: EventId | None = None
    """The last event that was seen: what came after it is sent, whether or not this connection had it already."""

    def __repr__(self) -> str:
        return f"Subscribe(streams={self.streams!r}, last_id={self.last_id!r}, ***)"


class Unsubscribe(Request, frozen=True, tag_field="action", tag="unsubscribe"):
    """`Subscribed` answers it, with what is still followed."""

    streams: StreamNames | None = None
    """Null: all."""


class Ping(Request, frozen=True, tag_field="action", tag="ping"):
    """`Pong` answers it."""


class Query(ProcessRequest, frozen=True, tag_field="action", tag="query"):
    """A question, as for `POST /matriz/process`; one at a time. `ProcessEvent`s answer it, `end` being the last."""


class Cancel(Request, frozen=True, tag_field="action", tag="cancel"):
    """Stops the question that is worked on; its `end` comes then, without a result."""


class Subscribed(Response, frozen=True, kw_only=True):
    type: Literal["subscribed"] = "subscribed"
    streams: list[str]
    """What is followed now."""
    id: str | None
    """The newest event's that there has been; null where the endpoint has none."""
    missed: int | None = 0
    """With `last_id`: events of the endpoint since then that are no longer held. Null where that is not known."""
    reason: str | None = None
    """Why `missed` is null."""


class Heartbeat(Response, frozen=True):
    """Sent where nothing else was for 30 s. It counts against no limit."""

    timestamp: datetime
    id: str | None
    """As in `Subscribed`."""
    type: Literal["heartbeat"] = "heartbeat"


class Pong(Response, frozen=True):
    timestamp: datetime
    type: Literal["pong"] = "pong"


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
    id: str = ""
    missed: int = 0
    """Events lost on this connection since the one before, because it was read too slowly."""


class Awareness(Response, frozen=True):
    state: AwarenessState
    """DORMANT below 0.2, DROWSY below 0.4, AWARE below 0.6, FOCUSED below 0.85, else ABSORBED."""
    level: Unit
    attention_shift: str | None
    """What attention has gone over to: the stage that runs now, as memory_recall, reflection, or idle; null where it
    stayed."""
    mode: Mode = "IDLE"
    """What is done for the caller now."""
    reasons: Reasons = {}


class AwarenessEvent(Response, frozen=True, tag_field="stream", tag="awareness"):
    """Sent when the state changes, the level by 0.05 or more, or when reflecting or dreaming begins or ends."""

    id: str
    timestamp: datetime
    data: Awareness
    missed: int = 0
    """Events of this stream lost on this connection since the one before."""


class StageData(Response, frozen=True):
    process_id: str
    """The same for the stages of one input, and for nothing else."""
    stage: StageName
    step: str
    confidence: float | None
    processing_time_ms: float


class StageEvent(Response, frozen=True, tag_field="stream", tag="stages"):
    """A stage of the pipeline has ended, on an input of the caller's."""

    id: str
    timestamp: datetime
    data: StageData
    missed: int = 0


class ReflectionData(Response, frozen=True):
    reflection_id: str
    topic: str
    insights: int


class ReflectionEvent(Response, frozen=True, tag_field="stream", tag="reflection"):
    """A reflection has ended."""

    id: str
    timestamp: datetime
    data: ReflectionData
    missed: int = 0


ConsciousnessEvent = AwarenessEvent | ReflectionEvent | StageEvent

Following = Subscribe | Unsubscribe | Ping
Asking = Query | Cancel | Subscribe | Ping
"""`Subscribe` only to show a credential: there is nothing to follow."""


class FollowParams(Request, frozen=True):
    """Says in the handshake what a `Subscribe` would say. With `last_id`, `Subscribed` is sent first."""

    streams: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    """Names, comma-separated."""
    last_id: EventId | None = None


CLOSE_CODES: dict[int, str] = {
    1000: "The client closed it.",
    1001: "The daemon stops.",
    1002: "A frame is not of the WebSocket protocol.",
    1003: "A binary message: only text is taken.",
    1007: "A message is not UTF-8, or not JSON.",
    1008: "No valid credential in time, one that is no longer valid, too low a tier, or a message that is not taken. "
    "An error message, of the shape that HTTP answers have, comes before it.",
    1009: "A message is longer than 16384 bytes; a question may have 262144.",
    1011: "The daemon failed at this; its log has the reason.",
    1013: "Too many messages in a minute, or it is read too slowly: 10,000 events were lost, or one could not be "
    "sent for 30 s. Connect again later, with the last id.",
}

MEMORY_DRIFT = Stream(
    "memory.drift_events", "/stream/memory-drift", "Follow the drift of the caller's memories as it changes.",
    params=FollowParams, result=MemoryDriftEvent, tier=Tier.USER, limit=Limit.WEBSOCKET,
    streams=("memory-drift",), takes=Following,
)  # fmt: skip
CONSCIOUSNESS: Stream[FollowParams, Any] = Stream(
    "consciousness.events", "/stream/consciousness", "Follow awareness, reflection, and the stages of the pipeline.",
    params=FollowParams, result=ConsciousnessEvent, tier=Tier.USER, limit=Limit.WEBSOCKET,  # type: ignore[arg-type]
    streams=("awareness", "reflection", "stages"), takes=Following, waits=True,
)  # fmt: skip
PROCESS_STREAM = Stream(
    "matriz.process_events", "/stream/process", "Ask over one connection, and get each answer in pieces.",
    params=NoParams, result=ProcessEvent, tier=Tier.USER, limit=Limit.WEBSOCKET, takes=Asking,
    message_limit_bytes=QUERY_LIMIT_BYTES,
)  # fmt: skip

OPERATIONS = (MEMORY_DRIFT, CONSCIOUSNESS, PROCESS_STREAM)
