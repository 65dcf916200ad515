"""How what comes with an export fits in with what is here: what was decided here, found out here, or forgotten here."""

from __future__ import annotations

from collections.abc import Sequence

from lukhasd.database.connection import Cursor
from lukhasd.memory import conflicts
from lukhasd.memory.core import Numbers

NOWHERE = -1
"""The row number of a memory that is not there."""


def forgotten(cursor: Cursor, owner: str) -> set[str]:
    """Ids of memories."""
    found = cursor.execute("SELECT memory_id FROM memory_forgotten WHERE owner = ?", [owner]).fetchall()
    return {memory_id for (memory_id,) in found}


def decided(cursor: Cursor, owner: str) -> set[frozenset[str]]:
    """Pairs of memories that a person has decided between."""
    sql = "SELECT older_id, newer_id FROM memory_conflicts WHERE owner = ? AND actor != ? AND state != 'released'"
    return {frozenset(pair) for pair in cursor.execute(sql, [owner, conflicts.TRUTH]).fetchall()}


def settle(cursor: Cursor, owner: str, ids: Sequence[str], numbers: Numbers) -> list[int]:
    """Those conflicts came: what was found out here of the same two memories makes way for them. Gives the rows that
    changed."""
    if not ids:
        return []
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
    sides = cursor.execute(
        "SELECT DISTINCT row_id FROM memories JOIN memory_conflicts ON row_id IN (older_row, newer_row)"
        " WHERE list_contains(?, conflict_id) AND state != 'released' AND taken_in IS DISTINCT FROM memories.sequence",
        [ids],
    ).fetchall()  # what nothing has changed since it came is as its conflicts say
    return conflicts.settle(cursor, [row_id for (row_id,) in sides], numbers)
