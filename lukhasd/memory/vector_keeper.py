"""One embedder's vectors, kept in step with the rows behind the store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar, TypeVarTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.errors import LukhasError
from lukhasd.database import Database
from lukhasd.memory import rows
from lukhasd.memory.ranking import Ranker
from lukhasd.memory.vector_index import VectorIndex
from lukhasd.models.embedder import Embedder

Result = TypeVar("Result")
Given = TypeVarTuple("Given")
LOG = logging.getLogger(__name__)
EMBED_ROWS = 64
EMBED_CHUNKS = 32
"""Chunks computed between two looks at whether to stop."""
GATHER_S = 0.1
"""What is stored one by one is embedded together, and its vectors share a transaction: each costs the writer as much
as a memory does."""
NICENESS = 10
"""Of the thread that embeds: what a caller waits for goes first."""
RETRY_S = 60.0
"""After a failure of the disk or the model."""


class Pending:
    """Memories whose vectors are still to be computed, oldest first. Belongs to the event loop."""

    def __init__(self) -> None:
        self._owner_of: dict[int, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._owner_of)

    def __le__(self, other: Pending) -> bool:
        """Whether all of these are among the other's."""
        return self._owner_of.keys() <= other._owner_of.keys()

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


class VectorKeeper:
    """Made on the event loop; embeds in a thread of its own, so that no search waits for it. `problem` says why it
    cannot. `after_batch` is called on the event loop each time that vectors were kept."""

    def __init__(
        self, database: Database, ranker: Ranker, *, embedder: Embedder, index: VectorIndex, publishing: asyncio.Lock
    ) -> None:
        self.embedder = embedder
        self.index = index
        self.pending = Pending()
        self.problem: str | None = None
        self.computed = 0
        """Memories since `started_s`, on the monotonic clock."""
        self.started_s = time.monotonic()
        self.after_batch: Callable[[], None] = lambda: None
        self._database = database
        self._ranker = ranker
        self._publishing = publishing
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="memory-vectors", initializer=_give_way)
        self._waiting = asyncio.Event()
        self._again = asyncio.Event()
        self._settled = asyncio.Condition()
        self._awaited = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="memory-vectors")

    def stored(self, memories: Iterable[tuple[int, str]]) -> None:
        """Row numbers and owners of memories that are on disk now."""
        self.pending.add(memories)
        self._waiting.set()

    def use(self, embedder: Embedder) -> None:
        """The same embedder made anew, as with another key; what failed is tried again at once."""
        self.embedder = embedder
        self._again.set()

    async def settle(self, row_ids: Iterable[int]) -> None:
        """Nothing is to be computed for those any more."""
        self.pending.discard(row_ids)
        if not self.pending:
            async with self._settled:
                self._settled.notify_all()

    async def wait(self, timeout_s: float) -> bool:
        """Whether every vector was there in time."""
        self._awaited.set()
        try:
            async with asyncio.timeout(timeout_s), self._settled:
                await self._settled.wait_for(lambda: not self.pending)
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._executor.shutdown)

    async def _keep(self) -> None:
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            try:
                while self.pending:
                    await self._gather()
                    await self._embed_some()
                self.problem = None
            except Exception as error:
                known = isinstance(error, LukhasError)
                LOG.warning("memories cannot be embedded: %s", error, exc_info=None if known else error)
                self.problem = f"memories cannot be embedded: {error}"
                self._waiting.set()
                self._again.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._again.wait(), RETRY_S)

    async def _gather(self) -> None:
        """Lets more come, unless there is a batch already or somebody waits."""
        if len(self.pending) < EMBED_ROWS:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awaited.wait(), GATHER_S)
        self._awaited.clear()

    async def _embed_some(self) -> None:
        chosen = self.pending.first(EMBED_ROWS)
        found = await self._database.read(lambda cursor: rows.fetch(cursor, chosen))
        vectors = await self._embed(found)
        name = self.embedder.name
        async with self._publishing:
            saved: set[int] = set()
            if vectors:
                saved = await self._database.write(lambda cursor: rows.save_vectors(cursor, name, vectors))
            kept = [(row_id, parts) for row_id, _, parts in vectors if row_id in saved]
            if kept:
                numbers = np.concatenate([np.full(len(parts), row_id, dtype=np.int64) for row_id, parts in kept])
                stacked = np.concatenate([parts for _, parts in kept])
                await self._run(self._ranker.add_vectors, numbers, stacked, self.index)
        done = [row_id for row_id in chosen if row_id in saved or row_id not in found]
        self.computed += len(done)
        self.problem = None
        await self.settle(done)
        self.after_batch()

    async def _embed(self, found: dict[int, rows.MemoryRow]) -> list[tuple[int, int, NDArray[np.float32]]]:
        """Row number, version and vectors of each."""
        pieces = await self._run(self._pieces, list(found.values()))
        texts = [text for _, text in pieces]
        parts = []
        for start in range(0, len(texts), EMBED_CHUNKS):
            parts.append(await self._run(self.embedder.embed, texts[start : start + EMBED_CHUNKS]))
        if not parts:
            return []
        owners, vectors = np.array([row_id for row_id, _ in pieces]), np.concatenate(parts)
        return [(row_id, row.version, vectors[owners == row_id]) for row_id, row in found.items()]

    def _pieces(self, found: list[rows.MemoryRow]) -> list[tuple[int, str]]:
        pieces: list[tuple[int, str]] = []
        for row in found:
            text = row.text
            chunks = self.embedder.chunks(text.embedded)
            pieces.extend((row.row_id, text.preface + chunk) for chunk in chunks)
        return pieces

    async def _run(self, work: Callable[[Unpack[Given]], Result], *given: *Given) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *given)


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere niceness belongs to the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
