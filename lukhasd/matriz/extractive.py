"""Answers without a language model: the sentences of the memories that answer, quoted, dated and cited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.matriz import Citation
from lukhas_sdk.contract.memory import Memory
from lukhasd.matriz import sentences
from lukhasd.matriz.stages.attention import Focused
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder

Vector = NDArray[np.float32]

EMBEDDED_LIMIT = 12
"""Sentences of long memories that are embedded per answer: each costs about 10 ms of one core."""
WHOLE_CHARS = 240
"""A memory no longer than this, and without code, is quoted whole; of another, its best sentence."""
OWN_SHARE = 0.5
WORD_SHARE = 0.4
"""Of a quotation's own fit, what comes from the words it shares with the question; the rest is its cosine."""
QUESTION_PENALTY = 0.5
"""A sentence that asks, or that repeats the question, seldom answers it."""
LONGEST_QUOTE_CHARS = 400
SAME_QUOTE_OVERLAP = 0.8
WORTH_QUOTING = 0.6
"""Share of the best quotation's score that another needs."""


@dataclass(frozen=True)
class Quote:
    """`score` in [0, 1] mixes in equal parts the attention on the memory and the quotation's own fit."""

    memory: Memory
    text: str
    score: float
    cosine: float | None
    """With the question; None where no vector is known."""
    coverage: float
    """Share of the question's words that it holds."""
    matched: tuple[str, ...]
    """The question's stems that it holds."""

    @property
    def shown(self) -> str:
        """With a mark where it was cut off."""
        cut = len(self.text) >= LONGEST_QUOTE_CHARS - 60 and self.text[-1] not in ".!?"
        return f"{self.text} …" if cut else self.text

    def citation(self) -> Citation:
        return Citation(
            self.memory.memory_id, self.text, source_of(self.memory), self.memory.metadata.event_at, self.score
        )


def source_of(memory: Memory) -> str | None:
    """Where a memory is from, in words: its source, heading and speaker."""
    parts = [memory.content.context.get(name) for name in ("source", "heading", "speaker")]
    named = [part for part in parts if isinstance(part, str) and part]
    return ", ".join(named) or None


def quote(
    query: str,
    focus: Sequence[Focused],
    *,
    embedder: Embedder | None,
    analyser: Analyser,
    limit: int,
    known: Callable[[str], Vector | None] = lambda text: None,
) -> list[Quote]:
    """At most `limit` quotations, one a memory, best first, no two saying the same.

    Without an embedder the words alone decide where a cosine is not known already. `known`: a sentence's vector that
    was computed before.
    """
    terms = analyser.query_terms(query)
    asked = " ".join(analyser.words(query))
    most = max((one.weight for one in focus), default=1.0)
    rows = [row for one in focus for row in _rows(one, terms, analyser, attention=one.weight / most)]
    rows.sort(key=lambda row: -(row.attention + row.coverage))
    unknown = [row.text for row in rows if row.cosine is None][:EMBEDDED_LIMIT]
    cosines = dict(zip(unknown, _cosines(query, unknown, embedder, known), strict=False))
    quotes: list[Quote] = []
    for row in rows:
        cosine = cosines.get(row.text) if row.cosine is None else row.cosine
        own = row.coverage if cosine is None else WORD_SHARE * row.coverage + (1 - WORD_SHARE) * max(0.0, cosine)
        repeats = len(row.matched) == len(terms) and asked in " ".join(analyser.words(row.text))
        own *= QUESTION_PENALTY if repeats or row.text.endswith("?") else 1.0
        score = OWN_SHARE * own + (1 - OWN_SHARE) * row.attention
        quotes.append(Quote(row.memory, shorten(row.text), score, cosine, row.coverage, row.matched))
    return _distinct(sorted(quotes, key=lambda one: -one.score), analyser, limit)


@dataclass(frozen=True)
class _Row:
    memory: Memory
    text: str
    attention: float
    """Its memory's weight over the largest."""
    cosine: float | None
    coverage: float
    matched: tuple[str, ...]


def _rows(one: Focused, terms: Sequence[str], analyser: Analyser, *, attention: float) -> list[_Row]:
    """What of one memory may be quoted, with the share of the question's words that it holds: in itself or in the
    memory's source, heading and speaker; a word elsewhere in the memory counts half."""
    memory = one.candidate.memory
    source = set(analyser.terms(source_of(memory) or ""))
    around = set(analyser.terms(memory.content.data))
    texts, whole = quotable(memory.content.data)
    rows = []
    for text in texts:
        words = (around if whole else set(analyser.terms(text))) | source
        matched = tuple(term for term in terms if term in words)
        nearby = sum(term in around for term in terms if term not in words)
        coverage = (len(matched) + 0.5 * nearby) / len(terms) if terms else 0.0
        cosine = one.candidate.cosine if whole else None
        rows.append(_Row(memory, text, attention, cosine, coverage, matched))
    return rows


def quotable(data: str) -> tuple[list[str], bool]:
    """What of a memory's text may be quoted, and whether that is the whole of it."""
    text = " ".join(data.split())
    if len(text) <= WHOLE_CHARS and not sentences.FENCE.search(data):
        return [text], True
    return sentences.split(data), False


def _cosines(
    query: str, texts: Sequence[str], embedder: Embedder | None, known: Callable[[str], Vector | None]
) -> list[float]:
    if embedder is None or not texts:
        return []
    vectors = {text: vector for text in texts if (vector := known(text)) is not None}
    new = [text for text in texts if text not in vectors]
    asked, *rest = embedder.embed([query, *new])
    vectors.update(zip(new, rest, strict=True))
    return [float(vectors[text] @ asked) for text in texts]


def _distinct(ranked: Sequence[Quote], analyser: Analyser, limit: int) -> list[Quote]:
    chosen: list[Quote] = []
    seen: list[set[str]] = []
    for one in ranked:
        if one.score < WORTH_QUOTING * ranked[0].score:
            break
        words = set(analyser.terms(one.text))
        repeats = any(_says_the_same(words, other) for other in seen)
        quoted = any(one.memory.memory_id == other.memory.memory_id for other in chosen)
        if words and not repeats and not quoted:
            chosen.append(one)
            seen.append(words)
        if len(chosen) == limit:
            break
    return chosen


def _says_the_same(words: set[str], others: set[str]) -> bool:
    """Nearly all words are shared, and every figure: “raised in 2021” and “raised in 2022” are two facts."""
    figures = {word for word in words ^ others if any(sign.isdigit() for sign in word)}
    return not figures and len(words & others) >= SAME_QUOTE_OVERLAP * min(len(words), len(others))


def shorten(text: str) -> str:
    """What is shown of a quotation."""
    if len(text) <= LONGEST_QUOTE_CHARS:
        return text
    return text[:LONGEST_QUOTE_CHARS].rsplit(" ", 1)[0]


def attribution(memory: Memory) -> str:
    moment = memory.metadata.event_at
    date = f"{moment.day} {moment:%B %Y}"
    source = source_of(memory)
    return f"{source}, {date}" if source else date
