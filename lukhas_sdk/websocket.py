"""A WebSocket read synchronously over the client's own transport, and what both clients make of its messages.

As much of RFC 6455 as a stream of the daemon needs: text messages come in, and only control frames go out.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any, Generic, TypeVar, cast

import msgspec

from lukhas_sdk.contract.base import Stream
from lukhas_sdk.contract.streams import FollowParams, Subscribed
from lukhas_sdk.errors import CODES, DaemonUnreachable, from_body

Params = TypeVar("Params")
Result = TypeVar("Result")

SILENCE_S = 75.0
"""Longer than the daemon is ever silent: it pings every 30 s."""
MESSAGE_LIMIT_BYTES = 1_048_576
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL, MASKED = 0x80, 0x80


def handshake_headers() -> dict[str, str]:
    import base64

    key = base64.b64encode(os.urandom(16)).decode()
    return {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}


def is_agreed(key: str, answer: str) -> bool:
    """Whether the server understood the handshake (section 4.2.2)."""
    import base64
    import hashlib

    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode() == answer


def read_event(stream: Stream[Any, Any], message: bytes | str) -> Any:
    """The event that a message holds, or what it says of the stream; None for a sign of life. An error of the daemon
    is raised."""
    tree = msgspec.json.decode(message)
    if "error" in tree and "type" not in tree:
        code = tree["error"]["code"]
        raise from_body(CODES[code][0] if code in CODES else 500, tree)
    kind = tree.get("type")
    if kind in ("heartbeat", "pong"):
        return None
    return msgspec.convert(tree, Subscribed if kind == "subscribed" else stream.result)


class Progress(Generic[Params, Result]):
    """How far a stream was followed, over all of its connections."""

    def __init__(
        self, stream: Stream[Params, Result], params: Params | None, told: Callable[[Subscribed], None] | None
    ) -> None:
        self.params = params if params is not None else stream.params()
        self._stream = stream
        self._told = told
        self._missed = 0

    def read(self, message: bytes | str) -> Result | None:
        """The event that a message holds, None where it holds none. What was lost between two connections is in the
        `missed` of the first event after."""
        event = read_event(self._stream, message)
        if isinstance(event, Subscribed):
            self._missed += event.missed or 0
            if self._told is not None:
                self._told(event)
            return None
        if event is None or not isinstance(self.params, FollowParams):
            return cast("Result | None", event)
        self.params = msgspec.structs.replace(self.params, last_id=event.id or None)
        event = msgspec.structs.replace(event, missed=event.missed + self._missed)
        self._missed = 0
        return cast("Result", event)


def reconnect_pause_s(attempt: int) -> float:
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))


class WebSocket:
    """An upgraded connection. Iterating gives its text messages until the server closes it."""

    def __init__(self, connection: socket.socket, response: HTTPResponse, *, name: str) -> None:
        """`response` is the handshake's: what came right behind its head is in its buffer."""
        self._connection = connection
        self._response = response
        self._name = name
        connection.settimeout(SILENCE_S)

    def __iter__(self) -> Iterator[bytes]:
        """DaemonUnreachable where the connection breaks."""
        parts: list[bytes] = []
        try:
            while True:
                final, opcode, payload = self._read_frame()
                if opcode == CLOSE:
                    self._send(CLOSE, payload[:2])
                    return
                if opcode == PING:
                    self._send(PONG, payload)
                elif opcode in (TEXT, CONTINUATION):
                    parts.append(payload)
                    if sum(map(len, parts)) > MESSAGE_LIMIT_BYTES:
                        raise OSError("a message is too long")
                    if final:
                        yield b"".join(parts)
                        parts = []
        except OSError as error:
            raise DaemonUnreachable(
                f"the stream from {self._name} broke off: {error}", hint="see: lukhas daemon status"
            ) from error

    def _read_frame(self) -> tuple[bool, int, bytes]:
        first, length = self._read(2)
        if length & MASKED:
            raise OSError("a masked frame came from the server")
        if length >= 126:
            length = int.from_bytes(self._read(2 if length == 126 else 8))
        if length > MESSAGE_LIMIT_BYTES:
            raise OSError("a message is too long")
        return bool(first & FINAL), first & 0x0F, self._read(length)

    def _read(self, size: int) -> bytes:
        content: bytes = self._response.fp.read(size)
        if len(content) < size:
            raise OSError("the connection ended")
        return content

    def _send(self, opcode: int, payload: bytes) -> None:
        """A control frame, masked as a client's must be (section 5.3)."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload[:125]))
        self._connection.sendall(bytes((FINAL | opcode, MASKED | len(masked))) + mask + masked)
