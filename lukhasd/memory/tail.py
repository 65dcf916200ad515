"""Memories that the text index on disk does not hold yet: scored in memory by the same formula."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lukhasd.memory.catalogue import Mask

K1 = 1.2
B = 0.75
COMMON = 200
Field = str
Term = tuple[Field, str]


@dataclass(frozen=True)
class Statistics:
    """Of the index on disk: documents, those that hold a term, and a field's mean length in words (None: unknown)."""

    documents: int
    holding: Callable[[Term], int]
    mean_length: Callable[[Field], float | None]


@dataclass(frozen=True)
class _Document:
    sequence: int
    lengths: dict[Field, int]
    terms: frozenset[Term]


class Tail:
    """Not locked: whoever holds it does that."""

    def __init__(self) -> None:
        self._documents: dict[int, _Document] = {}
        self._postings: dict[Term, dict[int, int]] = {}

    def __len__(self) -> int:
        return len(self._documents)

    def add(self, row_id: int, sequence: int, fields: dict[Field, list[str]]) -> None:
        self.remove(row_id)
        counts = Counter((field, word) for field, words in fields.items() for word in words)
        lengths = {field: len(words) for field, words in fields.items()}
        self._documents[row_id] = _Document(sequence, lengths, frozenset(counts))
        for term, count in counts.items():
            self._postings.setdefault(term, {})[row_id] = count

    def remove(self, row_id: int) -> None:
        document = self._documents.pop(row_id, None)
        for term in document.terms if document else ():
            rows = self._postings[term]
            del rows[row_id]
            if not rows:
                del self._postings[term]

    def count(self, term: Term) -> int:
        """Documents that hold the term."""
        return len(self._postings.get(term, ()))

    def holding(self, terms: Sequence[Term], needed: int) -> list[int]:
        """Rows that hold at least so many of the terms, most of them first. Where one is enough, a term that more than
        `COMMON` rows hold does not count."""
        postings = sorted((self._postings.get(term, {}) for term in terms), key=len)
        if needed == 1:
            postings = [rows for rows in postings if len(rows) <= COMMON]
        if not 0 < needed <= len(postings):
            return []
        some = set().union(*postings[: len(postings) - needed + 1])
        counts = {row: sum(row in rows for rows in postings) for row in some}
        return sorted((row for row, count in counts.items() if count >= needed), key=lambda row: (-counts[row], row))

    def sequences(self) -> list[tuple[int, int]]:
        """Each row with the change that brought it."""
        return [(row, document.sequence) for row, document in self._documents.items()]

    def drop_until(self, sequence: int) -> None:
        """Forgets what the index on disk holds from now on."""
        for row_id in [row for row, document in self._documents.items() if document.sequence <= sequence]:
            self.remove(row_id)

    def score(self, terms: Iterable[Term], allowed: Mask, statistics: Statistics) -> dict[int, float]:
        """BM25 (Robertson and Zaragoza, 2009) as tantivy computes it, summed over the terms, for each row of the mask
        that has one. The statistics are those of the index and the tail together."""
        total = statistics.documents + len(self._documents)
        scores: dict[int, float] = {}
        means: dict[Field, float] = {}
        for term in terms:
            rows = self._postings.get(term)
            if not rows:
                continue
            field = term[0]
            if field not in means:
                means[field] = max(statistics.mean_length(field) or self._mean_length(field), 1.0)
            holding = statistics.holding(term) + len(rows)
            weight = math.log(1 + (total - holding + 0.5) / (holding + 0.5)) if total >= holding else 0.0
            for row_id, count in rows.items():
                if row_id < len(allowed) and allowed[row_id]:
                    norm = 1 - B + B * self._documents[row_id].lengths[field] / means[field]
                    scores[row_id] = scores.get(row_id, 0.0) + weight * count * (K1 + 1) / (count + K1 * norm)
        return scores

    def _mean_length(self, field: Field) -> float:
        return sum(document.lengths[field] for document in self._documents.values()) / len(self._documents)
