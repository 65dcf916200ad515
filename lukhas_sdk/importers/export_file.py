"""The JSON of other systems' exports: one element after another, from a file or from within a zip, never extracted.

Exports run to gigabytes, so the elements of the outermost array (or of the array under a key of the outermost object)
are cut apart by their brackets and decoded one by one. A broken element costs itself alone.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol

from lukhas_sdk.importers.base import Source

CHUNK_BYTES = 1 << 16
HEAD_BYTES = 1 << 16
ELEMENT_LIMIT_BYTES = 256_000_000
TOTAL_LIMIT_BYTES = 8_000_000_000
RATIO_LIMIT = 200
"""Times that a zip's member may be larger than it is packed; JSON of conversations is about 6."""
RATIO_FROM_BYTES = 50_000_000
CONVERSATIONS = re.compile(r"conversations(-\d+)?\.json$")
KEY_REACH_BYTES = 200
MARKS = re.compile(rb'["{}\[\],]')
REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@contextmanager
def opened(source: Source) -> Iterator[list[tuple[str, Readable]]]:
    """The JSON files of an export by name: the file itself, or those in its zip that hold conversations."""
    if not zipfile.is_zipfile(source.path):
        with source.path.open("rb") as file:
            yield [("", file)]
        return
    with zipfile.ZipFile(source.path) as archive:
        yield [(info.filename.rpartition("/")[2], _Member(archive, info)) for info in _wanted(archive)]


def head(source: Source) -> bytes:
    """The first bytes of its first JSON file, nothing where a zip holds none that is known."""
    try:
        with opened(source) as files:
            return files[0][1].read(HEAD_BYTES) if files else b""
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
        return b""


def elements(source: Source, key: str | None = None) -> Iterator[tuple[str, Any]]:
    """(the record's name, its decoded JSON). With `key`, also of the array under that key of an outermost object.

    What cannot be read is left out: an element, or the rest of a file.
    """
    try:
        with opened(source) as files:
            for name, file in files:
                for number, raw in enumerate(split(file, key), start=1):
                    record = f"{name}, record {number}" if name else f"record {number}"
                    try:
                        yield record, json.loads(raw)
                    except (ValueError, RecursionError) as error:
                        source.broken(record, f"not valid JSON: {error}")
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        # zipfile raises RuntimeError for an encrypted member and NotImplementedError for a packing it does not know.
        source.broken("the rest", f"cannot be read: {error}")


def split(file: Readable, key: str | None = None) -> Iterator[bytes]:
    """The bytes of each element. Raises ValueError where the array does not end, or an element is too large."""
    cutter = _Cutter(key)
    while chunk := file.read(CHUNK_BYTES):
        yield from cutter.feed(chunk)
        if cutter.ended:
            return
    cutter.finish()


class _Cutter:
    """Follows brackets and strings. `feed` gives the elements that end within the chunk."""

    def __init__(self, key: str | None) -> None:
        self.ended = False
        self._key = re.compile(rf'"(?:{key})"\s*:\s*$'.encode()) if key else None
        self._inside: int | None = None
        """Depth of the wanted array, once it has begun."""
        self._depth = 0
        self._in_string = False
        self._held = bytearray()
        self._carried = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        chunk = self._carried + chunk
        slashes = len(chunk) - len(chunk.rstrip(b"\\"))
        self._carried = b"\\" if slashes % 2 else b""  # an escape is never cut in two
        chunk = chunk[: len(chunk) - len(self._carried)]
        start = place = 0
        while True:
            if self._in_string:
                place = REST_OF_STRING.match(chunk, place).end()  # type: ignore[union-attr]  # it matches nothing too
                if place == len(chunk):
                    break
                self._in_string = False
                place += 1
            mark = MARKS.search(chunk, place)
            if mark is None:
                break
            sign, at, place = mark[0], mark.start(), mark.end()
            if sign == b'"':
                self._in_string = True
            elif sign in b"[{":
                self._depth += 1
                if sign == b"[" and self._inside is None and self._is_wanted(chunk[start:at]):
                    self._inside = self._depth
                    self._held.clear()
                    start = place
            elif sign in b"]}":
                self._depth -= 1
                if self._inside is not None and self._depth < self._inside:
                    yield from self._element(chunk[start:at])
                    self.ended = True
                    return
            elif self._depth == self._inside:
                yield from self._element(chunk[start:at])
                start = place
        self._keep(chunk[start:])
        if self._inside is None:
            del self._held[:-KEY_REACH_BYTES]

    def finish(self) -> None:
        if self._inside is None:
            raise ValueError("it holds no list of records")
        raise ValueError("it ends in the middle of the list")

    def _is_wanted(self, before: bytes) -> bool:
        if self._depth == 1:
            return True
        near = (bytes(self._held[-KEY_REACH_BYTES:]) + before)[-KEY_REACH_BYTES:]
        return self._key is not None and self._depth == 2 and self._key.search(near) is not None

    def _element(self, rest: bytes) -> Iterator[bytes]:
        self._keep(rest)
        whole = bytes(self._held).strip()
        self._held.clear()
        if whole:
            yield whole

    def _keep(self, piece: bytes) -> None:
        self._held += piece
        if len(self._held) > ELEMENT_LIMIT_BYTES:
            raise ValueError(f"a record is larger than {ELEMENT_LIMIT_BYTES // 1_000_000} MB")


class _Member:
    """A zip's member, read as far as an export may reach."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._archive = archive
        self._info = info
        self._file: IO[bytes] | None = None
        self._packed_bytes = max(info.compress_size, 1)
        self._read_bytes = 0

    def read(self, size: int, /) -> bytes:
        if self._file is None:
            self._file = self._archive.open(self._info)
        chunk = self._file.read(size)
        self._read_bytes += len(chunk)
        grown = self._read_bytes > RATIO_FROM_BYTES and self._read_bytes > RATIO_LIMIT * self._packed_bytes
        if grown or self._read_bytes > TOTAL_LIMIT_BYTES:
            raise ValueError(f"it unpacks to more than {self._read_bytes // 1_000_000} MB")
        return chunk


def _wanted(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    found = [info for info in archive.infolist() if CONVERSATIONS.match(info.filename.rpartition("/")[2])]
    return sorted(found, key=lambda info: info.filename)
