"""What runs behind the store: text index commits, and the embedding of what has been stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial

from lukhasd.database import Database
from lukhasd.memory import embedders, rows
from lukhasd.memory.ranking import Ranker
from lukhasd.memory.text_index import TextIndex
from lukhasd.memory.vector_index import VectorIndex
from lukhasd.memory.vector_keeper import Pending, VectorKeeper
from lukhasd.models.embedder import Embedder
from lukhasd.models.endpoint import EndpointEmbedder

LOG = logging.getLogger(__name__)
COMMIT_DELAY_S = 1.0
"""From a change to its commit: a commit costs 12 to 60 ms whatever it holds."""
REPLAY_ROWS = 2_000
RETRY_S = 60.0
"""After a failure of the disk."""


async def replay(database: Database, text: TextIndex, executor: Executor) -> None:
    """Brings the text index on disk to the newest change."""
    async with text.turn:
        await _replay(database, text, executor)


async def purge(database: Database, text: TextIndex, executor: Executor) -> None:
    """The same, and no file of the text index holds a word of what was deleted or rewritten: what shares a file with it
    is indexed again, about 10 s for 100,000 memories."""
    loop = asyncio.get_running_loop()
    async with text.turn:
        await _replay(database, text, executor)
        beside = (await loop.run_in_executor(executor, text.beside_deleted)).tolist()
        for start in range(0, len(beside), REPLAY_ROWS):
            some = beside[start : start + REPLAY_ROWS]
            found = await database.read(partial(rows.fetch, row_ids=some))
            await loop.run_in_executor(executor, text.apply, (row.document for row in found.values()), ())
        await loop.run_in_executor(executor, text.sweep)


async def _replay(database: Database, text: TextIndex, executor: Executor) -> None:
    loop = asyncio.get_running_loop()
    reached = text.state.sequence
    while True:
        changed, deleted, until = await database.read(partial(rows.changes, after=reached, limit=REPLAY_ROWS))
        if until == reached:
            break
        await loop.run_in_executor(executor, text.apply, (row.document for row in changed), deleted)
        reached = until
    if reached != text.state.sequence:
        await loop.run_in_executor(executor, text.commit, reached)


class Upkeep:
    """Commits the text index, and computes vectors: of the embedder whose vectors are searched, and of another one that
    is to be searched once it has them all. `problem` says why what is searched is not kept in step."""

    def __init__(self, database: Database, ranker: Ranker, embedder: Embedder, executor: Executor) -> None:
        self.publishing = asyncio.Lock()
        """Held while changes or vectors go into the indexes: a vector never comes after the text it was not made of."""
        self.serving = self._keeper(database, ranker, embedder, ranker.vectors)
        self.coming: VectorKeeper | None = None
        self.index_problem: str | None = None
        self._database = database
        self._ranker = ranker
        self._executor = executor
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._switching: asyncio.Task[None] | None = None

    @property
    def pending(self) -> Pending:
        """What is found by its words only, so far."""
        return self.serving.pending

    @property
    def embedding_problem(self) -> str | None:
        return self.serving.problem

    @property
    def problem(self) -> str | None:
        return "; ".join(filter(None, (self.index_problem, self.embedding_problem))) or None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_text(), name="memory-text")
        self.serving.start()

    def stored(self, memories: Iterable[tuple[int, str]]) -> None:
        """Row numbers and owners of memories that are on disk now."""
        memories = list(memories)
        for keeper in self._keepers():
            keeper.stored(memories)
        self._changed.set()

    async def deleted(self, row_ids: Iterable[int]) -> None:
        self._changed.set()
        row_ids = list(row_ids)
        for keeper in self._keepers():
            await keeper.settle(row_ids)
        self._look_at_coming()

    def retry(self) -> None:
        """Tries at once what failed."""
        for keeper in self._keepers():
            keeper.use(keeper.embedder)

    async def wait(self, timeout_s: float) -> bool:
        """Whether every vector that is to be searched was there in time."""
        return await self.serving.wait(timeout_s)

    async def expect(self, embedder: Embedder, index: VectorIndex) -> None:
        """Computes `embedder`'s vectors into `index`, which holds those that the database has, and searches them once
        no memory would be lost from sight by it."""
        coming = self._keeper(self._database, self._ranker, embedder, index)
        self._ranker.expect_vectors(index)
        self.coming = coming
        coming.stored(await self._database.read(lambda cursor: rows.pending(cursor, embedder.name)))
        coming.after_batch = self._look_at_coming
        coming.start()
        self._look_at_coming()

    async def give_up(self) -> VectorIndex | None:
        """The index of the embedder that was coming; what is in the database of it stays."""
        if self._switching is not None:
            await self._switching
        coming, self.coming = self.coming, None
        if coming is None:
            return None
        self._ranker.expect_vectors(None)
        if isinstance(coming.embedder, EndpointEmbedder):
            coming.embedder.close()  # else a request under way would be waited for
        await coming.stop()
        return coming.index

    async def stop(self) -> None:
        """Leaves the text index as new as the rows, unless it cannot be written."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._switching is not None:
            await asyncio.gather(self._switching, return_exceptions=True)
        await asyncio.gather(*(keeper.stop() for keeper in self._keepers()))
        with contextlib.suppress(OSError, ValueError):  # it is replayed at the next start
            await replay(self._database, self._ranker.text, self._executor)

    def _keepers(self) -> list[VectorKeeper]:
        return [self.serving, *([self.coming] if self.coming is not None else [])]

    def _keeper(self, database: Database, ranker: Ranker, embedder: Embedder, index: VectorIndex) -> VectorKeeper:
        return VectorKeeper(database, ranker, embedder=embedder, index=index, publishing=self.publishing)

    def _look_at_coming(self) -> None:
        complete = self.coming is not None and self.coming.pending <= self.serving.pending
        if complete and (self._switching is None or self._switching.done()):
            self._switching = asyncio.create_task(self._try_to_switch(), name="memory-switch")

    async def _try_to_switch(self) -> None:
        try:
            await self._switch()
        except Exception as error:
            LOG.exception("search cannot use the new vectors yet")
            if self.coming is not None:
                self.coming.problem = f"search cannot use the new vectors yet: {error}"
            asyncio.get_running_loop().call_later(RETRY_S, self._look_at_coming)

    async def _switch(self) -> None:
        async with self.publishing:
            former, coming = self.serving, self.coming
            if coming is None or not coming.pending <= former.pending:
                return
            new, old = coming.embedder, former.embedder
            await self._database.write(lambda cursor: embedders.serve(cursor, new, old))
            self._ranker.use_vectors(coming.index)
            self.serving, self.coming = coming, None
            coming.after_batch = lambda: None
        LOG.info("search uses the vectors of %s", new.name)
        await former.stop()
        await asyncio.to_thread(discard, former.index)

    async def _keep_text(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(COMMIT_DELAY_S)
            self._changed.clear()
            try:
                await replay(self._database, self._ranker.text, self._executor)
                self.index_problem = None
            except Exception as error:
                LOG.exception("the text index could not be written")
                self.index_problem = f"the text index cannot be written: {error}"
                await asyncio.get_running_loop().run_in_executor(self._executor, self._ranker.text.rollback)
                self._changed.set()
                await asyncio.sleep(RETRY_S)


def discard(index: VectorIndex) -> None:
    """Closes it and removes its files: the database keeps what is in them, or nobody needs it."""
    index.close()
    shutil.rmtree(index.folder, ignore_errors=True)
