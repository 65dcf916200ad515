"""What search finds, and in what order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import DateRange, SearchFilters, SearchRequest
from lukhas_sdk.errors import ValidationError
from lukhasd.memory import MemoryStore


async def find(store: MemoryStore, query: str, **filters: Any) -> list[str]:
    request = SearchRequest(query=query, filters=SearchFilters(**filters), limit=50)
    return [hit.content.data for hit in (await store.search("ada", request)).results]


async def committed(store: MemoryStore) -> None:
    """Waits until the text index on disk holds everything."""
    async with asyncio.timeout(10):
        while store.core.ranker.text.tail_length:
            await asyncio.sleep(0.01)


class Gate:
    """Lets the embedding of memories begin when the test says so; queries pass."""

    def __init__(self, embedder: Any) -> None:
        self.open = threading.Event()
        self._inner = embedder
        self.name, self.dimensions = embedder.name, embedder.dimensions
        self.chunks, self.count_tokens = embedder.chunks, embedder.count_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("memory" in text for text in texts):
            assert self.open.wait(10)
        vectors: NDArray[np.float32] = self._inner.embed(texts)
        return vectors


async def test_found_by_words_at_once_and_by_meaning_later(stores: Any, word_bag: Any, make_memory: Any) -> None:
    gate = Gate(word_bag)
    async with stores.open(gate) as store:
        await store.store("ada", make_memory("a memory of entanglement"))
        early = await store.search("ada", SearchRequest(query="entanglement"))
        assert early.pending_vectors == store.pending_vectors() == 1
        assert (early.results[0].vector_score, early.results[0].cosine) == (None, None)
        assert early.results[0].relevance_score == early.results[0].text_score == 1.0
        assert not await store.wait_for_vectors(0.01)
        gate.open.set()
        assert await store.wait_for_vectors(10)
        late = (await store.search("ada", SearchRequest(query="entanglement"))).results[0]
        assert late.cosine is not None and 0 < late.cosine < 1
        assert late.vector_score is not None and late.relevance_score == late.text_score + late.vector_score


async def test_the_one_that_holds_the_word_comes_before_the_nearest_by_meaning(
    stores: Any, word_bag: Any, make_memory: Any
) -> None:
    """Also while its vector is pending and the other's is not."""
    gate = Gate(word_bag)
    gate.open.set()
    async with stores.open(gate) as store:
        await store.store("ada", make_memory("a memory somewhat near"))
        assert await store.wait_for_vectors(10)
        gate.open.clear()
        pending = await store.store("ada", make_memory("a memory of invoice 4711"))
        found = await store.search("ada", SearchRequest(query="4711"))
        gate.open.set()
        assert found.results[0].memory_id == pending.memory_id
        assert found.results[0].relevance_score > found.results[1].relevance_score


async def test_the_tail_ranks_as_the_index_does(store: MemoryStore, make_memory: Any) -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    random = np.random.default_rng(3)
    for _ in range(40):
        await store.store("ada", make_memory(" ".join(random.choice(words, random.integers(3, 20))), speaker="eta"))
    assert await store.wait_for_vectors(10)
    request = SearchRequest(query="alpha theta zeta", limit=40)
    before = await store.search("ada", request)
    await committed(store)
    after = await store.search("ada", request)
    assert before.total_matches == after.total_matches
    scores = {hit.memory_id: hit.text_score for hit in before.results}
    for hit in after.results:  # tantivy keeps lengths to about 12 %, which moves a score a little
        assert scores[hit.memory_id] == pytest.approx(hit.text_score, abs=0.03)


async def test_deleting_hides_what_the_index_still_holds(store: MemoryStore, make_memory: Any) -> None:
    memory_id = (await store.store("ada", make_memory("an unusual pangolin"))).memory_id
    await committed(store)
    await store.delete("ada", memory_id)
    found = await store.search("ada", SearchRequest(query="pangolin"))
    assert (found.results, found.total_matches) == ([], 0)


async def test_every_text_of_the_context_is_found(store: MemoryStore, make_memory: Any) -> None:
    await store.store(
        "ada",
        make_memory(
            "hello Ada",
            speaker="Melanie",
            place={"deep": ["in", {"a": "Kreuzberg"}]},
            code="D1:37",
            tags=["sunrise-42"],
        ),
    )
    await store.store("ada", make_memory("goodbye Ada", speaker="Caroline"))
    for query in ("melanie", "kreuzberg", "D1:37", "sunrise 42"):
        assert (await find(store, query))[0] == "hello Ada", query


async def test_other_scripts_and_accents_are_found(store: MemoryStore, make_memory: Any) -> None:
    texts = ("東京タワーに行きました", "Ένας καφές στην Αθήνα", "un café à Orléans", "नमस्ते दुनिया")
    for text in texts:
        await store.store("ada", make_memory(text))
    for query, text in zip(("東京", "Αθήνα", "ORLEANS cafe", "दुनिया"), texts, strict=True):
        hits = (await store.search("ada", SearchRequest(query=query))).results
        assert [hit.content.data for hit in hits if hit.text_score] == [text]


async def test_filters_are_applied_before_the_limit(store: MemoryStore, make_memory: Any) -> None:
    for number in range(150):
        await store.store("ada", make_memory(f"garden garden garden {number}", timestamp="2024-02-01"))
    wanted = make_memory(
        "a garden", kind="procedural", importance=0.9, tags=["home", "spring"], timestamp="2024-01-15T23:59:59.5Z"
    )
    await store.store("ada", wanted)
    assert await store.wait_for_vectors(20)
    for filters in (
        {"type": ["procedural", "semantic"]},
        {"min_importance": 0.9},
        {"tags": ["spring", "home"]},
        {"date_range": DateRange(end="2024-01-15")},
        {"date_range": DateRange(start="2024-01-15", end="2024-01-15")},
        {"date_range": DateRange(start="2024-01-15T23:59:59.5+00:00", end="2024-01-16T01:00:00+01:00")},
    ):
        request = SearchRequest(query="garden garden", filters=SearchFilters(**filters), limit=1)
        found = await store.search("ada", request)
        assert [hit.content.data for hit in found.results] == ["a garden"], filters
        assert found.total_matches == 1
    assert await find(store, "garden", tags=["home", "autumn"]) == []
    assert await find(store, "garden", date_range=DateRange(start="2024-02-02")) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (DateRange(start="soon"), "$.filters.date_range.start"),
        (DateRange(end="2024-02-30"), "$.filters.date_range.end"),
        (DateRange(start="2024-02-02", end="2024-02-01"), "$.filters.date_range"),
    ],
)
async def test_a_bad_date_range_names_its_field(store: MemoryStore, given: DateRange, field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        await find(store, "x", date_range=given)
    assert caught.value.details["field"] == field


async def test_scores_stay_in_bounds_and_order(store: MemoryStore, make_memory: Any) -> None:
    for number in range(30):
        await store.store("ada", make_memory(f"note {number} about {'cats' if number % 3 else 'dogs'}"))
    assert await store.wait_for_vectors(10)
    request = SearchRequest(query="notes about dogs", limit=30)
    found = await store.search("ada", request)
    scores = [hit.relevance_score for hit in found.results]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) <= 1.0 and min(scores) >= 0.0
    again = await store.search("ada", request)
    assert [hit.memory_id for hit in again.results] == [hit.memory_id for hit in found.results]
    assert found.total_matches == 30


async def test_the_context_is_given_only_when_wanted(store: MemoryStore, make_memory: Any) -> None:
    await store.store("ada", make_memory("hello Ada", speaker="Melanie"))
    request = SearchRequest(query="hello")
    shown = (await store.search("ada", request)).results[0]
    hidden = (await store.search("ada", msgspec.structs.replace(request, include_context=False))).results[0]
    assert (shown.context, hidden.context) == ({"speaker": "Melanie"}, None)
    assert shown.content.context == hidden.content.context == {}


async def test_a_long_memory_is_found_by_its_last_words(store: MemoryStore, make_memory: Any) -> None:
    filler = " ".join(f"filler{number}" for number in range(400))
    await store.store("ada", make_memory(f"{filler} zanzibar ferry timetable"))
    for number in range(5):
        await store.store("ada", make_memory(f"other {number}"))
    assert await store.wait_for_vectors(10)
    best = (await store.search("ada", SearchRequest(query="zanzibar ferry timetable"))).results[0]
    assert best.content.data.startswith("filler0")
    assert best.cosine is not None and best.cosine > 0.4


@pytest.mark.parametrize("query", ["?!", "the of and", "\0", "x" * 10_000, 'a AND (b OR "', "🦄"])
async def test_no_query_is_an_error(store: MemoryStore, make_memory: Any, query: str) -> None:
    await store.store("ada", make_memory("the unicorn of and for"))
    assert len((await store.search("ada", SearchRequest(query=query))).results) <= 1


async def test_without_its_model_memory_works_by_words_and_says_why(stores: Any, broken: Any, make_memory: Any) -> None:
    async with stores.open(broken) as store:
        await store.store("ada", make_memory("findable by its words"))
        assert await find(store, "findable") == ["findable by its words"]
        assert "missing" in (await store.self_test() or "")
        assert not await store.wait_for_vectors(0.2)
    async with stores.open() as mended:
        assert await mended.wait_for_vectors(10)
        assert await mended.self_test() is None
