"""How likely a memory says something to a constraint, which is a topic and no question.

Two features, and a logistic model on them (Platt, 1999): the memory's own probability of answering, as
`lukhasd.memory.likelihood` gives it for questions, as a logit; and its cosine. `lukhasd.dream.relevance_training` fits
it; the figures on constraints and notes that it was not fitted on stand beside the coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import resources

import msgspec
import numpy as np

from lukhas_sdk.contract.memory import SearchHit
from lukhasd.memory import answerable
from lukhasd.memory.likelihood import Likelihood
from lukhasd.models.logistic import Floats, Logistic

FILE = "relevance.json"
LEAST = 1e-4


class Fitted(msgspec.Struct, frozen=True):
    """`words_only` is for memories whose vectors are pending. `figures` are those of the held-out set."""

    with_vectors: Logistic
    words_only: Logistic
    threshold: float
    """From here on a memory counts: where F1 was best on the fitted set."""
    figures: dict[str, float]


class Relevance:
    """`load` it once. Safe to use from several threads; none of it belongs on the event loop."""

    def __init__(self, likelihood: Likelihood, fitted: Fitted) -> None:
        self._likelihood = likelihood
        self.fitted = fitted

    def probabilities(self, constraint: str, hits: Sequence[SearchHit]) -> list[float]:
        """Calibrated, of each hit that it says something to the constraint."""
        if not hits:
            return []
        rows = features(self._likelihood, constraint, hits)
        if rows.shape[1] == 2:
            return [float(each) for each in self.fitted.with_vectors.probabilities(rows)]
        return [float(each) for each in self.fitted.words_only.probabilities(rows)]


def features(likelihood: Likelihood, constraint: str, hits: Sequence[SearchHit]) -> Floats:
    """A row a hit: the logit, and the cosine where any of them has one."""
    found = [answerable.found(hit) for hit in hits]
    logits = [_logit(each) for each in likelihood.probabilities(constraint, found)]
    known = [hit.cosine for hit in hits if hit.cosine is not None]
    if not known:
        return np.array(logits)[:, None]
    cosines = [min(known) if hit.cosine is None else hit.cosine for hit in hits]
    return np.column_stack([logits, cosines])


def load() -> Relevance:
    text = resources.files("lukhasd.dream").joinpath(FILE).read_bytes()
    return Relevance(answerable.load().likelihood, msgspec.json.decode(text, type=Fitted))


def _logit(probability: float) -> float:
    bounded = min(max(probability, LEAST), 1 - LEAST)
    return math.log(bounded / (1 - bounded))
