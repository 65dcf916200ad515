"""Fits the two layers of `lukhasd.memory.likelihood` and measures them on questions that they were not fitted on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory.likelihood import WORD_FEATURES, Found, Reader, summary
from lukhasd.models import logistic
from lukhasd.models.logistic import Floats, Groups, Logistic

Mask = NDArray[np.bool_]

UNANSWERABLE_SHARE = 0.25
"""Of the questions, as the probabilities take it; the sets have more such questions than people ask. Where the share is
another, s, the odds are off by the factor 3 · s / (1 − s)."""
RIDGE_EACH = 30.0
RIDGE_WHOLE = 3.0
FOLDS = 10
WORTH = {"facts": 0.3}
"""How much a set counts, where not 1: facts without context are easy. A set's weight goes with the root of its size, so
that the conversations, which are many, do not decide alone; of the weights tried (equal a question, equal a set) this
one lost least on the whole."""


@dataclass(frozen=True)
class Sample:
    """A question, what was found for it, which of that answers, and which of it is given as the answer. Questions of
    one group belong on one side of a validation."""

    question: str
    found: Sequence[Found]
    answers: Sequence[bool]
    chosen: Sequence[bool]
    answerable: bool
    group: int

    @property
    def outcome(self) -> bool:
        return any(answers and chosen for answers, chosen in zip(self.answers, self.chosen, strict=True))


@dataclass(frozen=True)
class _Table:
    """All samples: their memories' features under one another, with the question that each is of."""

    rows: Floats
    of: NDArray[np.int64]
    answers: Floats
    chosen: Mask
    outcomes: Floats
    answerable: Mask
    folds: Groups
    counts: Floats

    def summaries(self, each: Floats) -> Floats:
        ends = np.flatnonzero(np.diff(self.of)) + 1
        words = self.rows[:, : len(WORD_FEATURES)]
        parts = zip(*(np.split(column, ends) for column in (words, each, self.chosen)), strict=True)
        return np.array([summary(*part) for part in parts])


def report(sets: Mapping[str, Sequence[Sample]]) -> dict[str, object]:
    """The coefficients for memories with and without cosines, each with its figures on every set."""
    return {
        "with_vectors": _report(sets, with_vectors=True),
        "words_only": _report(sets, with_vectors=False),
        "unanswerable_share": UNANSWERABLE_SHARE,
    }


def _report(sets: Mapping[str, Sequence[Sample]], *, with_vectors: bool) -> dict[str, object]:
    table = _table(sets, with_vectors=with_vectors)
    each, whole = _fit(table)
    held_out = cross_validate(table)
    measured = {}
    start = 0
    for name, samples in sets.items():
        places = start + _thinned(samples)
        groups = np.array([samples[place - start].group for place in places])
        figures = logistic.figures(held_out[places], table.outcomes[places], groups)
        answered = round(float(table.outcomes[places].mean()), 4)
        said = round(float(held_out[places].mean()), 4)
        measured[name] = {"questions": len(places), "answered": answered, "said": said, **figures}
        start += len(samples)
    return {"each": _rounded(each), "whole": _rounded(whole), "cross_validated": measured}


def cross_validate(table: _Table) -> Floats:
    """Each question's probability from a fit without its group."""
    held_out = np.zeros(len(table.outcomes))
    for fold in range(FOLDS):
        held = table.folds == fold
        model, whole = _fit(table, without=fold)
        held_out[held] = whole.probabilities(table.summaries(model.probabilities(table.rows))[held])
    return held_out


def _fit(table: _Table, *, without: int | None = None) -> tuple[Logistic, Logistic]:
    """The second layer is fitted on what the first says of memories that it was not fitted on."""
    of_fold = table.folds[table.of]
    kept = of_fold != without
    each = np.zeros(len(table.rows))
    for fold in set(range(FOLDS)) - {without}:
        held = of_fold == fold
        each[held] = _fit_each(table, kept & ~held).probabilities(table.rows[held])
    asked = table.folds != without
    whole = logistic.fit(
        table.summaries(each)[asked], table.outcomes[asked], counts=table.counts[asked], ridge=RIDGE_WHOLE
    )
    return _fit_each(table, kept), whole


def _fit_each(table: _Table, kept: Mask) -> Logistic:
    return logistic.fit(table.rows[kept], table.answers[kept], ridge=RIDGE_EACH)


def _table(sets: Mapping[str, Sequence[Sample]], *, with_vectors: bool) -> _Table:
    reader = Reader()
    samples = [sample for each in sets.values() for sample in each]
    rows = []
    for sample in samples:
        words, near = reader.features(sample.question, sample.found)
        if with_vectors and near is None:
            raise RuntimeError(f"no vector was found for {sample.question!r}")
        rows.append(np.hstack([words, near]) if with_vectors and near is not None else words)
    counts = np.concatenate([_counts(name, each) for name, each in sets.items()])
    return _Table(
        rows=np.concatenate(rows),
        of=np.repeat(np.arange(len(samples)), [len(sample.found) for sample in samples]),
        answers=np.array([float(one) for sample in samples for one in sample.answers]),
        chosen=np.array([one for sample in samples for one in sample.chosen]),
        outcomes=np.array([float(sample.outcome) for sample in samples]),
        answerable=np.array([sample.answerable for sample in samples]),
        folds=np.array([sample.group % FOLDS for sample in samples]),
        counts=counts / counts.mean(),
    )


def _counts(name: str, samples: Sequence[Sample]) -> Floats:
    """So that UNANSWERABLE_SHARE of the set is unanswerable, and the set has its worth."""
    answerable = np.array([sample.answerable for sample in samples])
    share = 1 - answerable.mean()
    counts = np.where(answerable, (1 - UNANSWERABLE_SHARE) / (1 - share), UNANSWERABLE_SHARE / share)
    return np.asarray(WORTH.get(name, 1.0) / math.sqrt(len(samples)) * counts)


def _thinned(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """Places of the answerable ones and of so many others that UNANSWERABLE_SHARE is unanswerable, or the reverse."""
    answerable = np.array([sample.answerable for sample in samples])
    random = np.random.default_rng(logistic.SEED)
    yes, no = random.permutation(np.flatnonzero(answerable)), random.permutation(np.flatnonzero(~answerable))
    odds = UNANSWERABLE_SHARE / (1 - UNANSWERABLE_SHARE)
    few = min(len(no), round(len(yes) * odds))
    return np.sort(np.concatenate([yes[: round(few / odds)], no[:few]]))


def _rounded(model: Logistic) -> dict[str, object]:
    return {"intercept": round(model.intercept, 6), "weights": [round(weight, 6) for weight in model.weights]}
