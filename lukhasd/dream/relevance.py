"""How likely a memory says something to a seed or constraint, which is a topic and no question.

A logistic model (Platt, 1999) on the cosine, and on how near the farthest of what was found is: the more is stored, the
nearer is even what has nothing to do with the topic. The probability of answering, as `lukhasd.memory.likelihood` gives
it for questions, made it worse beside them, and is used where there is no cosine. `lukhasd.dream.relevance_training`
fits both; the figures on what they were not fitted on stand beside the coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import msgspec
import numpy as np

from lukhas_sdk.contract.memory import SearchHit
from lukhasd.memory import answerable
from lukhasd.memory.likelihood import Likelihood, logit
from lukhasd.models.logistic import Floats, Logistic

FILE = "relevance.json"
FARTHEST = 5


class Fitted(msgspec.Struct, frozen=True):
    """`words_only` is for memories whose vectors are pending. `figures` are those of the held-out set."""

    with_vectors: Logistic
    words_only: Logistic
    threshold: float
    """From here on a memory counts: where F0.5 was best, on average over the fitted sets."""
    figures: dict[str, float]


class Relevance:
    """`load` it once. Safe to use from several threads; none of it belongs on the event loop."""

    def __init__(self, likelihood: Likelihood, fitted: Fitted) -> None:
        self._likelihood = likelihood
        self.fitted = fitted

    def probabilities(self, topic: str, hits: Sequence[SearchHit]) -> list[float]:
        """Calibrated, of each hit that it says something to the topic."""
        if not hits:
            return []
        rows = nearness(hits)
        if rows is not None:
            return [float(each) for each in self.fitted.with_vectors.probabilities(rows)]
        return [float(each) for each in self.fitted.words_only.probabilities(logits(self._likelihood, topic, hits))]


def nearness(hits: Sequence[SearchHit]) -> Floats | None:
    """(hits, 2): the cosine, one without counting as the lowest of the others, and the mean of the lowest FARTHEST of
    all. None where none of them has one."""
    known = [hit.cosine for hit in hits if hit.cosine is not None]
    if not known:
        return None
    cosines = [min(known) if hit.cosine is None else hit.cosine for hit in hits]
    lowest = sorted(cosines)[:FARTHEST]
    return np.array([[cosine, sum(lowest) / len(lowest)] for cosine in cosines])


def logits(likelihood: Likelihood, topic: str, hits: Sequence[SearchHit]) -> Floats:
    """(hits, 1): of the probability that each answers."""
    found = [answerable.found(hit) for hit in hits]
    return np.array([[logit(each)] for each in likelihood.probabilities(topic, found)])


def load() -> Relevance:
    text = resources.files("lukhasd.dream").joinpath(FILE).read_bytes()
    return Relevance(answerable.load().likelihood, msgspec.json.decode(text, type=Fitted))
