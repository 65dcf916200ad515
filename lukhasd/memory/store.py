"""The memory store: rows in DuckDB, two derived indexes, one owner never seeing another's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter

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
from lukhas_sdk.errors import ValidationError
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.memory import answerable, item, moments, rows
from lukhasd.memory.catalogue import Selection
from lukhasd.memory.core import Changed, Core, Numbers, found_in, not_found
from lukhasd.memory.ranking import Ranked, Ranking
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.records.metrics import Metrics

RELATED = 5
TAGS_COUNTED = 50


class MemoryStore:
    """`owner` is an identity's id everywhere. Made by `open`; used on the event loop that opened it."""

    def __init__(self, core: Core, judge: answerable.Answerable) -> None:
        self.core = core
        self._answerable = judge

    @classmethod
    async def open(cls, *, database: Database, folder: Path, embedder: Embedder, metrics: Metrics) -> MemoryStore:
        """Indexes live in `folder`; what they lack is replayed, and one that is missing or damaged is rebuilt."""
        core = await Core.open(database=database, folder=folder, embedder=embedder, metrics=metrics)
        return cls(core, await core.run(answerable.load))

    async def store(self, owner: str, request: StoreRequest) -> StoreResponse:
        """On disk and searchable when it returns."""
        with self.core.metrics.timed("memory.store"):
            prepared = await self.core.run(partial(item.prepare, owner, request, now=_now()))
            return await self.core.finish(self._store(prepared))

    async def import_items(self, owner: str, items: Sequence[StoreRequest]) -> ImportResponse:
        """Stores what the owner does not have yet; sending it again changes nothing."""
        now = _now()
        prepared = await self.core.run(
            lambda: [
                item.prepare(owner, request, now=now, path=f"$.items[{place}]") for place, request in enumerate(items)
            ]
        )
        return await self.core.finish(self._import(owner, prepared))

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
        started = perf_counter()
        chosen = select(owner, request)
        ranking = await self.core.run(self._rank, request.query, chosen, request.limit)
        hits = ranking.hits
        found = await self.core.database.read(lambda cursor: rows.fetch(cursor, [hit.row_id for hit in hits]))
        results = [
            _hit(hit, found[hit.row_id], with_context=request.include_context) for hit in hits if hit.row_id in found
        ]
        duration_ms = (perf_counter() - started) * 1000
        self.core.metrics.record("memory.search", duration_ms)
        return SearchResponse(
            results=results,
            total_matches=ranking.total,
            search_time_ms=duration_ms,
            pending_vectors=self.core.upkeep.pending.count(owner),
        )

    async def list(self, owner: str, params: ListParams) -> ListResponse:
        """Newest first. `related_memories` stays empty here: `recall` computes it."""
        chosen = Selection(
            owner,
            types=[params.type] if params.type is not None else None,
            tags=[params.tag] if params.tag is not None else (),
        )
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
        """NotFound where the owner has no such memory."""
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

    async def get_many(self, owner: str, memory_ids: Sequence[str]) -> dict[str, Memory]:
        """Those that the owner has, in no order. Counts no access."""

        def read(cursor: Cursor) -> dict[str, Memory]:
            found = rows.find_all(cursor, owner, memory_ids)
            accesses = rows.accesses(cursor, [row.row_id for row in found])
            return {row.memory_id: rows.memory(row, accesses.get(row.row_id, rows.NEVER)) for row in found}

        return await self.core.database.read(read)

    async def vectors(self, owner: str, memory_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Of length 1: the mean of a memory's chunks. One that is pending is missing."""
        found = await self.core.database.read(lambda cursor: rows.find_all(cursor, owner, memory_ids))
        means = await self.core.run(self.core.ranker.means, [row.row_id for row in found])
        return {row.memory_id: means[row.row_id] for row in found if row.row_id in means}

    def answer_probability(self, query: str, hits: Sequence[SearchHit]) -> float:
        """Calibrated probability that what answers `query` is among `hits`; 0.0 by definition where there are none."""
        return self._answerable.probability(query, hits)

    def pending_vectors(self) -> int:
        """Memories of all owners that are found by their words only, so far."""
        return len(self.core.upkeep.pending)

    async def mean_drift(self) -> float | None:
        """Over all owners; None in an empty store."""
        mean, _ = await self.core.database.read(lambda cursor: rows.drift_figures(cursor, None))
        return mean

    async def self_test(self) -> str | None:
        """Why memory is not whole, None when it is."""
        problem = self.core.upkeep.problem
        if problem is not None:
            return problem
        try:
            await self.core.run(self.core.embedder.embed, ["self-test"])
        except EmbedderError as error:
            return f"memories are found by their words only: {error}"
        held, kept = await self.core.run(len, self.core.ranker), await self.core.database.read(rows.count)
        if held != kept and not self.core.busy:
            return f"the indexes hold {held} memories and the database {kept}: restart to rebuild them"
        return None

    async def wait_for_vectors(self, timeout_s: float) -> bool:
        """Whether every vector was computed in time."""
        return await self.core.upkeep.wait(timeout_s)

    async def close(self) -> None:
        await self.core.close()

    async def _store(self, prepared: item.Item) -> StoreResponse:
        await self.core.insert(prepared)
        # What it says now is what was first stored, so that it has not drifted.
        return StoreResponse(
            memory_id=prepared.memory_id, helix_id=prepared.helix_id, drift_score=0.0, storage_confirmed=True
        )

    async def _import(self, owner: str, prepared: Sequence[item.Item]) -> ImportResponse:
        numbered = [self.core.number(each) for each in prepared]
        new, memory_ids = await self.core.database.write(lambda cursor: rows.import_missing(cursor, owner, numbered))
        await self.core.publish_new(new)
        return ImportResponse(stored=len(new), skipped=len(numbered) - len(new), memory_ids=memory_ids)

    async def _delete(self, owner: str, memory_id: str) -> DeleteResponse:
        def erase(cursor: Cursor, numbers: Numbers) -> tuple[None, Changed]:
            row, sequence = found_in(cursor, owner, memory_id), numbers.sequence()
            rows.delete(cursor, row.row_id, sequence)
            return None, Changed(erased={row.row_id: sequence})

        await self.core.change(erase)
        return DeleteResponse(memory_id=memory_id, deleted=True)

    def _rank(self, query: str, chosen: Selection, limit: int) -> Ranking:
        return self.core.ranker.rank(query, self.core.embed_query(query), chosen, limit)


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


def _now() -> datetime:
    return datetime.now(UTC)
