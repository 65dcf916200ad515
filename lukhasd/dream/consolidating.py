"""Consolidation: planned, and where it is asked for written, measured, and put back where recall fell."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import perf_counter

import msgspec

from lukhas_sdk.contract import consolidation as contract
from lukhas_sdk.contract.consolidation import Consolidation, ConsolidationState
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.errors import Conflict, NotFound
from lukhasd.consciousness import AwarenessKeeper
from lukhasd.database.connection import Cursor, insert_rows
from lukhasd.dream import changing, planning
from lukhasd.dream.changing import Step, Written
from lukhasd.dream.planning import Known, Plan
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.jobs import Jobs, Running
from lukhasd.memory import MemoryStore, conflicts, repair, rows, versions
from lukhasd.memory.core import Change, Changed, Numbers
from lukhasd.memory.duplicates import Lookup
from lukhasd.memory.repair import Assessed
from lukhasd.memory.rows import MemoryRow
from lukhasd.memory.words import Analyser

logger = logging.getLogger(__name__)
MEMORIES_MOST = 5_000
"""The newest current ones, that are looked at."""
SAMPLE = 200
CUE_WORDS = 6
FIRST = 5
FALL_MOST = 0.005
VECTORS_WAIT_S = 60.0
SURFACED_MOST = 50
LISTED = 50
SAMPLE_SEED = 7
NOT_CHANGED = "nothing was changed"
CUT_SHORT = "the daemon stopped before it was measured"
"""Found at the next start, it is put back."""


@dataclass(frozen=True)
class Cue:
    memory_id: str
    words: str


class Consolidator:
    """One runs at a time. Used on the event loop that its store was opened on."""

    def __init__(self, store: MemoryStore, *, guardian: Guardian, awareness: AwarenessKeeper, jobs: Jobs) -> None:
        self._store = store
        self._core = store.core
        self._guardian = guardian
        self._awareness = awareness
        self._lookup = Lookup(store.core.ranker.text)
        self._analyser = Analyser()
        self._running = asyncio.Lock()
        jobs.register("consolidate", self.run)

    async def run(self, running: Running) -> None:
        """A job of the kind `consolidate`: one item, its report."""
        request = await asyncio.to_thread(msgspec.json.decode, running.request, type=contract.ConsolidateRequest)
        if 0 in running.finished:
            return
        await running.turn()
        report = await self.consolidate(running.caller, request)
        await running.keep(0, report, failed=False, cited=_cited(report))

    async def consolidate(
        self, caller: Caller, request: contract.ConsolidateRequest, *, now: datetime | None = None
    ) -> Consolidation:
        """On disk when it returns. Conflict while another one runs."""
        if self._running.locked():
            raise Conflict("a consolidation runs already", hint="try again when it is done")
        return await self._core.finish(self._consolidate(caller, request, now or datetime.now(UTC)))

    async def find_all(self, owner: str) -> contract.ConsolidationListResponse:
        sql = f"SELECT report FROM consolidations WHERE owner = ? ORDER BY created_at DESC LIMIT {LISTED}"  # noqa: S608

        def read(cursor: Cursor) -> contract.ConsolidationListResponse:
            found = cursor.execute(sql, [owner]).fetchall()
            [(total,)] = cursor.execute("SELECT count(*) FROM consolidations WHERE owner = ?", [owner]).fetchall()
            return contract.ConsolidationListResponse(
                [msgspec.json.decode(text, type=Consolidation) for (text,) in found], total
            )

        return await self._core.database.read(read)

    async def undo(self, owner: str, consolidation_id: str) -> Consolidation:
        """Puts back what was not changed since. NotFound, or Conflict where it is not applied."""
        return await self._core.finish(self._undo(owner, consolidation_id))

    async def repair(self) -> None:
        """Puts back what a stop or a crash left written and not measured. Nothing else may run yet."""
        sql = "SELECT owner, report FROM consolidations WHERE state = 'applied'"
        found = await self._core.database.read(lambda cursor: cursor.execute(sql).fetchall())
        for owner, text in found:
            report = msgspec.json.decode(text, type=Consolidation)
            if report.reasons.get("recall_after") == CUT_SHORT:
                await self._core.finish(self._put_back(owner, report.consolidation_id, "rolled_back"))
                logger.warning("a consolidation that was cut short was put back", extra={"id": report.consolidation_id})

    async def _undo(self, owner: str, consolidation_id: str) -> Consolidation:
        async with self._running:
            done = await self._put_back(owner, consolidation_id, "undone")
            await self._core.upkeep.wait(VECTORS_WAIT_S)
            return done

    async def _consolidate(self, caller: Caller, request: contract.ConsolidateRequest, now: datetime) -> Consolidation:
        async with self._running, self._awareness.working(caller.identity_id, "DREAMING"):
            return await self._work(caller, request, now)

    async def _work(self, caller: Caller, request: contract.ConsolidateRequest, now: datetime) -> Consolidation:
        started_s = perf_counter()
        owner = caller.identity_id
        known = await self._know(owner)
        plan = await self._allowed(caller, await self._core.run(self._plan, known, now))
        cues = await self._core.run(self._cues, list(known.rows.values()))
        before = await self._recall(owner, cues, {})
        surfaced = await self._core.database.read(lambda cursor: _surfaced(cursor, owner))
        reasons: dict[str, str] = {}
        if len(known.rows) == MEMORIES_MOST:
            reasons["memories"] = f"the newest {MEMORIES_MOST} alone"
        if before is None:
            reasons["recall_before"] = "there is no memory to sample"
        applies = request.apply and not plan.is_empty
        reasons["recall_after"] = CUT_SHORT if applies else NOT_CHANGED
        report = Consolidation(
            consolidation_id=f"consolidate_{now:%Y_%m_%d}_{secrets.token_hex(5)}",
            state="applied" if applies else "preview",
            memories=len(known.rows),
            replay=contract.Replay(len(cues), before, None),
            merges=[
                contract.Merge(
                    group.kept.memory_id, row.memory_id, group.kept.data,
                    group.after.data if group.after else group.kept.data, row.data,
                )
                for group in plan.groups for row in group.merged
            ],
            contradictions=surfaced,
            abstractions=[
                contract.Abstraction(
                    None, cluster.data, [row.memory_id for row in cluster.rows], cluster.lowest_cosine
                )
                for cluster in plan.clusters
            ],
            faded=[
                contract.Faded(each.row.memory_id, each.row.importance, each.after, each.unused_days)
                for each in plan.fades
            ],
            left_alone=dict(plan.left_alone),
            created_at=now,
            processing_time_ms=(perf_counter() - started_s) * 1000,
            reasons=reasons,
        )  # fmt: skip
        if not applies:
            await self._core.database.write(lambda cursor: _keep(cursor, owner, report, ()))
            return report
        report = await self._write(owner, plan, report, now)
        into = {each.merged_id: each.kept_id for each in report.merges}
        after = await self._recall(owner, cues, into)
        report = msgspec.structs.replace(
            report,
            replay=contract.Replay(len(cues), before, after),
            processing_time_ms=(perf_counter() - started_s) * 1000,
            reasons={name: why for name, why in reasons.items() if name != "recall_after"},
        )
        await self._core.database.write(lambda cursor: _update(cursor, owner, report))
        if before is not None and after is not None and before - after > FALL_MOST + 1e-9:
            report = await self._put_back(owner, report.consolidation_id, "rolled_back")
            await self._core.upkeep.wait(VECTORS_WAIT_S)
        return report

    async def _know(self, owner: str) -> Known:
        def read(cursor: Cursor) -> tuple[dict[int, MemoryRow], set[int], set[int], dict[int, datetime]]:
            sql = "SELECT row_id FROM memories WHERE owner = ? AND valid_to IS NULL ORDER BY row_id DESC LIMIT ?"
            numbers = [row_id for (row_id,) in cursor.execute(sql, [owner, MEMORIES_MOST]).fetchall()]
            sql = (
                "SELECT older_row, newer_row FROM memory_conflicts"
                " WHERE owner = ? AND state != 'released' AND actor != ?"
            )
            found = cursor.execute(sql, [owner, changing.ACTOR]).fetchall()
            contradicted = {each for pair in found for each in pair}
            recalled = {row_id for row_id, access in rows.accesses(cursor, numbers).items() if access.count}
            sql = "SELECT row_id, max(created_at) FROM memory_versions WHERE list_contains(?, row_id) GROUP BY row_id"
            changed = {row_id: rows.aware(at) for row_id, at in cursor.execute(sql, [numbers]).fetchall()}
            return rows.fetch(cursor, numbers), contradicted, recalled, changed

        found, contradicted, recalled, changed = await self._core.database.read(read)
        vectors = await self._core.run(self._core.ranker.means, list(found))
        return Known(found, contradicted, recalled, changed, vectors)

    def _plan(self, known: Known, now: datetime) -> Plan:
        return planning.plan(known, self._lookup, now=now)

    async def _allowed(self, caller: Caller, plan: Plan) -> Plan:
        """The plan without abstractions that the guardian will not have remembered."""
        kept = []
        left_alone = dict(plan.left_alone)
        for cluster in plan.clusters:
            action = GuardianAction("memory_write", cluster.data)
            verdict = await self._guardian.validate(ValidateRequest(action), caller=caller)
            if verdict.stops:
                left_alone[cluster.medoid.memory_id] = "the guardian will not have what it abstracts to remembered"
            else:
                kept.append(cluster)
        return Plan(plan.groups, tuple(kept), plan.fades, left_alone)

    async def _write(self, owner: str, plan: Plan, report: Consolidation, now: datetime) -> Consolidation:
        assessed = await self._assess(plan)

        def work(cursor: Cursor, numbers: Numbers) -> tuple[tuple[Written, Consolidation], Changed]:
            written = changing.write(cursor, numbers, plan, assessed, owner=owner, now=now)
            done = _as_written(report, written)
            _keep(cursor, owner, done, written.steps)
            return (written, done), written.changed

        written, done = await self._core.change(work, at_most=changing.numbers_for(plan))
        ids = list(dict.fromkeys(step.memory_id for step in written.steps))
        self._core.told(Change("consolidated", owner, ids))
        await self._core.upkeep.wait(VECTORS_WAIT_S)
        return done

    async def _assess(self, plan: Plan) -> dict[int, Assessed]:
        assessed = {}
        for group in plan.groups:
            if group.after is not None:
                row, data = group.kept, group.after.data
                kept = await self._core.database.read(partial(versions.history, row=row))
                strands = repair.Strands(row.origin, [*(each.data for each in kept), data])
                assessed[row.row_id] = await self._core.run(repair.assess, self._core.embedder, strands)
        return assessed

    def _cues(self, every: Sequence[MemoryRow]) -> list[Cue]:
        """Of a sample, always the same for the same memories: a few of a memory's longest words, in their order."""
        ordered = sorted(every, key=lambda row: row.row_id)
        chosen = random.Random(SAMPLE_SEED).sample(ordered, min(SAMPLE, len(ordered)))  # noqa: S311
        cues = []
        for row in chosen:
            words = list(dict.fromkeys(self._analyser.words(row.data[:1000])))
            longest = set(sorted(words, key=len, reverse=True)[:CUE_WORDS])
            cue = row.query or " ".join(word for word in words if word in longest)
            if cue.strip():
                cues.append(Cue(row.memory_id, cue))
        return cues

    async def _recall(self, owner: str, cues: Sequence[Cue], into: Mapping[str, str]) -> float | None:
        """Share of the cued memories, or what they went into, among the first five."""
        found = 0
        for cue in cues:
            hits = (await self._store.search(owner, SearchRequest(query=cue.words, limit=FIRST))).results
            found += into.get(cue.memory_id, cue.memory_id) in {hit.memory_id for hit in hits}
        return found / len(cues) if cues else None

    async def _put_back(self, owner: str, consolidation_id: str, state: ConsolidationState) -> Consolidation:
        report, steps = await self._core.database.read(lambda cursor: _find(cursor, owner, consolidation_id))
        if report.state != "applied":
            raise Conflict(f"{consolidation_id} is {report.state}: there is nothing to put back",
                           hint="see: lukhas dream consolidations")  # fmt: skip

        def work(cursor: Cursor, numbers: Numbers) -> tuple[Consolidation, Changed]:
            left, changed = changing.put_back(cursor, numbers, steps, owner=owner, since=report.created_at)
            done = msgspec.structs.replace(report, state=state, left_alone={**report.left_alone, **left})
            _update(cursor, owner, done)
            return done, changed

        done = await self._core.change(work, at_most=20 * len(steps) + 1)
        self._core.told(Change("consolidation_undone", owner, list(dict.fromkeys(step.memory_id for step in steps))))
        return done


def _as_written(report: Consolidation, written: Written) -> Consolidation:
    done = {step.memory_id for step in written.steps}
    pairs = zip(report.abstractions, written.derived, strict=True)
    return msgspec.structs.replace(
        report,
        merges=[each for each in report.merges if each.merged_id in done],
        abstractions=[msgspec.structs.replace(each, memory_id=name) for each, name in pairs if name is not None],
        faded=[each for each in report.faded if each.memory_id in done],
        left_alone={**report.left_alone, **written.left_alone},
    )


def _surfaced(cursor: Cursor, owner: str) -> list[contract.Surfaced]:
    found = conflicts.newest(cursor, owner, "flagged", start=0, limit=SURFACED_MOST)
    sides = rows.fetch(cursor, {number for each in found for number in each.rows})
    return [
        contract.Surfaced(
            each.conflict_id, each.older_id, each.newer_id, sides[each.older_row].data, sides[each.newer_row].data,
            each.confidence,
        )
        for each in found if each.older_row in sides and each.newer_row in sides
    ]  # fmt: skip


def _cited(report: Consolidation) -> list[str]:
    named = [name for each in report.merges for name in (each.kept_id, each.merged_id)]
    named += [name for each in report.contradictions for name in (each.older_id, each.newer_id)]
    named += [name for each in report.abstractions for name in (each.memory_id or "", *each.sources)]
    named += [each.memory_id for each in report.faded]
    return list(dict.fromkeys(name for name in named if name))


def _keep(cursor: Cursor, owner: str, report: Consolidation, steps: Sequence[Step]) -> None:
    insert_rows(cursor, "consolidations", {
        "consolidation_id": [report.consolidation_id], "owner": [owner], "state": [report.state],
        "cited": [msgspec.json.encode(_cited(report)).decode()], "report": [msgspec.json.encode(report).decode()],
        "changes": [msgspec.json.encode(list(steps)).decode()], "created_at": [rows.naive(report.created_at)],
    })  # fmt: skip


def _update(cursor: Cursor, owner: str, report: Consolidation) -> None:
    cursor.execute(
        "UPDATE consolidations SET state = ?, report = ? WHERE owner = ? AND consolidation_id = ?",
        [report.state, msgspec.json.encode(report).decode(), owner, report.consolidation_id],
    )


def _find(cursor: Cursor, owner: str, consolidation_id: str) -> tuple[Consolidation, list[Step]]:
    sql = "SELECT report, changes FROM consolidations WHERE owner = ? AND consolidation_id = ?"
    found = cursor.execute(sql, [owner, consolidation_id]).fetchall()
    if not found:
        raise NotFound(
            f"no consolidation is called {consolidation_id}",
            hint="see: lukhas dream consolidations",
            details={"consolidation_id": consolidation_id},
        )
    report, changes = found[0]
    return msgspec.json.decode(report, type=Consolidation), msgspec.json.decode(changes, type=list[Step])
