"""How probable it is that what answers a question is among what search found.

A logistic model (Platt, 1999) over a few features of the question and the hits. Its coefficients are in
`calibration.json`, with the figures it reached on questions it was not fitted on; `lukhasd.memory.calibration` fits it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import msgspec

from lukhas_sdk.contract.memory import SearchHit
from lukhasd.memory.item import SPEAKER_KEYS, leaves
from lukhasd.memory.signals import ASKERS, FIRST_PERSON
from lukhasd.memory.words import FUNCTION_WORDS, Analyser
from lukhasd.models.logistic import Logistic

WORD_FEATURES = 2
HITS_READ = 10
CHARS_READ = 2_000
"""Of a hit and of a query: keeps the whole under a few milliseconds."""
NAME = re.compile(r"(?<!^)\b[A-Z][a-z]+")


class Coefficients(msgspec.Struct, frozen=True):
    """One model for hits with cosines, one for when every hit's vector is pending."""

    with_vectors: Logistic
    words_only: Logistic


@dataclass(frozen=True)
class _Read:
    """A hit: the telling stems it shares with the question, whether it is about whom the question is about, and its
    cosine."""

    held: frozenset[str]
    theirs: bool
    cosine: float | None


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
        """From words, over the first hits: the share of the question's telling words that they have together, and how
        much more of them the best that is about the person asked for has than the best of the others: what is said by
        somebody else, however near, does not answer. From meaning, None without any cosine: the best cosine, how far
        it stands above the next and above the last, and how far the best about that person stands above the others."""
        query = query[:CHARS_READ]
        persons, speaking = self._persons(query, hits)
        asked = self._telling(query) - frozenset(self._analyser.terms(" ".join(persons)))
        read = [self._read(hit, asked, persons, speaking) for hit in hits[:HITS_READ]]
        size = max(len(asked), 1)
        together = len(frozenset[str]().union(*(each.held for each in read))) / size
        theirs = max((len(each.held) for each in read if each.theirs), default=0) / size
        others = max((len(each.held) for each in read if not each.theirs), default=0) / size
        words = (together, theirs - others)
        cosines = sorted((each.cosine for each in read if each.cosine is not None), reverse=True)
        if not cosines:
            return words, None
        following = cosines[1] if len(cosines) > 1 else 0.0
        nearest = max((each.cosine for each in read if each.theirs and each.cosine is not None), default=None)
        other = max((each.cosine for each in read if not each.theirs and each.cosine is not None), default=None)
        above = nearest - other if nearest is not None and other is not None else 0.0
        return words, (cosines[0], cosines[0] - following, cosines[0] - cosines[-1], above)

    def _persons(self, query: str, hits: Sequence[SearchHit]) -> tuple[frozenset[str], bool]:
        """Words, in lower case, of the names of whom the question is about, and whether they are among the speakers."""
        words = self._analyser.words(query)
        speakers = frozenset(word for hit in hits for word in self._analyser.words(_speaker(hit)))
        named = frozenset(words) & (speakers - ASKERS)
        if named:
            return named, True
        if FIRST_PERSON & frozenset(words) and speakers & ASKERS:
            return speakers & ASKERS, True
        return frozenset(name.lower() for name in NAME.findall(query)), False

    def _read(self, hit: SearchHit, asked: frozenset[str], persons: frozenset[str], speaking: bool) -> _Read:
        text = hit.content.data[:CHARS_READ]
        terms = self._analyser.terms(" ".join([*leaves(hit.context), *hit.tags, text])[:CHARS_READ])
        return _Read(asked & frozenset(terms), self._is_theirs(hit, text, persons, speaking), hit.cosine)

    def _is_theirs(self, hit: SearchHit, text: str, persons: frozenset[str], speaking: bool) -> bool:
        """Their own words, or where nobody speaks or they never do, a text that names them."""
        if not persons:
            return True
        speaker = frozenset(self._analyser.words(_speaker(hit)))
        if speaker & persons:
            return True
        return not (speaking and speaker) and bool(persons & frozenset(self._analyser.words(text)))

    def _telling(self, text: str) -> frozenset[str]:
        words = [word for word in self._analyser.words(text) if word not in FUNCTION_WORDS]
        return frozenset(self._analyser.terms(" ".join(words)))


def load() -> Answerable:
    text = resources.files("lukhasd.memory").joinpath("calibration.json").read_bytes()
    return Answerable(msgspec.json.decode(text, type=Coefficients))


def _speaker(hit: SearchHit) -> str:
    context = hit.context or {}
    return next((str(context[key]) for key in SPEAKER_KEYS if context.get(key)), "")
