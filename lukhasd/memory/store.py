"""The memory store: rows in DuckDB, two derived indexes, one owner never seeing another's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeVar, TypeVarTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import (
    DeleteResponse,
    ImportResponse,
    ListParams,
    ListResponse,
    Memory,
    SearchHit,
    SearchRequest,
    SearchResponse,
    StatsResponse,
    StoreRequest,
    StoreResponse,
)  # fmt: skip
from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.memory import answerable, item, moments, rows, upkeep
from lukhasd.memory.catalogue import Catalogue, Selection
from lukhasd.memory.ranking import Ranked, Ranker, Ranking
from lukhasd.memory.text_index import TextIndex
from lukhasd.memory.vector_index import VectorIndex
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.records.metrics import Metrics

Result = TypeVar("Result")
Given = TypeVarTuple("Given")
INDEX_FOLDER = "index-text"
RELATED = 5
TAGS_COUNTED = 50
THREADS = 3
"""One may be embedding, one committing; a search then still finds a thread."""


class MemoryStore:
    """`owner` is an identity's id everywhere. Made by `open`; used on the event loop that opened it."""

    def __init__(
        self,
        database: Database,
        ranker: Ranker,
        embedder: Embedder,
        *,
        metrics: Metrics,
        executor: ThreadPoolExecutor,
        judge: answerable.Answerable,
        last_numbers: tuple[int, int],
    ) -> None:
        self._database = database
        self._ranker = ranker
        self._embedder = embedder
        self._metrics = metrics
        self._executor = executor
        self._upkeep = upkeep.Upkeep(database, ranker, embedder, executor)
        self._answerable = judge
        self._last_row, self._last_sequence = last_numbers
        self._unfinished: set[asyncio.Task[object]] = set()

    @classmethod
    async def open(cls, *, database: Database, folder: Path, embedder: Embedder, metrics: Metrics) -> MemoryStore:
        """Indexes live in `folder`; what they lack is replayed, and one that is missing or damaged is rebuilt."""
        executor = ThreadPoolExecutor(THREADS, thread_name_prefix="memory")
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(executor, TextIndex.open, folder / INDEX_FOLDER, Analyser())
        judge = await loop.run_in_executor(executor, answerable.load)
        last_numbers = await database.read(rows.last_numbers)
        catalogue, vectors = Catalogue(), VectorIndex(embedder.dimensions)
        entries = await database.read(rows.entries)
        await loop.run_in_executor(executor, catalogue.add, entries)
        numbers, bytes_of = await database.read(
            lambda cursor: rows.load_vectors(cursor, embedder.name, embedder.dimensions)
        )
        await loop.run_in_executor(executor, vectors.add, numbers, bytes_of)
        if text.state.sequence > last_numbers[1]:  # an older database was put back
            await loop.run_in_executor(executor, text.clear)
        await upkeep.replay(database, text, executor)
        if text.documents != len(entries):
            await loop.run_in_executor(executor, text.clear)
            await upkeep.replay(database, text, executor)
        store = cls(
            database,
            Ranker(catalogue, text, vectors),
            embedder,
            metrics=metrics,
            executor=executor,
            judge=judge,
            last_numbers=last_numbers,
        )
        store._upkeep.stored(await database.read(lambda cursor: rows.pending(cursor, embedder.name)))
        store._upkeep.start()
        return store

    async def store(self, owner: str, request: StoreRequest) -> StoreResponse:
        """On disk and searchable when it returns."""
        with self._metrics.timed("memory.store"):
            prepared = await self._run(partial(item.prepare, owner, request, now=_now()))
            return await self._finish(self._store(prepared))

    async def import_items(self, owner: str, items: Sequence[StoreRequest]) -> ImportResponse:
        """Stores what the owner does not have yet; sending it again changes nothing."""
        now = _now()
        prepared = await self._run(
            lambda: [
                item.prepare(owner, request, now=now, path=f"$.items[{place}]") for place, request in enumerate(items)
            ]
        )
        return await self._finish(self._import(owner, prepared))

    async def recall(self, owner: str, memory_id: str) -> Memory:
        """Counts the access. NotFound where the owner has no such memory."""
        counted = await self._database.write(lambda cursor: rows.count_access(cursor, owner, memory_id, _now()))
        if counted is None:
            raise _not_found(memory_id)
        row, access = counted
        related = await self._run(self._ranker.related, owner, row.row_id, RELATED)
        found = await self._database.read(lambda cursor: rows.fetch(cursor, related))
        return rows.memory(row, access, [found[number].memory_id for number in related if number in found])

    async def search(self, owner: str, request: SearchRequest) -> SearchResponse:
        """By words alone while the embedding model is out of order."""
        started = perf_counter()
        chosen = select(owner, request)
        ranking = await self._run(self._rank, request.query, chosen, request.limit)
        hits = ranking.hits
        found = await self._database.read(lambda cursor: rows.fetch(cursor, [hit.row_id for hit in hits]))
        results = [
            _hit(hit, found[hit.row_id], with_context=request.include_context) for hit in hits if hit.row_id in found
        ]
        duration_ms = (perf_counter() - started) * 1000
        self._metrics.record("memory.search", duration_ms)
        return SearchResponse(
            results=results,
            total_matches=ranking.total,
            search_time_ms=duration_ms,
            pending_vectors=self._upkeep.pending.count(owner),
        )

    async def list(self, owner: str, params: ListParams) -> ListResponse:
        """Newest first. `related_memories` stays empty here: `recall` computes it."""
        chosen = Selection(
            owner,
            types=[params.type] if params.type is not None else None,
            tags=[params.tag] if params.tag is not None else (),
        )
        newest = await self._run(self._ranker.newest, chosen)
        page = newest[newest < _read_cursor(params.cursor)] if params.cursor is not None else newest
        numbers = page[: params.limit].tolist()
        found, accesses = await self._database.read(
            lambda cursor: (rows.fetch(cursor, numbers), rows.accesses(cursor, numbers))
        )
        return ListResponse(
            memories=[rows.memory(found[n], accesses.get(n, rows.NEVER)) for n in numbers if n in found],
            total_count=len(newest),
            next_cursor=str(numbers[-1]) if len(page) > params.limit else None,
        )

    async def delete(self, owner: str, memory_id: str) -> DeleteResponse:
        """NotFound where the owner has no such memory."""
        return await self._finish(self._delete(owner, memory_id))

    async def stats(self, owner: str) -> StatsResponse:
        by_type, tags, span = await self._run(self._ranker.figures, owner, TAGS_COUNTED)
        mean, p95 = await self._database.read(lambda cursor: rows.drift_figures(cursor, owner))
        index_size_bytes, database_size_bytes = await self._run(
            lambda: (self._ranker.text.size_bytes, self._database.size_bytes)
        )
        return StatsResponse(
            memories=sum(by_type.values()),
            by_type=by_type,
            pending_vectors=self._upkeep.pending.count(owner),
            tags=tags,
            oldest_event_at=span[0] if span else None,
            newest_event_at=span[1] if span else None,
            mean_drift=mean,
            p95_drift=p95,
            database_size_bytes=database_size_bytes,
            index_size_bytes=index_size_bytes,
        )

    async def get_many(self, owner: str, memory_ids: Sequence[str]) -> dict[str, Memory]:
        """Those that the owner has, in no order. Counts no access."""

        def read(cursor: Cursor) -> dict[str, Memory]:
            found = rows.find_all(cursor, owner, memory_ids)
            accesses = rows.accesses(cursor, [row.row_id for row in found])
            return {row.memory_id: rows.memory(row, accesses.get(row.row_id, rows.NEVER)) for row in found}

        return await self._database.read(read)

    async def vectors(self, owner: str, memory_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Of length 1: the mean of a memory's chunks. One that is pending is missing."""
        found = await self._database.read(lambda cursor: rows.find_all(cursor, owner, memory_ids))
        means = await self._run(self._ranker.means, [row.row_id for row in found])
        return {row.memory_id: means[row.row_id] for row in found if row.row_id in means}

    def answer_probability(self, query: str, hits: Sequence[SearchHit]) -> float:
        """Calibrated probability that what answers `query` is among `hits`; 0.0 by definition where there are none."""
        return self._answerable.probability(query, hits)

    def pending_vectors(self) -> int:
        """Memories of all owners that are found by their words only, so far."""
        return len(self._upkeep.pending)

    async def mean_drift(self) -> float | None:
        """Over all owners; None in an empty store."""
        mean, _ = await self._database.read(lambda cursor: rows.drift_figures(cursor, None))
        return mean

    async def self_test(self) -> str | None:
        """Why memory is not whole, None when it is."""
        problem = self._upkeep.problem
        if problem is not None:
            return problem
        try:
            await self._run(self._embedder.embed, ["self-test"])
        except EmbedderError as error:
            return f"memories are found by their words only: {error}"
        held, kept = await self._run(len, self._ranker), await self._database.read(rows.count)
        if held != kept and not self._unfinished:
            return f"the indexes hold {held} memories and the database {kept}: restart to rebuild them"
        return None

    async def wait_for_vectors(self, timeout_s: float) -> bool:
        """Whether every vector was computed in time."""
        return await self._upkeep.wait(timeout_s)

    async def close(self) -> None:
        """Finishes what was begun, stops the embedding, and commits the text index."""
        await asyncio.gather(*self._unfinished, return_exceptions=True)
        await self._upkeep.stop()
        await self._run(self._ranker.text.close)
        await asyncio.to_thread(self._executor.shutdown)

    async def _store(self, prepared: item.Item) -> StoreResponse:
        numbered = self._number(prepared)
        # No await between the number and the queue: rows reach the disk in the order of their numbers.
        await self._database.append("memories", rows.item_columns([numbered]))
        await self._publish([numbered])
        # What it says now is what was first stored, so that it has not drifted.
        return StoreResponse(
            memory_id=prepared.memory_id, helix_id=prepared.helix_id, drift_score=0.0, storage_confirmed=True
        )

    async def _import(self, owner: str, prepared: Sequence[item.Item]) -> ImportResponse:
        numbered = [self._number(each) for each in prepared]
        new, memory_ids = await self._database.write(lambda cursor: rows.import_missing(cursor, owner, numbered))
        await self._publish(new)
        return ImportResponse(stored=len(new), skipped=len(numbered) - len(new), memory_ids=memory_ids)

    async def _delete(self, owner: str, memory_id: str) -> DeleteResponse:
        self._last_sequence += 1
        sequence = self._last_sequence
        row_id = await self._database.write(lambda cursor: rows.delete(cursor, owner, memory_id, sequence))
        if row_id is None:
            raise _not_found(memory_id)
        await self._run(self._ranker.remove, row_id, sequence)
        await self._upkeep.deleted(row_id)
        return DeleteResponse(memory_id=memory_id, deleted=True)

    async def _publish(self, stored: Sequence[rows.NumberedItem]) -> None:
        def add() -> None:
            self._ranker.add([rows.entry(each) for each in stored], [rows.document(each) for each in stored])

        await self._run(add)
        self._upkeep.stored((each.row_id, each.item.owner) for each in stored)

    def _number(self, prepared: item.Item) -> rows.NumberedItem:
        self._last_row += 1
        self._last_sequence += 1
        return rows.NumberedItem(self._last_row, self._last_sequence, prepared)

    def _rank(self, query: str, chosen: Selection, limit: int) -> Ranking:
        try:
            parts = self._embedder.embed(self._embedder.chunks(query))
        except EmbedderError:
            return self._ranker.rank(query, None, chosen, limit)
        total = parts.sum(axis=0)
        return self._ranker.rank(query, total / max(float(np.linalg.norm(total)), 1e-12), chosen, limit)

    async def _finish(self, work: Coroutine[object, object, Result]) -> Result:
        """Runs to its end even if the caller goes away: what is on disk must also be in the indexes."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return await asyncio.shield(task)

    async def _run(self, work: Callable[[Unpack[Given]], Result], *given: *Given) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *given)


def select(owner: str, request: SearchRequest) -> Selection:
    """The request's filters, checked."""
    filters = request.filters
    start, end = moments.parse_range(filters.date_range) if filters.date_range is not None else (None, None)
    return Selection(
        owner,
        types=filters.type,
        start=start,
        end=end,
        min_importance=filters.min_importance,
        tags=filters.tags or (),
    )


def _hit(ranked: Ranked, row: rows.MemoryRow, *, with_context: bool) -> SearchHit:
    content = row.content()
    return SearchHit(
        memory_id=row.memory_id,
        relevance_score=ranked.score,
        content=row.content(with_context=False),
        context=content.context if with_context else None,
        tags=list(row.tags),
        event_at=row.event_at,
        text_score=ranked.text_score,
        vector_score=ranked.vector_score,
        cosine=ranked.cosine,
    )


def _read_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValidationError("cursor is not one that a list gave", field="cursor", hint="start again without it")
    return int(text)


def _not_found(memory_id: str) -> NotFound:
    return NotFound(
        f"no memory is called {memory_id}", hint="see: lukhas memory list", details={"memory_id": memory_id}
    )


def _now() -> datetime:
    return datetime.now(UTC)
