from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lukhas_sdk.contract.memory import Memory, MemoryContent, MemoryMetadata
from lukhasd.matriz.stages.attention import attend, concentration
from lukhasd.matriz.stages.memory import Candidate
from lukhasd.models.embedder import MiniLmEmbedder

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDER = MiniLmEmbedder()


def candidate(name: str, text: str, *, relevance: float, age_days: float = 0, importance: float = 0.5) -> Candidate:
    at = NOW - timedelta(days=age_days)
    metadata = MemoryMetadata(NOW, at, 0, None, 0.0, importance)
    return Candidate(Memory(name, "helix", MemoryContent(type="semantic", data=text), [], metadata), relevance, None, 0)


def focus(candidates: list[Candidate], **options: object):
    texts = [one.memory.content.data for one in candidates]
    vectors = dict(zip([one.memory.memory_id for one in candidates], EMBEDDER.embed(texts), strict=True))
    settings = {"focus": None, "creative": False, "budget_tokens": 800, "now": NOW, **options}
    return attend(candidates, vectors, embedder=EMBEDDER, **settings)


def test_the_distribution_sums_to_one() -> None:
    found = focus([candidate("a", "Tea is hot.", relevance=0.9), candidate("b", "The sea is wide.", relevance=0.4)])
    assert math.isclose(sum(share.attention_weight for share in found.distribution()), 1.0)
    assert [share.target for share in found.distribution()] == ["a", "b"]


def test_without_memories_attention_is_on_the_input() -> None:
    found = focus([])
    assert found.distribution()[0].target == "input"
    assert found.confidence is None
    assert "confidence" in found.reasons


def test_newer_and_more_important_memories_weigh_more() -> None:
    old, new = candidate("old", "x", relevance=0.5, age_days=3650), candidate("new", "y", relevance=0.5)
    weights = {one.candidate.memory.memory_id: one.weight for one in focus([old, new]).kept}
    assert weights["new"] > weights["old"]
    dull, key = (
        candidate("dull", "x", relevance=0.5, importance=0.1),
        candidate("key", "y", relevance=0.5, importance=1),
    )
    weights = {one.candidate.memory.memory_id: one.weight for one in focus([dull, key]).kept}
    assert weights["key"] > weights["dull"]


def test_a_repetition_comes_after_something_else() -> None:
    rows = [
        candidate("first", "The key is under the blue pot.", relevance=0.9),
        candidate("again", "The key is under the blue pot!", relevance=0.89),
        candidate("other", "The boiler was serviced in June.", relevance=0.6),
    ]
    assert [one.candidate.memory.memory_id for one in focus(rows).kept] == ["first", "other", "again"]


def test_the_budget_drops_what_does_not_fit_and_says_so() -> None:
    rows = [candidate("a", "word " * 60, relevance=0.9), candidate("b", "other " * 60, relevance=0.8)]
    found = focus(rows, budget_tokens=100)
    assert [one.candidate.memory.memory_id for one in found.kept] == ["a"]
    assert "60 tokens" in found.dropped["b"]


def test_a_focus_favours_what_is_near_it() -> None:
    rows = [
        candidate("money", "The invoice of 300 euros was paid.", relevance=0.5),
        candidate("garden", "The roses were cut in March.", relevance=0.5),
    ]
    assert focus(rows, focus="gardening_and_plants").kept[0].candidate.memory.memory_id == "garden"
    assert focus(rows, focus="payments").kept[0].candidate.memory.memory_id == "money"


@pytest.mark.parametrize(
    ("weights", "expected"), [([], None), ([1.0], 1.0), ([0.5, 0.5], 0.0), ([0.25] * 4, 0.0), ([1.0, 0.0], 1.0)]
)
def test_concentration(weights: list[float], expected: float | None) -> None:
    assert concentration(weights) == (expected if expected is None else pytest.approx(expected))


def test_concentration_grows_as_one_weight_takes_over() -> None:
    shares = np.linspace(0.5, 0.99, 20)
    found = [concentration([share, 1 - share]) for share in shares]
    assert found == sorted(found)  # type: ignore[type-var]
