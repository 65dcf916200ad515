"""Storing, recalling, listing, deleting, importing."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from lukhas_sdk.contract.memory import ListParams, MemoryContent, SearchRequest, StoreRequest
from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.memory import MemoryStore


async def test_what_is_stored_is_recalled_whole(store: MemoryStore, make_memory: Any) -> None:
    request = make_memory(
        "User learned about quantum entanglement\0",
        tags=["physics", "learning"],
        importance=0.8,
        timestamp="2024-01-15T10:30:00+02:00",
        location={"room": "main_interaction", "floor": 3},
    )
    stored = await store.store("ada", request)
    assert re.fullmatch(r"mem_\d{4}_\d\d_\d\d_[a-z2-7]{6,}", stored.memory_id)
    assert re.fullmatch(r"helix_[a-z]+_[a-z]+_[a-z2-7]{6,}", stored.helix_id)
    recalled = await store.recall("ada", stored.memory_id)
    assert recalled.content == request.content
    assert recalled.tags == ["physics", "learning"]
    assert recalled.metadata.importance == 0.8
    assert recalled.metadata.event_at.isoformat() == "2024-01-15T08:30:00+00:00"
    assert recalled.metadata.drift_score == stored.drift_score == 0.0


async def test_without_a_timestamp_it_happened_when_stored(store: MemoryStore, make_memory: Any) -> None:
    stored = await store.store("ada", make_memory("no time given"))
    metadata = (await store.recall("ada", stored.memory_id)).metadata
    assert metadata.event_at == metadata.created_at


@pytest.mark.parametrize("stamp", ["yesterday", "2024-13-01", 20240115, "", "0001-01-01T00:00:00+14:00"])
async def test_a_bad_timestamp_names_its_field(store: MemoryStore, make_memory: Any, stamp: object) -> None:
    with pytest.raises(ValidationError) as caught:
        await store.store("ada", make_memory("when?", timestamp=stamp))
    assert caught.value.details["field"] == "$.content.context.timestamp"
    with pytest.raises(ValidationError) as caught:
        await store.import_items("ada", [make_memory("fine"), make_memory("when?", timestamp=stamp)])
    assert caught.value.details["field"] == "$.items[1].content.context.timestamp"
    assert (await store.stats("ada")).memories == 0


async def test_every_recall_is_counted(store: MemoryStore, make_memory: Any) -> None:
    memory_id = (await store.store("ada", make_memory("counted"))).memory_id
    recalled = await asyncio.gather(*(store.recall("ada", memory_id) for _ in range(20)))
    assert sorted(each.metadata.access_count for each in recalled) == list(range(1, 21))
    looked_at = (await store.get_many("ada", [memory_id, "mem_none"]))[memory_id]
    assert looked_at.metadata.access_count == 20
    assert looked_at.metadata.last_accessed is not None


async def test_another_owner_sees_nothing(store: MemoryStore, make_memory: Any) -> None:
    memory_id = (await store.store("ada", make_memory("a secret garden", tags=["secret"]))).memory_id
    await store.store("bob", make_memory("a public garden"))
    assert await store.wait_for_vectors(10)
    for refused in (store.recall("bob", memory_id), store.delete("bob", memory_id)):
        with pytest.raises(NotFound):
            await refused
    found = await store.search("bob", SearchRequest(query="a secret garden", limit=50))
    assert [hit.content.data for hit in found.results] == ["a public garden"]
    assert found.total_matches == 1
    assert await store.get_many("bob", [memory_id]) == {}
    assert await store.vectors("bob", [memory_id]) == {}
    assert (await store.list("bob", ListParams())).total_count == 1
    assert (await store.stats("bob")).tags == {}
    assert (await store.recall("ada", memory_id)).related_memories == []
    imported = await store.import_items("bob", [make_memory("a secret garden", tags=["secret"])])
    assert imported.stored == 1


async def test_importing_twice_changes_nothing(store: MemoryStore, make_memory: Any) -> None:
    items = [make_memory(f"line {number % 3}", source="notes.md", tags=["b", "a"]) for number in range(4)]
    first = await store.import_items("ada", items)
    assert (first.stored, first.skipped) == (3, 1)
    assert first.memory_ids[0] == first.memory_ids[3]
    other_order = [make_memory(item.content.data, tags=["a", "b"], source="notes.md") for item in items]
    second = await store.import_items("ada", other_order)
    assert (second.stored, second.skipped, second.memory_ids) == (0, 4, first.memory_ids)
    changed = await store.import_items("ada", [make_memory("line 0", source="other.md", tags=["a", "b"])])
    assert changed.stored == 1


async def test_concurrent_imports_of_the_same_store_it_once(store: MemoryStore, make_memory: Any) -> None:
    items = [make_memory(f"row {number}") for number in range(50)]
    answers = await asyncio.gather(*(store.import_items("ada", items) for _ in range(5)))
    assert sum(answer.stored for answer in answers) == 50
    assert len({tuple(answer.memory_ids) for answer in answers}) == 1


async def test_what_is_deleted_is_gone_and_can_come_back(store: MemoryStore, make_memory: Any) -> None:
    memory_id = (await store.store("ada", make_memory("ephemeral"))).memory_id
    assert await store.wait_for_vectors(10)
    assert (await store.delete("ada", memory_id)).deleted
    with pytest.raises(NotFound):
        await store.delete("ada", memory_id)
    with pytest.raises(NotFound):
        await store.recall("ada", memory_id)
    assert (await store.search("ada", SearchRequest(query="ephemeral"))).results == []
    assert (await store.import_items("ada", [make_memory("ephemeral")])).stored == 1


async def test_a_list_pages_from_the_newest_to_the_oldest(store: MemoryStore, make_memory: Any) -> None:
    for number in range(7):
        tags = ["even"] if number % 2 == 0 else []
        await store.store(
            "ada", make_memory(f"number {number}", tags=tags, kind="semantic" if number > 4 else "episodic")
        )
    seen: list[str] = []
    cursor = None
    while True:
        page = await store.list("ada", ListParams(limit=3, cursor=cursor))
        assert page.total_count == 7
        seen += [each.content.data for each in page.memories]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"number {number}" for number in range(6, -1, -1)]
    even = await store.list("ada", ListParams(tag="even", type="episodic"))
    assert [each.content.data for each in even.memories] == ["number 4", "number 2", "number 0"]
    with pytest.raises(ValidationError):
        await store.list("ada", ListParams(cursor="-1"))


async def test_stats_are_counted(store: MemoryStore, make_memory: Any) -> None:
    empty = await store.stats("ada")
    assert (empty.memories, empty.oldest_event_at, empty.mean_drift, await store.mean_drift()) == (0, None, None, None)
    await store.store("ada", make_memory("one", tags=["x", "y"], timestamp="2020-01-01"))
    await store.store("ada", make_memory("two", tags=["x"], kind="procedural", timestamp="2021-06-01"))
    figures = await store.stats("ada")
    assert figures.by_type == {"episodic": 1, "semantic": 0, "procedural": 1, "reflective": 0}
    assert list(figures.tags.items()) == [("x", 2), ("y", 1)]
    assert figures.oldest_event_at is not None and figures.oldest_event_at.year == 2020
    assert figures.newest_event_at is not None and figures.newest_event_at.year == 2021
    assert figures.mean_drift == figures.p95_drift == await store.mean_drift() == 0.0
    assert figures.database_size_bytes > 0 < figures.index_size_bytes


async def test_a_caller_that_goes_away_leaves_nothing_half_done(store: MemoryStore, make_memory: Any) -> None:
    tasks = [asyncio.create_task(store.store("ada", make_memory(f"abandoned {number}"))) for number in range(20)]
    for turn in range(3):
        await asyncio.sleep(0)
        for task in tasks[turn::3]:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    kept = (await store.store("ada", make_memory("a later one"))).memory_id
    async with asyncio.timeout(10):
        while store.core.busy:  # what was begun goes on to its end
            await asyncio.sleep(0.01)
    listed = await store.list("ada", ListParams(limit=200))
    found = await store.search("ada", SearchRequest(query="abandoned later", limit=200))
    assert kept in {each.memory_id for each in listed.memories}
    assert {each.memory_id for each in listed.memories} == {hit.memory_id for hit in found.results}
    assert await store.self_test() is None


async def test_context_that_is_no_json_is_refused(store: MemoryStore) -> None:
    request = StoreRequest(content=MemoryContent(type="semantic", data="x", context={"a": object()}))
    with pytest.raises(ValidationError) as caught:
        await store.store("ada", request)
    assert caught.value.details["field"] == "$.content.context"


async def test_related_memories_are_the_nearest_by_meaning(store: MemoryStore, make_memory: Any) -> None:
    texts = ("red apples grow on trees", "green apples grow on trees", "the stock market fell today")
    ids = [(await store.store("ada", make_memory(text))).memory_id for text in texts]
    assert await store.wait_for_vectors(10)
    assert (await store.recall("ada", ids[0])).related_memories == [ids[1], ids[2]]
    vectors = await store.vectors("ada", ids)
    assert {memory_id: round(float(vector @ vector), 5) for memory_id, vector in vectors.items()} == dict.fromkeys(
        ids, 1.0
    )
