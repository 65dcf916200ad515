"""Which memories answer a query, best first: words and meaning, mixed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory.catalogue import Catalogue, Entry, Rows, Selection
from lukhasd.memory.text_index import Document, TextIndex, as_rows
from lukhasd.memory.vector_index import VectorIndex

CANDIDATES_LEAST = 100
CANDIDATES_PER_HIT = 4
WORDS_WEIGHT = 0.5
MEANING_WEIGHT = 0.5
"""Measured on conversation turns: an equal mix of scores finds 5 points more in the first five than words alone."""


@dataclass(frozen=True)
class Ranked:
    """`score` = `text_score` + `vector_score`, each at most its weight; `cosine` is the raw one, None while pending."""

    row_id: int
    score: float
    text_score: float
    vector_score: float | None
    cosine: float | None


@dataclass(frozen=True)
class Ranking:
    hits: Sequence[Ranked]
    total: int


class Ranker:
    """The indexes, kept in step. Safe to use from several threads; none of it belongs on the event loop."""

    def __init__(self, catalogue: Catalogue, text: TextIndex, vectors: VectorIndex) -> None:
        self.text = text
        self._catalogue = catalogue
        self._vectors = vectors
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._catalogue)

    def add(self, entries: Sequence[Entry], documents: Sequence[Document]) -> None:
        self.text.add(documents)
        with self._lock:
            self._catalogue.add(entries)

    def replace(self, entries: Sequence[Entry], documents: Sequence[Document], rewritten: Iterable[int]) -> None:
        """Brings rows that are there already up to date; the vectors of the rewritten ones go."""
        self.text.add(documents)
        with self._lock:
            self._catalogue.add(entries)
            for row_id in rewritten:
                self._vectors.remove(row_id)

    def remove(self, row_id: int, sequence: int) -> None:
        self.text.remove(row_id, sequence)
        with self._lock:
            self._catalogue.remove(row_id)
            self._vectors.remove(row_id)

    def add_vectors(self, rows: Rows, vectors: NDArray[np.float32]) -> None:
        """Leaves out memories deleted meanwhile."""
        with self._lock:
            alive = self._catalogue.holds(rows)
            self._vectors.add(rows[alive], vectors[alive])

    def rank(self, query: str, vector: NDArray[np.float32] | None, chosen: Selection, limit: int) -> Ranking:
        """`0.5 · BM25 / max + 0.5 · min-max cosine` over the candidates: the nearest by words and by meaning among the
        chosen. Without `vector`, and for a memory whose own is pending, words carry the whole score. Equal scores: the
        older first."""
        with self._lock:
            allowed = self._catalogue.select(chosen)
            view = self.text.view(query, allowed)
        count = max(CANDIDATES_LEAST, CANDIDATES_PER_HIT * limit)
        within = None if chosen.whole_owner else np.flatnonzero(allowed)
        words, matching = self.text.search(view, chosen.owner, rows=within, limit=count)
        if vector is None:
            return Ranking(_mix(words, {})[:limit], matching)
        near, near_cosines = self._vectors.nearest(vector, allowed, count)
        cosines: dict[int, float] = dict(zip(near.tolist(), near_cosines.tolist(), strict=True))
        near_words, near_matching = self.text.search(view, chosen.owner, rows=near, limit=max(len(near), 1))
        far = as_rows(row for row in words if row not in cosines)
        cosines |= self._vectors.score(vector, far)
        return Ranking(_mix(words | near_words, cosines)[:limit], matching + len(near) - near_matching)

    def related(self, owner: str, row_id: int, limit: int) -> Sequence[int]:
        """The nearest other memories of that owner by meaning; none while the row's vector is pending."""
        mean = self._vectors.means(as_rows([row_id])).get(row_id)
        if mean is None:
            return ()
        with self._lock:
            allowed = self._catalogue.select(Selection(owner))
        allowed[row_id : row_id + 1] = False
        rows, _ = self._vectors.nearest(mean, allowed, limit)
        return [int(row) for row in rows]

    def means(self, row_ids: Iterable[int]) -> dict[int, NDArray[np.float32]]:
        return self._vectors.means(as_rows(row_ids))

    def newest(self, chosen: Selection) -> Rows:
        """Row numbers of the chosen, newest first."""
        with self._lock:
            return np.flatnonzero(self._catalogue.select(chosen))[::-1]

    def figures(self, owner: str, tags: int) -> tuple[dict[str, int], dict[str, int], tuple[datetime, datetime] | None]:
        """Memories by type, by the most used tags, and their oldest and newest event."""
        with self._lock:
            catalogue = self._catalogue
            return catalogue.count_types(owner), catalogue.count_tags(owner, tags), catalogue.event_span(owner)


def _mix(words: dict[int, float], cosines: dict[int, float]) -> list[Ranked]:
    best_words = max(words.values(), default=0.0)
    lowest, highest = min(cosines.values(), default=0.0), max(cosines.values(), default=0.0)
    ranked = []
    for row_id in words.keys() | cosines.keys():
        cosine = cosines.get(row_id)
        weight = WORDS_WEIGHT if cosine is not None else 1.0
        text = weight * words[row_id] / best_words if row_id in words and best_words > 0 else 0.0
        meaning = None
        if cosine is not None:
            span = highest - lowest
            meaning = MEANING_WEIGHT * ((cosine - lowest) / span if span > 0 else 1.0)
        ranked.append(Ranked(row_id, min(text + (meaning or 0.0), 1.0), text, meaning, cosine))
    return sorted(ranked, key=lambda hit: (-hit.score, hit.row_id))
