"""The memory store: rows in DuckDB, two derived indexes, one owner never seeing another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import (
    DeleteResponse,
    ImportResponse,
    ListParams,
    ListResponse,
    Memory,
    SearchRequest,
    SearchResponse,
    StatsResponse,
    StoreRequest,
    StoreResponse,
    WhyRequest,
    WhyResponse,
)  # fmt: skip
from lukhas_sdk.errors import ValidationError
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.memory import answerable, contradictions, quotations, rows
from lukhasd.memory.catalogue import Selection
from lukhasd.memory.contradictions import Contradictions
from lukhasd.memory.core import Change, Changed, Core, Numbers, found_in, not_found
from lukhasd.memory.gate import Gate
from lukhasd.memory.gauge import Drifted
from lukhasd.memory.helix import Helix
from lukhasd.memory.quarantine import Quarantine
from lukhasd.memory.saved import Saved
from lukhasd.memory.search import Search, at_time
from lukhasd.models.embedder import Embedder
from lukhasd.records.metrics import Metrics

Result = TypeVar("Result")

RELATED = 5
TAGS_COUNTED = 50


class MemoryStore:
    """`owner` is an identity's id everywhere. Made by `open`; used on the event loop that opened it."""

    def __init__(
        self,
        core: Core,
        judge: answerable.Answerable,
        contradictions: Contradictions,
        *,
        gate: bool = True,
        drifted: Callable[[Drifted], object] | None = None,
    ) -> None:
        self.core = core
        self.helix = Helix(core, drifted=drifted)
        self.gate = Gate(core, contradictions, tell=self.helix.tell, enabled=gate)
        self.quarantine = Quarantine(core)
        self._search = Search(core, judge)
        self.saved = Saved(core, self._search)

    @classmethod
    async def open(
        cls,
        *,
        database: Database,
        folder: Path,
        embedder: Embedder,
        metrics: Metrics,
        gate: bool = True,
        drifted: Callable[[Drifted], object] | None = None,
        serving: Embedder | None = None,
    ) -> MemoryStore:
        """Indexes live in `folder`; what they lack is replayed, and one that is missing or damaged is rebuilt.
        `gate` False: everything is kept as it comes. `drifted` is told of every change of a memory.
        `serving` as in `Core.open`."""
        core = await Core.open(database=database, folder=folder, embedder=embedder, metrics=metrics, serving=serving)
        judges = await core.run(answerable.load), await core.run(contradictions.load)
        store = cls(core, *judges, gate=gate, drifted=drifted)
        store.helix.start()
        return store

    async def store(self, owner: str, request: StoreRequest, *, mark: str | None = None) -> StoreResponse:
        """On disk and searchable when it returns, unless the outcome says that it was declined. `mark` is what the
        guardian says against a memory that is kept all the same."""
        with self.core.metrics.timed("memory.store"):
            return await self.core.finish(self.gate.store(owner, request, mark=mark))

    async def import_items(
        self, owner: str, items: Sequence[StoreRequest], *, paths: Sequence[str] = (), marks: Sequence[str | None] = ()
    ) -> ImportResponse:
        """Stores what the owner does not have yet; sending it again changes nothing. `paths` say where in the request
        each item stands, `marks` are as in `store`."""
        paths = paths or [f"$.items[{place}]" for place in range(len(items))]
        marks = marks or [None] * len(items)
        return await self.core.finish(self.gate.import_items(owner, items, paths=paths, marks=marks))

    def answered(self, owner: str, answer: str) -> None:
        """Says what an owner was told, so that it is not taken for something new when it is stored."""
        self.gate.answers.add(owner, answer)

    async def recall(self, owner: str, memory_id: str) -> Memory:
        """Counts the access. NotFound where the owner has no such memory."""
        counted = await self.core.database.write(lambda cursor: rows.count_access(cursor, owner, memory_id, _now()))
        if counted is None:
            raise not_found(memory_id)
        row, access = counted
        related = await self.core.run(self.core.ranker.related, owner, row.row_id, RELATED)
        found = await self.core.database.read(lambda cursor: rows.fetch(cursor, related))
        return rows.memory(row, access, [found[number].memory_id for number in related if number in found])

    async def search(self, owner: str, request: SearchRequest) -> SearchResponse:
        """By words alone while the embedding model is out of order."""
        return await self._search.search(owner, request)

    async def why(self, owner: str, request: WhyRequest) -> WhyResponse:
        """Where one memory stands in a search. NotFound where the owner has no such memory."""
        return await self._search.why(owner, request)

    async def list(self, owner: str, params: ListParams) -> ListResponse:
        """Newest first. `related_memories` stays empty here: `recall` computes it."""
        chosen = Selection(
            owner,
            types=[params.type] if params.type is not None else None,
            tags=[params.tag] if params.tag is not None else (),
        )
        chosen = at_time(chosen, as_of=params.as_of, include_superseded=params.include_superseded)
        newest = await self.core.run(self.core.ranker.newest, chosen)
        page = newest[newest < _read_cursor(params.cursor)] if params.cursor is not None else newest
        numbers = page[: params.limit].tolist()
        found, accesses = await self.core.database.read(
            lambda cursor: (rows.fetch(cursor, numbers), rows.accesses(cursor, numbers))
        )
        return ListResponse(
            memories=[rows.memory(found[n], accesses.get(n, rows.NEVER)) for n in numbers if n in found],
            total_count=len(newest),
            next_cursor=str(numbers[-1]) if len(page) > params.limit else None,
        )

    async def delete(self, owner: str, memory_id: str) -> DeleteResponse:
        """NotFound where the owner has no such memory. Folds lose it as a parent, what it ended holds again; what was
        asked and answered stays: `Forgetting` erases that too."""
        return await self.core.finish(self._delete(owner, memory_id))

    async def stats(self, owner: str) -> StatsResponse:
        by_type, tags, span = await self.core.run(self.core.ranker.figures, owner, TAGS_COUNTED)
        mean, p95 = await self.core.database.read(lambda cursor: rows.drift_figures(cursor, owner))
        index_size_bytes, database_size_bytes = await self.core.run(
            lambda: (self.core.ranker.text.size_bytes, self.core.database.size_bytes)
        )
        return StatsResponse(
            memories=sum(by_type.values()),
            by_type=by_type,
            pending_vectors=self.core.upkeep.pending.count(owner),
            tags=tags,
            oldest_event_at=span[0] if span else None,
            newest_event_at=span[1] if span else None,
            mean_drift=mean,
            p95_drift=p95,
            database_size_bytes=database_size_bytes,
            index_size_bytes=index_size_bytes,
        )

    async def get_many(self, owner: str, memory_ids: Sequence[str], *, with_accesses: bool = True) -> dict[str, Memory]:
        """Those that the owner has, in no order. Counts no access; without `with_accesses`, shows none either."""
        found = await self.core.kept.find_all(owner, memory_ids)
        accesses: dict[int, rows.Access] = {}
        if with_accesses:
            numbers = [row.row_id for row in found]
            accesses = await self.core.database.read(lambda cursor: rows.accesses(cursor, numbers))
        return {row.memory_id: rows.memory(row, accesses.get(row.row_id, rows.NEVER)) for row in found}

    async def vectors(self, owner: str, memory_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Of length 1: the mean of a memory's chunks. One that is pending is missing."""
        return await self.with_vectors(owner, memory_ids, dict)

    async def with_vectors(
        self, owner: str, memory_ids: Sequence[str], work: Callable[[dict[str, NDArray[np.float32]]], Result]
    ) -> Result:
        """`work`, on one of memory's own threads, with their `vectors`."""
        found = await self.core.kept.find_all(owner, memory_ids)

        def run() -> Result:
            means = self.core.ranker.means([row.row_id for row in found])
            return work({row.memory_id: means[row.row_id] for row in found if row.row_id in means})

        return await self.core.run(run)

    async def cosines(self, owner: str, query: str, memory_ids: Sequence[str]) -> dict[str, float]:
        """Of those that the owner has with the query, as a search gives them where they are calibrated: one that is
        pending is missing, and all of them by another embedder."""
        if not memory_ids or not self.core.is_calibrated:
            return {}
        found = await self.core.kept.find_all(owner, memory_ids)
        cosines = await self.core.run(self.core.cosines, query, [row.row_id for row in found])
        return {row.memory_id: cosines[row.row_id] for row in found if row.row_id in cosines}

    def pending_vectors(self) -> int:
        """Memories of all owners that are found by their words only, so far, or that another embedder still lacks."""
        coming = self.core.upkeep.coming
        return len(self.core.upkeep.pending) + (len(coming.pending) if coming is not None else 0)

    async def mean_drift(self) -> float | None:
        """Over all owners; None in an empty store."""
        mean, _ = await self.core.database.read(lambda cursor: rows.drift_figures(cursor, None))
        return mean

    async def self_test(self) -> str | None:
        """Why memory is not whole, None when it is."""
        problem = self.core.upkeep.problem
        if problem is not None:
            return problem
        if self.core.is_calibrated:
            await self.core.run(self.core.embed_query, "self-test")  # another's endpoint is not asked for nothing
        if self.core.query_problem is not None:
            return f"memories are found by their words only: {self.core.query_problem}"
        held, kept = await self.core.run(len, self.core.ranker), await self.core.database.read(rows.count)
        if held != kept and not self.core.busy:
            return f"the indexes hold {held} memories and the database {kept}: restart to rebuild them"
        return None

    async def wait_for_vectors(self, timeout_s: float) -> bool:
        """Whether every vector was computed in time."""
        return await self.core.upkeep.wait(timeout_s)

    async def close(self) -> None:
        await self.helix.stop()
        await self.core.close()

    async def _delete(self, owner: str, memory_id: str) -> DeleteResponse:
        def erase(cursor: Cursor, numbers: Numbers) -> tuple[None, Changed]:
            row, sequence = found_in(cursor, owner, memory_id), numbers.sequence()
            rows.delete(cursor, row.row_id, sequence)
            quotations.unlink(cursor, owner, memory_id)
            return None, Changed(erased={row.row_id: sequence})

        await self.core.change(erase)
        self.core.told(Change("deleted", owner, [memory_id]))
        return DeleteResponse(memory_id=memory_id, deleted=True)


def _read_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValidationError("cursor is not one that a list gave", field="cursor", hint="start again without it")
    return int(text)


def _now() -> datetime:
    return datetime.now(UTC)
