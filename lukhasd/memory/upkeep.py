"""What runs behind the store: text index commits, and the embedding of what has been stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import TypeVar, TypeVarTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.errors import LukhasError
from lukhasd.database import Database
from lukhasd.memory import rows
from lukhasd.memory.ranking import Ranker
from lukhasd.memory.text_index import TextIndex
from lukhasd.models.embedder import Embedder

Result = TypeVar("Result")
Given = TypeVarTuple("Given")
LOG = logging.getLogger(__name__)
COMMIT_DELAY_S = 1.0
"""From a change to its commit: a commit costs 12 to 60 ms whatever it holds."""
REPLAY_ROWS = 2_000
EMBED_ROWS = 64
EMBED_CHUNKS = 32
"""Chunks computed between two looks at whether to stop."""
RETRY_S = 60.0
"""After a failure of the disk or the model."""


async def replay(database: Database, text: TextIndex, executor: Executor) -> None:
    """Brings the text index on disk to the newest change."""
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


class Pending:
    """Memories whose vectors are still to be computed, oldest first. Belongs to the event loop."""

    def __init__(self) -> None:
        self._owner_of: dict[int, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._owner_of)

    def add(self, memories: Iterable[tuple[int, str]]) -> None:
        for row_id, owner in memories:
            if row_id not in self._owner_of:
                self._counts[owner] += 1
            self._owner_of[row_id] = owner

    def discard(self, row_ids: Iterable[int]) -> None:
        for row_id in row_ids:
            owner = self._owner_of.pop(row_id, None)
            if owner is not None:
                self._counts[owner] -= 1

    def first(self, count: int) -> list[int]:
        return list(islice(self._owner_of, count))

    def count(self, owner: str) -> int:
        return self._counts[owner]


class Upkeep:
    """Two tasks. `problem` says why one of them cannot do its work."""

    def __init__(self, database: Database, ranker: Ranker, embedder: Embedder, executor: Executor) -> None:
        self.pending = Pending()
        self.embedding_problem: str | None = None
        self.index_problem: str | None = None
        self._database = database
        self._ranker = ranker
        self._embedder = embedder
        self._executor = executor
        self._changed = asyncio.Event()
        self._waiting = asyncio.Event()
        self._settled = asyncio.Condition()
        self.publishing = asyncio.Lock()
        """Held while changes or vectors go into the indexes: a vector never comes after the text it was not made of."""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def problem(self) -> str | None:
        return "; ".join(filter(None, (self.index_problem, self.embedding_problem))) or None

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._keep_text(), name="memory-text"),
            asyncio.create_task(self._keep_vectors(), name="memory-vectors"),
        ]

    def stored(self, memories: Iterable[tuple[int, str]]) -> None:
        """Row numbers and owners of memories that are on disk now."""
        self.pending.add(memories)
        self._changed.set()
        self._waiting.set()

    async def deleted(self, row_ids: Iterable[int]) -> None:
        self._changed.set()
        await self._settle(row_ids)

    async def wait(self, timeout_s: float) -> bool:
        """Whether every vector was there in time."""
        try:
            async with asyncio.timeout(timeout_s), self._settled:
                await self._settled.wait_for(lambda: not self.pending)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Leaves the text index as new as the rows, unless it cannot be written."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError, ValueError):  # it is replayed at the next start
            await replay(self._database, self._ranker.text, self._executor)

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
                await self._run(self._ranker.text.rollback)
                self._changed.set()
                await asyncio.sleep(RETRY_S)

    async def _keep_vectors(self) -> None:
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            try:
                while self.pending:
                    await self._embed_some()
                self.embedding_problem = None
            except Exception as error:
                known = isinstance(error, LukhasError)
                LOG.warning("memories cannot be embedded: %s", error, exc_info=None if known else error)
                self.embedding_problem = f"memories cannot be embedded: {error}"
                self._waiting.set()
                await asyncio.sleep(RETRY_S)

    async def _embed_some(self) -> None:
        chosen = self.pending.first(EMBED_ROWS)
        found = await self._database.read(lambda cursor: rows.fetch(cursor, chosen))
        vectors = await self._embed(found)
        name = self._embedder.name
        async with self.publishing:
            saved: set[int] = set()
            if vectors:
                saved = await self._database.write(lambda cursor: rows.save_vectors(cursor, name, vectors))
            kept = [(row_id, parts) for row_id, _, parts in vectors if row_id in saved]
            if kept:
                numbers = np.concatenate([np.full(len(parts), row_id, dtype=np.int64) for row_id, parts in kept])
                stacked = np.concatenate([parts for _, parts in kept])
                await self._run(self._ranker.add_vectors, numbers, stacked)
        await self._settle(row_id for row_id in chosen if row_id in saved or row_id not in found)

    async def _embed(self, found: dict[int, rows.MemoryRow]) -> list[tuple[int, int, NDArray[np.float32]]]:
        """Row number, version and vectors of each."""
        pieces = await self._run(self._pieces, list(found.values()))
        texts = [text for _, text in pieces]
        parts = []
        for start in range(0, len(texts), EMBED_CHUNKS):
            parts.append(await self._run(self._embedder.embed, texts[start : start + EMBED_CHUNKS]))
        if not parts:
            return []
        owners, vectors = np.array([row_id for row_id, _ in pieces]), np.concatenate(parts)
        return [(row_id, row.version, vectors[owners == row_id]) for row_id, row in found.items()]

    def _pieces(self, found: list[rows.MemoryRow]) -> list[tuple[int, str]]:
        pieces: list[tuple[int, str]] = []
        for row in found:
            text = row.text
            chunks = self._embedder.chunks(text.embedded)
            pieces.extend((row.row_id, text.preface + chunk) for chunk in chunks)
        return pieces

    async def _settle(self, row_ids: Iterable[int]) -> None:
        self.pending.discard(row_ids)
        if not self.pending:
            async with self._settled:
                self._settled.notify_all()

    async def _run(self, work: Callable[[Unpack[Given]], Result], *given: *Given) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *given)
