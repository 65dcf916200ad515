"""What an input wants: ask, remember, act, create or chat.

Multinomial logistic regression on the embedding of the input and a few surface marks. `intent_training` fits it
on `intent_examples.tsv` and writes `intent_weights.json` with its cross-validated figures.
"""

from __future__ import annotations

import re
from importlib import resources

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.matriz import Intent
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.models.logistic import softmax

Floats = NDArray[np.float64]

INTENTS: tuple[Intent, ...] = ("ask", "remember", "act", "create", "chat")
MARKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\?\s*$",
        r"^\s*(who|whom|whose|what|what's|when|where|why|how|which)\b",
        r"^\s*(is|are|was|were|do|does|did|has|have|had|can|could|will|would|should)\b",
        r"\b(remember|note|notes|save|store|record|log|write (it|this|that) down|jot|keep|memori[sz]e|forget)\b",
        r"^\s*(write|draft|compose|come up|design|invent|imagine|brainstorm|suggest|generate|propose|create)\b",
        r"^\W*(\w+\W+){0,3}\w*\W*$",
    )
)
"""Ends in a question mark; begins with a question word, an auxiliary; asks to keep, to make; four words at most."""


class Weights(msgspec.Struct, frozen=True):
    """`weights` is (features + 1, intents), the last row the bias."""

    intents: list[str]
    embedder: str
    weights: list[list[float]]
    examples: int
    cross_validated_accuracy: float
    cross_validated_ece: float


class IntentClassifier:
    def __init__(self, weights: Weights, embedder: Embedder) -> None:
        self._weights = np.array(weights.weights)
        self._embedder = embedder

    @classmethod
    def load(cls, embedder: Embedder) -> IntentClassifier:
        text = resources.files(__package__).joinpath("intent_weights.json").read_bytes()
        return cls(msgspec.json.decode(text, type=Weights), embedder)

    def classify(self, text: str) -> tuple[Intent, float | None, Reasons]:
        """The likeliest intent, its probability, and why that is None where the embedding model cannot be used."""
        try:
            rows = features([text], self._embedder)
        except EmbedderError as error:
            asks = any(mark.search(text) for mark in MARKS[:3])
            return "ask" if asks else "chat", None, {"confidence": f"judged by its form alone: {error.message}"}
        scores = softmax(with_bias(rows) @ self._weights)[0]
        best = int(scores.argmax())
        return INTENTS[best], float(scores[best]), {}


def features(texts: list[str], embedder: Embedder) -> Floats:
    """(n, dimensions + marks)."""
    marks = [[float(bool(mark.search(text))) for mark in MARKS] for text in texts]
    return np.hstack([embedder.embed(texts).astype(np.float64), np.array(marks)])


def with_bias(rows: Floats) -> Floats:
    return np.hstack([rows, np.ones((len(rows), 1))])
