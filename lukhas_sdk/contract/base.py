"""What every operation of the contract is made of: Struct bases, tiers, limits and the `Operation` record."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Generic, Literal, TypeVar, cast, get_args

import msgspec

from lukhas_sdk.errors import ValidationError

API_PREFIX = "/v1"
JSON = "application/json"
PROTOCOL_VERSION = 1
"""Raised when an old client can no longer talk to a new daemon, or the reverse."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of everything a caller sends: an unknown field is an error."""


class Response(msgspec.Struct, frozen=True):
    """Base of everything the daemon answers: a client ignores fields newer than itself."""


class Tier(enum.IntEnum):
    """Who may call: each tier may do all that the ones before it may."""

    GUEST = 0
    USER = 1
    ULTRA = 2
    PRIME = 3

    @property
    def label(self) -> TierLabel:
        return cast("TierLabel", f"Λ{self.name}")

    @classmethod
    def from_label(cls, label: str) -> Tier:
        return cls[label.removeprefix("Λ")]


TierLabel = Literal["ΛGUEST", "ΛUSER", "ΛULTRA", "ΛPRIME"]

StageName = Literal["memory", "attention", "thought", "risk", "intent", "action"]
STAGES: tuple[StageName, ...] = ("memory", "attention", "thought", "risk", "intent", "action")
"""The pipeline's, in order."""

NOT_BLANK = r"\S"
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000_000, pattern=NOT_BLANK)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Unit = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


def check_unit(name: str, value: float | None) -> None:
    """Raises ValidationError for a number outside [0, 1], NaN too, which JSON would turn into null on its way."""
    if value is not None and not 0.0 <= value <= 1.0:
        raise ValidationError(f"{name} is {value}, not a number from 0 to 1", field=name)


Reasons = dict[str, str]
"""Field name → why its value is null (or how it was computed, where that needs saying)."""


class Limit(enum.Enum):
    """A shared allowance per identity: name, requests, window in seconds."""

    PROCESS = ("process", 60, 60)
    MEMORY = ("memory", 100, 60)
    CONSCIOUSNESS = ("consciousness", 100, 60)
    DREAM = ("dream", 10, 60)
    GUARDIAN = ("guardian", 600, 60)
    AUTH = ("auth", 30, 60)
    GENERAL = ("general", 300, 60)
    WEBSOCKET = ("websocket", 1000, 60)
    """Handshakes and messages of all the caller's streams together. A stream that has used it up waits."""

    @property
    def requests(self) -> int:
        return self.value[1]

    @property
    def window_s(self) -> int:
        return self.value[2]


Params = TypeVar("Params")
Body = TypeVar("Body")
Result = TypeVar("Result")


class NoParams(Request, frozen=True):
    """For operations without path or query parameters."""


class NoBody(Request, frozen=True):
    """For operations without a request body."""


class Operation(Generic[Params, Body, Result]):
    """One row of the operations table.

    `params` names path parameters (those in `path`) and query parameters (the rest); `body` is the JSON
    request; `result` the JSON answer with status 200. `limit` None means the operation is not limited.
    `errors` lists the codes beyond those every operation can give (see `lukhas_sdk.errors.COMMON`).
    `public` operations answer without any credential. `stream` is the event of an operation that can also answer
    line by line, to `Accept: application/x-ndjson`. `media_type` is the answer's where it is not JSON: `result` then
    has one field, its text. `unwell` is the status of a result whose `well` is false, where that is not 200.
    """

    __slots__ = (
        "body",
        "errors",
        "id",
        "limit",
        "media_type",
        "method",
        "params",
        "path",
        "public",
        "result",
        "stream",
        "summary",
        "tier",
        "unwell",
    )

    def __init__(
        self,
        id: str,
        method: Literal["GET", "POST", "PUT", "DELETE"],
        path: str,
        summary: str,
        *,
        params: type[Params],
        body: type[Body],
        result: type[Result],
        tier: Tier,
        limit: Limit | None,
        errors: tuple[str, ...] = (),
        public: bool = False,
        stream: type[Response] | None = None,
        media_type: str = JSON,
        unwell: int | None = None,
    ) -> None:
        self.id = id
        self.method = method
        self.path = path
        self.summary = summary
        self.params = params
        self.body = body
        self.result = result
        self.tier = tier
        self.limit = limit
        self.errors = errors
        self.public = public
        self.stream = stream
        self.media_type = media_type
        self.unwell = unwell

    def read(self, content: bytes) -> Result:
        """The result that an answer's bytes say."""
        if self.media_type == JSON:
            return msgspec.json.decode(content, type=self.result)
        return msgspec.convert({field: content.decode() for field in self.result.__struct_fields__}, self.result)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Operation({self.id})"


class Stream(Operation[Params, NoBody, Result]):
    """A row for a WebSocket: GET is its handshake, `result` what it sends, one JSON text message each.

    `takes` is what it is sent, `streams` the names that may be subscribed to. Where the handshake has a credential, all
    of them are from then on, unless the stream `waits` to be told which.
    """

    __slots__ = ("message_limit_bytes", "streams", "takes", "waits")

    def __init__(
        self,
        id: str,
        path: str,
        summary: str,
        *,
        params: type[Params],
        result: type[Result],
        tier: Tier,
        limit: Limit,
        takes: Any,
        streams: tuple[str, ...] = (),
        waits: bool = False,
        message_limit_bytes: int = 16_384,
    ) -> None:
        super().__init__(
            id, "GET", path, summary, params=params, body=NoBody, result=result, tier=tier, limit=limit,
        )  # fmt: skip
        self.takes = takes
        self.streams = streams
        self.waits = waits
        self.message_limit_bytes = message_limit_bytes

    @property
    def sends(self) -> tuple[type[Response], ...]:
        """`result`, or each of them where it is a union."""
        return get_args(self.result) or (cast("type[Response]", self.result),)


AnyOperation = Operation[Any, Any, Any]
