"""Fits the n-gram weights: logistic regression by Adagrad (Duchi et al., 2011), one column after the other."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lukhasd.guardian.classifiers.ngrams import BUCKETS, features

EPOCHS = 6
RATE = 0.5
RIDGE = 2e-5

Floats = NDArray[np.float32]


def fit(texts: Sequence[str], labels: Floats, weights: Floats, *, seed: int = 0) -> tuple[Floats, Floats]:
    """(BUCKETS, columns) and (columns,) from `labels` (rows, columns), NaN where unknown."""
    rows = [features(text) for text in texts]
    columns = labels.shape[1]
    learned = np.zeros((BUCKETS, columns), dtype=np.float32)
    intercepts = np.zeros(columns, dtype=np.float32)
    squares = np.full((BUCKETS, columns), 1e-6, dtype=np.float32)
    chance = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        for place in chance.permutation(len(rows)):
            buckets, known = rows[place], labels[place]
            if not len(buckets) or np.isnan(known).all():
                continue
            share = 1.0 / np.sqrt(len(buckets))
            logits = learned[buckets].sum(axis=0) * share + intercepts
            error = np.where(np.isnan(known), 0.0, 1.0 / (1.0 + np.exp(-logits)) - known) * weights[place]
            gradient = error * share + RIDGE * learned[buckets]
            squares[buckets] += gradient**2
            learned[buckets] -= RATE * gradient / np.sqrt(squares[buckets])
            intercepts -= 0.01 * error
    return learned, intercepts


def rounded(learned: Floats) -> tuple[NDArray[np.int8], Floats]:
    """In int8, and the scale of each column."""
    scales = np.abs(learned).max(axis=0) / 127.0
    return np.round(learned / scales).astype(np.int8), scales.astype(np.float32)


def pack(learned: Floats, intercepts: Floats) -> bytes:
    """As `classifiers.ngrams.NgramModel` takes it."""
    weights, scales = rounded(learned)
    file = io.BytesIO()
    np.savez_compressed(file, weights=weights, scales=scales, intercepts=intercepts)
    return file.getvalue()
