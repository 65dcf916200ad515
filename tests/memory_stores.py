"""Stores on a real DuckDB file, with an embedder cheap enough for a test, and what they are given."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhasd.database import Database
from lukhasd.memory import MemoryStore
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.records.metrics import Metrics


class WordBag:
    """Texts that share words are near: each word is a fixed direction."""

    name = "word-bag"
    dimensions = 64

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array([self._direction(text) for text in texts], dtype=np.float32).reshape(-1, self.dimensions)
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def chunks(self, text: str) -> list[str]:
        words = text.split()
        return [" ".join(words[start : start + 50]) for start in range(0, max(len(words), 1), 40)]

    def _direction(self, text: str) -> NDArray[np.float64]:
        words = re.findall(r"\w+", text.lower()) or [""]
        return np.sum([np.random.default_rng(zlib.crc32(word.encode())).normal(size=64) for word in words], axis=0)


class BrokenEmbedder(WordBag):
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise EmbedderError("the embedding model is missing", hint="reinstall it")


class Stores:
    """Opens and closes a store in one folder, as often as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @asynccontextmanager
    async def open(self, embedder: Embedder | None = None) -> AsyncIterator[MemoryStore]:
        database = await asyncio.to_thread(Database.open, self.folder / "lukhas.duckdb")
        store = await MemoryStore.open(
            database=database, folder=self.folder, embedder=embedder or WordBag(), metrics=Metrics()
        )
        try:
            yield store
        finally:
            await store.close()
            await asyncio.to_thread(database.close)


def memory(
    data: str, *, tags: Sequence[str] = (), importance: float = 0.5, kind: Any = "episodic", **context: Any
) -> StoreRequest:
    content = MemoryContent(type=kind, data=data, context=context)
    return StoreRequest(content=content, tags=list(tags), importance=importance)
