"""The gate on writes: what is kept, what goes into a memory that says it already, and what is declined, with why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from lukhas_sdk.contract.memory import ImportResponse, ItemOutcome, StoreRequest, StoreResponse
from lukhasd.database.connection import Cursor
from lukhasd.memory import conflicts, duplicates, item, junk, repair, rows, versions
from lukhasd.memory.answers import Answers
from lukhasd.memory.catalogue import Selection
from lukhasd.memory.contradictions import Contradictions
from lukhasd.memory.core import Change, Changed, Core, Numbers
from lukhasd.memory.duplicates import Draft
from lukhasd.memory.gauge import Drifted
from lukhasd.memory.truth import CANDIDATES, QUERY_CHARS, judge, moment

KEY_CHARS = 300
MOST_ATTEMPTS = 5
ANYWAY = "to keep it all the same, store it with force (lukhas memory store --force)"
HELD = "memory holds exactly this already"
SAME = "memory says the same already; the two were merged into version {version} of {memory_id}"


@dataclass(frozen=True)
class Asked:
    """One memory that asks to be stored. `junk` is why it is not worth it, None where it is."""

    draft: Draft
    force: bool
    junk: junk.Junk | None
    near: tuple[int, ...]
    """Rows that may say the same."""


@dataclass(frozen=True)
class Merge:
    """`version` is None where the memory held all of it."""

    memory_id: str
    helix_id: str
    drift: float | None
    version: int | None

    @property
    def reason(self) -> str:
        return HELD if self.version is None else SAME.format(version=self.version, memory_id=self.memory_id)


class Gate:
    """Used on the event loop that its core was opened on. `enabled` False: everything is kept as it comes. `tell` is
    called with what a merge made of a memory's drift."""

    def __init__(
        self, core: Core, contradictions: Contradictions, *, tell: Callable[[Drifted], object], enabled: bool = True
    ) -> None:
        self._core = core
        self._enabled = enabled
        self._contradictions = contradictions
        self._tell = tell
        self._lookup = duplicates.Lookup(core.ranker.text)
        self._taken: dict[str, asyncio.Future[None]] = {}
        self.answers = Answers(core)

    async def store(self, owner: str, request: StoreRequest, *, mark: str | None) -> StoreResponse:
        """On disk and searchable when it returns, unless it says otherwise."""
        answers = await self.answers.of(owner)
        async with self._turn([_key(owner, request)]):

            def ask() -> Asked:
                return self._ask(_prepare(owner, [request], [mark], ["$"])[0], answers, force=request.force)

            asked = await self._core.run(ask)
            if asked.junk is not None and not asked.force:
                return StoreResponse(None, None, None, False, "declined", f"{asked.junk.reason}; {ANYWAY}")
            found = (await self._matches([asked]))[0]
            if found is not None and not asked.force:
                merged = await self._merge(asked, found)
                if merged is not None:
                    return StoreResponse(
                        merged.memory_id, merged.helix_id, merged.drift, True, "merged", merged.reason, merged.memory_id
                    )
                found = None
            return await self._insert(_marked(asked, found), matched=found)

    async def import_items(
        self, owner: str, requests: Sequence[StoreRequest], *, paths: Sequence[str], marks: Sequence[str | None]
    ) -> ImportResponse:
        """All that is new in one transaction; what says the same as another memory is merged into it after that."""
        answers = await self.answers.of(owner)
        async with self._turn({_key(owner, request) for request in requests}):
            prepared = await self._core.run(_prepare, owner, requests, marks, paths)
            known = await self._known(owner, [each.content_hash for each in prepared])
            forced = [request.force for request in requests]
            outcomes = {
                n: ItemOutcome(n, "merged", HELD, known[each.content_hash])
                for n, each in enumerate(prepared)
                if each.content_hash in known
            }

            def ask() -> dict[int, Asked]:
                return {
                    n: self._ask(each, answers, force=forced[n]) for n, each in enumerate(prepared) if n not in outcomes
                }

            asked = await self._core.run(ask)
            for n, each in asked.items():
                if each.junk is not None and not each.force:
                    outcomes[n] = ItemOutcome(n, "declined", f"{each.junk.reason}; {ANYWAY}")
            kept = {n: each for n, each in asked.items() if n not in outcomes}
            stored_ids = await self._import(owner, kept, outcomes)
        return _summed([outcomes[n] for n in range(len(requests))], stored_ids)

    async def _import(self, owner: str, asked: Mapping[int, Asked], outcomes: dict[int, ItemOutcome]) -> dict[int, str]:
        """Adds what becomes of each to the outcomes; gives the ids of those that are memories of their own."""
        into = dict(zip(asked, await self._matches(list(asked.values())), strict=True))
        alone = {n: each for n, each in asked.items() if into[n] is None or each.force}
        leaders = await self._core.run(self._leaders, alone)
        first = [n for n, leader in leaders.items() if leader == n]
        numbered = [self._core.number(_marked(asked[n], into[n])) for n in first]
        fresh, ids = await self._core.database.write(lambda cursor: rows.import_missing(cursor, owner, numbered))
        await self._core.publish_new(fresh)
        if fresh:
            self._core.told(Change("stored", owner, [each.item.memory_id for each in fresh]))
        ids_of = dict(zip(first, ids, strict=True))
        for n, memory_id in ids_of.items():
            held = memory_id != asked[n].draft.item.memory_id
            outcomes[n] = ItemOutcome(n, "merged", HELD, memory_id) if held else ItemOutcome(n, "stored")
        for n in sorted(asked.keys() - ids_of.keys()):
            target = into[n] or await self._core.find(owner, ids_of[leaders[n]])
            merged = await self._merge(asked[n], target)
            if merged is None:
                ids_of[n] = (await self._insert(asked[n].draft.item)).memory_id or ""
                outcomes[n] = ItemOutcome(n, "stored")
            else:
                outcomes[n] = ItemOutcome(n, "merged", merged.reason, merged.memory_id)
        return ids_of

    def _ask(self, prepared: item.Item, answers: Sequence[junk.Words], *, force: bool) -> Asked:
        if not self._enabled:
            return Asked(duplicates.draft(prepared), force, None, ())
        found = junk.load().judge(prepared.data, answers_a_question=prepared.query is not None)
        if found is None and junk.is_fed_back(prepared.data, answers):
            found = junk.Junk("fed back", junk.FED_BACK)
        near = self._lookup.candidates(prepared.owner, prepared.data) if found is None or force else ()
        return Asked(duplicates.draft(prepared), force, found, tuple(near))

    @asynccontextmanager
    async def _turn(self, keys: Collection[str]) -> AsyncIterator[None]:
        """Nobody else stores anything of those keys meanwhile: whoever comes second finds what the first stored."""
        while waiting := {self._taken[key] for key in keys if key in self._taken}:
            await asyncio.wait(waiting)
        done = asyncio.get_running_loop().create_future()
        self._taken |= dict.fromkeys(keys, done)
        try:
            yield
        finally:
            for key in keys:
                del self._taken[key]
            done.set_result(None)

    async def _matches(self, asked: Sequence[Asked]) -> list[rows.MemoryRow | None]:
        """The memory that says the same as each, None where there is none."""

        wanted = {row for each in asked for row in each.near}
        if not wanted:
            return [None] * len(asked)
        found = await self._core.database.read(lambda cursor: rows.fetch(cursor, wanted))

        def match() -> list[rows.MemoryRow | None]:
            return [duplicates.match(each.draft, [found[row] for row in each.near if row in found]) for each in asked]

        return await self._core.run(match)

    async def _known(self, owner: str, hashes: Sequence[str]) -> dict[str, str]:
        """Content hash → id, of those that the owner has a memory of as it first came."""
        sql = (
            "SELECT content_hash, min(memory_id) FROM memories WHERE owner = ? AND list_contains(?, content_hash)"
            " GROUP BY content_hash"
        )
        return dict(
            await self._core.database.read(lambda cursor: cursor.execute(sql, [owner, list(hashes)]).fetchall())
        )

    def _leaders(self, asked: Mapping[int, Asked]) -> dict[int, int]:
        """For each place, the first that says the same; itself where that is none."""
        groups: dict[tuple[str, ...], list[int]] = {}
        leaders: dict[int, int] = {}
        for n, each in asked.items():
            group = groups.setdefault(each.draft.wording.bag, [])
            alone = each.force or not self._enabled
            same = (first for first in group if not alone and _alike(each.draft, asked[first].draft))
            leaders[n] = next(same, n)
            if leaders[n] == n:
                group.append(n)
        return leaders

    async def _insert(self, prepared: item.Item, *, matched: rows.MemoryRow | None = None) -> StoreResponse:
        await self._core.insert(prepared)
        self._core.told(Change("stored", prepared.owner, [prepared.memory_id]))
        # What it says now is what was first stored, so that it has not drifted.
        return StoreResponse(
            memory_id=prepared.memory_id,
            helix_id=prepared.helix_id,
            drift_score=0.0,
            storage_confirmed=True,
            matched_memory_id=matched.memory_id if matched is not None else None,
        )

    async def _merge(self, asked: Asked, row: rows.MemoryRow) -> Merge | None:
        """None where the memory has gone, or no longer says the same, or something said since contradicts it: then it
        became true again, and is a memory of its own."""
        current: rows.MemoryRow | None = row
        for _ in range(MOST_ATTEMPTS):
            if current is None or not await self._core.run(duplicates.says_the_same, asked.draft, current):
                return None
            if await self._is_contradicted(current, asked.draft):
                return None
            written = await self._write(asked.draft, current)
            if isinstance(written, Merge):
                return written
            current = written[1]
        return None

    async def _write(
        self, draft: Draft, row: rows.MemoryRow
    ) -> Merge | tuple[Literal["changed"], rows.MemoryRow | None]:
        """The merge, or the row as it is now where somebody changed it meanwhile."""
        merged = duplicates.merge(draft, row)
        if not merged.changed or (merged.changed == ("text",) and await self._was_merged(row, draft.item.data)):
            return Merge(row.memory_id, row.helix_id, row.drift, None)
        assessed = await self._assess(row, merged.data)
        drift, suggested = assessed.drift, assessed.suggested
        owner = draft.item.owner
        revision = versions.Revision(
            merged.data, merged.context, merged.tags, merged.importance, drift, "merge", owner, merged.note, suggested
        )

        def work(
            cursor: Cursor, numbers: Numbers
        ) -> tuple[Merge | tuple[Literal["changed"], rows.MemoryRow | None], Changed]:
            now = rows.fetch(cursor, [row.row_id]).get(row.row_id)
            if now is None or now.sequence != row.sequence:  # it may have been superseded meanwhile
                return ("changed", now), Changed()
            version = versions.rewrite(cursor, now, revision, sequence=numbers.sequence(), now=draft.item.created_at)
            return Merge(row.memory_id, row.helix_id, drift, version), Changed(rewritten=[row.row_id])

        written = await self._core.change(work)
        if isinstance(written, Merge):
            self._core.told(Change("merged", owner, [row.memory_id]))
        if isinstance(written, Merge) and drift is not None:  # else the gauge measures it, and tells
            self._tell(Drifted(owner, row.memory_id, drift, suggested))
        return written

    async def _is_contradicted(self, row: rows.MemoryRow, draft: Draft) -> bool:
        """Whether anything said after `row` and before the draft contradicts it; what a person decided does not."""
        since = Selection(row.owner, start=row.event_at, end=draft.item.event_at)
        ranker, query = self._core.ranker, row.data[:QUERY_CHARS]

        def near() -> list[int]:
            found = ranker.rank(query, None, since, CANDIDATES + 1, vectors=ranker.vectors).hits
            return [hit.row_id for hit in found]

        numbers = await self._core.run(near)
        found, known = await self._core.database.read(
            lambda cursor: (rows.fetch(cursor, numbers), conflicts.of_row(cursor, row.row_id))
        )
        decided = {number for each in known if each.actor != conflicts.TRUTH for number in each.rows}
        later = [each for each in found.values() if moment(each) > moment(row) and each.row_id not in decided]

        def judged() -> bool:
            return any(judge(self._contradictions, row, each).kind != "none" for each in later)

        return await self._core.run(judged)

    async def _assess(self, row: rows.MemoryRow, data: str) -> repair.Assessed:
        """How far `data` would be from the origin, and how to repair it then."""

        def read(cursor: Cursor) -> repair.Assessed | list[versions.Version]:
            if data == row.data:
                return repair.Assessed(row.drift, versions.suggested(cursor, row))
            return versions.history(cursor, row)

        found = await self._core.database.read(read)
        if isinstance(found, repair.Assessed):
            return found
        strands = repair.Strands(row.origin, [*(each.data for each in found), data])
        return await self._core.run(repair.assess, self._core.embedder, strands)

    async def _was_merged(self, row: rows.MemoryRow, data: str) -> bool:
        sql = "SELECT count(*) FROM memory_versions WHERE row_id = ? AND (data = ? OR note = ?)"
        values = [row.row_id, data, duplicates.note_of(data)]
        found = await self._core.database.read(lambda cursor: cursor.execute(sql, values).fetchall())
        return bool(found[0][0])


def _prepare(
    owner: str, requests: Sequence[StoreRequest], marks: Sequence[str | None], paths: Sequence[str]
) -> list[item.Item]:
    """Raises ValidationError for a request that cannot be kept, named by its path."""
    now = datetime.now(UTC)
    return [
        replace(item.prepare(owner, request, now=now, path=path), mark=mark)
        for request, mark, path in zip(requests, marks, paths, strict=True)
    ]


def _summed(outcomes: list[ItemOutcome], stored_ids: Mapping[int, str]) -> ImportResponse:
    held = sum(each.reason == HELD for each in outcomes)
    return ImportResponse(
        stored=sum(each.outcome == "stored" for each in outcomes),
        skipped=held,
        memory_ids=[stored_ids.get(each.index, each.matched_memory_id) for each in outcomes],
        merged=sum(each.outcome == "merged" for each in outcomes) - held,
        declined=sum(each.outcome == "declined" for each in outcomes),
        outcomes=outcomes,
    )


def _key(owner: str, request: StoreRequest) -> str:
    """The same for texts that differ in case, spacing or punctuation alone."""
    said = "".join(char for char in request.content.data[:KEY_CHARS].casefold() if char.isalnum())
    return f"{owner}\0{said}"


def _marked(asked: Asked, found: rows.MemoryRow | None) -> item.Item:
    """The item, with why the gate would not have kept it."""
    prepared = asked.draft.item
    reasons = [prepared.mark, asked.junk.reason if asked.junk is not None else None]
    reasons.append(f"it says the same as {found.memory_id}" if found is not None else None)
    told = "; ".join(reason for reason in reasons if reason)
    return replace(prepared, mark=told or None)


def _alike(new: Draft, first: Draft) -> bool:
    return duplicates.says_the_same(new, duplicates.as_row(first.item))
