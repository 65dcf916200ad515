"""What the packaged emotion model tells, beside VADER (Hutto and Gilbert, 2014), with 95 % intervals.

`python bench_emotion.py FOLDER [--small]`: FOLDER holds `labels.txt` and `dev.tsv` of GoEmotions. Prints macro-F1 over
28 classes, and the AUC of valence on the texts that have positive or negative classes alone, for the model and for
VADER's compound score (`pip install vaderSentiment`; without it that part is left out), with their difference. The
intervals are of resampling texts. Chance and the most frequent class stand beside macro-F1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lukhasd.consciousness.emotion import NEGATIVE, POSITIVE, judge, load, packaged
from lukhasd.consciousness.emotion_training import f1, read

RESAMPLES = 1000
SMALL = 600
Floats = NDArray[np.float64]


def ranks(values: Floats) -> Floats:
    """From 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def auc(told: Floats, positive: NDArray[np.bool_]) -> float:
    many = int(positive.sum())
    return float((ranks(told)[positive].sum() - many * (many + 1) / 2) / (many * (len(told) - many)))


def interval(measure: Callable[[NDArray[np.int64]], float], count: int) -> str:
    chance = np.random.default_rng(7)
    drawn = [measure(chance.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{measure(np.arange(count)):.4f} ({low:.4f} to {high:.4f})"


def of_vader(texts: list[str]) -> Floats | None:
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        return None
    analyser = SentimentIntensityAnalyzer()
    return np.array([analyser.polarity_scores(text)["compound"] for text in texts])


def run(folder: Path, *, small: bool) -> None:
    classes = (folder / "labels.txt").read_text(encoding="utf-8").split()
    examples = read(folder / "dev.tsv", len(classes))
    count = SMALL if small else len(examples.texts)
    texts, truth = examples.texts[:count], examples.labels[:count] > 0
    weights, manifest = load(packaged())
    started_s = time.perf_counter()
    given = 1 / (1 + np.exp(-np.clip(judge(weights, texts).astype(np.float64), -30, 30)))
    took_ms = (time.perf_counter() - started_s) * 1000
    said = given[:, : len(classes)] > np.array([manifest.thresholds.get(name, np.inf) for name in classes])

    def macro(told: NDArray[np.bool_]) -> Callable[[NDArray[np.int64]], float]:
        def measure(chosen: NDArray[np.int64]) -> float:
            every = range(len(classes))
            return float(np.mean([f1(told[chosen, column], truth[chosen, column]) for column in every]))

        return measure

    frequent = np.zeros_like(said)
    frequent[:, truth.sum(axis=0).argmax()] = True
    shuffled = np.random.default_rng(7).permuted(said, axis=0)
    print(f"{count} texts, {took_ms / count:.2f} ms each")
    print(f"macro-F1 over {len(classes)} classes: {interval(macro(said), count)}")
    print(f"  its answers shuffled {macro(shuffled)(np.arange(count)):.4f},"
          f" always the most frequent class {macro(frequent)(np.arange(count)):.4f}")  # fmt: skip
    sides = [np.asarray(truth[:, [classes.index(name) for name in some]]).max(axis=1) for some in (POSITIVE, NEGATIVE)]
    plain = np.flatnonzero(sides[0] ^ sides[1])
    positive = sides[0][plain]
    ours = (given[:, -2] - given[:, -1])[plain]
    print(f"valence AUC over {len(plain)} texts: {interval(lambda some: auc(ours[some], positive[some]), len(plain))}")
    theirs = of_vader([texts[place] for place in plain])
    if theirs is None:
        print("  VADER is not installed: it was left out (pip install vaderSentiment)")
        return
    print(f"  VADER {interval(lambda some: auc(theirs[some], positive[some]), len(plain))}")
    more = interval(lambda some: auc(ours[some], positive[some]) - auc(theirs[some], positive[some]), len(plain))
    print(f"  more than VADER by {more}")


if __name__ == "__main__":
    run(Path(next(each for each in sys.argv[1:] if not each.startswith("-"))), small="--small" in sys.argv)
