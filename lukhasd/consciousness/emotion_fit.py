"""Fits the emotion model once for each fold, the layers by Adam (Kingma and Ba, 2015) and the n-gram weights by Adagrad
(Duchi et al., 2011); then every class's scale and threshold on what no fold had seen.

The folds see unlike things, so that their mean errs less: the even ones the fourth layer and the n-grams, the odd ones
the last layer and no n-grams. All have the detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lukhasd.consciousness.emotion import Bytes, Places, Seen, Weights, met, neighboured
from lukhasd.guardian.classifiers.ngrams import BUCKETS

FOLDS = 5
EPOCHS = 6
BATCH = 256
HIDDEN, DETECTORS = 128, 256
"""Of each fold."""
RATE, GRAM_RATE, BIAS_RATE = 1e-3, 0.1, 2e-3
WARM_STEPS = 100
DECAY, GRAM_RIDGE = 0.02, 1e-4
DROP_TOKEN, DROP_POOLED, DROP_HIDDEN, DROP_MET, DROP_GRAM = 0.1, 0.15, 0.3, 0.4, 0.5
FEWEST_TEXTS = 5
"""Of those trained on, that must have an n-gram for it to count."""
PRIOR = 1.0
"""How firmly a class's scale is held at 1: as many texts that say so."""
GRAM_LEVELS, LEVELS = 31, 127
"""Of the whole numbers that weights are kept as; fewer make a smaller file."""

Floats = NDArray[np.float32]


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
        chosen, starts = _runs(self.starts, places)
        return self.buckets[chosen], np.repeat(np.arange(len(places)), np.diff(starts))

    def shares(self, places: Places) -> Floats:
        sizes = self.starts[places + 1] - self.starts[places]
        return np.asarray(1 / np.sqrt(np.maximum(sizes, 1)), dtype=np.float32)[:, None]


@dataclass(frozen=True)
class Examples:
    """Texts to train on: their tokens and what is made of them as a whole, both normed, and their n-grams."""

    seen: Seen
    grams: Grams

    def tokens(self, places: Places) -> tuple[Floats, Places]:
        """Of those texts, and where each begins."""
        chosen, starts = _runs(self.seen.starts, places)
        return self.seen.tokens[chosen].astype(np.float32), starts


def _runs(starts: Places, places: Places) -> tuple[Places, Places]:
    """The rows of those places one after the other, where place p has the rows from starts[p]; and where each begins
    then, and the end."""
    sizes = starts[places + 1] - starts[places]
    ends = np.cumsum(sizes)
    chosen = np.arange(ends[-1]) + np.repeat(starts[places] - (ends - sizes), sizes)
    return chosen, np.concatenate([[0], ends])


@dataclass
class Fold:
    """The parameters of one, while they are fitted. `layers`: the detectors and their bias, the hidden layer and its
    bias, what reads them; `part`: the columns of `pooled` that it sees."""

    layers: list[Floats]
    grams: Floats
    bias: Floats
    part: slice
    with_grams: bool

    def logits(self, examples: Examples, places: Places) -> Floats:
        taps, tap_bias, first, first_bias, second = self.layers
        found = np.zeros((len(places), len(self.bias)), dtype=np.float32)
        for some in np.array_split(np.arange(len(places)), max(1, len(places) // 500)):
            tokens, starts = examples.tokens(places[some])
            most, whole = met(np.maximum(neighboured(tokens, starts) @ taps + tap_bias, 0), starts)
            hidden = np.maximum(examples.seen.pooled[places[some], self.part] @ first + first_bias, 0)
            found[some] = np.concatenate([hidden, most, whole], axis=1) @ second + self.bias
            buckets, rows = examples.grams.take(places[some])
            found[some] += summed(self.grams[buckets], rows, len(some)) * examples.grams.shares(places[some])
        return found


class Adam:
    def __init__(self, parts: Sequence[Floats]) -> None:
        self._parts = parts
        self._means, self._spreads = ([np.zeros_like(part) for part in parts] for _ in range(2))
        self._steps = 0

    def move(self, slopes: Sequence[Floats], rate: float) -> None:
        """Matrices decay, biases do not."""
        self._steps += 1
        for part, mean, spread, slope in zip(self._parts, self._means, self._spreads, slopes, strict=True):
            mean += 0.1 * (slope - mean)
            spread += 0.001 * (slope**2 - spread)
            step = mean / (1 - 0.9**self._steps) / (np.sqrt(spread / (1 - 0.999**self._steps)) + 1e-8)
            part -= (rate * (step + DECAY * part * (part.ndim > 1))).astype(np.float32)


def summed(values: Floats, rows: Places, count: int) -> Floats:
    """The sum of the values of each row; `rows` ascends."""
    found = np.zeros((count, values.shape[1]), dtype=np.float32)
    if len(rows):
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        found[rows[starts]] = np.add.reduceat(values, starts, axis=0)
    return found


def fit_fold(examples: Examples, labels: Floats, places: Places, *, number: int, tell: Callable[[str], None]) -> Fold:
    chance = np.random.default_rng(number)
    fold = _begin(examples, labels[places], number, chance)
    taps, tap_bias, first, first_bias, second = fold.layers
    frequent = np.bincount(examples.grams.take(places)[0], minlength=BUCKETS) >= FEWEST_TEXTS
    squares = np.full_like(fold.grams, 1e-6)
    adam = Adam(fold.layers)
    steps = EPOCHS * (len(places) // BATCH)
    for step, batch in enumerate(_batches(places, chance), 1):
        tokens, starts = examples.tokens(batch)
        tokens *= _kept(chance, tokens.shape, DROP_TOKEN)
        wide = neighboured(tokens, starts)
        strengths = np.maximum(wide @ taps + tap_bias, 0)
        most, whole = met(strengths, starts)
        pooled = examples.seen.pooled[batch, fold.part]
        pooled = pooled * _kept(chance, pooled.shape, DROP_POOLED)
        inner = pooled @ first + first_bias
        read = np.concatenate([np.maximum(inner, 0), most, whole], axis=1)
        open_ = np.concatenate(
            [_kept(chance, inner.shape, DROP_HIDDEN), _kept(chance, (len(batch), 2 * DETECTORS), DROP_MET)], axis=1
        )
        read *= open_
        logits = read @ second + fold.bias
        if fold.with_grams:
            buckets, rows = examples.grams.take(batch)
            seen = frequent[buckets] & (chance.random(len(buckets)) >= DROP_GRAM)
            buckets, rows, shares = buckets[seen], rows[seen], examples.grams.shares(batch)
            logits += summed(fold.grams[buckets], rows, len(batch)) * shares / (1 - DROP_GRAM)
        error = (1 / (1 + np.exp(-logits)) - labels[batch]).astype(np.float32)
        if fold.with_grams:
            order = np.argsort(buckets, kind="stable")
            used = np.unique(buckets)
            slope = summed((error * shares)[rows[order]], np.searchsorted(used, buckets[order]), len(used))
            slope += GRAM_RIDGE * fold.grams[used]
            squares[used] += slope**2
            fold.grams[used] -= GRAM_RATE * slope / np.sqrt(squares[used])
        fold.bias -= BIAS_RATE * error.mean(axis=0)
        error /= len(batch)
        back = error @ second.T * open_
        inside = back[:, :HIDDEN] * (inner > 0)
        sizes = np.diff(starts)
        of_text = np.repeat(np.arange(len(batch)), sizes)
        to_most = back[:, HIDDEN : HIDDEN + DETECTORS]
        to_whole = back[:, HIDDEN + DETECTORS :] / sizes[:, None].astype(np.float32)
        strongly = ((strengths == most[of_text]) * to_most[of_text] + to_whole[of_text]) * (strengths > 0)
        rate = RATE * (min(1.0, step / WARM_STEPS) * (1 - step / steps) + 1e-3)
        adam.move(
            [wide.T @ strongly, strongly.sum(axis=0), pooled.T @ inside, inside.sum(axis=0), read.T @ error], rate
        )
        if step % (steps // 3) == 0:
            tell(f"fold {number}: step {step} of {steps}")
    return fold


def _begin(examples: Examples, labels: Floats, number: int, chance: np.random.Generator) -> Fold:
    width, columns = examples.seen.pooled.shape[1] // 2, labels.shape[1]
    wide = 3 * examples.seen.tokens.shape[1]
    layers = [
        (chance.normal(size=(wide, DETECTORS)) / np.sqrt(wide)).astype(np.float32),
        np.zeros(DETECTORS, dtype=np.float32),
        (chance.normal(size=(width, HIDDEN)) / np.sqrt(width)).astype(np.float32),
        np.zeros(HIDDEN, dtype=np.float32),
        (chance.normal(size=(HIDDEN + 2 * DETECTORS, columns)) * 0.01).astype(np.float32),
    ]
    share = labels.mean(axis=0)
    bias = np.log(share / (1 - share)).astype(np.float32)
    odd = number % 2
    grams = np.zeros((BUCKETS, columns), dtype=np.float32)
    return Fold(layers, grams, bias, slice(odd * width, (odd + 1) * width), with_grams=not odd)


def _kept(chance: np.random.Generator, shape: tuple[int, ...], dropped: float) -> Floats:
    return ((chance.random(shape, dtype=np.float32) >= dropped) / np.float32(1 - dropped)).astype(np.float32)


def _batches(places: Places, chance: np.random.Generator) -> Iterator[Places]:
    for _ in range(EPOCHS):
        yield from np.array_split(chance.permutation(places), len(places) // BATCH)


def joined(folds: Sequence[Fold], *, token_mean: Floats, token_spread: Floats, mean: Floats, spread: Floats) -> Weights:
    """The mean of the folds' logits as one model: their layers beside each other, their n-gram weights averaged."""
    share = np.float32(len(folds))
    layers = [fold.layers for fold in folds]
    first = np.zeros((len(mean), HIDDEN * len(folds)), dtype=np.float32)
    for number, fold in enumerate(folds):
        first[fold.part, HIDDEN * number : HIDDEN * (number + 1)] = fold.layers[2]
    bounds = (0, HIDDEN, HIDDEN + DETECTORS, HIDDEN + 2 * DETECTORS)
    grams, gram_scales = _in_bytes(np.mean([fold.grams for fold in folds], axis=0), GRAM_LEVELS)
    taps, tap_scales = _in_bytes(np.concatenate([each[0] for each in layers], axis=1), LEVELS)
    first_bytes, first_scales = _in_bytes(first, LEVELS)
    return Weights(
        grams=grams, gram_scales=gram_scales, token_mean=token_mean, token_spread=token_spread, taps=taps,
        tap_scales=tap_scales, tap_bias=np.concatenate([each[1] for each in layers]), mean=mean, spread=spread,
        first=first_bytes, first_scales=first_scales, first_bias=np.concatenate([each[3] for each in layers]),
        second=np.concatenate(
            [each[4][start:end] / share for start, end in pairwise(bounds) for each in layers]
        ),
        bias=np.mean([fold.bias for fold in folds], axis=0).astype(np.float32),
    )  # fmt: skip


def _in_bytes(values: Floats, levels: int) -> tuple[Bytes, Floats]:
    scales = np.maximum(np.abs(values).max(axis=0), 1e-6) / levels
    return np.round(values / scales).astype(np.int8), scales.astype(np.float32)


def scaled(weights: Weights, scale: Floats, shift: Floats) -> Weights:
    """The same with each column's logit times its scale, plus its shift."""
    return replace(
        weights,
        gram_scales=weights.gram_scales * scale,
        second=weights.second * scale,
        bias=weights.bias * scale + shift,
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
