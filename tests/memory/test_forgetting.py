"""Forgetting: after it, no file of ours holds the text; before it, some did, or this would prove nothing."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lukhas_sdk.contract.forgetting import ForgetRequest
from lukhas_sdk.contract.memory import ListParams, SearchRequest, StoreRequest
from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.database import Database
from lukhasd.memory import MemoryStore, versions
from lukhasd.memory.core import Changed, Numbers, found_in
from lukhasd.memory.folds import Fold, FoldStore, Interaction
from lukhasd.memory.forgetting import Forgetting, scan_files
from lukhasd.models.embedder import Embedder
from lukhasd.records.metrics import Metrics

OWNER = "ada"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Opened:
    database: Database
    store: MemoryStore
    folds: FoldStore
    forgetting: Forgetting


@asynccontextmanager
async def opened(folder: Path, embedder: Embedder) -> AsyncIterator[Opened]:
    database = await asyncio.to_thread(Database.open, folder / "lukhas.duckdb")
    store = await MemoryStore.open(database=database, folder=folder, embedder=embedder, metrics=Metrics())
    yield Opened(database, store, FoldStore(database), Forgetting(store, [folder]))
    await store.close()
    await asyncio.to_thread(database.close)


def telling(number: int) -> str:
    """Words that stand nowhere else, so random that no compression hides them."""
    return " ".join(hashlib.sha256(f"{number} {part}".encode()).hexdigest()[:16] for part in range(12))


def holding(folder: Path, words: str) -> list[str]:
    """Files that hold one of the words: a scan of its own, with nothing of what it checks."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return sorted({file.name for file in files for word in words.split() if word.encode() in file.read_bytes()})


async def edit(store: MemoryStore, memory_id: str, data: str) -> None:
    def work(cursor: Any, numbers: Numbers) -> tuple[None, Changed]:
        row = found_in(cursor, OWNER, memory_id)
        revision = versions.Revision(data, row.context, row.tags, row.importance, 0.5, "edit", OWNER)
        versions.rewrite(cursor, row, revision, sequence=numbers.sequence(), now=NOW)
        return None, Changed(rewritten=[row.row_id])

    await store.core.change(work)


def interaction(number: int, **changes: Any) -> Interaction:
    plain = Interaction(
        f"interaction_{number}", OWNER, None, None, None, "asked", "answered", "ask", "memory", (), "APPROVED", 1.0, NOW
    )
    return replace(plain, **changes)


async def fill(at: Opened, make_memory: Any, count: int = 300) -> list[str]:
    items: list[StoreRequest] = [make_memory(telling(number), note=telling(1000 + number)) for number in range(count)]
    stored = await at.store.import_items(OWNER, items)
    assert await at.store.wait_for_vectors(60)
    await at.store.core.commit_text()
    return [memory_id for memory_id in stored.memory_ids if memory_id is not None]


async def test_no_file_holds_a_forgotten_text(tmp_path: Path, word_bag: Embedder, make_memory: Any) -> None:
    async with opened(tmp_path, word_bag) as at:
        ids = await fill(at, make_memory)
        await edit(at.store, ids[7], telling(5000))
        await at.store.wait_for_vectors(60)
        await at.store.core.commit_text()
        quoting = interaction(1, response=f"You said: {telling(7)}", cited=(ids[7], ids[8]))
        repeating = interaction(2, input=f"Is it true that {telling(5000)}", response="yes")
        for told, parents in ((quoting, (ids[7], ids[8])), (repeating, ())):
            fold = Fold(f"fold_{told.interaction_id}", told.interaction_id, OWNER, parents, 0.5, None, NOW)
            await at.folds.save(told, fold)
    shutil.copy(tmp_path / "lukhas.duckdb", tmp_path / "lukhas.duckdb.before-0009")
    gone = f"{telling(7)} {telling(1007)} {telling(5000)}"
    assert {"lukhas.duckdb", "lukhas.duckdb.before-0009"} <= set(holding(tmp_path, gone))

    async with opened(tmp_path, word_bag) as at:
        receipt = await at.forgetting.forget(OWNER, ForgetRequest(memory_ids=[ids[7]]))
        assert receipt.copies_removed == ["lukhas.duckdb.before-0009"]
        assert receipt.scan is not None
        assert receipt.scan.found_in == []
        assert receipt.scan.files >= 3
        forgotten = receipt.memories[0]
        assert (forgotten.versions, forgotten.folds, forgotten.quotations) == (2, 1, 2)
        assert holding(tmp_path, gone) == []

        assert (await at.store.list(OWNER, ListParams())).total_count == 299
        with pytest.raises(NotFound):
            await at.store.recall(OWNER, ids[7])
        found = await at.store.search(OWNER, SearchRequest(query=telling(7)))
        assert ids[7] not in [hit.memory_id for hit in found.results]
        cited = await at.folds.get(OWNER, "interaction_1")
        assert cited is not None
        assert (cited.response, cited.cited) == ("[forgotten]", (ids[8],))
        repeated = await at.folds.get(OWNER, "interaction_2")
        assert repeated is not None
        assert repeated.input == "Is it true that [forgotten]"
        assert (await at.folds.show(OWNER, "fold_interaction_1")).parents == [ids[8]]
    assert holding(tmp_path, gone) == []
    async with opened(tmp_path, word_bag) as at:
        kept = await at.store.search(OWNER, SearchRequest(query=telling(8), limit=1))
        assert kept.results[0].memory_id == ids[8]
        assert await at.store.self_test() is None
    assert holding(tmp_path, telling(8)) != []


async def test_a_preview_changes_nothing(tmp_path: Path, word_bag: Embedder, make_memory: Any) -> None:
    async with opened(tmp_path, word_bag) as at:
        ids = await fill(at, make_memory, 5)
        seen = await at.forgetting.forget(OWNER, ForgetRequest(query=telling(3), limit=1, preview=True))
        assert [(memory.memory_id, memory.data) for memory in seen.memories] == [(ids[3], telling(3))]
        assert (seen.preview, seen.receipt_id, seen.scan) == (True, None, None)
        assert (await at.store.list(OWNER, ListParams())).total_count == 5


async def test_one_that_is_not_there_keeps_them_all(tmp_path: Path, word_bag: Embedder, make_memory: Any) -> None:
    async with opened(tmp_path, word_bag) as at:
        ids = await fill(at, make_memory, 3)
        with pytest.raises(NotFound):
            await at.forgetting.forget(OWNER, ForgetRequest(memory_ids=[ids[0], "mem_of_nobody"]))
        with pytest.raises(NotFound):
            await at.forgetting.forget("bob", ForgetRequest(memory_ids=[ids[0]]))
        assert (await at.store.list(OWNER, ListParams())).total_count == 3


async def test_what_another_memory_says_too_is_not_called_a_trace(
    tmp_path: Path, word_bag: Embedder, make_memory: Any
) -> None:
    async with opened(tmp_path, word_bag) as at:
        shared = telling(77)
        stored = [await at.store.store(OWNER, make_memory(f"{shared}\n{telling(number)}")) for number in (1, 2)]
        receipt = await at.forgetting.forget(OWNER, ForgetRequest(memory_ids=[str(stored[0].memory_id)]))
        assert receipt.scan is not None
        assert (receipt.scan.passages, receipt.scan.found_in) == (1, [])
        assert any("1 of its passages" in note for note in receipt.notes)
        assert holding(tmp_path, telling(1)) == []


async def test_an_erasure_cut_short_is_finished_at_the_next_start(
    tmp_path: Path, word_bag: Embedder, make_memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, word_bag) as at:
        ids = await fill(at, make_memory)

        async def killed() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(at.database, "rewrite", killed)
        with pytest.raises(KeyboardInterrupt):
            await at.forgetting._forget(OWNER, ids[:200])
    assert holding(tmp_path, telling(7)) != []
    async with opened(tmp_path, word_bag) as at:
        await at.forgetting.resume()
        assert (await at.store.list(OWNER, ListParams())).total_count == 100
    assert holding(tmp_path, " ".join(map(telling, range(200)))) == []


def test_the_scan_finds_what_json_escapes(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('{"said": "a \\"quoted\\" passage"}')
    assert scan_files([tmp_path], ['a "quoted" passage']).found_in == [str(tmp_path / "log")]


@pytest.mark.parametrize("given", [{}, {"memory_ids": ["mem_1"], "query": "kites"}, {"query": "kites"}])
def test_what_is_meant_must_be_plain(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ForgetRequest(**given)
