"""`python -m lukhasd.dream.relevance_training FITTED,… HELD_OUT,…`: fits `lukhasd.dream.relevance`, writes its file.

Each is a JSON file: `notes`, or `files` of them as JSON Lines with a `text`, and `constraints` with the places of the
notes that say something to them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from lukhas_sdk.contract.memory import MemoryContent, SearchRequest, StoreRequest
from lukhasd.database import Database
from lukhasd.dream import relevance
from lukhasd.dream.relevance import FILE, Fitted
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
    constraints: list[Labelled]
    notes: list[str] = []
    files: list[str] = []
    """Beside this one."""


class Line(msgspec.Struct, frozen=True):
    text: str


class Sample(msgspec.Struct, frozen=True):
    nearness: Floats
    logits: Floats
    outcomes: Floats
    missed: int
    """Relevant notes that the search did not find, though they were among as many as it may."""


async def read(file: Path) -> Sample:
    labelled = msgspec.json.decode(await asyncio.to_thread(file.read_bytes), type=Notes)
    notes = list(labelled.notes)
    for name in labelled.files:
        lines = await asyncio.to_thread((file.parent / name).read_bytes)
        notes += [line.text for line in msgspec.json.Decoder(Line).decode_lines(lines)]
    likelihood = answerable.load().likelihood
    near, answering, outcomes, missed = [], [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        database = await asyncio.to_thread(Database.open, Path(folder) / "notes.duckdb")
        store = await MemoryStore.open(
            database=database, folder=Path(folder), embedder=MiniLmEmbedder(), metrics=Metrics(), gate=False
        )
        stored = await store.import_items(OWNER, [StoreRequest(MemoryContent("episodic", note)) for note in notes])
        place = {memory_id: number for number, memory_id in enumerate(stored.memory_ids)}
        await store.wait_for_vectors(120)
        for constraint in labelled.constraints:
            hits = (await store.search(OWNER, SearchRequest(query=constraint.text, limit=FOUND))).results
            told = [float(place[hit.memory_id] in constraint.relevant) for hit in hits]
            rows = relevance.nearness(hits)
            assert rows is not None
            near.append(rows)
            answering.append(relevance.logits(likelihood, constraint.text, hits))
            outcomes += told
            missed += min(len(constraint.relevant), FOUND) - int(sum(told))
        await store.close()
        await asyncio.to_thread(database.close)
    return Sample(np.vstack(near), np.vstack(answering), np.array(outcomes), missed)


def joined(samples: Sequence[Sample]) -> Sample:
    return Sample(
        np.vstack([each.nearness for each in samples]),
        np.vstack([each.logits for each in samples]),
        np.concatenate([each.outcomes for each in samples]),
        sum(each.missed for each in samples),
    )


def f_half(predicted: Floats, sample: Sample, threshold: float) -> tuple[float, float, float]:
    """F0.5, precision and recall; what the search missed counts as missed. Precision counts for more, as a note that
    says nothing reads worse in a dream than one that is not there."""
    chosen = predicted >= threshold
    right = float(sample.outcomes[chosen].sum())
    precision = right / max(float(chosen.sum()), 1.0)
    recall = right / (float(sample.outcomes.sum()) + sample.missed)
    return (1.25 * precision * recall / (0.25 * precision + recall) if right else 0.0), precision, recall


async def train(fitted: Sequence[Path], held_out: Sequence[Path]) -> Fitted:
    samples = [await read(file) for file in fitted]
    ours, others = joined(samples), joined([await read(file) for file in held_out])
    with_vectors = logistic.fit(ours.nearness, ours.outcomes, ridge=RIDGE)
    words_only = logistic.fit(ours.logits, ours.outcomes, ridge=RIDGE)
    told = [with_vectors.probabilities(each.nearness) for each in samples]
    threshold = max(
        np.unique(np.concatenate(told)).tolist(),
        key=lambda at: sum(f_half(given, sample, at)[0] for given, sample in zip(told, samples, strict=True)),
    )
    predicted = with_vectors.probabilities(others.nearness)
    best, precision, recall = f_half(predicted, others, threshold)
    figures = {
        "pairs": float(len(others.outcomes)),
        "relevant": float(others.outcomes.sum()) + others.missed,
        "auc": logistic.auc(predicted, others.outcomes),
        "expected_calibration_error": logistic.calibration_error(predicted, others.outcomes),
        "f_half": best,
        "precision": precision,
        "recall": recall,
    }
    return Fitted(with_vectors, words_only, round(threshold, 3), {k: round(v, 4) for k, v in figures.items()})


if __name__ == "__main__":
    result = asyncio.run(train(*([Path(name) for name in given.split(",")] for given in sys.argv[1:3])))
    content = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
    Path(__file__).with_name(FILE).write_bytes(content)
    sys.stdout.write(content.decode())
