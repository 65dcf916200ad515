"""Whether what was said later replaces what was said before. No language model: see `comparison` for what is looked at.

A logistic model gives the probability; its coefficients and thresholds are in `contradictions.json`, with the figures
they reached on what they were not fitted on (`lukhasd.memory.contradiction_training` fits them). A high probability
alone replaces nothing: there must be evidence of a kind that a person can check, and no reason to doubt it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import msgspec

from lukhasd.memory import statements
from lukhasd.memory.comparison import ADDRESS, EVENTS, MANY_VALUED, Comparer, Comparison
from lukhasd.models.logistic import Logistic

Kind = Literal["supersedes", "conflicts", "none"]
LEAST_DENIED = 0.33
LEAST_SHARED = 2
LEAST_SHARED_OF_MANY = 4
"""Telling words that frame a replaced value; more where the verb takes many values."""
LEAST_COVERAGE = 0.5
"""A note of which less than this is out of date is kept as it is, and flagged."""

LONGEST_WORDS = 30
"""In a longer sentence, what is set against the other may belong to different parts of it."""


@dataclass(frozen=True)
class Said:
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Judgement:
    """`confidence` is the probability that the newer makes the older untrue; `evidence` says what for and against."""

    kind: Kind
    confidence: float
    evidence: tuple[str, ...] = ()


class Coefficients(msgspec.Struct, frozen=True):
    """The model, and the least probability to replace and to flag. The cosine of the two texts' vectors is no feature:
    with it, cross-validated recall at the same precision is no higher."""

    model: Logistic
    supersedes: float
    conflicts: float


NOTHING = Judgement("none", 0.0)


class Contradictions:
    def __init__(self, coefficients: Coefficients) -> None:
        self._coefficients = coefficients
        self._comparer = Comparer()

    def judge(self, older: Said, newer: Said) -> Judgement:
        """`older` happened before `newer`. About a millisecond for a few sentences."""
        best = NOTHING
        for comparison in self.compare(older, newer):
            judgement = self._judge(comparison)
            if (judgement.kind == "supersedes", judgement.confidence) > (best.kind == "supersedes", best.confidence):
                best = judgement
        return best

    def compare(self, older: Said, newer: Said) -> list[Comparison]:
        """The pairs of sentences that could contradict each other."""
        before, after = self._comparer.read(older.text, older.speaker), self._comparer.read(newer.text, newer.speaker)
        compared = self._comparer.compare(before, after)
        return [comparison for comparison in compared if _comparable(comparison)]

    def _judge(self, comparison: Comparison) -> Judgement:
        probability = self._coefficients.model.probability(comparison.features)
        if probability < self._coefficients.conflicts:
            return Judgement("none", probability)
        doubt = doubt_about(comparison)
        evidence = tuple(_evidence(comparison))
        if probability >= self._coefficients.supersedes and doubt is None:
            return Judgement("supersedes", probability, evidence)
        return Judgement("conflicts", probability, (*evidence, f"not certain: {doubt or 'too little says so'}"))


def load() -> Contradictions:
    text = resources.files("lukhasd.memory").joinpath("contradictions.json").read_bytes()
    return Contradictions(msgspec.json.decode(text, type=Coefficients))


def doubt_about(comparison: Comparison) -> str | None:
    """Why a high probability is not enough here; None where it is."""
    older, newer = comparison.older, comparison.newer
    if comparison.coverage < LEAST_COVERAGE:
        return "the older says more than what is out of date"
    if max(len(older.tokens), len(newer.tokens)) > LONGEST_WORDS:
        return "the sentences are too long to tell"
    if _parts_twice(comparison):
        return "the two differ in a name and in a number: they may speak of different things"
    if comparison.disagreement is not None:
        return None
    if statements.is_unreal(older.text) or statements.is_unreal(newer.text):
        return "one of the two is only supposed"
    if _denies(comparison):
        return None
    if comparison.other_subject:
        return "the two speak of different subjects"
    if MANY_VALUED & {*older.tokens, *newer.tokens} and len(comparison.shared) < LEAST_SHARED_OF_MANY:
        return "both may hold at once"
    if EVENTS & set(older.tokens[:2]):
        return "the two may be different events"
    if len(comparison.shared) < LEAST_SHARED:
        return "the two have little in common"
    return None


def _comparable(comparison: Comparison) -> bool:
    """Neither is asked or said to somebody, it is not the same again, and there is a place where they part."""
    older, newer = comparison.older, comparison.newer
    if older.tokens == newer.tokens or older.text.endswith("?") or newer.text.endswith("?"):
        return False
    if ADDRESS & {*older.tokens, *newer.tokens}:
        return False
    if older.speaker != newer.speaker and not older.subject & newer.subject:
        return False
    if comparison.disagreement is not None or _denies(comparison):
        return True
    return comparison.coverage >= LEAST_COVERAGE and _replaces(comparison)


def _replaces(comparison: Comparison) -> bool:
    """The same is said of something named, with another value in one place."""
    if not (comparison.older.has_topic and comparison.newer.has_topic):
        return False
    if not (comparison.replaced or comparison.other_names):
        return False
    return comparison.same_relation or comparison.other_subject


def _parts_twice(comparison: Comparison) -> bool:
    """One span has other names and another span other numbers."""
    older, newer = comparison.older, comparison.newer
    spans = [(set(old.split()), set(new.split())) for old, new in comparison.replaced]
    named = [place for place, (old, new) in enumerate(spans) if old & older.names and new & newer.names]
    counted = [place for place, (old, new) in enumerate(spans) if old & older.numbers and new & newer.numbers]
    return bool(named) and any(place not in named for place in counted)


def _denies(comparison: Comparison) -> bool:
    """One denies what the other says, of the same subject."""
    older, newer = comparison.older, comparison.newer
    if not (older.subject & newer.subject or (older.has_topic and newer.has_topic) or comparison.denied_name):
        return False
    if comparison.other_subject and not comparison.denied_name:
        return False
    if comparison.opposites:
        return bool(comparison.shared) or bool(older.names & newer.names - newer.subject)
    if older.denials == newer.denials:
        return False
    shared = len(comparison.shared) / max(len(older.said), 1)
    return comparison.denied >= LEAST_DENIED or (comparison.denied_name and shared >= LEAST_DENIED)


def _evidence(comparison: Comparison) -> Iterator[str]:
    older, newer = comparison.older, comparison.newer
    if comparison.disagreement is not None:
        before, after = comparison.disagreement
        yield f"{before.attribute} of {' '.join(sorted(before.about))}: {before.value!r} before, {after.value!r} later"
    for mine, other in comparison.opposites:
        yield f"opposites: {mine!r} before, {other!r} later"
    for one, name, said in ((newer, "later", older), (older, "before", newer)):
        held = one.denied & (said.stems | said.names)
        if one.denials - said.denials and held:
            words = ", ".join(repr(word) for word in sorted(one.denials - said.denials))
            yield f"denied {name} by {words}: {' '.join(sorted(held))}"
    if comparison.disagreement is None:
        for mine, other in comparison.replaced:
            yield f"in the same place: {mine!r} before, {other!r} later"
    if older.numbers and newer.numbers and older.numbers != newer.numbers:
        yield f"numbers: {', '.join(sorted(older.numbers))} before, {', '.join(sorted(newer.numbers))} later"
