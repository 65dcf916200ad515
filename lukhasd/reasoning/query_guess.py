"""What kind of question a query is where no rule tells: a softmax of its embedding, fitted by `query_training`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.analysis import QueryType
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.models.logistic import softmax

WEIGHTS = "query_guess.json"
SURE = 0.5
"""From this probability on the guess goes before a rule's last resort."""
SCALE = 4.0
"""Of the embedding, whose numbers are small."""
SEEN_CHARS = 400


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    embedder: str
    kinds: tuple[QueryType, ...]
    rows: tuple[tuple[float, ...], ...]
    """Of each kind: one for each dimension, and the intercept."""


@dataclass(frozen=True)
class Guesser:
    embedder: Embedder
    weights: Weights

    @classmethod
    def load(cls, embedder: Embedder) -> Guesser | None:
        """None where the weights are of another embedder."""
        raw = resources.files("lukhasd.reasoning").joinpath(WEIGHTS).read_bytes()
        weights = msgspec.json.decode(raw, type=Weights)
        return cls(embedder, weights) if weights.embedder == embedder.name else None

    def guess(self, query: str) -> QueryType | None:
        """Blocks for an embedding. None where no kind is probable enough, or the embedder cannot run."""
        try:
            vector = self.embedder.embed([query[:SEEN_CHARS]])[0]
        except EmbedderError:
            return None
        shares = softmax(features(vector[None]) @ np.array(self.weights.rows).T)[0]
        best = int(shares.argmax())
        return self.weights.kinds[best] if shares[best] >= SURE else None


def features(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """[queries, dimensions + 1]"""
    return np.column_stack([vectors.astype(np.float64) * SCALE, np.ones(len(vectors))])
