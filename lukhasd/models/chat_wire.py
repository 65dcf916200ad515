"""What a server of chat completions sends, and what is wrong with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import aiohttp
import msgspec

from lukhasd.models.language import Completion, ErrorKind, ModelError

Kind = TypeVar("Kind")

ANSWER_LIMIT_BYTES = 2_000_000
LINE_LIMIT_BYTES = 256_000
REASON_LIMIT_BYTES = 2_000
PASSING_STATUSES = (429, 502, 503, 504)


class Failure(ModelError):
    """`passes`: it may be gone in a moment, `wait_s` being when the server says so; `counts`: the server is unwell."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        status: int | None = None,
        passes: bool = False,
        wait_s: float | None = None,
        counts: bool = True,
    ) -> None:
        super().__init__(kind, message)
        self.status = status
        self.passes = passes
        self.wait_s = wait_s
        self.counts = counts


class _Content(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Content | None = None
    message: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Event(msgspec.Struct, frozen=True):
    """A stream's event, or a whole answer."""

    choices: list[_Choice] = []
    usage: Any = None
    error: Any = None


class _Model(msgspec.Struct, frozen=True):
    id: str


class Models(msgspec.Struct, frozen=True):
    data: list[_Model]


@dataclass
class Progress:
    """What has come of an answer so far."""

    started: float
    on_text: Callable[[str], None] | None
    pieces: list[str] = field(default_factory=list)
    first_token_ms: float | None = None
    usage: _Usage = field(default_factory=_Usage)
    cut_off: bool = False

    @property
    def written(self) -> int:
        """Characters."""
        return sum(len(piece) for piece in self.pieces)

    def add(self, event: Event) -> None:
        if event.error is not None:
            raise Failure("refused", f"the model server says: {shorten(str(event.error))}")
        self.usage = _usage(event.usage) or self.usage
        choice = event.choices[0] if event.choices else _Choice()
        self.cut_off |= choice.finish_reason == "length"
        content = (choice.delta or choice.message or _Content()).content
        piece = (content or "") if self.pieces else (content or "").lstrip()
        if not piece:
            return
        if "\x00" in piece or "\ufffd" in piece:
            raise Failure("unusable", "the model answered with bytes that are not text")
        if self.first_token_ms is None:
            self.first_token_ms = (perf_counter() - self.started) * 1000
        self.pieces.append(piece)
        if self.on_text is not None:
            self.on_text(piece)

    def completion(self, name: str) -> Completion:
        text = "".join(self.pieces).rstrip()
        if not text or self.first_token_ms is None:
            raise Failure("unusable", f"{name} answered without any text", counts=False)
        total_ms = (perf_counter() - self.started) * 1000
        return Completion(
            text, name, self.first_token_ms, total_ms, self.usage.prompt_tokens, self.usage.completion_tokens
        )


async def read_refusal(where: str, response: aiohttp.ClientResponse) -> Failure:
    try:
        content = await response.content.read(REASON_LIMIT_BYTES)
    except (aiohttp.ClientError, OSError):
        content = b""
    why = shorten(content.decode("utf-8", "replace")) or "no reason given"
    status, passes = response.status, response.status in PASSING_STATUSES
    wait_s: float | None = None
    told = response.headers.get("Retry-After", "")
    if passes and told.isascii() and told.isdigit():
        wait_s = float(told[:6])
        why += f" (ask again in {wait_s:g} s)"
    return Failure(
        "refused", f"{where} answered {status}: {why}", status=status, passes=passes, wait_s=wait_s, counts=passes
    )


async def read_lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    rest, size_bytes = b"", 0
    async for piece in response.content.iter_any():
        size_bytes += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        if size_bytes > ANSWER_LIMIT_BYTES or len(rest) > LINE_LIMIT_BYTES:
            raise Failure("unusable", f"the model server sent more than {ANSWER_LIMIT_BYTES} bytes, or no line's end")
        for line in lines:
            yield line.strip()
    yield rest.strip()


async def read_whole(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > ANSWER_LIMIT_BYTES:
            raise Failure("unusable", f"the model server sent more than {ANSWER_LIMIT_BYTES} bytes")
    return bytes(content)


def parse(content: bytes, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise Failure("unusable", f"the model server sent JSON of another shape: {error}") from error
    except (ValueError, RecursionError) as error:
        raise Failure("unusable", "the model server sent something that is not JSON") from error


def _usage(told: Any) -> _Usage | None:
    """None where the server counts no tokens, or in a way of its own."""
    try:
        return msgspec.convert(told, _Usage)
    except msgspec.ValidationError:
        return None


def shorten(text: str) -> str:
    return " ".join(text.split())[:300]
