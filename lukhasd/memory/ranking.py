"""Which memories answer a query, best first, and why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import FacetName
from lukhasd.memory import signals
from lukhasd.memory.catalogue import Catalogue, Entry, Mask, Rows, Selection
from lukhasd.memory.moments import microseconds
from lukhasd.memory.phrases import Phrase
from lukhasd.memory.text_files import FIELDS
from lukhasd.memory.text_index import Document, TextIndex, as_rows
from lukhasd.memory.traits import Trait, Traits
from lukhasd.memory.vector_index import VectorIndex
from lukhasd.memory.words import Analyser

Vector = NDArray[np.float32]
Closeness = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Of events (microseconds since 1970) to the times that a query names, in [0, 1]."""
CANDIDATES_LEAST = 100
CANDIDATES_PER_HIT = 4
LEADING = 25
"""Candidates whose neighbours join them."""
NEIGHBOURS = len(signals.NEIGHBOUR_WEIGHTS)


@dataclass(frozen=True)
class Ranked:
    """`score` is the sum of the signals' shares; `cosine` is the raw one, None while pending."""

    row_id: int
    score: float
    signals: tuple[tuple[str, float], ...]
    cosine: float | None

    @property
    def text_score(self) -> float:
        return dict(self.signals).get("words", 0.0)

    @property
    def vector_score(self) -> float | None:
        return None if self.cosine is None else dict(self.signals).get("meaning", 0.0)


@dataclass(frozen=True)
class Ranking:
    hits: Sequence[Ranked]
    total: int


class Ranker:
    """The indexes, kept in step. Safe to use from several threads; none of it belongs on the event loop."""

    def __init__(
        self, catalogue: Catalogue, text: TextIndex, vectors: VectorIndex, traits: Traits | None = None
    ) -> None:
        self.text = text
        self._catalogue = catalogue
        self._vectors = vectors
        self._coming: VectorIndex | None = None
        self._traits = traits or Traits()
        self._analyser = Analyser()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._catalogue)

    @property
    def end(self) -> int:
        """Rows that are stored from now on have this number or a higher one."""
        with self._lock:
            return self._catalogue.size

    def add(self, entries: Sequence[Entry], documents: Sequence[Document]) -> None:
        self.text.add(documents)
        with self._lock:
            self._catalogue.add(entries)
            self._traits.add(map(_trait, entries, documents))

    def replace(self, entries: Sequence[Entry], documents: Sequence[Document], rewritten: Iterable[int]) -> None:
        """Brings rows that are there already up to date; the vectors of the rewritten ones go."""
        self.add(entries, documents)
        with self._lock:
            for row_id in rewritten:
                self._forget_vectors(row_id)

    def remove(self, row_id: int, sequence: int) -> None:
        self.text.remove(row_id, sequence)
        with self._lock:
            self._catalogue.remove(row_id)
            self._forget_vectors(row_id)

    def add_vectors(self, rows: Rows, vectors: NDArray[np.float32], index: VectorIndex) -> None:
        """In place of those that `index` has of these memories. Leaves out memories deleted meanwhile."""
        with self._lock:
            alive = self._catalogue.holds(rows)
            for row_id in np.unique(rows[alive]).tolist():
                index.remove(row_id)
            index.add(rows[alive], vectors[alive])

    @property
    def vectors(self) -> VectorIndex:
        """What is searched now; a query's vector belongs to one index."""
        return self._vectors

    def expect_vectors(self, index: VectorIndex | None) -> None:
        """An index that is being filled beside the one that is searched; None: no longer."""
        with self._lock:
            self._coming = index

    def use_vectors(self, index: VectorIndex) -> None:
        """Searches `index` from now on, instead of the one before, which stays open."""
        with self._lock:
            self._vectors, self._coming = index, None

    def flush(self) -> None:
        """What was erased of the vectors is gone from the disk itself."""
        for index in filter(None, (self._vectors, self._coming)):
            index.flush()

    def close(self) -> None:
        self.text.close()
        for index in filter(None, (self._vectors, self._coming)):
            index.close()

    def rank(
        self,
        query: str,
        vector: Vector | None,
        chosen: Selection,
        limit: int,
        *,
        closeness: Closeness | None = None,
        among: Sequence[int] = (),
        vectors: VectorIndex | None = None,
        fields: Sequence[str] = FIELDS,
        phrases: Sequence[Phrase] = (),
    ) -> Ranking:
        """The best of the candidates: the nearest by words and by meaning among the chosen, what stands beside the
        first of them, and those rows of `among` that are chosen: with these, all candidates are given, however many.
        Equal scores: the older first. See `signals.weigh`.

        Without `vector`, and for a memory whose own is pending, words carry the whole. `vectors` is the index that
        `vector` belongs to, where it may have been replaced since. `fields` are those of the text index that words are
        looked for in. Of what holds one of `phrases`, so many join the candidates as by words.
        """
        vectors = vectors or self._vectors
        passes = self._passes(chosen)
        with self._lock:
            allowed = _narrowed(self._catalogue.select(chosen), passes)
            view = self.text.view(query, allowed, fields=fields)
        count = max(CANDIDATES_LEAST, CANDIDATES_PER_HIT * limit)
        words, matching = self.text.search(view, chosen, limit=count)
        near, cosines = _nearest(vectors, vector, allowed, count)
        leading = as_rows([*islice(words, LEADING), *near[:LEADING]])
        size = len(allowed)
        holding = [np.flatnonzero(allowed & self.text.passes(chosen.owner, phrase.asked, size)) for phrase in phrases]
        joining = [as_rows(words), near, as_rows(among), _beside(leading), *(found[-count:] for found in holding)]
        rows = _allowed(np.concatenate(joining), allowed)
        reference = np.isin(rows, [*islice(words, CANDIDATES_LEAST), *near[:CANDIDATES_LEAST]])
        rest = as_rows(row for row in rows.tolist() if row not in words)
        words |= self.text.search(view, replace(chosen, where=None), rows=rest, limit=max(len(rest), 1))[0]
        cosine = _cosines(vectors, vector, rows, dict(zip(near.tolist(), cosines.tolist(), strict=True)))
        with self._lock:
            traits = self._traits.at(rows)
            mean_chars = self._traits.mean_chars
        evidence = signals.Evidence(
            rows=rows,
            words=np.array([words.get(row, 0.0) for row in rows.tolist()], dtype=np.float64),
            cosine=cosine,
            lowest_cosine=float(np.nanmin(cosine[reference])) if np.isfinite(cosine[reference]).any() else 0.0,
            traits=traits,
            mean_chars=mean_chars,
            closeness=closeness(traits.event_us) if closeness is not None else None,
            verbatim=_verbatim(rows, phrases, holding),
        )
        shares = signals.weigh(evidence, self._traits.speakers, self._analyser.words(query))
        wordless = sum(row not in words for row in near.tolist())
        return Ranking(_order(evidence, shares, len(rows) if among else limit), matching + wordless)

    def related(self, owner: str, row_id: int, limit: int) -> Sequence[int]:
        """The nearest other memories of that owner by meaning; none while the row's vector is pending."""
        vectors = self._vectors
        mean = vectors.means(as_rows([row_id])).get(row_id)
        if mean is None:
            return ()
        with self._lock:
            allowed = self._catalogue.select(Selection(owner))
        allowed[row_id : row_id + 1] = False
        rows, _ = vectors.nearest(mean, allowed, limit)
        return [int(row) for row in rows]

    def means(self, row_ids: Iterable[int]) -> dict[int, NDArray[np.float32]]:
        return self._vectors.means(as_rows(row_ids))

    def allows(self, chosen: Selection, row_id: int) -> bool:
        passes = self._passes(chosen)
        with self._lock:
            allowed = _narrowed(self._catalogue.select(chosen), passes)
        return row_id < len(allowed) and bool(allowed[row_id])

    def newest(self, chosen: Selection) -> Rows:
        """Row numbers of the chosen, newest first."""
        passes = self._passes(chosen)
        with self._lock:
            return np.flatnonzero(_narrowed(self._catalogue.select(chosen), passes))[::-1]

    def matching(self, query: str, vector: Vector | None, chosen: Selection, *, fields: Sequence[str] = FIELDS) -> Rows:
        """Of the chosen, all that share a word with the query, and with `vector` the nearest by meaning; ascending."""
        passes = self._passes(chosen)
        vectors = self._vectors
        with self._lock:
            allowed = _narrowed(self._catalogue.select(chosen), passes)
            view = self.text.view(query, allowed, fields=fields)
        words, _ = self.text.search(view, chosen, limit=len(allowed) + 1)
        near, _ = _nearest(vectors, vector, allowed, CANDIDATES_LEAST)
        return _allowed(np.concatenate([as_rows(words), near]), allowed)

    def sort(self, rows: Rows, by: Literal["newest", "oldest", "importance"]) -> Rows:
        """By when it happened, or the most important first; of equals the one stored last, with `oldest` first."""
        with self._lock:
            events, importances = self._catalogue.events(rows), self._catalogue.importances(rows)
        if by == "oldest":
            return rows[np.lexsort((rows, events))]
        keys = (-rows, -events) if by == "newest" else (-rows, -events, -importances)
        return rows[np.lexsort(keys)]

    def facets(self, rows: Rows, names: Iterable[FacetName]) -> dict[FacetName, tuple[dict[str, int], int]]:
        """How many of these rows have each value, and how many have none."""
        with self._lock:
            return {name: self._facet(rows, name) for name in names}

    def _facet(self, rows: Rows, name: FacetName) -> tuple[dict[str, int], int]:
        if name == "tag":
            return self._catalogue.tags_of(rows)
        if name == "type":
            return self._catalogue.types_of(rows), 0
        if name == "month":
            months = self._catalogue.events(rows).astype("datetime64[us]").astype("datetime64[M]")
            values, counts = np.unique(months.astype(str), return_counts=True)
            return dict(zip(values.tolist(), counts.tolist(), strict=True)), 0
        found = self._traits.speakers_of(rows) if name == "speaker" else self._traits.sources_of(rows)
        missing = found.pop("", 0)
        return found, missing

    def _passes(self, chosen: Selection) -> Mask | None:
        """Of the memories that there are now; what is stored meanwhile does not pass."""
        if chosen.where is None:
            return None
        with self._lock:
            known = self._catalogue.select(Selection(chosen.owner, include_superseded=True))
        return known & self.text.passes(chosen.owner, chosen.where, len(known))

    def figures(self, owner: str, tags: int) -> tuple[dict[str, int], dict[str, int], tuple[datetime, datetime] | None]:
        """Memories by type, by the most used tags, and their oldest and newest event."""
        with self._lock:
            catalogue = self._catalogue
            return catalogue.count_types(owner), catalogue.count_tags(owner, tags), catalogue.event_span(owner)

    def _forget_vectors(self, row_id: int) -> None:
        self._vectors.remove(row_id)
        if self._coming is not None:
            self._coming.remove(row_id)


def _nearest(
    vectors: VectorIndex, vector: Vector | None, allowed: Mask, count: int
) -> tuple[Rows, NDArray[np.float32]]:
    if vector is None:
        return as_rows([]), np.empty(0, dtype=np.float32)
    return vectors.nearest(vector, allowed, count)


def _cosines(vectors: VectorIndex, vector: Vector | None, rows: Rows, known: dict[int, float]) -> NDArray[np.float64]:
    """NaN for a row without a vector."""
    if vector is not None:
        known |= vectors.score(vector, as_rows(row for row in rows.tolist() if row not in known))
    return np.array([known.get(row, np.nan) for row in rows.tolist()], dtype=np.float64)


def _trait(entry: Entry, document: Document) -> Trait:
    text = document.text
    return Trait(
        entry.row_id,
        entry.owner,
        text.speaker,
        text.session,
        microseconds(entry.event_at),
        max(len(text.data), 1),
        text.source,
    )


def _beside(rows: Rows) -> Rows:
    steps = [step for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step]
    return (rows[:, None] + np.array(steps, dtype=np.int64)).ravel()


def _narrowed(allowed: Mask, passes: Mask | None) -> Mask:
    if passes is None:
        return allowed
    allowed[: len(passes)] &= passes
    allowed[len(passes) :] = False
    return allowed


def _verbatim(rows: Rows, phrases: Sequence[Phrase], holding: Sequence[Rows]) -> NDArray[np.float64] | None:
    """The share of the phrases that each row holds. One that need not be there counts only where it is."""
    counted = [
        np.isin(rows, found) for phrase, found in zip(phrases, holding, strict=True) if phrase.needed or len(found)
    ]
    return np.mean(counted, axis=0) if counted else None


def _allowed(rows: Rows, allowed: Mask) -> Rows:
    """Each once, ascending."""
    rows = np.unique(rows)
    rows = rows[(rows >= 0) & (rows < len(allowed))]
    return rows[allowed[rows]]


def _order(evidence: signals.Evidence, shares: dict[str, NDArray[np.float64]], limit: int) -> list[Ranked]:
    score = np.sum(list(shares.values()), axis=0)
    hits = []
    for place in np.lexsort((evidence.rows, -score))[:limit].tolist():
        cosine = float(evidence.cosine[place])
        parts = tuple((name, float(share[place])) for name, share in shares.items() if share[place])
        hits.append(
            Ranked(
                row_id=int(evidence.rows[place]),
                score=sum(share for _, share in parts),
                signals=parts,
                cosine=None if np.isnan(cosine) else cosine,
            )
        )
    return hits
