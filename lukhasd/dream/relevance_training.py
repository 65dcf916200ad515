"""`python -m lukhasd.dream.relevance_training FITTED HELD_OUT`: fits `lukhasd.dream.relevance` and writes its file.

Each of the two is a JSON object: `notes`, and `constraints` with the places of the notes that say something to them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from lukhas_sdk.contract.memory import MemoryContent, SearchRequest, StoreRequest
from lukhasd.database import Database
from lukhasd.dream.relevance import FILE, Fitted, features
from lukhasd.memory import MemoryStore, answerable
from lukhasd.models import logistic
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.models.logistic import Floats
from lukhasd.records.metrics import Metrics

FOUND = 20
RIDGE = 1.0
OWNER = "training"


class Labelled(msgspec.Struct, frozen=True):
    text: str
    relevant: list[int]


class Notes(msgspec.Struct, frozen=True):
    notes: list[str]
    constraints: list[Labelled]


class Sample(msgspec.Struct, frozen=True):
    rows: Floats
    outcomes: Floats
    missed: int
    """Relevant notes that the search did not find."""


async def read(file: Path) -> Sample:
    labelled = msgspec.json.decode(await asyncio.to_thread(file.read_bytes), type=Notes)
    likelihood = answerable.load().likelihood
    rows, outcomes, missed = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        database = await asyncio.to_thread(Database.open, Path(folder) / "notes.duckdb")
        store = await MemoryStore.open(
            database=database, folder=Path(folder), embedder=MiniLmEmbedder(), metrics=Metrics(), gate=False
        )
        stored = await store.import_items(
            OWNER, [StoreRequest(MemoryContent("episodic", note)) for note in labelled.notes]
        )
        place = {memory_id: number for number, memory_id in enumerate(stored.memory_ids)}
        await store.wait_for_vectors(120)
        for constraint in labelled.constraints:
            hits = (await store.search(OWNER, SearchRequest(query=constraint.text, limit=FOUND))).results
            told = [float(place[hit.memory_id] in constraint.relevant) for hit in hits]
            rows.append(features(likelihood, constraint.text, hits))
            outcomes += told
            missed += len(constraint.relevant) - int(sum(told))
        await store.close()
        await asyncio.to_thread(database.close)
    return Sample(np.vstack(rows), np.array(outcomes), missed)


def f1(predicted: Floats, sample: Sample, threshold: float) -> tuple[float, float, float]:
    """F1, precision and recall; what the search missed counts as missed."""
    chosen = predicted >= threshold
    right = float(sample.outcomes[chosen].sum())
    precision = right / max(float(chosen.sum()), 1.0)
    recall = right / (float(sample.outcomes.sum()) + sample.missed)
    return (2 * precision * recall / (precision + recall) if right else 0.0), precision, recall


async def train(fitted: Path, held_out: Path) -> Fitted:
    ours, others = await read(fitted), await read(held_out)
    with_vectors = logistic.fit(ours.rows, ours.outcomes, ridge=RIDGE)
    words_only = logistic.fit(ours.rows[:, :1], ours.outcomes, ridge=RIDGE)
    told = with_vectors.probabilities(ours.rows)
    threshold = max(np.unique(told).tolist(), key=lambda at: f1(told, ours, at)[0])
    predicted = with_vectors.probabilities(others.rows)
    best, precision, recall = f1(predicted, others, threshold)
    figures = {
        "pairs": float(len(others.outcomes)),
        "relevant": float(others.outcomes.sum()) + others.missed,
        "auc": logistic.auc(predicted, others.outcomes),
        "expected_calibration_error": logistic.calibration_error(predicted, others.outcomes),
        "f1": best,
        "precision": precision,
        "recall": recall,
    }
    return Fitted(with_vectors, words_only, round(threshold, 3), {k: round(v, 4) for k, v in figures.items()})


if __name__ == "__main__":
    result = asyncio.run(train(Path(sys.argv[1]), Path(sys.argv[2])))
    content = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
    Path(__file__).with_name(FILE).write_bytes(content)
    sys.stdout.write(content.decode())
