"""Truth over time: what is stored is compared with what is known, behind the store and in order.

A memory that makes an older one untrue ends it (`valid_to`, `superseded_by`) and destroys nothing; where it is not
certain the two are flagged. Older and newer is by when things happened. The database keeps how far this has come, so
that what a stop left over is compared at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from lukhas_sdk.contract import truth as contract
from lukhas_sdk.contract.truth import ConflictState, Kept
from lukhas_sdk.errors import NotFound, ValidationError
from lukhas_sdk.settings import Supersession
from lukhasd.database.connection import Cursor
from lukhasd.memory import conflicts, contradictions, duplicates, rows, wording
from lukhasd.memory.catalogue import Selection
from lukhasd.memory.contradictions import NOTHING, Contradictions, Judgement, Said
from lukhasd.memory.core import Change, Changed, Core, Numbers
from lukhasd.memory.item import leaves
from lukhasd.memory.rows import MemoryRow
from lukhasd.memory.text_index import as_rows

LOG = logging.getLogger(__name__)
CANDIDATES = 20
"""The nearest of before, and of after, that a memory is compared with."""
QUERY_CHARS = 1_000
BATCH = 32
"""Rows between two marks in the database."""
VECTORS_WAIT_S = 30.0
"""What is stored waits so long for its vector, so that the nearest are found by meaning too."""
QUIET_S = 0.1
"""Without a change for so long, nobody waits for the processor that comparing takes."""
RETRY_S = 60.0


@dataclass(frozen=True)
class _Pair:
    older: MemoryRow
    newer: MemoryRow
    judgement: Judgement

    @property
    def rows(self) -> frozenset[int]:
        return frozenset((self.older.row_id, self.newer.row_id))

    def is_unchanged(self, now: Mapping[int, MemoryRow]) -> bool:
        sides = (self.older, self.newer)
        return all(side.row_id in now and now[side.row_id].version == side.version for side in sides)


class Truth:
    """Made by `open`; used on the event loop that opened it."""

    def __init__(self, core: Core, judge: Contradictions, supersession: Supersession) -> None:
        self._core = core
        self._judge = judge
        self._supersession = supersession
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last_change_s = 0.0

    @classmethod
    async def open(cls, core: Core, supersession: Supersession) -> Truth:
        """Begins with what the last stop left over. `close` it before `core`."""
        truth = cls(core, await core.run(contradictions.load), supersession)
        core.after_publishing.append(truth.wake)
        truth.wake()
        truth._task = asyncio.create_task(truth._keep(), name="memory-truth")
        return truth

    def wake(self) -> None:
        """Something was stored, changed or deleted."""
        self._last_change_s = asyncio.get_running_loop().time()
        self._idle.clear()
        self._woken.set()

    async def wait(self, timeout_s: float) -> bool:
        """Whether everything stored was compared in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        if self._task is not None:
            self._core.after_publishing.remove(self.wake)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def list_conflicts(self, owner: str, params: contract.ConflictListParams) -> contract.ConflictListResponse:
        """Newest first."""
        start = _read_cursor(params.cursor)

        def read(cursor: Cursor) -> contract.ConflictListResponse:
            found = conflicts.newest(cursor, owner, params.state, start=start, limit=params.limit + 1)
            return contract.ConflictListResponse(
                conflicts=_told(cursor, found[: params.limit]),
                counts=conflicts.counts(cursor, owner),
                unjudged=conflicts.unjudged(cursor, owner),
                next_cursor=str(start + params.limit) if len(found) > params.limit else None,
            )

        return await self._core.database.read(read)

    async def resolve(self, owner: str, conflict_id: str, keep: Kept) -> contract.Conflict:
        """NotFound where the owner has no such conflict. Choosing what is chosen already changes nothing."""

        def decide(cursor: Cursor, numbers: Numbers) -> tuple[contract.Conflict, Changed]:
            conflict = conflicts.find(cursor, owner, conflict_id)
            if conflict is None:
                raise NotFound(
                    f"no conflict is called {conflict_id}",
                    hint="see: lukhas memory conflicts",
                    details={"conflict_id": conflict_id},
                )
            state = _state_after(conflict.state, keep)
            if (state, keep) != (conflict.state, conflict.kept):
                now = datetime.now(UTC)
                conflicts.decide(cursor, conflict_id, state=state, kept=keep, actor=owner, at=now)
                conflict = replace(conflict, state=state, kept=keep, actor=owner, decided_at=now)
            changed = conflicts.settle(cursor, [conflict.older_row, conflict.newer_row], numbers)
            return _told(cursor, [conflict])[0], Changed(touched=changed)

        decided = await self._core.finish(self._core.change(decide, at_most=2))
        self._core.told(Change("decided", owner, [decided.conflict_id]))
        return decided

    async def _keep(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._release()
                while await self._compare_some():
                    pass
            except Exception:
                LOG.exception("what was stored could not be compared with what is known")
                await asyncio.sleep(RETRY_S)
                self._woken.set()
            if not self._woken.is_set():
                self._idle.set()

    async def _release(self) -> None:
        """Where one side of a contradiction is gone, the other is as if there had been none."""
        found = await self._core.database.read(conflicts.released)
        left = {number for _, older, newer in found for number in (older, newer)}

        def release(cursor: Cursor, numbers: Numbers) -> tuple[None, Changed]:
            conflicts.remove(cursor, (conflict_id for conflict_id, _, _ in found))
            return None, Changed(touched=conflicts.settle(cursor, left, numbers))

        if found:
            await self._core.finish(self._core.change(release, at_most=len(left)))

    async def _compare_some(self) -> bool:
        """Compares the next rows; False where there are none."""
        found = await self._core.database.read(_next_rows)
        if not found:
            return False
        if self._supersession != "off":
            await self._until_quiet()
            for row in found:
                if await self._compare(row):
                    return True  # what follows is compared with what this one changed
        last = found[-1].sequence
        await self._core.database.write(lambda cursor: conflicts.mark_judged(cursor, last))
        return True

    async def _until_quiet(self) -> None:
        """Vectors are there and nobody is writing, or both were waited for long enough."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + VECTORS_WAIT_S
        # the end moves on with each change, so that there is no one event to wait for
        while (left_s := self._last_change_s + QUIET_S - loop.time()) > 0 and loop.time() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(left_s)
        if self._core.upkeep.embedding_problem is None:
            await self._core.upkeep.wait(max(deadline_s - loop.time(), 0.0))

    async def _compare(self, row: MemoryRow) -> bool:
        """Whether anything came of it; then the row is marked as compared."""
        known = await self._core.database.read(lambda cursor: conflicts.of_row(cursor, row.row_id))
        stale = [each for each in known if _is_stale(each, row)]
        fixed = {frozenset(each.rows) for each in known if each not in stale}
        # what it contradicted before is looked at again, however many are nearer now
        again = {number for each in stale for number in each.rows}
        near = await self._core.run(self._candidates, row)
        others = await self._core.database.read(lambda cursor: _others(cursor, row, near, again))
        pairs = await self._core.run(self._judge_pairs, row, list(others.values()), fixed)
        if not (pairs or known):
            return False
        last_s = self._last_change_s
        await self._core.finish(self._record(row, pairs, known, stale))
        self._last_change_s = last_s  # this change is our own
        return True

    def _candidates(self, row: MemoryRow) -> list[int]:
        """The nearest of what was true when the row happened, and of what happened later while it was true."""
        ranker, query = self._core.ranker, row.data[:QUERY_CHARS]
        vectors = ranker.vectors
        vector = vectors.means(as_rows([row.row_id])).get(row.row_id)
        before = Selection(row.owner, as_of=row.event_at)
        later = Selection(row.owner, start=row.event_at, end=row.valid_to, include_superseded=True)
        hits = list(ranker.rank(query, vector, before, CANDIDATES + 1, vectors=vectors).hits)
        if len(ranker.newest(later)) > 1:
            hits += ranker.rank(query, vector, later, CANDIDATES + 1, vectors=vectors).hits
        return list(dict.fromkeys(hit.row_id for hit in hits if hit.row_id != row.row_id))

    def _judge_pairs(self, row: MemoryRow, others: Iterable[MemoryRow], fixed: set[frozenset[int]]) -> list[_Pair]:
        pairs = []
        for other in others:
            older, newer = sorted((row, other), key=moment)
            if frozenset((older.row_id, newer.row_id)) not in fixed and other.owner == row.owner:
                judgement = judge(self._judge, older, newer)
                if judgement.kind != "none":
                    pairs.append(_Pair(older, newer, judgement))
        ends = [pair.newer for pair in pairs if pair.older is row and pair.judgement.kind == "supersedes"]
        if not ends:
            return pairs
        first = min(ends, key=moment)  # what ends a memory first is enough; without it, it is compared anew
        return [pair for pair in pairs if pair.older is not row or moment(pair.newer) <= moment(first)]

    async def _record(
        self,
        row: MemoryRow,
        pairs: Sequence[_Pair],
        known: Sequence[conflicts.Conflict],
        stale: Sequence[conflicts.Conflict],
    ) -> None:
        """What stays of the known ones is settled too: the row may have happened at another time since."""

        def record(cursor: Cursor, numbers: Numbers) -> tuple[None, Changed]:
            conflicts.remove(cursor, (each.conflict_id for each in stale))
            now = rows.fetch(cursor, {each.row_id for pair in pairs for each in (pair.older, pair.newer)})
            there = {frozenset(each.rows) for each in conflicts.of_row(cursor, row.row_id)}
            alive = [pair for pair in pairs if pair.rows not in there and pair.is_unchanged(now)]
            conflicts.insert(cursor, [self._conflict(pair) for pair in alive])
            touched = {number for each in known for number in each.rows}.union(*(pair.rows for pair in alive))
            conflicts.mark_judged(cursor, row.sequence)
            return None, Changed(touched=conflicts.settle(cursor, touched, numbers))

        await self._core.change(record, at_most=2 * (len(pairs) + len(known)))
        others = [side.memory_id for pair in pairs for side in (pair.older, pair.newer) if side is not row]
        self._core.told(Change("compared", row.owner, [row.memory_id, *others]))

    def _conflict(self, pair: _Pair) -> conflicts.Conflict:
        certain = pair.judgement.kind == "supersedes" and self._supersession == "auto"
        now = datetime.now(UTC)
        return conflicts.Conflict(
            conflict_id=f"conflict_{secrets.token_hex(8)}",
            owner=pair.newer.owner,
            older_row=pair.older.row_id,
            older_id=pair.older.memory_id,
            older_version=pair.older.version,
            newer_row=pair.newer.row_id,
            newer_id=pair.newer.memory_id,
            newer_version=pair.newer.version,
            state="superseded" if certain else "flagged",
            kept="newer" if certain else "both",
            confidence=pair.judgement.confidence,
            evidence=pair.judgement.evidence,
            created_at=now,
            decided_at=now if certain else None,
            actor=conflicts.TRUTH,
        )


def _next_rows(cursor: Cursor) -> list[MemoryRow]:
    """The rows changed since the mark, oldest change first."""
    sql = f"SELECT row_id FROM memories WHERE sequence > ? ORDER BY sequence LIMIT {BATCH}"  # noqa: S608
    numbers = [row_id for (row_id,) in cursor.execute(sql, [conflicts.judged(cursor)]).fetchall()]
    return sorted(rows.fetch(cursor, numbers).values(), key=lambda row: row.sequence)


def _others(cursor: Cursor, row: MemoryRow, near: Sequence[int], again: set[int]) -> dict[int, MemoryRow]:
    """Without those near ones that came with it from an export: what contradicts what there came along."""
    listed = ", ".join(str(number) for number in {row.row_id, *near})
    sql = f"SELECT row_id FROM memories WHERE row_id IN ({listed}) AND taken_in = sequence"  # noqa: S608
    taken_in = {number for (number,) in cursor.execute(sql).fetchall()}
    passed_over = taken_in if row.row_id in taken_in else set()
    return rows.fetch(cursor, ({*near} - passed_over | again) - {row.row_id})


def moment(row: MemoryRow) -> tuple[datetime, int]:
    """Orders memories by when they happened."""
    return row.event_at, row.row_id


def said(row: MemoryRow) -> Said:
    speaker = " ".join(leaves(msgspec.json.decode(row.context).get("speaker")))
    return Said(row.data, speaker or None)


def judge(contradictions: Contradictions, older: MemoryRow, newer: MemoryRow) -> Judgement:
    """The same in other words or another spelling is no contradiction, however many of its words differ."""
    found = contradictions.judge(said(older), said(newer))
    if found.kind != "none":
        before, after = wording.read(older.data), wording.read(newer.data)
        if before.tokens == after.tokens or wording.same(before, after, is_word=duplicates.dictionary()):
            return NOTHING
    return found


def _is_stale(conflict: conflicts.Conflict, row: MemoryRow) -> bool:
    """No person decided it, and the row says something else since."""
    version = conflict.older_version if conflict.older_row == row.row_id else conflict.newer_version
    return conflict.actor == conflicts.TRUTH and version != row.version


def _state_after(state: ConflictState, keep: Kept) -> ConflictState:
    if keep != "both":
        return "superseded"
    if state == "superseded":
        return "undone"
    return "dismissed" if state == "flagged" else state


def _told(cursor: Cursor, found: Sequence[conflicts.Conflict]) -> list[contract.Conflict]:
    sides = rows.fetch(cursor, {number for each in found for number in (each.older_row, each.newer_row)})

    def side(row_id: int) -> contract.ConflictSide:
        row = sides[row_id]
        return contract.ConflictSide(row.memory_id, row.data, row.event_at, row.valid_to)

    return [
        contract.Conflict(
            conflict_id=each.conflict_id,
            older=side(each.older_row),
            newer=side(each.newer_row),
            state=each.state,
            kept=each.kept,
            confidence=each.confidence,
            evidence=list(each.evidence),
            created_at=each.created_at,
            decided_at=each.decided_at,
            actor=each.actor,
        )
        for each in found
        if each.older_row in sides and each.newer_row in sides
    ]


def _read_cursor(text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValidationError("cursor is not one that a list gave", field="cursor", hint="start again without it")
    return int(text)
