"""How likely each of some memories answers a question, and how likely any of some of them does.

Two logistic models (Platt, 1999), one on the other. The first gives each memory the probability that it answers by
itself, from what it shares with the question, whose words it is and what the question asks for. The second gives the
probability that one of the chosen answers, from the first's probabilities, whether somebody who speaks is asked about
and how much of what was found is of documents; it makes good what the first gets wrong by taking the memories for
independent. Nothing leans on how many memories there are: how rare a word is, and how near a memory, is counted among
those found.

`lukhasd.memory.likelihood_training` fits both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.memory.item import SPEAKER_KEYS
from lukhasd.memory.signals import ASKERS, FIRST_PERSON
from lukhasd.memory.sought import SOUGHT, sought
from lukhasd.memory.words import FUNCTION_WORDS, Analyser
from lukhasd.models.logistic import Floats, Logistic

CHARS_READ = 2_000
"""Of a memory and of a question: keeps the whole under a few milliseconds."""
NEW_WORDS = 12
"""So many words that the question has not are as good as any more."""
MENTIONED = 0.3
"""How far what somebody else says counts as being about the person that it names."""
FAR = 0.4
"""Where the nearest memory's cosine is less, the less the less likely any of them answers."""
LEAST = 1e-4
"""Probabilities are kept so far from 0 and 1 before their logarithm is taken."""
SPEAKING: Final = re.compile(r"\b(I|my|me|mine|myself|we|our|us)\b", re.IGNORECASE)
SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?\n]*")
CAPITALISED: Final = re.compile(r"(?<!^)\b[A-Z][a-z]+")

WORD_FEATURES: Final = (
    "held", "theirs", "held × theirs", "first person", "holds what is sought", "asks", "held × asks", "new",
    "held × new", "asked words", "somebody named", "who speaks", "a time", "a number", "somebody", "a place",
    "a reason", "held by the heading alone", "headed", "in part",
)  # fmt: skip
WHO_SPEAKS, HEADED = WORD_FEATURES.index("who speaks"), WORD_FEATURES.index("headed")
VECTOR_FEATURES: Final = ("cosine", "cosine above the mean", "score below the best", "cosine × who speaks", "far")
"""These need a cosine of at least one of the memories."""


@dataclass(frozen=True)
class Found:
    """A memory, as far as its answering is judged. `relevance` is its score in the search; `heading` stands over a
    part of a document; `in_part`: of a longer one `text` is what is quoted, and `cosine` that quotation's."""

    text: str
    speaker: str
    relevance: float
    cosine: float | None
    heading: str = ""
    in_part: bool = False


class Layers(msgspec.Struct, frozen=True):
    """`each` takes the features of one memory, `whole` those of `summary`."""

    each: Logistic
    whole: Logistic


class Coefficients(msgspec.Struct, frozen=True):
    """One pair for memories with cosines, one for when every vector is pending or another embedder's."""

    with_vectors: Layers
    words_only: Layers


class Likelihood:
    def __init__(self, coefficients: Coefficients) -> None:
        self.coefficients = coefficients
        self._reader = Reader()

    def probability(self, question: str, found: Sequence[Found], chosen: Sequence[bool] | None = None) -> float:
        """Calibrated probability that one of the chosen answers; of all of them without `chosen`."""
        if not found or (chosen is not None and not any(chosen)):
            return 0.0
        layers, rows, each = self._each(question, found)
        return layers.whole.probability(summary(rows, each, np.array(chosen or [True] * len(found))))

    def probabilities(self, question: str, found: Sequence[Found]) -> list[float]:
        """Calibrated probability of each of them that it answers, were it the only one chosen."""
        if not found:
            return []
        layers, rows, each = self._each(question, found)
        alone = np.eye(len(found), dtype=np.bool_)
        return [layers.whole.probability(summary(rows, each, chosen)) for chosen in alone]

    def _each(self, question: str, found: Sequence[Found]) -> tuple[Layers, Floats, Floats]:
        rows, near = self._reader.features(question, found)
        layers = self.coefficients.words_only if near is None else self.coefficients.with_vectors
        return layers, rows, layers.each.probabilities(rows if near is None else np.hstack([rows, near]))


class Reader:
    """Reads a question and what was found for it."""

    def __init__(self) -> None:
        self.analyser = Analyser()
        self.function_stems = frozenset(self.analyser.terms(" ".join(FUNCTION_WORDS)))

    def features(self, question: str, found: Sequence[Found]) -> tuple[Floats, Floats | None]:
        """A row a memory of WORD_FEATURES, and one of VECTOR_FEATURES; None in place of these without any cosine."""
        asked = _Asked(question[:CHARS_READ], found, self)
        read = [_Read(one, asked, self) for one in found]
        rarity = _rarity(asked.stems, read)
        words = np.array([one.row(rarity) for one in read])
        known = np.array([one.cosine for one in found if one.cosine is not None])
        if not len(known):
            return words, None
        cosine = np.array([known.min() if one.cosine is None else one.cosine for one in found])
        relevance = np.array([one.relevance for one in found])
        # What is embedded begins with who speaks: it is near to every question that names them.
        spoken = cosine * asked.speaking
        far = np.maximum(FAR - cosine.max(), 0.0) * np.ones(len(found))
        return words, np.column_stack([cosine, cosine - known.mean(), relevance - relevance.max(), spoken, far])


def summary(words: Floats, each: Floats, chosen: NDArray[np.bool_]) -> tuple[float, ...]:
    """Of the memories' WORD_FEATURES and own probabilities, these as logits: the best of the chosen; that any other of
    the chosen answers; the best of the chosen less the best of all; the sum over all. Then whether somebody who speaks
    is asked about and the share of memories with a heading, with what either changes."""
    ranked = np.sort(each[chosen])[::-1]
    best = logit(ranked[0])
    others = logit(float(1 - np.prod(1 - ranked[1:])))
    spoken, headed = float(words[0, WHO_SPEAKS]), float(words[:, HEADED].mean())
    of_chosen = (best, others, best - logit(each.max()), logit(each.sum()))
    return (*of_chosen, spoken, best * spoken, others * spoken, headed, best * headed)


def speaker_of(context: dict[str, object] | None) -> str:
    return next((str(context[key]) for key in SPEAKER_KEYS if context.get(key)), "") if context else ""


def heading_of(context: dict[str, object] | None) -> str:
    heading = context.get("heading") if context else None
    return heading if isinstance(heading, str) else ""


class _Asked:
    """A question: the words in lower case of the names of whom it is about, whether they are among the speakers, the
    stems of its other telling words, and what it asks for."""

    def __init__(self, text: str, found: Sequence[Found], reader: Reader) -> None:
        analyser = reader.analyser
        self.speakers = {name: frozenset(analyser.words(name)) for name in {one.speaker for one in found}}
        self.persons, self.speaking = self._persons(text, frozenset(analyser.words(text)))
        self.names = frozenset(analyser.terms(" ".join(self.persons)))
        self.all_stems = frozenset(analyser.terms(text))
        self.stems = self.all_stems - self.names - reader.function_stems
        self.sought = sought(text)

    def _persons(self, text: str, words: frozenset[str]) -> tuple[frozenset[str], bool]:
        speaking = frozenset[str]().union(*self.speakers.values())
        if named := words & (speaking - ASKERS):
            return named, True
        if FIRST_PERSON & words and speaking & ASKERS:
            return speaking & ASKERS, True
        return frozenset(name.lower() for name in CAPITALISED.findall(text)), False


class _Read:
    """A memory beside a question. Of its sentences those count that tell; `new` are telling words of theirs that the
    question has not: an answer says something."""

    def __init__(self, found: Found, asked: _Asked, reader: Reader) -> None:
        text = found.text[:CHARS_READ]
        self._told = "".join(sentence for sentence in SENTENCE.findall(text) if "?" not in sentence)
        self._asks = float(text.rstrip().endswith("?"))
        stems = frozenset(reader.analyser.terms(self._told))
        self.held = asked.stems & stems
        heading = frozenset(reader.analyser.terms(found.heading)) if found.heading else frozenset()
        self._above = (asked.stems & heading) - stems
        self._form = (float(bool(found.heading)), float(found.in_part))
        self._new = len(stems - asked.all_stems - reader.function_stems)
        self._theirs = _theirs(asked, asked.speakers[found.speaker], mentioned=not asked.names.isdisjoint(stems))
        self._asked = asked

    def row(self, rarity: dict[str, float]) -> tuple[float, ...]:
        asked, theirs = self._asked, self._theirs
        whole = max(sum(rarity.values()), 1e-9)
        held = sum(rarity[stem] for stem in self.held) / whole
        above = sum(rarity[stem] for stem in self._above) / whole
        new = min(self._new, NEW_WORDS) / NEW_WORDS
        kinds = [float(asked.sought is kind) for kind in SOUGHT]
        holds = asked.sought is not None and asked.sought.holds.search(self._told) is not None
        own = (held, theirs, held * theirs, float(SPEAKING.search(self._told) is not None), float(holds))
        about = (float(len(asked.stems)), float(bool(asked.persons)), float(asked.speaking))
        return (*own, self._asks, held * self._asks, new, held * new, *about, *kinds, above, *self._form)


def _theirs(asked: _Asked, speaker: frozenset[str], *, mentioned: bool) -> float:
    """1 for the words of the person asked about, or where nobody speaks or that person never does, for a text that
    names them; between where the question names nobody."""
    if not asked.persons:
        return 0.5
    if asked.speaking and speaker:
        return 1.0 if speaker & asked.persons else MENTIONED * mentioned
    return float(mentioned)


def _rarity(stems: frozenset[str], read: Sequence[_Read]) -> dict[str, float]:
    """Inverse document frequency among these memories: what none of them holds is the rarest."""
    counts = {stem: sum(stem in one.held for one in read) for stem in stems}
    return {stem: math.log((len(read) + 1) / (count + 0.5)) for stem, count in counts.items()}


def logit(probability: float) -> float:
    """Of a probability that is LEAST from 0 and 1 at least."""
    bounded = min(max(float(probability), LEAST), 1 - LEAST)
    return math.log(bounded / (1 - bounded))
