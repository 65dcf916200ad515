"""Fits `calibration.json`: python -m lukhasd.memory.calibration DATA [--write]

DATA is the fact-update development set (Apache-2.0; published with the Letta leaderboard's core memory tasks): gzipped
JSON lines with ten facts, a question, and which facts answer it. Each question is asked twice: of all the facts, and of
all but those that answer it; its people stay, so that the unanswerable half is hard. The sets of facts are halved: one
half fits, the other gives the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import MemoryContent, SearchHit, SearchRequest, StoreRequest
from lukhasd.database import Database
from lukhasd.memory import MemoryStore, answerable
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.records.metrics import Metrics

Floats = NDArray[np.float64]
RIDGE = 1e-3
BINS = 10
RESAMPLES = 1000
SEED = 7
OWNER = "calibration"
LIMIT = 10


@dataclass(frozen=True)
class Case:
    """`group` is the same for all questions about the same facts."""

    question: str
    facts: Sequence[str]
    answers: frozenset[str]
    group: int


@dataclass(frozen=True)
class Sample:
    words: tuple[float, ...]
    meaning: tuple[float, ...]
    answerable: bool
    group: int


def read_cases(file: Path) -> list[Case]:
    cases = []
    groups: dict[tuple[str, ...], int] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            extra = row["agent_args"]["extra"]
            facts = tuple(extra["facts"])
            answers = frozenset(facts[place] for place in extra["supporting_fact_indices"])
            cases.append(Case(row["input"], facts, answers, groups.setdefault(facts, len(groups))))
    return cases


async def collect(cases: Sequence[Case], embedder: MiniLmEmbedder) -> list[Sample]:
    """Two samples a case: what search finds among all facts, and the same without the answering ones."""
    samples = []
    judge = answerable.load()
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "calibration.duckdb")
        store = await MemoryStore.open(database=database, folder=Path(folder), embedder=embedder, metrics=Metrics())
        await store.import_items(OWNER, [_request(fact) for case in cases for fact in case.facts])
        await store.wait_for_vectors(600)
        for case in cases:
            hits = await _search(store, case.question, LIMIT + len(case.answers))
            without = [hit for hit in hits if hit.content.data not in case.answers]
            for has_answer, shown in ((True, hits), (False, without)):
                words, meaning = judge.features(case.question, shown[:LIMIT])
                samples.append(Sample(words, meaning or (), has_answer, case.group))
        await store.close()
        database.close()
    return samples


def fit(features: Floats, outcomes: Floats) -> answerable.Logistic:
    """Maximum likelihood by Newton's method (iteratively reweighted least squares), on standardised features."""
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    design = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = RIDGE * np.diag([0.0, *[1.0] * features.shape[1]])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        predicted = _sigmoid(design @ weights)
        gradient = design.T @ (outcomes - predicted) - penalty @ weights
        curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    slopes = weights[1:] / spread
    return answerable.Logistic(float(weights[0] - slopes @ mean), tuple(float(slope) for slope in slopes))


def auc(predicted: Floats, outcomes: Floats) -> float:
    """Probability that an answerable question is given more than an unanswerable one; ties count half."""
    positive, negative = predicted[outcomes == 1], predicted[outcomes == 0]
    higher = (positive[:, None] > negative).mean() + 0.5 * (positive[:, None] == negative).mean()
    return float(higher)


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


def figures(predicted: Floats, outcomes: Floats, groups: NDArray[np.int64]) -> dict[str, dict[str, float]]:
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


def report(samples: Sequence[Sample], features: Callable[[Sample], tuple[float, ...]]) -> dict[str, object]:
    """Fitted on the even groups, measured on the odd ones."""
    matrix = np.array([features(sample) for sample in samples], dtype=np.float64)
    outcomes = np.array([sample.answerable for sample in samples], dtype=np.float64)
    groups = np.array([sample.group for sample in samples])
    held_out = groups % 2 == 1
    model = fit(matrix[~held_out], outcomes[~held_out])
    predicted = np.array([model.probability(tuple(row)) for row in matrix[held_out]])
    return {
        "intercept": model.intercept,
        "weights": model.weights,
        "held_out": {
            "samples": int(held_out.sum()),
            **figures(predicted, outcomes[held_out], groups[held_out]),
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true", help="replace calibration.json, rather than print")
    given = parser.parse_args(arguments)
    samples = asyncio.run(collect(read_cases(given.data), MiniLmEmbedder()))
    fitted = {
        "with_vectors": report(samples, lambda sample: (*sample.words, *sample.meaning)),
        "words_only": report(samples, lambda sample: sample.words),
        "data": {"name": "fact-update-dev", "licence": "Apache-2.0", "samples": len(samples)},
        "embedder": MiniLmEmbedder.name,
    }
    text = json.dumps(fitted, indent=2) + "\n"
    if given.write:
        Path(__file__).with_name("calibration.json").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _request(fact: str) -> StoreRequest:
    return StoreRequest(content=MemoryContent(type="semantic", data=fact))


async def _search(store: MemoryStore, question: str, limit: int) -> list[SearchHit]:
    response = await store.search(OWNER, SearchRequest(query=question, limit=limit))
    return response.results


def _sigmoid(values: Floats) -> Floats:
    result: Floats = 1.0 / (1.0 + np.exp(-values))
    return result


if __name__ == "__main__":
    main()
