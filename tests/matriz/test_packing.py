from __future__ import annotations

from datetime import UTC, datetime

from lukhas_sdk.contract.memory import Memory, MemoryContent, MemoryMetadata
from lukhasd.matriz.packing import excerpt
from lukhasd.matriz.stages.attention import attend
from lukhasd.matriz.stages.memory import Candidate
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import MiniLmEmbedder

ANALYSER = Analyser()
EMBEDDER = MiniLmEmbedder()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = " ".join([*["The wind was light that day."] * 30, "The anchor lies in the red shed.", "It was bought in 2019.",
                 *["Nobody came by after lunch."] * 30])  # fmt: skip


def cut(text: str, query: str, limit_tokens: int) -> str:
    return excerpt(
        text, ANALYSER.query_terms(query), limit_tokens=limit_tokens, analyser=ANALYSER,
        count_tokens=EMBEDDER.count_tokens,
    )  # fmt: skip


def test_the_sentence_that_answers_is_kept_with_the_one_beside_it() -> None:
    shown = cut(LONG, "Where is the anchor?", 40)
    assert "The anchor lies in the red shed. It was bought in 2019." in shown
    assert shown.endswith("…")
    assert EMBEDDER.count_tokens(shown) <= 40


def test_without_a_word_in_common_it_is_the_beginning() -> None:
    assert cut("One thing. Another thing. A third.", "zebra", 12).startswith("One thing.")


def test_nothing_is_shown_where_no_sentence_fits() -> None:
    assert cut("word " * 50, "word", 10) == ""


def test_long_memories_are_shown_in_part_instead_of_dropped() -> None:
    def candidate(name: str, relevance: float) -> Candidate:
        metadata = MemoryMetadata(NOW, NOW, 0, None, 0.0, 0.5)
        return Candidate(Memory(name, "h", MemoryContent("semantic", LONG), [], metadata), relevance, None, 0)

    found = attend(
        [candidate(name, 0.9 - place / 10) for place, name in enumerate("abcd")], {}, embedder=EMBEDDER, focus=None,
        creative=False, budget_tokens=200, query="Where is the anchor?", analyser=ANALYSER, now=NOW,
    )  # fmt: skip
    assert len(found.kept) == 4
    assert all("anchor" in one.shown for one in found.kept)
    assert sum(EMBEDDER.count_tokens(one.shown) for one in found.kept) <= 200
    assert "shown in part" in found.step
