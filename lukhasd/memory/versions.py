"""A memory's versions: the first is its origin and never changes; the last is what it says now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from lukhas_sdk.contract.streams import RepairMethod
from lukhasd.database import insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.memory import moments, rows

COLUMNS = "version, data, context, tags, importance, drift, cause, actor, note, created_at"


@dataclass(frozen=True)
class Revision:
    """What a memory is to say from now on. `context` is JSON; `drift` is of `data` against the origin, None where it
    could not be measured; `suggested` is how to repair it, None where it has not drifted so far; `actor` is an
    identity's id or the part that did it."""

    data: str
    context: str
    tags: Sequence[str]
    importance: float
    drift: float | None
    cause: str
    actor: str
    note: str | None = None
    suggested: RepairMethod | None = None


@dataclass(frozen=True)
class Version:
    version: int
    data: str
    context: str
    tags: tuple[str, ...]
    importance: float
    drift: float | None
    cause: str
    actor: str
    note: str | None
    created_at: datetime


def rewrite(cursor: Cursor, row: rows.MemoryRow, revision: Revision, *, sequence: int, now: datetime) -> int:
    """Writes the next version and makes it current, and when it happened follows; gives its number. Its vectors go; the
    caller names the row as rewritten in its `Changed`."""
    if row.version == 1:
        first = Revision(row.data, row.context, row.tags, row.importance, row.drift, "store", row.owner)
        _insert(cursor, row.row_id, 1, first, row.created_at)
    version = row.version + 1
    _insert(cursor, row.row_id, version, revision, now)
    cursor.execute(
        "UPDATE memories SET current = ?, context = ?, tags = ?, importance = ?, drift = ?, suggested_method = ?,"
        " event_at = ?, version = ?, sequence = ? WHERE row_id = ?",
        [
            revision.data, revision.context, _encode(revision.tags), revision.importance, revision.drift,
            revision.suggested, rows.naive(event_at(revision.context, row.created_at)), version, sequence, row.row_id,
        ],
    )  # fmt: skip
    rows.drop_computed(cursor, row.row_id)
    return version


def event_at(context: str, created_at: datetime) -> datetime:
    """When it happened, by its context. ValidationError for a timestamp that is no date."""
    stamp = msgspec.json.decode(context).get("timestamp")
    return created_at if stamp is None else moments.parse(stamp, field="$.context.timestamp")


def suggested(cursor: Cursor, row: rows.MemoryRow) -> RepairMethod | None:
    found = cursor.execute("SELECT suggested_method FROM memories WHERE row_id = ?", [row.row_id]).fetchall()
    return found[0][0] if found else None


def history(cursor: Cursor, row: rows.MemoryRow) -> list[Version]:
    """Oldest first, the one that is current last."""
    if row.version == 1:
        return [
            Version(1, row.data, row.context, row.tags, row.importance, row.drift, "store", row.owner, None,
                    row.created_at)
        ]  # fmt: skip
    found = cursor.execute(
        f"SELECT {COLUMNS} FROM memory_versions WHERE row_id = ? ORDER BY version",  # noqa: S608
        [row.row_id],
    ).fetchall()
    return [_version(each) for each in found]


def _insert(cursor: Cursor, row_id: int, version: int, revision: Revision, at: datetime) -> None:
    insert_rows(
        cursor,
        "memory_versions",
        {
            "row_id": [row_id],
            "version": [version],
            "data": [revision.data],
            "context": [revision.context],
            "tags": [_encode(revision.tags)],
            "importance": [float(revision.importance)],
            "drift": [revision.drift],
            "cause": [revision.cause],
            "actor": [revision.actor],
            "note": [revision.note],
            "created_at": [rows.naive(at)],
        },
    )


def _version(found: tuple[Any, ...]) -> Version:
    number, data, context, tags, importance, drift, cause, actor, note, created_at = found
    tags = tuple(msgspec.json.decode(tags))
    return Version(number, data, context, tags, importance, drift, cause, actor, note, rows.aware(created_at))


def _encode(tags: Sequence[str]) -> str:
    return msgspec.json.encode(list(tags)).decode()
