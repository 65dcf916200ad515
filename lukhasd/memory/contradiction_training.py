"""Fits `contradictions.json`: python -m lukhasd.memory.contradiction_training PAIRS FACTS

PAIRS is tests/data/contradictions/pairs.jsonl (this project's own). FACTS is the fact-update development set (gzipped
JSON lines, Apache-2.0): ten facts of a core memory, a new fact, and which of the ten it contradicts. Every other pair
of a core fact and a new fact, and of two core facts, is a negative.

Fitted are the pairs marked `train` and the facts of the groups (people) that begin in the first 140 rows, which were
read while the features were written. The other groups and the pairs marked `check` only say how well it holds.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.memory.comparison import FEATURES
from lukhasd.memory.contradictions import Coefficients, Contradictions, Said, doubt_about
from lukhasd.models.logistic import (
    Floats,
    Groups,
    Logistic,
    auc,
    calibration_error,
    cross_validate,
    fit,
    predict,
)

Mask = NDArray[np.bool_]
ROWS_READ = 140
OWN_WEIGHT = 6
"""Each of this project's pairs counts as so many: notes and conversations are what memory is for."""
PRECISION = 0.98
"""Asked of the threshold on the fact updates, cross-validated."""
CONFLICTS = 0.5


@dataclass(frozen=True)
class Pair:
    older: Said
    newer: Said
    replaces: bool
    group: int
    own: bool
    train: bool


@dataclass(frozen=True)
class Table:
    """One row a pair. Those that are not comparable have features of 0 and are not fitted: they replace nothing."""

    features: Floats
    outcomes: Floats
    groups: Groups
    own: Mask
    train: Mask
    comparable: Mask
    certain: Mask
    """Nothing speaks against replacing."""


def read_own(file: Path, *, first_group: int = 0) -> list[Pair]:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        Pair(
            Said(**row["older"]),
            Said(**row["newer"]),
            row["replaces"],
            first_group + place,
            True,
            row["part"] == "train",
        )
        for place, row in enumerate(rows)
    ]


def read_facts(file: Path) -> list[Pair]:
    """A group is a core memory."""
    pairs: list[Pair] = []
    groups: dict[frozenset[str], tuple[int, bool]] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            extra = json.loads(line)["agent_args"]["extra"]
            facts = [Said(fact) for fact in extra["facts"]]
            known = frozenset(extra["facts"]) in groups
            group, train = groups.setdefault(frozenset(extra["facts"]), (len(groups), number < ROWS_READ))
            newer = Said(extra["contradicting_fact"])
            wrong = set(extra["supporting_fact_indices"])
            pairs += [Pair(fact, newer, place in wrong, group, False, train) for place, fact in enumerate(facts)]
            if not known:
                pairs += [Pair(one, other, False, group, False, train) for one, other in combinations(facts, 2)]
    return pairs


def tabulate(pairs: Sequence[Pair]) -> Table:
    """Of each pair the two sentences with most in common among those that could contradict each other."""
    judge = Contradictions(Coefficients(Logistic(0.0, ()), 1.0, 1.0))
    compared = [next(iter(judge.compare(pair.older, pair.newer)), None) for pair in pairs]
    blank = (0.0,) * len(FEATURES)
    return Table(
        np.array([each.features if each else blank for each in compared]),
        np.array([float(pair.replaces) for pair in pairs]),
        np.array([pair.group for pair in pairs]),
        np.array([pair.own for pair in pairs]),
        np.array([pair.train for pair in pairs]),
        np.array([each is not None for each in compared]),
        np.array([each is not None and doubt_about(each) is None for each in compared]),
    )


def fit_model(table: Table) -> tuple[Coefficients, dict[str, dict[str, float | int]]]:
    """The coefficients and their figures."""
    features, outcomes, groups = table.features, table.outcomes, table.groups
    fitted = np.flatnonzero(table.train & table.comparable)
    weighted = np.concatenate([fitted, *[fitted[table.own[fitted]]] * (OWN_WEIGHT - 1)])
    # Platt's targets: a feature that never errs in the sample must not count as one that never errs
    positives, negatives = outcomes[weighted].sum(), (1 - outcomes[weighted]).sum()
    targets = np.where(outcomes == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    model = fit(features[weighted], targets[weighted])
    predicted = np.where(table.comparable, predict(model, features), 0.0)
    validated = cross_validate(features[weighted], targets[weighted], groups[weighted])
    predicted[fitted] = validated[: len(fitted)]
    chosen = table.train & ~table.own & table.certain
    threshold = _threshold(predicted[chosen], outcomes[chosen])
    parts = {
        "facts, cross-validated": table.train & ~table.own,
        "own pairs, cross-validated": table.train & table.own,
        "facts, held out": ~table.train & ~table.own,
        "own pairs, held out": ~table.train & table.own,
    }
    figures = {name: _figures(table, predicted, part, threshold) for name, part in parts.items()}
    return Coefficients(model, threshold, CONFLICTS), figures


def _threshold(predicted: Floats, outcomes: Floats) -> float:
    """The least probability from which on PRECISION of the pairs replace."""
    order = np.argsort(-predicted)
    precision = np.cumsum(outcomes[order]) / np.arange(1, len(order) + 1)
    reached = np.flatnonzero(precision >= PRECISION)
    return float(predicted[order][reached[-1]]) if len(reached) else 1.0


def _figures(table: Table, predicted: Floats, part: Mask, threshold: float) -> dict[str, float | int]:
    """Precision and recall over all pairs, the rest over the comparable ones."""
    superseded = part & table.certain & (predicted >= threshold)
    replacing, comparable = part & (table.outcomes == 1), part & table.comparable
    return {
        "pairs": int(part.sum()),
        "replacing": int(replacing.sum()),
        "superseded": int(superseded.sum()),
        "precision": round(float(table.outcomes[superseded].mean()), 4) if superseded.any() else 0.0,
        "recall": round(float(superseded[replacing].mean()), 4),
        "auc": round(auc(predicted[comparable], table.outcomes[comparable]), 4),
        "expected_calibration_error": round(calibration_error(predicted[comparable], table.outcomes[comparable]), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, metavar="PAIRS", help="tests/data/contradictions/pairs.jsonl")
    parser.add_argument("facts", type=Path, metavar="FACTS", help="the fact-update development set, .jsonl.gz")
    given = parser.parse_args()
    facts = read_facts(given.facts)
    own = read_own(given.pairs, first_group=1 + max(pair.group for pair in facts))
    coefficients, figures = fit_model(tabulate([*facts, *own]))
    fitted = {
        **msgspec.to_builtins(coefficients),
        "features": FEATURES,
        "figures": figures,
        "data": "tests/data/contradictions (this project's own) and fact-update-dev (Apache-2.0)",
    }
    text = msgspec.json.format(msgspec.json.encode(fitted), indent=2).decode() + "\n"
    Path(__file__).with_name("contradictions.json").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
