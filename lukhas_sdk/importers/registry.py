"""The sources that can be imported, told apart by what is in them, and the way over files and folders."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lukhas_sdk import documents
from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.errors import LukhasError, NotFound, ValidationError
from lukhas_sdk.importers import basic_memory, chatgpt, claude, export_file, mbox, mem0, notes, shell_history
from lukhas_sdk.importers.base import LeaveOut, Source

Format = Literal["markdown", "text", "jsonl", "chatgpt", "claude", "mem0", "basic-memory", "mbox", "shell-history"]
Split = Literal["section", "paragraph", "line", "whole"]

EXPORT_SUFFIXES = frozenset({".json", ".zip", ".db", ".sqlite", ".mbox"})
"""Besides those of texts: files in a folder that are looked into."""
ZIP_MAGIC = b"PK\x03\x04"
MBOX_BEGINS = re.compile(rb"From \S+.*\d{4}\r?\n[!-9;-~]+:")
READ_AS_TEXT = ("markdown", "text", "jsonl", "basic-memory", "shell-history")
EXPORT_HEADER = b'{"format":"lukhas-export"'


@dataclass(frozen=True)
class Importer:
    """One row of the table. `unit` is what becomes a memory; `splits` are the ways that a text can be cut instead."""

    unit: str
    read: Callable[[Source, Split | None], Iterator[StoreRequest]]
    splits: tuple[Split, ...] = ()


def _whole(
    read: Callable[[Source], Iterator[StoreRequest]],
) -> Callable[[Source, Split | None], Iterator[StoreRequest]]:
    return lambda source, _: read(source)


IMPORTERS: dict[Format, Importer] = {
    "markdown": Importer("section", notes.read_markdown, ("section", "paragraph", "line", "whole")),
    "text": Importer("paragraph", notes.read_text, ("paragraph", "line", "whole")),
    "jsonl": Importer("row", _whole(notes.read_rows)),
    "chatgpt": Importer("message", _whole(chatgpt.read)),
    "claude": Importer("message", _whole(claude.read)),
    "mem0": Importer("memory", _whole(mem0.read)),
    "basic-memory": Importer("observation", _whole(basic_memory.read)),
    "mbox": Importer("message", _whole(mbox.read)),
    "shell-history": Importer("command", _whole(shell_history.read)),
}


def detect(path: Path, name: str) -> Format | None:
    """What a file holds, by its first bytes and, where those say nothing, its name; None for what is not known."""
    source = Source(path, name, lambda record, reason: None)
    with path.open("rb") as file:
        first = file.read(export_file.HEAD_BYTES)
    suffix = path.suffix.lower()
    if first.startswith(ZIP_MAGIC):
        return _detect_json(export_file.head(source))
    if first.startswith(mem0.SQLITE_MAGIC):
        return "mem0" if _is_history(path) else None
    if suffix in documents.JSON_LINES:
        return "jsonl"
    if MBOX_BEGINS.match(first):
        return "mbox"
    if suffix not in documents.MARKDOWN and (found := _detect_json(first)):
        return found
    if b"\0" in first or suffix in EXPORT_SUFFIXES:
        return None
    if shell_history.recognises(name, first):
        return "shell-history"
    if suffix in documents.MARKDOWN:
        return "basic-memory" if basic_memory.is_note(first.decode("utf-8-sig", "replace")) else "markdown"
    return "text"


def list_sources(path: Path, leave_out: LeaveOut) -> Iterator[Source]:
    """The files to read: `path` itself, or those below it in order. Links out of the folder, hidden files, special
    files and those of other kinds are left out. NotFound where there is nothing."""
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}", hint="check the path")
    if not path.is_dir():
        if not path.is_file():
            raise ValidationError(f"{path} is not a regular file", field=str(path), hint="give a file or a folder")
        yield Source(path, path.name, leave_out)
        return
    root = path.resolve()
    known = documents.MARKDOWN | documents.JSON_LINES | documents.TEXT | EXPORT_SUFFIXES
    for file in _walk(path, leave_out):
        if not file.resolve().is_relative_to(root):
            leave_out(str(file), "a link out of the folder")
        elif not file.is_file():
            leave_out(str(file), "not a regular file")
        elif file.suffix.lower() not in known:
            leave_out(str(file), f"not a kind that is read ({file.suffix})")
        else:
            yield Source(file, file.relative_to(path).as_posix(), leave_out)


def importer_of(source: Source, *, format: Format | None, split: Split | None) -> Importer:
    """What reads a file. ValidationError where it cannot be read at all, or not as `format` or by `split`."""
    try:
        kind = format or detect(source.path, source.name)
        _check_readable(source, kind)
    except OSError as error:
        raise ValidationError(f"{source.name} cannot be read: {error.strerror}", field=str(source.path)) from None
    if kind is None:
        raise ValidationError(
            f"{source.name} is of no kind that is known",
            field=str(source.path),
            hint=f"say what it is with --format: {', '.join(IMPORTERS)}",
        )
    importer = IMPORTERS[kind]
    if split is not None and split not in importer.splits:
        ways = f"give another --split: {', '.join(importer.splits)}" if importer.splits else "leave --split out"
        raise ValidationError(
            f"{source.name} is read as {kind}, a memory a {importer.unit}: it cannot be cut by {split}",
            field="--split",
            hint=ways,
        )
    return importer


def read_source(source: Source, *, format: Format | None = None, split: Split | None = None) -> Iterator[StoreRequest]:
    """The memories of one file; see `importer_of` for its errors."""
    yield from importer_of(source, format=format, split=split).read(source, split)


def read_folder(
    path: Path, *, leave_out: LeaveOut, format: Format | None = None, split: Split | None = None
) -> Iterator[StoreRequest]:
    """The memories of a folder's files; a file that cannot be read is left out, and `leave_out` told why."""
    for source in list_sources(path, leave_out):
        try:
            yield from read_source(source, format=format, split=split)
        except LukhasError as error:
            leave_out(str(source.path), error.message)


def _walk(folder: Path, leave_out: LeaveOut) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        leave_out(str(folder), f"cannot be listed: {error.strerror}")
        return
    for entry in inside:
        if entry.name.startswith("."):
            leave_out(str(entry), "hidden")
        elif not entry.is_dir():
            yield entry
        elif entry.is_symlink():
            leave_out(str(entry), "a linked folder")
        else:
            yield from _walk(entry, leave_out)


def _check_readable(source: Source, kind: Format | None) -> None:
    path = source.path
    if kind in READ_AS_TEXT:
        if kind != "jsonl" and path.stat().st_size > documents.FILE_LIMIT_BYTES:
            raise ValidationError(
                f"{source.name} is larger than {documents.FILE_LIMIT_BYTES // 1_000_000} MB", field=str(path),
                hint="cut it into parts",
            )  # fmt: skip
        with path.open("rb") as file:
            first = file.read(8192)
        if b"\0" in first:
            raise ValidationError(f"{source.name} is binary", field=str(path), hint="give a text file")
        if first.startswith(EXPORT_HEADER):
            raise ValidationError(
                f"{source.name} is an export of LUKHAS's own", field=str(path), hint=f"lukhas import {path}"
            )


def _detect_json(first: bytes) -> Format | None:
    begins = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if begins not in (b"[", b"{"):
        return None
    if re.search(rb'"chat_messages"\s*:\s*\[', first):
        return "claude"
    if re.search(rb'"mapping"\s*:\s*\{', first):
        return "chatgpt"
    return (
        "mem0" if re.search(rb'"memory"\s*:\s*"', first) and re.search(rb'"(user_id|hash|created_at)"', first) else None
    )


def _is_history(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            connection.execute("SELECT memory_id, new_memory, event FROM history LIMIT 0")
    except sqlite3.Error:
        return False
    return True
