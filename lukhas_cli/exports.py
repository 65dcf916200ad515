"""Exports of LUKHAS's own: written as they come from the daemon, and read back once they are known to be whole."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from lukhas_cli.render.progress import counting
from lukhas_cli.session import Session
from lukhas_sdk.contract.transfer import (
    CLOSING_FORMAT,
    EXPORT,
    FORMAT,
    FORMAT_VERSION,
    HEADER,
    LINES_LIMIT,
    TAKE_IN,
    Closing,
    TakeInRequest,
)
from lukhas_sdk.errors import DaemonUnreachable, NotFound, ValidationError

BATCH_BYTES = 4_000_000


class FirstLine(msgspec.Struct, frozen=True):
    format: str
    version: int


class LeftOut(msgspec.Struct, frozen=True):
    line: int
    id: str
    reason: str


class TakenIn(msgspec.Struct):
    """`skipped` records were here already and say the same; `conflicts` are here and differ: they stay as they are."""

    added: dict[str, int] = {}
    skipped: int = 0
    conflicts: list[LeftOut] = []
    rejected: list[LeftOut] = []
    forgotten: list[LeftOut] = []
    """They are, or quote, memories that were forgotten here."""


def write_export(session: Session, output: BinaryIO) -> Closing:
    """Writes the whole export, and gives its closing line. DaemonUnreachable where the daemon does not come to it."""
    closing: Closing | None = None
    with counting("exporting", None) as advance:
        for event in session.client.events(EXPORT):
            if event.type == "lines":
                output.write(event.lines.encode())
                advance(event.lines.count("\n"), "")
            elif event.type == "result":
                closing = event.result
    if closing is None:
        raise DaemonUnreachable("the export ended before it was whole", hint="see: lukhas daemon logs")
    output.write(msgspec.json.encode(closing) + b"\n")
    return closing


@contextmanager
def checked_export(path: Path) -> Iterator[IO[bytes]]:
    """The export at `path` (`-`: stdin) from its second line on. ValidationError where it is not whole, or altered."""
    with tempfile.TemporaryFile() as spool:
        source: IO[bytes]
        if path == Path("-"):
            shutil.copyfileobj(sys.stdin.buffer, spool)
            spool.seek(0)
            source = spool
        else:
            try:
                source = path.open("rb")
            except FileNotFoundError:
                raise NotFound(f"no such file: {path}", hint="nothing was imported") from None
            except OSError as error:
                raise ValidationError(f"{path} cannot be read: {error.strerror}", field=str(path)) from None
        with source:
            _check(source, "stdin" if path == Path("-") else str(path))
            source.seek(len(HEADER))
            yield source


def take_in(session: Session, source: IO[bytes], total: int | None = None) -> TakenIn:
    """Sends the records, a batch at a time."""
    summary = TakenIn()
    added: Counter[str] = Counter()
    with counting("importing", total) as advance:
        for first, batch in _batches(source):
            answer = session.call(TAKE_IN, body=TakeInRequest([msgspec.Raw(line) for line in batch]))
            added.update(answer.added)
            summary.skipped += answer.skipped
            for kind in ("conflicts", "rejected", "forgotten"):
                found, told = getattr(answer, kind), getattr(summary, kind)
                told.extend(LeftOut(first + each.index, each.id, each.reason) for each in found)
            advance(len(batch), "")
    summary.added = dict(added)
    return summary


def _check(source: IO[bytes], name: str) -> None:
    """Reads it through once."""
    first = source.readline()
    if first != HEADER:
        raise _refusal(first, name)
    digest = hashlib.sha256(first)
    last = b""
    for line in source:
        if last:
            digest.update(last)
        last = line
    try:
        closing = msgspec.json.decode(last, type=Closing)
    except msgspec.MsgspecError:
        raise ValidationError(
            f"{name} is not whole: its last line, {CLOSING_FORMAT}, is missing", field=name, hint="nothing was imported"
        ) from None
    if closing.sha256 != digest.hexdigest():
        raise ValidationError(
            f"{name} was altered since it was exported: its sha256 is not the one that it names",
            field=name,
            hint="nothing was imported; export it again",
        )


def _refusal(first: bytes, name: str) -> ValidationError:
    try:
        header = msgspec.json.decode(first, type=FirstLine)
    except msgspec.MsgspecError:
        header = FirstLine("", 0)
    if header.format == FORMAT and header.version > FORMAT_VERSION:
        return ValidationError(
            f"{name} was exported by a newer LUKHAS (format {header.version}, this one reads {FORMAT_VERSION})",
            field=name,
            hint="update this one",
        )
    return ValidationError(
        f"{name} is no export of LUKHAS",
        field=name,
        hint=f"for notes and other programs' data: lukhas memory import {name}",
    )


def _batches(source: IO[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """(number of the first line in the file, lines)."""
    first, number = 2, 2
    batch: list[bytes] = []
    size_bytes = 0
    following = source.readline()
    while line := following:
        following = source.readline()
        if not following:  # the closing line
            break
        if batch and (len(batch) == LINES_LIMIT or size_bytes + len(line) > BATCH_BYTES):
            yield first, batch
            first, batch, size_bytes = number, [], 0
        batch.append(line.rstrip(b"\n"))
        size_bytes += len(line)
        number += 1
    if batch:
        yield first, batch
