"""Logistic regression, and how well its probabilities hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

RIDGE = 1e-3
BINS = 10
RESAMPLES = 1000
FOLDS = 10
SEED = 7


class Logistic(msgspec.Struct, frozen=True):
    intercept: float
    weights: tuple[float, ...]

    def probability(self, features: Sequence[float]) -> float:
        logit = self.intercept + sum(w * x for w, x in zip(self.weights, features, strict=True))
        return 1.0 / (1.0 + math.exp(-max(min(logit, 30.0), -30.0)))

    def probabilities(self, rows: Floats) -> Floats:
        """The same for each of some rows of features."""
        logits = self.intercept + rows @ np.array(self.weights)
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))))


def softmax(logits: Floats) -> Floats:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def fit(features: Floats, outcomes: Floats, *, counts: Floats | None = None, ridge: float = RIDGE) -> Logistic:
    """Maximum likelihood by Newton's method (iteratively reweighted least squares), on standardised features. `counts`
    says for how many each row stands."""
    counts = np.ones(len(outcomes)) if counts is None else counts
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    design = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = ridge * np.diag([0.0, *[1.0] * features.shape[1]])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        predicted = 1.0 / (1.0 + np.exp(-(design @ weights)))
        gradient = design.T @ (counts * (outcomes - predicted)) - penalty @ weights
        curvature = (design * (counts * predicted * (1 - predicted))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    slopes = weights[1:] / spread
    return Logistic(float(weights[0] - slopes @ mean), tuple(float(slope) for slope in slopes))


def predict(model: Logistic, features: Floats) -> Floats:
    return np.array([model.probability(row) for row in features.tolist()])


def cross_validate(features: Floats, outcomes: Floats, groups: Groups) -> Floats:
    """Each row's probability from a fit without its fold; rows of one group are in one fold."""
    folds = np.random.default_rng(SEED).integers(0, FOLDS, groups.max() + 1)[groups]
    predicted = np.zeros(len(features))
    for fold in np.unique(folds):
        held = folds == fold
        predicted[held] = predict(fit(features[~held], outcomes[~held]), features[held])
    return predicted


def auc(predicted: Floats, outcomes: Floats) -> float:
    """Probability that a positive is given more than a negative; ties count half."""
    positive, negative = predicted[outcomes == 1], predicted[outcomes == 0]
    return float((positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean())


def brier(predicted: Floats, outcomes: Floats) -> float:
    return float(((predicted - outcomes) ** 2).mean())


def calibration_error(predicted: Floats, outcomes: Floats) -> float:
    """Expected calibration error over bins of equal width (Naeini et al., 2015)."""
    bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
    gaps = [
        (bins == number).mean() * abs(predicted[bins == number].mean() - outcomes[bins == number].mean())
        for number in np.unique(bins)
    ]
    return float(sum(gaps))


def figures(predicted: Floats, outcomes: Floats, groups: Groups) -> dict[str, dict[str, float]]:
    """Each measure with the 95 % interval of resampling by group."""
    random = np.random.default_rng(SEED)
    measures: dict[str, Callable[[Floats, Floats], float]] = {
        "auc": auc,
        "expected_calibration_error": calibration_error,
        "brier": brier,
    }
    places = {group: np.flatnonzero(groups == group) for group in np.unique(groups)}
    draws: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(RESAMPLES):
        chosen = np.concatenate([places[group] for group in random.choice(list(places), len(places))])
        for name, measure in measures.items():
            draws[name].append(measure(predicted[chosen], outcomes[chosen]))
    return {
        name: {
            "value": round(measure(predicted, outcomes), 4),
            "low": round(float(np.percentile(draws[name], 2.5)), 4),
            "high": round(float(np.percentile(draws[name], 97.5)), 4),
        }
        for name, measure in measures.items()
    }
