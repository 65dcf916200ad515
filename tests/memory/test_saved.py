"""Searches kept under a name."""

from __future__ import annotations

from typing import Any

import pytest

from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.contract.saved import RunSavedRequest
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.memory import MemoryStore


async def test_a_kept_search_finds_what_it_finds_when_it_is_run(stores: Any, make_memory: Any) -> None:
    request = SearchRequest(where="tag:draft", sort="oldest", limit=2, facets=["tag"])
    async with stores.open() as store:
        kept = await store.saved.add("ada", "drafts", request)
        for number in range(3):
            await store.store("ada", make_memory(f"note {number}", tags=["draft"], timestamp=f"2024-01-0{3 - number}"))
    async with stores.open() as store:
        assert (await store.saved.list("ada")).saved == [kept]
        found = await store.saved.run("ada", "drafts", RunSavedRequest())
        assert [hit.content.data for hit in found.results] == ["note 2", "note 1"]
        assert found.facets[0].values[0].count == found.total_matches == 3
        first = await store.saved.run("ada", "drafts", RunSavedRequest(cursor="first"))
        second = await store.saved.run("ada", "drafts", RunSavedRequest(limit=200, cursor=first.next_cursor))
        assert [hit.content.data for hit in second.results] == ["note 0"]
        assert second.next_cursor is None


async def test_names_are_each_owners_own(store: MemoryStore, make_memory: Any) -> None:
    await store.store("bob", make_memory("a secret"))
    await store.saved.add("ada", "mine", SearchRequest(query="secret"))
    await store.saved.add("bob", "mine", SearchRequest(where="secret"))
    assert (await store.saved.run("ada", "mine", RunSavedRequest())).results == []
    with pytest.raises(Conflict, match="mine"):
        await store.saved.add("ada", "mine", SearchRequest(query="other"))
    assert (await store.saved.remove("ada", "mine")).removed
    for gone in (store.saved.remove("ada", "mine"), store.saved.run("ada", "mine", RunSavedRequest())):
        with pytest.raises(NotFound):
            await gone
    assert [each.name for each in (await store.saved.list("bob")).saved] == ["mine"]
    await store.saved.add("ada", "mine", SearchRequest(query="other"))


@pytest.mark.parametrize(
    ("given", "field"),
    [({"where": "tag:"}, "where"), ({}, "query"), ({"where": "a", "cursor": "first"}, "search.cursor")],
)
async def test_what_cannot_be_asked_is_not_kept(store: MemoryStore, given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        await store.saved.add("ada", "bad", SearchRequest(**given))
    assert caught.value.details["field"] == f"$.{field}"
    assert (await store.saved.list("ada")).saved == []
