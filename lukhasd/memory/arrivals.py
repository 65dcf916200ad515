"""How what comes with an export fits in with what is here: what was decided here, found out here, or forgotten here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec

from lukhasd.database.connection import Cursor
from lukhasd.memory import conflicts
from lukhasd.memory.core import Numbers

NOWHERE = -1
"""The row number of a memory that is not there."""


def named(record: msgspec.Struct) -> Iterator[str]:
    """The ids of what a record is, or quotes, or comes from."""
    for name in ("memory_id", "older_id", "newer_id", "quarantine_id"):
        if hasattr(record, name):
            yield str(getattr(record, name))
    for name in ("cited", "parents"):
        if hasattr(record, name):
            yield from msgspec.json.decode(getattr(record, name), type=list[str])


def sides(record: msgspec.Struct) -> frozenset[str]:
    """Of a conflict: its two memories."""
    return frozenset(str(getattr(record, name)) for name in ("older_id", "newer_id"))


def forgotten(cursor: Cursor, owner: str) -> set[str]:
    """Ids of memories, and of what the quarantine held of them."""
    found = cursor.execute("SELECT id FROM memory_forgotten WHERE owner = ?", [owner]).fetchall()
    return {forgotten_id for (forgotten_id,) in found}


def decided(cursor: Cursor, owner: str) -> set[frozenset[str]]:
    """Pairs of memories that a person has decided between."""
    sql = "SELECT older_id, newer_id FROM memory_conflicts WHERE owner = ? AND actor != ? AND state != 'released'"
    return {frozenset(pair) for pair in cursor.execute(sql, [owner, conflicts.TRUTH]).fetchall()}


def make_way(cursor: Cursor, owner: str, ids: Sequence[str]) -> None:
    """What is left of those conflicts here, of which one side is gone, may come again with it."""
    cursor.execute(
        "DELETE FROM memory_conflicts WHERE owner = ? AND state = 'released' AND list_contains(?, conflict_id)",
        [owner, [*ids]],
    )


def settle(cursor: Cursor, owner: str, came: Collection[str], left_out: Collection[str], numbers: Numbers) -> list[int]:
    """Those conflicts came: what was found out here of the same two memories makes way for them. `left_out` are
    memories of conflicts that did not come. Gives the rows that changed."""
    ids = [*came]
    cursor.execute(
        "DELETE FROM memory_conflicts AS here USING memory_conflicts AS come WHERE list_contains(?, come.conflict_id)"
        " AND here.owner = ? AND here.actor = ? AND NOT list_contains(?, here.conflict_id) AND here.state != 'released'"
        " AND least(here.older_row, here.newer_row) = least(come.older_row, come.newer_row)"
        " AND greatest(here.older_row, here.newer_row) = greatest(come.older_row, come.newer_row)",
        [ids, owner, conflicts.TRUTH, ids],
    )
    cursor.execute(
        "UPDATE memory_conflicts SET state = 'released' WHERE owner = ? AND least(older_row, newer_row) = ?",
        [owner, NOWHERE],
    )
    # what nothing has changed since it came is as the conflicts say that came too
    found = cursor.execute(
        "SELECT row_id FROM memories JOIN memory_conflicts ON row_id IN (older_row, newer_row)"
        " WHERE list_contains(?, conflict_id) AND state != 'released' AND taken_in IS DISTINCT FROM memories.sequence"
        " UNION SELECT row_id FROM memories WHERE owner = ? AND list_contains(?, memory_id)",
        [ids, owner, [*left_out]],
    ).fetchall()
    return conflicts.settle(cursor, [row_id for (row_id,) in found], numbers)
