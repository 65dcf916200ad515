"""Fits `query_guess.json`: python -m lukhasd.reasoning.query_training QUERIES...

QUERIES are JSON Lines of query, type and part (`tests/data/query_types.jsonl` and `query_types_asked.jsonl`). Fitted is
on the parts built_on and fitted; what it prints of the others was not fitted on. Cross-validated figures are of five
folds of the part fitted, whose queries the rules alone were worked over against.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.analysis import QueryType
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.models.logistic import softmax
from lukhasd.reasoning.formulas import Formulas
from lukhasd.reasoning.query_guess import WEIGHTS, Guesser, Weights, features
from lukhasd.reasoning.query_type import classify
from lukhasd.reasoning.units import Units

KINDS: tuple[QueryType, ...] = get_args(QueryType)
FITTED_ON = ("built_on", "fitted")
RIDGE = 1.0
STEPS, RATE, MOMENTUM = 2000, 0.5, 0.9
FOLDS = 5


class Row(msgspec.Struct, frozen=True):
    query: str
    type: QueryType
    part: str


def fit(rows: Sequence[Row], embedder: MiniLmEmbedder) -> Weights:
    """Multinomial logistic regression with a ridge, by gradient descent."""
    design = features(embedder.embed([row.query for row in rows]))
    wanted = np.array([[kind == row.type for kind in KINDS] for row in rows], dtype=np.float64)
    weights: NDArray[np.float64] = np.zeros((design.shape[1], len(KINDS)))
    moved = np.zeros_like(weights)
    ridge = np.full((design.shape[1], 1), RIDGE)
    ridge[-1] = 0.0
    for _ in range(STEPS):
        slope = (design.T @ (softmax(design @ weights) - wanted) + ridge * weights) / len(rows)
        moved = MOMENTUM * moved + slope
        weights -= RATE * moved
    return Weights(embedder.name, KINDS, tuple(tuple(round(float(one), 4) for one in row) for row in weights.T))


def macro_f1(told: Sequence[QueryType], rows: Sequence[Row]) -> float:
    right, guessed, there = Counter[str](), Counter[str](told), Counter[str](row.type for row in rows)
    for one, row in zip(told, rows, strict=True):
        right[one] += one == row.type
    return sum(2 * right[kind] / (guessed[kind] + there[kind]) for kind in there) / len(there)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queries", nargs="+", type=Path)
    rows = [
        msgspec.json.decode(line, type=Row)
        for file in parser.parse_args().queries
        for line in file.read_text("utf-8").splitlines()
    ]
    formulas, units, embedder = Formulas.load(), Units(), MiniLmEmbedder()

    def show(name: str, some: Sequence[Row], told: Sequence[QueryType]) -> None:
        alone = [classify(row.query, formulas, units) for row in some]
        with_guess, by_rules = macro_f1(told, some), macro_f1(alone, some)
        sys.stdout.write(f"{name}: {len(some)} queries, macro-F1 {with_guess:.3f}, rules alone {by_rules:.3f}\n")

    known = [row for row in rows if row.part in FITTED_ON]
    folds = np.random.default_rng(7).integers(0, FOLDS, len(known))
    told: dict[str, QueryType] = {}
    for fold in range(FOLDS):
        guesser = Guesser(embedder, fit([row for row, its in zip(known, folds, strict=True) if its != fold], embedder))
        for row, its in zip(known, folds, strict=True):
            if its == fold:
                told[row.query] = classify(row.query, formulas, units, guesser=guesser)
    fitted = [row for row in known if row.part == "fitted"]
    show("cross-validated", fitted, [told[row.query] for row in fitted])
    weights = fit(known, embedder)
    guesser = Guesser(embedder, weights)
    for part in sorted({row.part for row in rows} - {*FITTED_ON}):
        some = [row for row in rows if row.part == part]
        show(part, some, [classify(row.query, formulas, units, guesser=guesser) for row in some])
    target = Path(str(resources.files("lukhasd.reasoning").joinpath(WEIGHTS)))
    target.write_bytes(msgspec.json.encode(weights) + b"\n")


if __name__ == "__main__":
    main()
