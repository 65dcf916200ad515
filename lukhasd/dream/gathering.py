"""What memory has to say to a seed and each constraint; what is not likely to say anything is cut."""

from __future__ import annotations

from collections.abc import Sequence

from lukhas_sdk.contract.memory import SearchHit, SearchRequest
from lukhasd.dream.notes import Material, Note, excerpt, sentences, shares_most
from lukhasd.dream.relevance import Relevance
from lukhasd.memory import MemoryStore
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import EmbedderError

FOUND = 20
"""Memories that are looked at for each topic."""
KEPT = 6
"""The likeliest of those that count."""


class Gatherer:
    def __init__(self, store: MemoryStore, relevance: Relevance) -> None:
        self._store = store
        self._relevance = relevance
        self._analyser = Analyser()

    async def gather(self, owner: str, seed: str, constraints: Sequence[str]) -> Material:
        """Counts no access."""
        seen: set[str] = set()
        kept: dict[str, list[Note]] = {}
        for topic in dict.fromkeys([seed, *constraints]):
            found = await self._store.search(owner, SearchRequest(query=topic, limit=FOUND))
            hits = self._store.core.calibrated(found.results)
            kept[topic] = await self._store.core.run(self._notes, topic, hits)
            seen.update(hit.memory_id for hit in hits)
        used = {note.memory_id for notes in kept.values() for note in notes}
        by_constraint = {constraint: kept[constraint] for constraint in dict.fromkeys(constraints)}
        return Material(kept[seed], by_constraint, len(seen), len(seen - used))

    def _notes(self, topic: str, hits: Sequence[SearchHit]) -> list[Note]:
        """Those that are likely to say something to the topic, and those that hold all of its words: a short topic is
        near to no long note."""
        terms = set(self._analyser.query_terms(topic))
        told = zip(hits, self._relevance.probabilities(topic, hits), strict=True)
        likely = [
            (hit, probability)
            for hit, probability in told
            if probability >= self._relevance.fitted.threshold or terms <= {*self._analyser.terms(hit.content.data)}
        ]
        likely.sort(key=lambda pair: (-pair[1], pair[0].memory_id))
        return [
            Note(hit.memory_id, excerpt(self._telling(topic, hit.content.data)), hit.event_at, probability)
            for hit, probability in likely[:KEPT]
        ]

    def _telling(self, topic: str, text: str) -> str:
        """The sentence that is nearest to the topic; by words while the embedder is out of order."""
        found = sentences(text)
        if len(found) == 1:
            return found[0]
        try:
            vectors = self._store.core.embedder.embed([topic, *found])
        except EmbedderError:
            return shares_most(found, topic, self._analyser)
        return found[int((vectors[1:] @ vectors[0]).argmax())]
