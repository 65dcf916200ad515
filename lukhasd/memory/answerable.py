"""How probable it is that what answers a question is among what search found.

The coefficients are in `calibration.json`, with the figures that they reached on questions that they were not fitted
on; `lukhasd.matriz.confidence_training` fits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import msgspec

from lukhas_sdk.contract.memory import SearchHit
from lukhasd.memory.likelihood import Coefficients, Found, Likelihood, heading_of, speaker_of


class Answerable:
    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood

    def probability(self, query: str, hits: Sequence[SearchHit]) -> float:
        """0.0 without hits: what was not found cannot be among them."""
        return self.likelihood.probability(query, [found(hit) for hit in hits])


def load() -> Answerable:
    text = resources.files("lukhasd.memory").joinpath("calibration.json").read_bytes()
    return Answerable(Likelihood(msgspec.json.decode(text, type=Coefficients)))


def found(hit: SearchHit) -> Found:
    return Found(hit.content.data, speaker_of(hit.context), hit.relevance_score, hit.cosine, heading_of(hit.context))
