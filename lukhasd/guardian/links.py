"""What a chain is made of: a line, its hash, and the walk that checks each line against the one before it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from lukhas_sdk.contract.system import Broken
from lukhas_sdk.contract.verdict_log import FIRST_HASH
from lukhasd.guardian.entries import Notice

SEAL = re.compile(rb',"hash":"([0-9a-f]{64})"}')
SEAL_BYTES = 75


class Unsealed(msgspec.Struct, frozen=True):
    seq: int
    time: datetime
    previous: str
    entry: Any


class Outline(msgspec.Struct, frozen=True):
    """A line, its entry unread."""

    seq: int
    previous: str
    hash: str
    entry: msgspec.Raw


@dataclass(frozen=True)
class Place:
    segment: int
    offset: int


@dataclass(frozen=True)
class Link:
    """A line of the chain."""

    seq: int
    time: datetime
    previous: str
    hash: str
    place: Place


@dataclass(frozen=True)
class End:
    seq: int
    hash: str


def seal(previous: str, body: bytes) -> str:
    """The hash of a line of which `body` is all but its hash."""
    return hashlib.sha256(previous.encode() + body).hexdigest()


def sealed(body: bytes, digest: str) -> bytes:
    """The line of which `body` is all but its hash."""
    return b'%s,"hash":"%s"}\n' % (body[:-1], digest.encode())


def holds(line: bytes) -> bool:
    """Whether a line's hash is that of its content."""
    outline = outline_of(line)
    return outline is not None and seal(outline.previous, line[:-SEAL_BYTES] + b"}") == outline.hash


def outline_of(line: bytes) -> Outline | None:
    try:
        return msgspec.json.decode(line, type=Outline)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class Walk:
    """Goes along the chain line by line."""

    def __init__(self) -> None:
        self.entries = 0
        self.first: int | None = None
        self.end = End(0, FIRST_HASH)
        self.broken: Broken | None = None

    def breaks(self, broken: Broken) -> None:
        self.broken = self.broken or broken

    def step(self, segment: str, number: int, line: bytes) -> None:
        outline = outline_of(line) if line.endswith(b"\n") else None
        if outline is None:
            self.breaks(Broken(segment, number, "it is no whole line of the log"))
            return
        why = self._wrong(outline, line[:-1])
        if why:
            self.breaks(Broken(segment, number, why))
        self.entries += 1
        self.first = outline.seq if self.first is None else self.first
        self.end = End(outline.seq, outline.hash)

    def _wrong(self, outline: Outline, line: bytes) -> str | None:
        expected = self.end.seq + 1
        if outline.seq > expected:
            return f"entries {expected} to {outline.seq - 1} are missing before it"
        if outline.seq < expected:
            return f"it is entry {outline.seq} where {expected} belongs"
        if outline.previous != self.end.hash:
            return "it does not follow the entry before it: one of the two was changed"
        if not SEAL.fullmatch(line[-SEAL_BYTES:]) or seal(outline.previous, line[:-SEAL_BYTES] + b"}") != outline.hash:
            return "its content is not what its hash was made of"
        if bytes(outline.entry).startswith(b'{"kind":"notice"'):
            notice = msgspec.json.decode(outline.entry, type=Notice)
            return notice.text if notice.breaks else None
        return None
