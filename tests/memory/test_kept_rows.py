"""Rows kept in working memory never outlive what the database says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lukhas_sdk.contract.helix import EditRequest
from lukhas_sdk.contract.memory import SearchRequest
from lukhasd.database import Database
from lukhasd.memory import MemoryStore, kept_rows, rows, words
from lukhasd.memory.kept_rows import KeptRows

SPARE = "The spare key is under the blue pot."


async def put(store: MemoryStore, request: Any, owner: str = "ada") -> str:
    stored = await store.store(owner, request)
    assert stored.memory_id is not None
    return stored.memory_id


async def test_an_edited_memory_is_found_as_it_is_now(store: MemoryStore, make_memory: Callable[..., Any]) -> None:
    memory_id = await put(store, make_memory(SPARE))
    await store.search("ada", SearchRequest(query="spare key"))
    await store.helix.edit("ada", memory_id, EditRequest(data="The spare key is with Jonas."))
    found = await store.search("ada", SearchRequest(query="spare key"))
    assert [hit.content.data for hit in found.results] == ["The spare key is with Jonas."]
    async with asyncio.timeout(10):  # its drift is measured later, by a write of its own
        while (await store.get_many("ada", [memory_id]))[memory_id].metadata.drift_score is None:
            await asyncio.sleep(0.01)
    kept = (await store.get_many("ada", [memory_id]))[memory_id].metadata
    assert kept.version == 2
    assert kept.drift_score is not None
    assert kept.drift_score > 0


async def test_what_is_erased_is_kept_nowhere(store: MemoryStore, make_memory: Callable[..., Any]) -> None:
    memory_id = await put(store, make_memory(SPARE))
    await store.search("ada", SearchRequest(query="spare key"))
    assert memory_id in await store.get_many("ada", [memory_id])
    await store.delete("ada", memory_id)
    assert await store.get_many("ada", [memory_id]) == {}
    assert (await store.search("ada", SearchRequest(query="spare key"))).results == []
    assert SPARE not in str(vars(store.core.kept))


async def test_no_words_of_what_is_erased_are_kept(store: MemoryStore, make_memory: Callable[..., Any]) -> None:
    memory_id = await put(store, make_memory(SPARE))
    await store.search("ada", SearchRequest(query="blue pot"))
    _, stemming, _ = words._analysers()
    assert stemming.kept > 0
    await store.delete("ada", memory_id)
    assert stemming.kept == 0


async def test_nobody_gets_another_owners_row(store: MemoryStore, make_memory: Callable[..., Any]) -> None:
    memory_id = await put(store, make_memory(SPARE))
    assert memory_id in await store.get_many("ada", [memory_id])
    assert await store.get_many("ben", [memory_id]) == {}


async def test_a_row_read_while_it_was_changed_is_not_kept(
    store: MemoryStore, make_memory: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_id = await put(store, make_memory(SPARE))
    kept = KeptRows(store.core.database)
    read = Database.read

    async def slow(self: Database, run: Callable[..., Any]) -> Any:
        found = await read(self, run)
        kept.drop([])  # a change is committed while this answer is on its way
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", slow)
        (before,) = await kept.find_all("ada", [memory_id])
    await store.core.database.write(lambda cursor: cursor.execute("UPDATE memories SET importance = 0.9"))
    (after,) = await kept.find_all("ada", [memory_id])
    assert (before.importance, after.importance) == (0.5, 0.9)


async def test_no_more_rows_are_kept_than_there_is_room_for(
    store: MemoryStore, make_memory: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_rows, "ROWS_KEPT", 2)
    monkeypatch.setattr(kept_rows, "LONGEST_CHARS", 60)
    ids = [await put(store, make_memory(text)) for text in ("red apples", "green pears", "blue plums", "long " * 20)]
    kept = KeptRows(store.core.database)
    numbers = list(
        await store.core.database.read(lambda cursor: [row.row_id for row in rows.find_all(cursor, "ada", ids)])
    )
    found = await kept.fetch(numbers)
    assert sorted(found) == sorted(numbers)
    assert len(vars(kept)["_rows"]) == 2
    monkeypatch.setattr(kept_rows, "CHARS_KEPT", 30)
    few = KeptRows(store.core.database)
    await few.fetch(numbers)
    assert len(vars(few)["_rows"]) == 1
    assert sorted(row.memory_id for row in await kept.find_all("ada", ids)) == sorted(ids)
