"""How probable it is that what answers a question is among what search found.

A logistic model (Platt, 1999) over a few features of the question and the hits. Its coefficients are in
`calibration.json`, with the figures it reached on questions it was not fitted on; `lukhasd.memory.calibration` fits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import msgspec

from lukhas_sdk.contract.memory import SearchHit
from lukhasd.memory.item import leaves
from lukhasd.memory.words import FUNCTION_WORDS, Analyser
from lukhasd.models.logistic import Logistic

WORD_FEATURES = 2
HITS_READ = 5
CHARS_READ = 4_000
"""Of a hit and of a query: keeps the whole under a few milliseconds."""


class Coefficients(msgspec.Struct, frozen=True):
    """One model for hits with cosines, one for when every hit's vector is pending."""

    with_vectors: Logistic
    words_only: Logistic


class Answerable:
    def __init__(self, coefficients: Coefficients) -> None:
        self._coefficients = coefficients
        self._analyser = Analyser()

    def probability(self, query: str, hits: Sequence[SearchHit]) -> float:
        """0.0 without hits: what was not found cannot be among them."""
        if not hits:
            return 0.0
        words, meaning = self.features(query, hits)
        if meaning is None:
            return self._coefficients.words_only.probability(words)
        return self._coefficients.with_vectors.probability((*words, *meaning))

    def features(self, query: str, hits: Sequence[SearchHit]) -> tuple[tuple[float, ...], tuple[float, ...] | None]:
        """From words: the share of the question's telling words in the hit that has most of them, and in the first hits
        together. From meaning, None without any cosine: the best cosine, and how far it stands above the next."""
        asked = self._telling(query[:CHARS_READ])
        held = [asked & self._hit_terms(hit) for hit in hits[:HITS_READ]]
        together = frozenset[str]().union(*held)
        size = max(len(asked), 1)
        words = (max(len(terms) for terms in held) / size, len(together) / size)
        cosines = sorted((hit.cosine for hit in hits if hit.cosine is not None), reverse=True)
        if not cosines:
            return words, None
        return words, (cosines[0], cosines[0] - cosines[1] if len(cosines) > 1 else cosines[0])

    def _telling(self, text: str) -> frozenset[str]:
        words = [word for word in self._analyser.words(text) if word not in FUNCTION_WORDS]
        return frozenset(self._analyser.terms(" ".join(words)))

    def _hit_terms(self, hit: SearchHit) -> frozenset[str]:
        said = " ".join([*leaves(hit.context), *hit.tags, hit.content.data])
        return frozenset(self._analyser.terms(said[:CHARS_READ]))


def load() -> Answerable:
    text = resources.files("lukhasd.memory").joinpath("calibration.json").read_bytes()
    return Answerable(msgspec.json.decode(text, type=Coefficients))
