"""A store for each test, and nothing that blocks its event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from memory_stores import BrokenEmbedder, Stores, WordBag, memory

from lukhasd.memory import MemoryStore
from lukhasd.models.embedder import Embedder


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores(tmp_path)


@pytest.fixture
async def store(stores: Stores) -> AsyncIterator[MemoryStore]:
    async with stores.open() as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_blocks() -> Iterator[BlockBuster]:
    with blockbuster_ctx("lukhasd") as guard:
        yield guard


@pytest.fixture
def make_memory() -> Any:
    return memory


@pytest.fixture
def word_bag() -> Embedder:
    return WordBag()


@pytest.fixture
def broken() -> Embedder:
    return BrokenEmbedder()
