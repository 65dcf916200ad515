"""Fits the emotion model: a hidden layer by Adam (Kingma and Ba, 2015) and n-gram weights by Adagrad (Duchi et al.,
2011) together, once for each fold; then every class's scale and threshold on what no fold had seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lukhasd.consciousness.emotion import Weights
from lukhasd.guardian.classifiers.ngrams import BUCKETS

FOLDS = 5
EPOCHS = 6
BATCH = 256
HIDDEN = 128
"""Of each fold's layer."""
RATE, GRAM_RATE, BIAS_RATE = 1e-3, 0.1, 2e-3
WARM_STEPS = 100
DECAY, GRAM_RIDGE = 0.02, 1e-4
DROP_READ, DROP_HIDDEN, DROP_GRAM = 0.15, 0.3, 0.5
FEWEST_TEXTS = 3
"""Of those trained on, that must have an n-gram for it to count."""
PRIOR = 1.0
"""How firmly a class's scale is held at 1: as many texts that say so."""

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Grams:
    """The buckets of each text, one text after the other; `starts` has one more than there are texts."""

    buckets: Places
    starts: Places

    @classmethod
    def of(cls, rows: Sequence[Places]) -> Grams:
        return cls(np.concatenate(rows), np.concatenate([[0], np.cumsum([len(row) for row in rows])]))

    def take(self, places: Places) -> tuple[Places, Places]:
        """The buckets of those texts, and which of them (0, 1, …) each is of."""
        sizes = self.starts[places + 1] - self.starts[places]
        starts = np.cumsum(sizes) - sizes
        within = np.arange(sizes.sum()) + np.repeat(self.starts[places] - starts, sizes)
        return self.buckets[within], np.repeat(np.arange(len(places)), sizes)

    def shares(self, places: Places) -> Floats:
        sizes = self.starts[places + 1] - self.starts[places]
        return np.asarray(1 / np.sqrt(np.maximum(sizes, 1)), dtype=np.float32)[:, None]


@dataclass
class Fold:
    """The parameters of one, while they are fitted. `layer`: first (features, HIDDEN), its bias, second (HIDDEN,
    columns)."""

    layer: list[Floats]
    grams: Floats
    bias: Floats

    def logits(self, read: Floats, grams: Grams, places: Places) -> Floats:
        first, first_bias, second = self.layer
        found = np.maximum(read[places] @ first + first_bias, 0) @ second + self.bias
        for some in np.array_split(np.arange(len(places)), max(1, len(places) // 1000)):
            buckets, rows = grams.take(places[some])
            found[some] += summed(self.grams[buckets], rows, len(some)) * grams.shares(places[some])
        return np.asarray(found, dtype=np.float32)


def summed(values: Floats, rows: Places, count: int) -> Floats:
    """The sum of the values of each row; `rows` ascends."""
    found = np.zeros((count, values.shape[1]), dtype=np.float32)
    if len(rows):
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        found[rows[starts]] = np.add.reduceat(values, starts, axis=0)
    return found


def fit_fold(
    read: Floats, grams: Grams, labels: Floats, places: Places, *, seed: int, tell: Callable[[str], None]
) -> Fold:
    chance = np.random.default_rng(seed)
    width, columns = read.shape[1], labels.shape[1]
    layer = [
        (chance.normal(size=(width, HIDDEN)) / np.sqrt(width)).astype(np.float32),
        np.zeros(HIDDEN, dtype=np.float32),
        (chance.normal(size=(HIDDEN, columns)) * 0.01).astype(np.float32),
    ]
    share = labels[places].mean(axis=0)
    bias = np.log(share / (1 - share)).astype(np.float32)
    fold = Fold(layer, np.zeros((BUCKETS, columns), dtype=np.float32), bias)
    frequent = np.bincount(grams.take(places)[0], minlength=BUCKETS) >= FEWEST_TEXTS
    squares = np.full((BUCKETS, columns), 1e-6, dtype=np.float32)
    means, spreads = ([np.zeros_like(part) for part in layer] for _ in range(2))
    steps = EPOCHS * (len(places) // BATCH)
    for step, batch in enumerate(_batches(places, chance), 1):
        rate = RATE * min(1.0, step / WARM_STEPS) * (1 - step / steps) + 1e-6
        kept = (chance.random((len(batch), width), dtype=np.float32) >= DROP_READ) / np.float32(1 - DROP_READ)
        inputs = (read[batch] * kept).astype(np.float32)
        inner = inputs @ layer[0] + layer[1]
        open_ = ((chance.random(inner.shape, dtype=np.float32) >= DROP_HIDDEN) / (1 - DROP_HIDDEN)).astype(np.float32)
        hidden = np.maximum(inner, 0) * open_
        buckets, rows = grams.take(batch)
        seen = frequent[buckets] & (chance.random(len(buckets)) >= DROP_GRAM)
        buckets, rows, shares = buckets[seen], rows[seen], grams.shares(batch)
        logits = hidden @ layer[2] + fold.bias
        logits += summed(fold.grams[buckets], rows, len(batch)) * shares / (1 - DROP_GRAM)
        error = (1 / (1 + np.exp(-logits)) - labels[batch]).astype(np.float32)
        order = np.argsort(buckets, kind="stable")
        used = np.unique(buckets)
        slope = summed((error * shares)[rows[order]], np.searchsorted(used, buckets[order]), len(used))
        slope += GRAM_RIDGE * fold.grams[used]
        squares[used] += slope**2
        fold.grams[used] -= GRAM_RATE * slope / np.sqrt(squares[used])
        fold.bias -= BIAS_RATE * error.mean(axis=0)
        error /= len(batch)
        back = error @ layer[2].T * open_ * (inner > 0)
        for number, slope in enumerate((inputs.T @ back, back.sum(axis=0), hidden.T @ error)):
            means[number] = 0.9 * means[number] + 0.1 * slope
            spreads[number] = 0.999 * spreads[number] + 0.001 * slope**2
            move = means[number] / (1 - 0.9**step) / (np.sqrt(spreads[number] / (1 - 0.999**step)) + 1e-8)
            layer[number] -= (rate * (move + DECAY * layer[number] * (number != 1))).astype(np.float32)
        if step % (steps // 3) == 0:
            tell(f"fold {seed}: step {step} of {steps}")
    return fold


def _batches(places: Places, chance: np.random.Generator) -> Iterator[Places]:
    for _ in range(EPOCHS):
        yield from np.array_split(chance.permutation(places), len(places) // BATCH)


def joined(folds: Sequence[Fold], *, mean: Floats, spread: Floats) -> Weights:
    """The mean of the folds' logits as one model: their layers beside each other, their n-gram weights averaged."""
    grams = np.mean([fold.grams for fold in folds], axis=0)
    scales = np.maximum(np.abs(grams).max(axis=0), 1e-6) / 127.0
    return Weights(
        grams=np.round(grams / scales).astype(np.int8),
        scales=scales.astype(np.float32),
        mean=mean,
        spread=spread,
        first=np.concatenate([fold.layer[0] for fold in folds], axis=1),
        first_bias=np.concatenate([fold.layer[1] for fold in folds]),
        second=np.concatenate([fold.layer[2] / np.float32(len(folds)) for fold in folds]),
        bias=np.mean([fold.bias for fold in folds], axis=0).astype(np.float32),
    )


def scaled(weights: Weights, scale: Floats, shift: Floats) -> Weights:
    """The same with each column's logit times its scale, plus its shift."""
    return replace(
        weights, scales=weights.scales * scale, second=weights.second * scale, bias=weights.bias * scale + shift
    )


def calibrate(logits: Floats, labels: Floats) -> tuple[float, float]:
    """Scale and shift of one column's logits by maximum likelihood (Platt, 1999), the scale held near 1."""
    scale, shift = 1.0, 0.0
    values, truth = logits.astype(np.float64), labels.astype(np.float64)
    for _ in range(30):
        given = 1 / (1 + np.exp(-np.clip(scale * values + shift, -30, 30)))
        weight = given * (1 - given)
        slope = np.array([((given - truth) * values).sum() + PRIOR * (scale - 1), (given - truth).sum()])
        across = (weight * values).sum()
        curve = np.array([[(weight * values**2).sum() + PRIOR, across], [across, weight.sum() + 1e-9]])
        step = np.linalg.solve(curve, slope)
        scale, shift = scale - step[0], shift - step[1]
    return float(scale), float(shift)


def threshold(given: Floats) -> float:
    """The probability above which saying yes has the greatest expected F1, where the probabilities are right: half of
    that F1 (Lipton et al., 2014). It hangs less on few labels than the threshold that was best on them."""
    ordered = np.sort(given.astype(np.float64))[::-1]
    expected = 2 * np.cumsum(ordered) / (np.arange(1, len(ordered) + 1) + ordered.sum())
    return float(expected.max() / 2)
