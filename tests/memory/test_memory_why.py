"""What a hit's score is made of, where a memory stands, and what the results leave out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from lukhas_sdk.contract.memory import SearchFilters, SearchRequest, WhyRequest
from lukhas_sdk.errors import NotFound
from lukhasd.memory import MemoryStore, item, signals
from lukhasd.memory.traits import Found, Trait, Traits

HALF_AN_HOUR_US = 30 * 60 * 1_000_000
TALK = (
    ("Ana", "Good morning, how was the race?"),
    ("Ben", "It went well, I finished in the first half."),
    ("Ana", "Lovely. I adopted a kitten called Miso."),
    ("Ben", "What a name! My kitten died last year."),
    ("Ana", "She sleeps on the radiator all day."),
)


async def fill(store: MemoryStore, make_memory: Any) -> dict[str, str]:
    """Ids by text."""
    ids = {}
    for speaker, text in TALK:
        stored = await store.store("ada", make_memory(text, speaker=speaker, timestamp="2025-05-01T10:00:00Z"))
        ids[text] = stored.memory_id
    for day in range(1, 9):
        await store.store("ada", make_memory(f"The tax form number {day} is filed", timestamp=f"2025-06-0{day}"))
    await store.wait_for_vectors(10)
    return ids


async def keep(store: MemoryStore, request: Any) -> str:
    """Past the gate, which would merge what says the same."""
    numbered = await store.core.insert(item.prepare("ada", request, now=datetime.now(UTC)))
    return numbered.item.memory_id


async def test_the_shares_sum_to_the_score_and_name_what_speaks_for_a_hit(store: MemoryStore, make_memory: Any) -> None:
    await fill(store, make_memory)
    found = await store.search("ada", SearchRequest(query="Which kitten does Ana have?", explain=True))
    for hit in found.results:
        assert hit.explanation is not None
        assert sum(each.share for each in hit.explanation.signals) == hit.relevance_score
        assert 0 <= hit.relevance_score <= 1
    first = found.results[0]
    assert first.content.data == "Lovely. I adopted a kitten called Miso."
    assert first.explanation is not None
    assert {"words", "meaning", "speaker", "neighbours", "session"} <= {
        each.signal for each in first.explanation.signals
    }
    assert found.answerable is not None and 0 < found.answerable < 1
    plain = await store.search("ada", SearchRequest(query="Which kitten does Ana have?"))
    assert all(hit.explanation is None for hit in plain.results)
    assert [hit.memory_id for hit in plain.results] == [hit.memory_id for hit in found.results]


async def test_a_question_about_me_prefers_what_i_said(store: MemoryStore, make_memory: Any) -> None:
    for speaker in ("assistant", "user"):
        await store.store("ada", make_memory("The deadline of the sprint is in March", speaker=speaker))
    await store.wait_for_vectors(10)
    found = await store.search("ada", SearchRequest(query="When is the deadline of my sprint?"))
    assert [(hit.context or {})["speaker"] for hit in found.results] == ["user", "assistant"]


async def test_why_agrees_with_search_and_ranks_what_is_far_down(store: MemoryStore, make_memory: Any) -> None:
    ids = await fill(store, make_memory)
    query = "Which kitten does Ana have?"
    found = await store.search("ada", SearchRequest(query=query, limit=3, explain=True))
    for rank, hit in enumerate(found.results, 1):
        why = await store.why("ada", WhyRequest(memory_id=hit.memory_id, query=query))
        assert (why.rank, why.relevance_score, why.explanation) == (rank, hit.relevance_score, hit.explanation)
        assert why.left_out_by == []
    last = await store.why("ada", WhyRequest(memory_id=ids["Good morning, how was the race?"], query="tax form"))
    assert last.rank is not None and last.rank > 8 and last.candidates >= last.rank
    with pytest.raises(NotFound):
        await store.why("ada", WhyRequest(memory_id="mem_none", query=query))
    with pytest.raises(NotFound):
        await store.why("ben", WhyRequest(memory_id=found.results[0].memory_id, query=query))


async def test_why_names_the_filters_that_leave_a_memory_out(store: MemoryStore, make_memory: Any) -> None:
    ids = await fill(store, make_memory)
    why = await store.why(
        "ada",
        WhyRequest(
            memory_id=ids["She sleeps on the radiator all day."],
            query="radiator",
            filters=SearchFilters(type=["episodic"], tags=["home"], min_importance=0.9),
        ),
    )
    assert why.rank is None and why.relevance_score is None and why.explanation is None
    assert why.left_out_by == ["filters.min_importance does not let it pass", "filters.tags does not let it pass"]


async def test_the_same_said_again_does_not_fill_the_results(store: MemoryStore, make_memory: Any) -> None:
    texts = ["The key is under the pot", "the key is under the pot!", "The key is not under the pot"]
    texts += ["The key number 4 is under the pot", "The key number 5 is under the pot"]
    stored = [await keep(store, make_memory(text)) for text in texts]
    await store.wait_for_vectors(10)
    found = await store.search("ada", SearchRequest(query="Where is the key? Under the pot?"))
    assert {hit.memory_id for hit in found.results} | {found.dropped[0].memory_id} == set(stored)
    assert len(found.results) == 4 and len(found.dropped) == 1
    assert found.dropped[0].memory_id in stored[:2]
    assert (
        found.dropped[0].reason
        == f"says the same as {next(each for each in stored[:2] if each != found.dropped[0].memory_id)}"
    )
    why = await store.why("ada", WhyRequest(memory_id=found.dropped[0].memory_id, query="key under the pot"))
    assert why.left_out_by or why.rank == 1


async def test_what_the_query_rules_out_is_left_out_and_said(store: MemoryStore, make_memory: Any) -> None:
    texts = ["The office in Lyon has a cat", "The office in Oslo has a cat"]
    lyon, oslo = [await keep(store, make_memory(text)) for text in texts]
    await store.wait_for_vectors(10)
    query = "the office with a cat, not the one in Lyon"
    found = await store.search("ada", SearchRequest(query=query))
    assert [hit.memory_id for hit in found.results] == [oslo]
    assert [(hit.memory_id, "rules out" in hit.reason) for hit in found.dropped] == [(lyon, True)]
    assert found.reading is not None and "Lyon" not in found.reading.text
    why = await store.why("ada", WhyRequest(memory_id=lyon, query=query))
    assert len(why.left_out_by) == 1 and "Lyon" in why.left_out_by[0]


async def test_what_happened_at_the_time_that_the_query_names_is_lifted(store: MemoryStore, make_memory: Any) -> None:
    for day in ("2024-03-05", "2024-07-05", "2024-11-05"):
        await keep(store, make_memory("A walk in the hills", timestamp=day))
    await store.wait_for_vectors(10)
    found = await store.search("ada", SearchRequest(query="A walk in July 2024", explain=True))
    assert found.results[0].event_at.month == 7
    assert found.reading is not None and [time.text for time in found.reading.times] == ["July 2024"]
    explanation = found.results[0].explanation
    assert explanation is not None and "time" in {each.signal for each in explanation.signals}


def test_sessions_are_named_ones_sources_and_runs_of_turns() -> None:
    traits = Traits()
    times = [0, 1, HALF_AN_HOUR_US + 1, 3 * HALF_AN_HOUR_US]
    traits.add(Trait(row, "ada", "Ana", "", at, 5) for row, at in enumerate(times))
    traits.add([Trait(4, "ben", "Ana", "", times[-1], 5), Trait(5, "ada", "Ana", "walk", 0, 5)])
    traits.add(
        [Trait(6, "ada", "", "notes.md", 0, 5), Trait(7, "ada", "", "notes.md", 0, 5), Trait(8, "ada", "", "", 0, 5)]
    )
    session = traits.at(np.arange(12)).session.tolist()
    assert session[0] == session[1] == session[2] != session[3]
    assert session[3] != session[4] and session[6] == session[7]
    assert len(set(session)) == 12 - 3
    traits.add([Trait(1, "ada", "Ana", "", 10 * HALF_AN_HOUR_US, 9)])
    assert traits.at(np.array([1])).session[0] == session[0], "a changed turn stays in its session"


shares = arrays(np.float64, 6, elements=some.floats(0, 30))


@given(shares, arrays(np.float64, 6, elements=some.floats(-1, 1) | some.just(np.nan)), some.booleans())
def test_every_score_is_within_one(words: Any, cosine: Any, timed: bool) -> None:
    rows = np.array([0, 1, 2, 5, 9, 11])
    speaker, session = np.array([1, 2, 1, 1, 0, 2], dtype=np.int32), np.array([7, 7, 7, 8, 9, 9])
    finite = cosine[np.isfinite(cosine)]
    evidence = signals.Evidence(
        rows=rows,
        words=words,
        cosine=cosine,
        lowest_cosine=float(finite.min()) if len(finite) else 0.0,
        traits=Found(speaker, session, np.zeros(6, dtype=np.int64), np.full(6, 80, dtype=np.int32)),
        mean_chars=120.0,
        closeness=np.linspace(0, 1, 6) if timed else None,
    )
    weighed = signals.weigh(evidence, ["", "Ana", "Ben"], ["what", "did", "ana", "say"])
    total = np.sum(list(weighed.values()), axis=0)
    assert (total >= 0).all() and (total <= 1 + 1e-9).all()
    assert all((share >= 0).all() for share in weighed.values())
