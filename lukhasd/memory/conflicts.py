"""The table of contradictions, and what follows from it for the memories' validity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from lukhas_sdk.contract.truth import ConflictCounts, ConflictState, Kept
from lukhasd.database import insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.memory import rows
from lukhasd.memory.core import Numbers
from lukhasd.memory.rows import MemoryRow

TRUTH = "truth"
"""The actor where no person decided."""
COLUMNS = (
    "conflict_id, owner, older_row, older_id, older_version, newer_row, newer_id, newer_version, state, kept,"
    " confidence, evidence, created_at, decided_at, actor"
)


@dataclass(frozen=True)
class Conflict:
    conflict_id: str
    owner: str
    older_row: int
    older_id: str
    older_version: int
    newer_row: int
    newer_id: str
    newer_version: int
    state: ConflictState
    kept: Kept
    confidence: float
    evidence: tuple[str, ...]
    created_at: datetime
    decided_at: datetime | None
    actor: str

    @property
    def rows(self) -> tuple[int, int]:
        return self.older_row, self.newer_row


def insert(cursor: Cursor, found: Sequence[Conflict]) -> None:
    if found:
        columns = {name: [_stored(getattr(each, name)) for each in found] for name in COLUMNS.split(", ")}
        insert_rows(cursor, "memory_conflicts", columns)


def find(cursor: Cursor, owner: str, conflict_id: str) -> Conflict | None:
    sql = f"SELECT {COLUMNS} FROM memory_conflicts WHERE owner = ? AND conflict_id = ? AND state != 'released'"  # noqa: S608
    found = cursor.execute(sql, [owner, conflict_id]).fetchall()
    return _conflict(found[0]) if found else None


def newest(cursor: Cursor, owner: str, state: ConflictState | None, *, start: int, limit: int) -> list[Conflict]:
    sql = (
        f"SELECT {COLUMNS} FROM memory_conflicts WHERE owner = ? AND state = coalesce(?, state) AND state != 'released'"  # noqa: S608
        " ORDER BY created_at DESC, conflict_id LIMIT ? OFFSET ?"
    )
    return [_conflict(found) for found in cursor.execute(sql, [owner, state, limit, start]).fetchall()]


def counts(cursor: Cursor, owner: str) -> ConflictCounts:
    sql = "SELECT state, count(*) FROM memory_conflicts WHERE owner = ? AND state != 'released' GROUP BY state"
    return ConflictCounts(**dict(cursor.execute(sql, [owner]).fetchall()))


def unjudged(cursor: Cursor, owner: str) -> int:
    sql = "SELECT count(*) FROM memories WHERE owner = ? AND sequence > (SELECT sequence FROM memory_judged)"
    return int(cursor.execute(sql, [owner]).fetchall()[0][0])


def judged(cursor: Cursor) -> int:
    """The sequence of the last change that was compared."""
    found = cursor.execute("SELECT sequence FROM memory_judged").fetchall()
    return int(found[0][0]) if found else 0


def mark_judged(cursor: Cursor, sequence: int) -> None:
    cursor.execute("UPDATE memory_judged SET sequence = ?", [sequence])


def of_row(cursor: Cursor, row_id: int) -> list[Conflict]:
    sql = f"SELECT {COLUMNS} FROM memory_conflicts WHERE (older_row = ? OR newer_row = ?) AND state != 'released'"  # noqa: S608
    return [_conflict(found) for found in cursor.execute(sql, [row_id, row_id]).fetchall()]


def remove(cursor: Cursor, conflict_ids: Iterable[str]) -> None:
    for conflict_id in conflict_ids:
        cursor.execute("DELETE FROM memory_conflicts WHERE conflict_id = ?", [conflict_id])


def decide(cursor: Cursor, conflict_id: str, *, state: ConflictState, kept: Kept, actor: str, at: datetime) -> None:
    cursor.execute(
        "UPDATE memory_conflicts SET state = ?, kept = ?, actor = ?, decided_at = ? WHERE conflict_id = ?",
        [state, kept, actor, rows.naive(at), conflict_id],
    )


def unconfirmed(cursor: Cursor, *, model: str, tries: int) -> Conflict | None:
    """The next that is flagged and that this model is to be asked about: those that it failed on come last."""
    sql = (
        f"SELECT {COLUMNS} FROM memory_conflicts"  # noqa: S608
        " LEFT JOIN (SELECT conflict_id AS asked, attempts, done FROM memory_confirmations WHERE model = ?)"
        " ON asked = conflict_id WHERE state = 'flagged' AND actor = ?"
        " AND NOT coalesce(done, false) AND coalesce(attempts, 0) < ?"
        " ORDER BY coalesce(attempts, 0), created_at, conflict_id LIMIT 1"
    )
    found = cursor.execute(sql, [model, TRUTH, tries]).fetchone()
    return _conflict(found) if found else None


def note_asked(cursor: Cursor, conflict_id: str, model: str, *, done: bool) -> int:
    """That the model answered, or failed; gives how often it failed."""
    cursor.execute(
        "DELETE FROM memory_confirmations WHERE conflict_id NOT IN (SELECT conflict_id FROM memory_conflicts)"
    )
    found = cursor.execute(
        "INSERT INTO memory_confirmations VALUES (?, ?, ?, ?) ON CONFLICT (conflict_id, model) DO UPDATE"
        " SET attempts = attempts + excluded.attempts, done = excluded.done RETURNING attempts",
        [conflict_id, model, int(not done), done],
    ).fetchone()
    return int(found[0]) if found else 0


def add_evidence(cursor: Cursor, conflict: Conflict, sentence: str) -> None:
    evidence = _stored((*conflict.evidence, sentence))
    cursor.execute("UPDATE memory_conflicts SET evidence = ? WHERE conflict_id = ?", [evidence, conflict.conflict_id])


def released(cursor: Cursor) -> list[tuple[str, int, int]]:
    """Contradictions of which one side is gone: their ids and row numbers."""
    sql = "SELECT conflict_id, older_row, newer_row FROM memory_conflicts WHERE state = 'released'"
    return cursor.execute(sql).fetchall()


def coming_ends(cursor: Cursor, owner: str) -> dict[str, tuple[datetime | None, str | None]]:
    """Of the memories that will be settled because the other side of a contradiction is gone: their valid_to and
    superseded_by, by id."""
    numbers = {number for _, older, newer in released(cursor) for number in (older, newer)}
    found = rows.fetch(cursor, numbers).values()
    return {row.memory_id: _end(cursor, row) for row in found if row.owner == owner}


def settle(cursor: Cursor, row_ids: Iterable[int], numbers: Numbers) -> list[int]:
    """Makes the memories' validity what their contradictions say, whatever it was: the earliest end counts. Gives the
    rows that changed."""
    changed = []
    for row in rows.fetch(cursor, row_ids).values():
        valid_to, superseded_by = _end(cursor, row)
        if (valid_to, superseded_by) != (row.valid_to, row.superseded_by):
            cursor.execute(
                "UPDATE memories SET valid_to = ?, superseded_by = ?, sequence = ? WHERE row_id = ?",
                [rows.naive(valid_to) if valid_to else None, superseded_by, numbers.sequence(), row.row_id],
            )
            changed.append(row.row_id)
    return changed


def _end(cursor: Cursor, row: MemoryRow) -> tuple[datetime | None, str | None]:
    """One that the older one is kept against was never true: it ends when it begins."""
    found = cursor.execute(
        "SELECT memories.event_at, newer_id FROM memory_conflicts JOIN memories ON row_id = newer_row"
        " WHERE older_row = ? AND state = 'superseded' AND kept = 'newer'"
        " UNION ALL SELECT ?::TIMESTAMP, older_id FROM memory_conflicts"
        " WHERE newer_row = ? AND state = 'superseded' AND kept = 'older'"
        " ORDER BY 1, 2 LIMIT 1",
        [row.row_id, rows.naive(row.event_at), row.row_id],
    ).fetchall()
    return (rows.aware(found[0][0]), str(found[0][1])) if found else (None, None)


def _conflict(found: tuple[Any, ...]) -> Conflict:
    values = dict(zip(COLUMNS.split(", "), found, strict=True))
    decided_at = values["decided_at"]
    values |= {
        "evidence": tuple(msgspec.json.decode(values["evidence"])),
        "created_at": rows.aware(values["created_at"]),
        "decided_at": rows.aware(decided_at) if decided_at is not None else None,
    }
    return Conflict(**values)


def _stored(value: object) -> object:
    if isinstance(value, tuple):
        return msgspec.json.encode(value).decode()
    return rows.naive(value) if isinstance(value, datetime) else value
