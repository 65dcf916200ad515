"""Fits the intent classifier: `python -m lukhasd.matriz.intent_training` rewrites `intent_weights.json`.

The examples are this project's own. The figures are from ten-fold cross-validation, each fold fitted without it;
RIDGE was chosen among five by the same figures, so they are a little on the bright side.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec
import numpy as np

from lukhasd.matriz.intent_classifier import INTENTS, Floats, Weights, features, with_bias
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.models.logistic import calibration_error, softmax

RIDGE = 0.0002
STEPS = 2000
RATE = 1.0
FOLDS = 10


def fit(rows: Floats, labels: Floats) -> Floats:
    """Softmax regression by gradient descent on the mean cross-entropy plus RIDGE/2 · ‖w‖² (the bias is free)."""
    inputs = with_bias(rows)
    weights = np.zeros((inputs.shape[1], labels.shape[1]))
    for _ in range(STEPS):
        gradient = inputs.T @ (softmax(inputs @ weights) - labels) / len(inputs)
        gradient[:-1] += RIDGE * weights[:-1]
        weights -= RATE * gradient
    return weights


def main() -> None:
    lines = resources.files(__package__).joinpath("intent_examples.tsv").read_text(encoding="utf-8").splitlines()
    names, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    embedder = MiniLmEmbedder()
    rows = features(list(texts), embedder)
    labels = np.array([[float(name == intent) for intent in INTENTS] for name in names])
    order = np.random.default_rng(7).permutation(len(rows))
    predicted = np.zeros_like(labels)
    for fold in range(FOLDS):
        held = order[fold::FOLDS]
        rest = np.setdiff1d(order, held)
        predicted[held] = softmax(with_bias(rows[held]) @ fit(rows[rest], labels[rest]))
    right = (predicted.argmax(axis=1) == labels.argmax(axis=1)).astype(float)
    result = Weights(
        intents=list(INTENTS),
        embedder=embedder.name,
        weights=np.round(fit(rows, labels), 4).tolist(),
        examples=len(rows),
        cross_validated_accuracy=round(float(right.mean()), 4),
        cross_validated_ece=round(calibration_error(predicted.max(axis=1), right), 4),
    )
    Path(__file__).with_name("intent_weights.json").write_bytes(msgspec.json.encode(result) + b"\n")
    print(f"{result.examples} examples, accuracy {right.mean():.3f}, ECE {result.cross_validated_ece:.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
