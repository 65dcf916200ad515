"""Interactions and the folds they leave: what was asked, what was answered, and the memories that caused it."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from lukhas_sdk.contract import folds as contract
from lukhas_sdk.errors import NotFound
from lukhasd.database import Database, insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.memory.quotations import ERASED
from lukhasd.memory.words import FUNCTION_WORDS

ACTIVE_LIMIT = 1000
"""Folds of one identity that are active at most; older ones are archived, never lost."""
ARCHIVED_TOGETHER = 50
"""Looking for the oldest costs as much as saving one."""
COMPANION_FOLDS = 5
COUNTED_EVERY = 16
"""Folds: counting the active ones costs a sixth of saving one."""
SESSION_IDLE = timedelta(minutes=30)
FOLD_PREFIX = "fold_"
WHOLE_FOLD = (
    "fold_id, interaction_id, input, response, parents, importance, valence, state, reason, folds.created_at"
    " FROM folds JOIN interactions USING (interaction_id) WHERE folds.owner = ?"
)


@dataclass(frozen=True)
class Interaction:
    interaction_id: str
    owner: str
    user_id: str | None
    session_id: str | None
    previous_id: str | None
    input: str
    response: str
    intent: str
    answer_source: str
    cited: tuple[str, ...]
    decision: str
    duration_ms: float
    created_at: datetime


@dataclass(frozen=True)
class Fold:
    """`parents` are memories and folds that caused it; `valence` of the input is None where it was not measured."""

    fold_id: str
    interaction_id: str
    owner: str
    parents: tuple[str, ...]
    importance: float
    valence: float | None
    created_at: datetime


INTERACTION_COLUMNS = tuple(column.name for column in fields(Interaction))
INTERACTION = ", ".join(INTERACTION_COLUMNS)


def new_interaction_id() -> str:
    return f"interaction_{secrets.token_hex(8)}"


def new_fold_id(text: str, at: datetime) -> str:
    """`fold_YYYY_MM_DD_<two or three keywords>_<suffix>`; the keywords are the longest content words of `text`."""
    words = set(re.findall(r"[a-z]{3,20}", text.lower())) - FUNCTION_WORDS
    keywords = sorted(sorted(words, key=lambda word: (-len(word), word))[:3], key=text.lower().find)
    return "_".join(["fold", at.strftime("%Y_%m_%d"), *(keywords or ["interaction"]), secrets.token_hex(3)])


def malformed(fold: Fold, *, known: frozenset[str], ancestors: frozenset[str] = frozenset()) -> str | None:
    """Why the fold must not reach long-term memory, None when it is well formed. `known` are the ids that exist,
    `ancestors` the folds that its parents come from."""
    if not fold.interaction_id or not fold.owner:
        return "it has no source"
    dangling = [parent for parent in fold.parents if parent not in known]
    if dangling:
        return f"its parent {dangling[0]} does not exist"
    if fold.fold_id in fold.parents:
        return "it is its own parent"
    if fold.fold_id in ancestors:
        return "its parents come from it: they form a circle"
    if len(set(fold.parents)) != len(fold.parents):
        return "a parent is named twice"
    if not 0.0 <= fold.importance <= 1.0:
        return f"its importance {fold.importance} is not in [0, 1]"
    if fold.valence is not None and not -1.0 <= fold.valence <= 1.0:
        return f"its valence {fold.valence} is not in [-1, 1]"
    return None


class FoldStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._saved: Counter[str] = Counter()

    async def save(self, interaction: Interaction, fold: Fold, *, parents_stand: bool = False) -> str:
        """Writes both, or neither. The fold of the interaction before it becomes a parent too. Gives the fold's state:
        active, or quarantined where it is not well formed. `parents_stand`: what it names is known to be there."""
        counts = self._saved[fold.owner] % COUNTED_EVERY == 0
        self._saved[fold.owner] += 1
        return await self._database.write(
            lambda cursor: _save(cursor, interaction, fold, parents_stand=parents_stand, counts=counts)
        )

    async def get(self, owner: str, interaction_id: str) -> Interaction | None:
        return await self._one("interaction_id = ?", [owner, interaction_id])

    async def last_in_session(self, owner: str, session_id: str) -> Interaction | None:
        """The session's newest interaction, None where it has been idle for 30 minutes."""
        since = _naive(datetime.now(UTC) - SESSION_IDLE)
        return await self._one("session_id = ? AND created_at >= ?", [owner, session_id, since])

    async def companions(self, owner: str, memory_ids: Sequence[str]) -> dict[str, list[str]]:
        """For each memory, the others that caused the same active folds."""

        def run(cursor: Cursor) -> dict[str, list[str]]:
            holds = " OR ".join(["contains(parents, ?)"] * len(memory_ids))
            sql = f"SELECT parents FROM folds WHERE owner = ? AND state = 'active' AND ({holds})"  # noqa: S608
            rows = cursor.execute(f"{sql} ORDER BY created_at DESC", [owner, *map(json.dumps, memory_ids)]).fetchall()
            folds = [json.loads(parents) for (parents,) in rows]
            return {memory_id: _beside(memory_id, folds) for memory_id in memory_ids}

        return await self._database.read(run) if memory_ids else {}

    async def list(self, owner: str, params: contract.FoldListParams) -> contract.FoldListResponse:
        """Newest first."""
        where, values = [WHOLE_FOLD], [owner]
        where.append("state = ?" if params.state else "state <> 'quarantined'")
        values += [params.state] if params.state else []
        for word in (params.query or "").split():
            where.append("contains(lower(input || ' ' || response), lower(?))")
            values.append(word)
        if params.cursor is not None:
            where.append("(folds.created_at, fold_id) < (SELECT (created_at, fold_id) FROM folds WHERE fold_id = ?)")
            values.append(params.cursor)
        sql = f"SELECT {' AND '.join(where)} ORDER BY folds.created_at DESC, fold_id DESC LIMIT {params.limit + 1}"

        def read(cursor: Cursor) -> tuple[list[contract.Fold], contract.FoldCounts]:
            found = [_whole(row) for row in cursor.execute(sql, values).fetchall()]
            counted = cursor.execute("SELECT state, count(*) FROM folds WHERE owner = ? GROUP BY state", [owner])
            return found, contract.FoldCounts(**dict(counted.fetchall()))

        found, counts = await self._database.read(read)
        page = found[: params.limit]
        return contract.FoldListResponse(page, counts, page[-1].fold_id if len(found) > len(page) else None)

    async def show(self, owner: str, fold_id: str) -> contract.Fold:
        """NotFound where the owner has no such fold."""
        sql = f"SELECT {WHOLE_FOLD} AND fold_id = ?"
        row = await self._database.read(lambda cursor: cursor.execute(sql, [owner, fold_id]).fetchone())
        if row is None:
            raise NotFound(f"no fold is called {fold_id}", hint="see: lukhas memory folds")
        return _whole(row)

    async def total_interactions(self) -> int:
        return await self._count("SELECT count(*) FROM interactions", [])

    async def active_sessions(self) -> int:
        """Distinct session ids with an interaction in the last 30 minutes."""
        since = _naive(datetime.now(UTC) - SESSION_IDLE)
        return await self._count(
            "SELECT count(DISTINCT (owner, session_id)) FROM interactions WHERE session_id IS NOT NULL"
            " AND created_at >= ?",
            [since],
        )

    async def _one(self, where: str, values: Sequence[object]) -> Interaction | None:
        """The newest that fits `where`, which is one of this class's own conditions."""
        sql = f"SELECT {INTERACTION} FROM interactions WHERE owner = ? AND {where} ORDER BY created_at DESC LIMIT 1"  # noqa: S608
        row = await self._database.read(lambda cursor: cursor.execute(sql, values).fetchone())
        if row is None:
            return None
        found = dict(zip(INTERACTION_COLUMNS, row, strict=True))
        found["cited"] = tuple(json.loads(found["cited"]))
        found["created_at"] = found["created_at"].replace(tzinfo=UTC)
        return Interaction(**found)

    async def _count(self, sql: str, values: Sequence[object]) -> int:
        row = await self._database.read(lambda cursor: cursor.execute(sql, values).fetchone())
        return int(row[0]) if row else 0


def _beside(memory_id: str, folds: Sequence[Sequence[str]]) -> list[str]:
    """The memories named with it by the newest COMPANION_FOLDS of the folds, given as their parents, that name it."""
    naming = islice((parents for parents in folds if memory_id in parents), COMPANION_FOLDS)
    others = dict.fromkeys(other for parents in naming for other in parents if other != memory_id)
    return [other for other in others if not other.startswith(FOLD_PREFIX)]


def _save(cursor: Cursor, interaction: Interaction, fold: Fold, *, parents_stand: bool, counts: bool) -> str:
    before = _fold_of(cursor, interaction.owner, interaction.previous_id)
    if before is not None and before not in fold.parents:
        fold = replace(fold, parents=(*fold.parents, before))
    named = frozenset({*fold.parents, *interaction.cited})
    known = named if parents_stand else _known(cursor, interaction.owner, named)
    forgotten = _forgotten(cursor, interaction.owner, frozenset(interaction.cited) - known)
    if forgotten:  # between the answer and now
        cited = tuple(name for name in interaction.cited if name not in forgotten)
        interaction = replace(interaction, response=ERASED, cited=cited)
        fold = replace(fold, parents=tuple(parent for parent in fold.parents if parent not in forgotten))
    reason = malformed(fold, known=known, ancestors=_ancestors(cursor, interaction.owner, fold.parents))
    state = "quarantined" if reason else "active"
    insert_rows(cursor, "interactions", _columns(interaction))
    row = {**_columns(fold), "state": [state], "reason": [reason]}
    # Bound one by one: as a numpy column, the NaN of a fold to be quarantined would be NULL.
    cursor.execute(
        f"INSERT INTO folds ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",  # noqa: S608
        [values[0] for values in row.values()],
    )
    if counts:
        _archive(cursor, fold.owner)
    return state


def _forgotten(cursor: Cursor, owner: str, ids: frozenset[str]) -> frozenset[str]:
    if not ids:
        return frozenset()
    sql = "SELECT id FROM memory_forgotten WHERE owner = ? AND list_contains(?, id)"
    return frozenset(memory_id for (memory_id,) in cursor.execute(sql, [owner, [*ids]]).fetchall())


def _columns(record: Interaction | Fold) -> dict[str, list[Any]]:
    """One row as columns: tuples become JSON, moments naive UTC."""
    columns: dict[str, list[Any]] = {}
    for column in fields(record):
        value = getattr(record, column.name)
        if isinstance(value, tuple):
            value = json.dumps(value)
        elif isinstance(value, datetime):
            value = _naive(value)
        columns[column.name] = [value]
    return columns


def _known(cursor: Cursor, owner: str, ids: Collection[str]) -> frozenset[str]:
    """Those that are memories, or folds that are not quarantined, of that owner."""
    found: set[str] = set()
    folds = [name for name in ids if name.startswith(FOLD_PREFIX)]
    others = [name for name in ids if not name.startswith(FOLD_PREFIX)]
    for some, sql in (
        (others, "SELECT memory_id FROM memories WHERE owner = ? AND memory_id IN"),
        (folds, "SELECT fold_id FROM folds WHERE owner = ? AND state <> 'quarantined' AND fold_id IN"),
    ):
        if some:
            rows = cursor.execute(f"{sql} ({', '.join('?' * len(some))})", [owner, *some])
            found.update(name for (name,) in rows.fetchall())
    return frozenset(found)


def _fold_of(cursor: Cursor, owner: str, interaction_id: str | None) -> str | None:
    if interaction_id is None:
        return None
    found = cursor.execute(
        "SELECT fold_id FROM folds WHERE owner = ? AND interaction_id = ? AND state <> 'quarantined'",
        [owner, interaction_id],
    ).fetchall()
    return found[0][0] if found else None


def _ancestors(cursor: Cursor, owner: str, parents: Sequence[str]) -> frozenset[str]:
    """The folds among the parents, theirs, and so on."""
    reached: set[str] = set()
    frontier = [parent for parent in parents if parent.startswith(FOLD_PREFIX)]
    while frontier:
        reached.update(frontier)
        slots = ", ".join("?" * len(frontier))
        rows = cursor.execute(
            f"SELECT parents FROM folds WHERE owner = ? AND fold_id IN ({slots})",  # noqa: S608
            [owner, *frontier],
        ).fetchall()
        above = {parent for row in rows for parent in json.loads(row[0]) if parent.startswith(FOLD_PREFIX)}
        frontier = list(above - reached)
    return frozenset(reached)


def _whole(row: tuple[Any, ...]) -> contract.Fold:
    fold_id, interaction_id, asked, response, parents, importance, valence, state, reason, created_at = row
    return contract.Fold(
        fold_id, interaction_id, asked, response, json.loads(parents), _finite(importance), _finite(valence), state,
        reason, created_at.replace(tzinfo=UTC),
    )  # fmt: skip


def _finite(score: float | None) -> float | None:
    return score if score is not None and math.isfinite(score) else None


def _archive(cursor: Cursor, owner: str) -> None:
    sql = "SELECT count(*) FROM folds WHERE owner = ? AND state = 'active'"
    if cursor.execute(sql, [owner]).fetchall()[0][0] > ACTIVE_LIMIT + 1 - COUNTED_EVERY:
        cursor.execute(
            "UPDATE folds SET state = 'archived' WHERE fold_id IN (SELECT fold_id FROM folds"
            " WHERE owner = ? AND state = 'active' ORDER BY created_at DESC OFFSET ?)",
            [owner, ACTIVE_LIMIT + 1 - ARCHIVED_TOGETHER],
        )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
