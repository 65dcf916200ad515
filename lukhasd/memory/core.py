"""What every part of memory stands on: the rows, the indexes kept in step with them, and the numbering of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.errors import NotFound
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.memory import item, rows, upkeep
from lukhasd.memory.catalogue import Catalogue
from lukhasd.memory.ranking import Ranker
from lukhasd.memory.text_index import TextIndex
from lukhasd.memory.vector_index import VectorIndex
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.records.metrics import Metrics

Result = TypeVar("Result")
Given = TypeVarTuple("Given")
INDEX_FOLDER = "index-text"
THREADS = 3
"""One may be embedding, one committing; a search then still finds a thread."""


@dataclass(frozen=True)
class Changed:
    """Row numbers: `rewritten` say something else now, `touched` kept their text, `erased` are gone (row number →
    the sequence of its deletion)."""

    rewritten: Sequence[int] = ()
    touched: Sequence[int] = ()
    erased: Mapping[int, int] = field(default_factory=dict)


class Numbers:
    """The row numbers and sequences that one change may use, in order."""

    def __init__(self, row: int, sequence: int, count: int) -> None:
        self._rows = iter(range(row, row + count))
        self._sequences = iter(range(sequence, sequence + count))

    def row(self) -> int:
        return next(self._rows)

    def sequence(self) -> int:
        return next(self._sequences)


class Core:
    """Made by `open`; used on the event loop that opened it."""

    def __init__(
        self,
        database: Database,
        ranker: Ranker,
        embedder: Embedder,
        *,
        metrics: Metrics,
        executor: ThreadPoolExecutor,
        last_numbers: tuple[int, int],
    ) -> None:
        self.database = database
        self.ranker = ranker
        self.embedder = embedder
        self.metrics = metrics
        self._executor = executor
        self.upkeep = upkeep.Upkeep(database, ranker, embedder, executor)
        self._last_row, self._last_sequence = last_numbers
        self._unfinished: set[asyncio.Task[object]] = set()

    @classmethod
    async def open(cls, *, database: Database, folder: Path, embedder: Embedder, metrics: Metrics) -> Core:
        """Indexes live in `folder`; what they lack is replayed, and one that is missing or damaged is rebuilt."""
        executor = ThreadPoolExecutor(THREADS, thread_name_prefix="memory")
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(executor, TextIndex.open, folder / INDEX_FOLDER, Analyser())
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
        ranker = Ranker(catalogue, text, vectors)
        core = cls(database, ranker, embedder, metrics=metrics, executor=executor, last_numbers=last_numbers)
        core.upkeep.stored(await database.read(lambda cursor: rows.pending(cursor, embedder.name)))
        core.upkeep.start()
        return core

    @property
    def busy(self) -> bool:
        """Whether something is on disk that the indexes do not hold yet."""
        return bool(self._unfinished)

    async def insert(self, prepared: item.Item) -> rows.NumberedItem:
        """On disk and searchable when it returns; inserts that wait together become one statement."""
        numbered = self.number(prepared)
        # No await between the number and the queue: rows reach the disk in the order of their numbers.
        await self.database.append("memories", rows.item_columns([numbered]))
        await self.publish_new([numbered])
        return numbered

    async def change(self, work: Callable[[Cursor, Numbers], tuple[Result, Changed]], *, at_most: int = 1) -> Result:
        """Runs `work` in a transaction and brings the indexes in step before it returns.

        `work` uses the numbers that it is given, at most so many of each; each row that it changes or erases needs a
        sequence of its own (an erased one in `memory_deletions`). It may be run again: it must change nothing but the
        database. Wrap the call in `finish` where the caller may go away.
        """
        row, sequence = self._last_row + 1, self._last_sequence + 1
        self._last_row += at_most
        self._last_sequence += at_most
        result, changed = await self.database.write(lambda cursor: work(cursor, Numbers(row, sequence, at_most)))
        await self.publish_changed(changed)
        return result

    async def publish_new(self, stored: Sequence[rows.NumberedItem]) -> None:
        def add() -> None:
            self.ranker.add([rows.entry(each) for each in stored], [rows.document(each) for each in stored])

        await self.run(add)
        self.upkeep.stored((each.row_id, each.item.owner) for each in stored)

    async def publish_changed(self, changed: Changed) -> None:
        async with self.upkeep.publishing:
            numbers = [*changed.rewritten, *changed.touched]
            found = await self.database.read(lambda cursor: rows.fetch(cursor, numbers)) if numbers else {}

            def replace() -> None:
                self.ranker.replace(
                    [row.entry for row in found.values()], [row.document for row in found.values()], changed.rewritten
                )
                for row_id, sequence in changed.erased.items():
                    self.ranker.remove(row_id, sequence)

            await self.run(replace)
            self.upkeep.stored((row_id, found[row_id].owner) for row_id in changed.rewritten if row_id in found)
        await self.upkeep.deleted(changed.erased)

    def number(self, prepared: item.Item) -> rows.NumberedItem:
        self._last_row += 1
        self._last_sequence += 1
        return rows.NumberedItem(self._last_row, self._last_sequence, prepared)

    def embed_query(self, query: str) -> NDArray[np.float32] | None:
        """Of length 1; None while the embedding model is out of order. Blocks: call it through `run`."""
        try:
            parts = self.embedder.embed(self.embedder.chunks(query))
        except EmbedderError:
            return None
        total = parts.sum(axis=0)
        unit: NDArray[np.float32] = total / max(float(np.linalg.norm(total)), 1e-12)
        return unit

    async def find(self, owner: str, memory_id: str) -> rows.MemoryRow:
        """NotFound where the owner has no such memory."""
        row = await self.database.read(lambda cursor: rows.find(cursor, owner, memory_id))
        if row is None:
            raise not_found(memory_id)
        return row

    async def finish(self, work: Coroutine[object, object, Result]) -> Result:
        """Runs to its end even if the caller goes away: what is on disk must also be in the indexes."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return await asyncio.shield(task)

    async def run(self, work: Callable[[Unpack[Given]], Result], *given: *Given) -> Result:
        """`work` on one of memory's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *given)

    async def close(self) -> None:
        """Finishes what was begun, stops the embedding, and commits the text index."""
        await asyncio.gather(*self._unfinished, return_exceptions=True)
        await self.upkeep.stop()
        await self.run(self.ranker.text.close)
        await asyncio.to_thread(self._executor.shutdown)


def not_found(memory_id: str) -> NotFound:
    return NotFound(
        f"no memory is called {memory_id}", hint="see: lukhas memory list", details={"memory_id": memory_id}
    )


def found_in(cursor: Cursor, owner: str, memory_id: str) -> rows.MemoryRow:
    """The same as `Core.find` within a transaction."""
    row = rows.find(cursor, owner, memory_id)
    if row is None:
        raise not_found(memory_id)
    return row
