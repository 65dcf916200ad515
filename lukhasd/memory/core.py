"""What every part of memory stands on: the rows, the indexes kept in step with them, and the numbering of changes."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import SearchHit
from lukhas_sdk.errors import NotFound
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.memory import embedders, item, loading, rows, upkeep
from lukhasd.memory.catalogue import Catalogue
from lukhasd.memory.kept_rows import KeptRows
from lukhasd.memory.ranking import Ranker
from lukhasd.memory.text_index import TextIndex
from lukhasd.memory.traits import TRAIT_ROWS, Traits, read_traits
from lukhasd.memory.vector_index import VectorIndex
from lukhasd.memory.vector_keeper import VectorKeeper
from lukhasd.memory.words import Analyser, forget_texts
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.records.metrics import Metrics

Result = TypeVar("Result")
Given = TypeVarTuple("Given")
INDEX_FOLDER = "index-text"
QUERY_WINDOWS = 4
"""Of a longer query the rest counts by its words alone: ten thousand characters are up to forty."""
VECTOR_FOLDER = "index-vectors"
THREADS = 3
"""One may be embedding, one committing; a search then still finds a thread."""


@dataclass(frozen=True)
class Changed:
    """Row numbers: `rewritten` say something else now, `touched` kept their text, `erased` are gone (row number →
    the sequence of its deletion)."""

    rewritten: Sequence[int] = ()
    touched: Sequence[int] = ()
    erased: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What was done with an owner's memories: `kind` in a word, as "stored" or a version's cause; `ids` are theirs, or
    of what was made of them."""

    kind: str
    owner: str
    ids: Sequence[str]


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
        folder: Path,
        serving: Embedder | None = None,
    ) -> None:
        self.database = database
        self.ranker = ranker
        self.kept = KeptRows(database)
        self.embedder = embedder
        """The packaged one, which drift is measured with, whichever embedder's vectors are searched."""
        self.metrics = metrics
        self._executor = executor
        self.upkeep = upkeep.Upkeep(database, ranker, serving or embedder, executor)
        self.query_problem: str | None = None
        """Why the last query that was to be embedded was not."""
        self._folder = folder
        self._choosing = asyncio.Lock()
        self._last_row, self._last_sequence = last_numbers
        self._changes = 0
        self._unsettled = 0
        self._unfinished: set[asyncio.Task[object]] = set()
        self.rewritten = asyncio.Event()
        """Set when a memory says something else: its drift may not have been measured."""
        self.after_publishing: list[Callable[[], None]] = []
        """Called on the event loop when something was stored, changed or deleted and the indexes hold it."""
        self.told: Callable[[Change], None] = lambda change: None
        """Given each change once it is done, on the event loop."""

    @classmethod
    async def open(
        cls, *, database: Database, folder: Path, embedder: Embedder, metrics: Metrics, serving: Embedder | None = None
    ) -> Core:
        """Indexes live in `folder`; what they lack is replayed, and one that is missing or damaged is rebuilt.
        `serving` is the embedder whose vectors are searched, where it is not `embedder`, the packaged one."""
        executor = ThreadPoolExecutor(THREADS, thread_name_prefix="memory")
        loop = asyncio.get_running_loop()
        text = await loop.run_in_executor(executor, TextIndex.open, folder / INDEX_FOLDER, Analyser())
        last_numbers = await database.read(rows.last_numbers)
        catalogue = Catalogue()
        entries = await database.read(loading.entry_columns)
        await loop.run_in_executor(executor, catalogue.add_columns, entries)
        searched = serving or embedder
        vector_folder = _vector_folder(folder, searched, embedder)
        await loop.run_in_executor(executor, _remove_others, vector_folder)
        vectors = await _open_vectors(database, vector_folder, searched)
        if text.state.sequence > last_numbers[1]:  # an older database was put back
            await loop.run_in_executor(executor, text.clear)
        await upkeep.replay(database, text, executor)
        if text.documents != len(entries):
            await loop.run_in_executor(executor, text.clear)
            await upkeep.replay(database, text, executor)
        traits = Traits()
        for after in range(-1, last_numbers[0], TRAIT_ROWS):
            found = await database.read(partial(read_traits, after=after))
            await loop.run_in_executor(executor, traits.add_columns, found)
        ranker = Ranker(catalogue, text, vectors, traits)
        core = cls(
            database,
            ranker,
            embedder,
            metrics=metrics,
            executor=executor,
            last_numbers=last_numbers,
            folder=folder,
            serving=serving,
        )
        core.upkeep.stored(await database.read(lambda cursor: rows.pending(cursor, searched.name)))
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
        self._changes += 1
        self._unsettled += 1  # for good where the caller goes away: what was begun may still be done
        try:
            result, changed = await self.database.write(lambda cursor: work(cursor, Numbers(row, sequence, at_most)))
        except Exception:
            self._unsettled -= 1
            raise
        self.kept.drop([*changed.rewritten, *changed.touched, *changed.erased])
        self._unsettled -= 1
        if changed.rewritten or changed.erased:
            forget_texts()
        await self.publish_changed(changed)
        return result

    def settled(self) -> int | None:
        """The same number later says that whatever was there is there still; None while something changes."""
        return None if self._unsettled else self._changes

    async def publish_new(self, stored: Sequence[rows.NumberedItem]) -> None:
        def add() -> None:
            self.ranker.add([rows.entry(each) for each in stored], [rows.document(each) for each in stored])

        await self.run(add)
        self.upkeep.stored((each.row_id, each.item.owner) for each in stored)
        self._published()

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
        if changed.rewritten:
            self.rewritten.set()
        await self.upkeep.deleted(changed.erased)
        self._published()

    def _published(self) -> None:
        for tell in self.after_publishing:
            tell()

    def number(self, prepared: item.Item) -> rows.NumberedItem:
        self._last_row += 1
        self._last_sequence += 1
        return rows.NumberedItem(self._last_row, self._last_sequence, prepared)

    @property
    def meaning(self) -> VectorKeeper:
        """The embedder whose vectors are searched, with its index: take both from one look at it."""
        return self.upkeep.serving

    @property
    def is_calibrated(self) -> bool:
        """Whether the cosines of hits are the packaged embedder's, which probabilities were fitted on."""
        return self.meaning.embedder.name == self.embedder.name

    def calibrated(self, hits: Sequence[SearchHit]) -> Sequence[SearchHit]:
        """The hits for a model that was fitted on the packaged embedder's cosines: another's are left out."""
        return hits if self.is_calibrated else [msgspec.structs.replace(hit, cosine=None) for hit in hits]

    async def change_embedder(self, embedder: Embedder) -> None:
        """Computes that embedder's vectors in the background, those that the database has left out. The ones before are
        searched until it has them all. Choosing the one that is searched gives up the one that is coming; an embedder
        made anew, as with another key, takes its namesake's place."""
        async with self._choosing:
            coming = self.upkeep.coming
            if coming is not None and coming.embedder.name == embedder.name:
                coming.use(embedder)
                return
            given_up = await self.upkeep.give_up()
            if given_up is not None:
                await asyncio.to_thread(upkeep.discard, given_up)
            if self.meaning.embedder.name == embedder.name:
                self.meaning.use(embedder)
                return
            dimensions = embedder.dimensions
            await self.database.write(lambda cursor: embedders.forget(cursor, embedder.name, dimensions))
            folder = _vector_folder(self._folder, embedder, self.embedder)
            await self.upkeep.expect(embedder, await _open_vectors(self.database, folder, embedder))

    def embed_query(self, query: str, embedder: Embedder | None = None) -> NDArray[np.float32] | None:
        """Of length 1, by that embedder or the one whose vectors are searched; None while it is out of order. Blocks:
        call it through `run`."""
        embedder = embedder or self.meaning.embedder
        try:
            parts = embedder.embed(embedder.chunks(query)[:QUERY_WINDOWS])
        except EmbedderError as error:
            if embedder is self.meaning.embedder:
                self.query_problem = error.message
            return None
        self.query_problem = None
        total = parts.sum(axis=0)
        unit: NDArray[np.float32] = total / max(float(np.linalg.norm(total)), 1e-12)
        return unit

    def cosines(self, query: str, row_ids: Sequence[int]) -> dict[int, float]:
        """Of those of the rows that have vectors; none while the embedder is out of order. Blocks."""
        meaning = self.meaning
        vector = self.embed_query(query, meaning.embedder)
        return {} if vector is None else meaning.index.score(vector, np.array(row_ids, dtype=np.int64))

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

    async def settle(self) -> None:
        """What `finish` has begun so far is done, or has failed."""
        if self._unfinished:
            await asyncio.wait([*self._unfinished])

    async def commit_text(self) -> None:
        """Brings the text index on disk to the newest change."""
        await upkeep.replay(self.database, self.ranker.text, self._executor)

    async def purge_indexes(self) -> None:
        """No file of the indexes holds anything of what was deleted or rewritten."""
        await upkeep.purge(self.database, self.ranker.text, self._executor)
        await self.run(self.ranker.flush)

    async def run(self, work: Callable[[Unpack[Given]], Result], *given: *Given) -> Result:
        """`work` on one of memory's own threads."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *given)

    async def close(self) -> None:
        """Finishes what was begun, stops the embedding, and commits the text index."""
        await asyncio.gather(*self._unfinished, return_exceptions=True)
        await self.upkeep.stop()
        await self.run(self.ranker.close)
        await asyncio.to_thread(self._executor.shutdown)


async def _open_vectors(database: Database, folder: Path, embedder: Embedder) -> VectorIndex:
    """With what the database holds of that embedder's."""
    index = await asyncio.to_thread(VectorIndex, folder, embedder.dimensions, embedder.name)
    await database.read(partial(loading.complete_vectors, vectors=index, embedder=embedder.name))
    return index


def _remove_others(kept: Path) -> None:
    """Indexes that a stop left behind; what they held is in the database."""
    for folder in kept.parent.glob(f"{VECTOR_FOLDER}*"):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


def _vector_folder(folder: Path, embedder: Embedder, packaged: Embedder) -> Path:
    """One for each embedder."""
    if embedder.name == packaged.name:
        return folder / VECTOR_FOLDER
    return folder / f"{VECTOR_FOLDER}-{hashlib.sha256(embedder.name.encode()).hexdigest()[:16]}"


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
