"""Trains the emotion model and writes its weights.

    python -m lukhasd.consciousness.emotion_training DATA [--out FOLDER] [--cache FILE]
    python -m lukhasd.consciousness.emotion_training DATA --measure FILE

DATA is GoEmotions (Demszky et al., 2020): `labels.txt` with a class a line, `train.tsv` and `dev.tsv` with text, class
numbers and id. Everything is chosen on `train.tsv`: each fifth is judged by a model that did not see it, and scales,
thresholds and what is suppressed follow from that. `dev.tsv` is only measured. `--measure` prints what the packaged
weights reach on such a file.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from lukhasd.consciousness import emotion_fit as fit
from lukhasd.consciousness.emotion import (
    NEGATIVE,
    POSITIVE,
    WIDTH,
    Manifest,
    Seen,
    Weights,
    judge,
    load,
    packaged,
    see,
)
from lukhasd.consciousness.emotion_fit import Floats, Grams
from lukhasd.guardian.classifiers.ngrams import features
from lukhasd.models.logistic import auc

VERSION = "2"
SEED = 0
SAMPLED = 37
"""One token of so many says what a token is like."""
LEAST_F1 = 0.1
"""Where no model had seen the texts; a class below it is suppressed."""


@dataclass(frozen=True)
class Labelled:
    """`labels`: (texts, classes)."""

    texts: list[str]
    labels: Floats


@dataclass(frozen=True)
class Figures:
    macro_f1: float
    """Over all classes, a suppressed one counting 0."""
    valence_auc: float
    """Of P(positive) − P(negative), on the texts that have classes of one of the two only."""
    valence_texts: int
    by_class: dict[str, float]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--cache", type=Path, help="keep what MiniLM makes of the texts here, 850 MB, for another run")
    parser.add_argument("--measure", type=Path, metavar="FILE", help="train nothing")
    given = parser.parse_args(arguments)
    classes = (given.data / "labels.txt").read_text(encoding="utf-8").split()
    if given.measure is not None:
        weights, manifest = load(packaged())
        report(measure(read(given.measure, len(classes)), weights, manifest))
        return
    train, dev = (read(given.data / f"{name}.tsv", len(classes)) for name in ("train", "dev"))
    weights, thresholds = learn(train, classes, given.cache)
    content = packed(weights)
    manifest = Manifest(VERSION, hashlib.sha256(content).hexdigest(), [*classes, "positive", "negative"], thresholds)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "emotion.npz").write_bytes(content)
    (given.out / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    tell(
        f"{len(content):,} bytes; suppressed: {', '.join(sorted(set(classes) - thresholds.keys())) or 'none'}; on dev:"
    )
    report(measure(dev, *load(given.out)))


def read(file: Path, classes: int) -> Labelled:
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").split("\n") if line]
    labels = np.zeros((len(rows), classes), dtype=np.float32)
    for place, row in enumerate(rows):
        labels[place, [int(number) for number in row[1].split(",")]] = 1.0
    return Labelled([row[0] for row in rows], labels)


def learn(train: Labelled, classes: Sequence[str], cache: Path | None) -> tuple[Weights, dict[str, float]]:
    seen = layers(train.texts, cache)
    sample = seen.tokens[::SAMPLED].astype(np.float32)
    norm = {
        "token_mean": sample.mean(axis=0), "token_spread": sample.std(axis=0) + 1e-3,
        "mean": seen.pooled.mean(axis=0), "spread": seen.pooled.std(axis=0) + 1e-5,
    }  # fmt: skip
    tokens = ((seen.tokens - norm["token_mean"]) / norm["token_spread"]).astype(np.float32)
    pooled = (seen.pooled - norm["mean"]) / norm["spread"]
    examples = fit.Examples(Seen(tokens, seen.starts, pooled), Grams.of([features(text) for text in train.texts]))
    labels = np.column_stack([train.labels, *(_any_of(train.labels, classes, some) for some in (POSITIVE, NEGATIVE))])
    part = np.random.default_rng(SEED).permutation(len(train.texts)) % fit.FOLDS
    unseen = np.zeros_like(labels)
    folds = []
    for number in range(fit.FOLDS):
        fold = fit.fit_fold(examples, labels, np.flatnonzero(part != number), number=number, tell=tell)
        held = np.flatnonzero(part == number)
        unseen[held] = fold.logits(examples, held)
        folds.append(fold)
    scale, shift = np.array(
        [fit.calibrate(unseen[:, column], labels[:, column]) for column in range(labels.shape[1])], dtype=np.float32
    ).T
    given = 1 / (1 + np.exp(-(unseen * scale + shift)))
    thresholds = {}
    for column, name in enumerate(classes):
        limit = fit.threshold(given[:, column])
        if f1(given[:, column] > limit, labels[:, column] > 0) >= LEAST_F1:
            thresholds[name] = round(limit, 4)
    joined = fit.joined(folds, **norm)
    return fit.scaled(joined, scale, shift), thresholds


def layers(texts: Sequence[str], cache: Path | None) -> Seen:
    """In the order of the texts."""
    if cache is not None and cache.exists():
        with np.load(cache) as kept:
            return Seen(kept["tokens"], kept["starts"], kept["pooled"].astype(np.float32))
    tokens: list[Floats] = [np.zeros((0, WIDTH), dtype=np.float16)] * len(texts)
    pooled = np.zeros((len(texts), 6 * WIDTH), dtype=np.float16)
    for batch, seen in see(texts):
        pooled[batch] = seen.pooled
        for number, place in enumerate(batch):
            tokens[place] = seen.tokens[seen.starts[number] : seen.starts[number + 1]].astype(np.float16)
    starts = np.concatenate([[0], np.cumsum([len(each) for each in tokens])])
    whole = Seen(np.concatenate(tokens), starts, pooled.astype(np.float32))
    if cache is not None:
        np.savez(cache, tokens=whole.tokens, starts=starts, pooled=pooled)
    return whole


def packed(weights: Weights) -> bytes:
    file = io.BytesIO()
    arrays = {
        name: array if array.dtype == np.int8 else array.astype(np.float16) for name, array in asdict(weights).items()
    }
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def measure(examples: Labelled, weights: Weights, manifest: Manifest) -> Figures:
    classes = manifest.columns[:-2]
    logits = judge(weights, examples.texts)
    given = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    truth = examples.labels > 0
    by_class = {
        name: f1(given[:, column] > manifest.thresholds.get(name, np.inf), truth[:, column])
        for column, name in enumerate(classes)
    }
    positive, negative = (_any_of(examples.labels, classes, some) > 0 for some in (POSITIVE, NEGATIVE))
    plain = positive ^ negative
    valence = (given[:, -2] - given[:, -1]).astype(np.float64)
    return Figures(
        macro_f1=float(np.mean(list(by_class.values()))),
        valence_auc=auc(valence[plain], positive[plain].astype(np.float64)),
        valence_texts=int(plain.sum()),
        by_class=by_class,
    )


def f1(said: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (said & truth).sum() / max(int(said.sum() + truth.sum()), 1))


def report(figures: Figures) -> None:
    tell(f"macro-F1 over {len(figures.by_class)} classes: {figures.macro_f1:.4f}")
    tell(f"valence AUC over {figures.valence_texts} texts: {figures.valence_auc:.4f}")
    for name, value in sorted(figures.by_class.items(), key=lambda pair: -pair[1]):
        tell(f"{name:16} {value:.3f}")


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _any_of(labels: Floats, classes: Sequence[str], some: Sequence[str]) -> Floats:
    return np.asarray(labels[:, [classes.index(name) for name in some]].max(axis=1))


if __name__ == "__main__":
    main(sys.argv[1:])
