"""The probability that the quotations answer, from what attention kept and what was quoted of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lukhas_sdk.contract.memory import Memory, MemoryContent, MemoryMetadata
from lukhasd.matriz import extractive
from lukhasd.matriz.confidence import Confidence, judged
from lukhasd.matriz.extractive import Quote
from lukhasd.matriz.stages.attention import Focused, attend
from lukhasd.matriz.stages.memory import Candidate
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import MiniLmEmbedder

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDER = MiniLmEmbedder()
SAID = (
    ("Runa", "I took the ferry to Orkney in March, and I was sick from the first wave to the last."),
    ("Ivo", "I would never get on a ferry, I get sick in a bath tub."),
    ("Ivo", "Did you at least see the standing stones when you got there?"),
    ("Runa", "The stones were closed, but I met a sheep that looked like my aunt."),
)


@pytest.fixture(scope="module")
def confidence() -> Confidence:
    return Confidence.load()


def answered(query: str, *, with_vectors: bool = True) -> tuple[tuple[Focused, ...], list[Quote]]:
    vectors = EMBEDDER.embed([query, *(f"{speaker}: {text}" for speaker, text in SAID)])
    cosines = (vectors[1:] @ vectors[0]).tolist()
    metadata = MemoryMetadata(NOW, NOW, 0, None, 0.0, 0.5)
    candidates = [
        Candidate(
            Memory(
                f"m{place}", "h", MemoryContent(type="episodic", data=text, context={"speaker": speaker}), [], metadata
            ),
            max(cosines[place], 0.05),
            cosines[place] if with_vectors else None,
            0,
        )
        for place, (speaker, text) in enumerate(SAID)
    ]
    kept = attend(
        candidates, {}, embedder=EMBEDDER, focus=None, creative=False, budget_tokens=800, query=query, now=NOW
    ).kept
    return kept, extractive.quote(query, kept, embedder=EMBEDDER, analyser=Analyser(), limit=3)


@pytest.mark.parametrize("with_vectors", [True, False])
def test_the_question_about_the_right_person_is_answered_more_probably(
    confidence: Confidence, with_vectors: bool
) -> None:
    right = confidence.probability(
        "When did Runa take the ferry?", *answered("When did Runa take the ferry?", with_vectors=with_vectors)
    )
    wrong = confidence.probability(
        "When did Ivo take the ferry?", *answered("When did Ivo take the ferry?", with_vectors=with_vectors)
    )
    assert wrong < right


def test_quotations_that_pass_over_a_better_memory_are_less_probable(confidence: Confidence) -> None:
    query = "When did Runa take the ferry to Orkney?"
    kept, quotes = answered(query)
    best = next(quote for quote in quotes if quote.memory.memory_id == "m0")
    worse = Quote(next(one.candidate.memory for one in kept if one.candidate.memory.memory_id == "m3"), SAID[3][1],
                  best.score, best.cosine, best.coverage, best.matched)  # fmt: skip
    assert confidence.probability(query, kept, [worse]) < confidence.probability(query, kept, [best])
    assert confidence.probability(query, kept, []) == 0.0


def test_of_a_quoted_memory_only_the_quotation_counts() -> None:
    kept, quotes = answered("When did Runa take the ferry?")
    cut = Quote(quotes[0].memory, "I took the ferry", 0.9, 0.55, 1.0, ("ferri",))
    found, chosen = judged(kept, [cut])
    place = chosen.index(True)
    assert sum(chosen) == 1
    assert found[place].text == "I took the ferry"
    assert found[place].speaker == cut.memory.content.context["speaker"]
    assert (found[place].in_part, found[place].cosine) == (True, 0.55)
    assert not any(one.in_part for one in judged(kept, quotes)[0])
    assert len(found) == len(kept)


def test_a_quotations_cosine_is_left_out_where_its_memory_has_none() -> None:
    kept, quotes = answered("When did Runa take the ferry?", with_vectors=False)
    assert any(quote.cosine is not None for quote in quotes)
    assert all(one.cosine is None for one in judged(kept, quotes)[0])
