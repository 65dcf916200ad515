"""Fits `confidence.json`: python -m lukhasd.matriz.confidence_training FACTS QUESTIONS

FACTS is the fact-update development set (gzipped JSON lines, Apache-2.0; published with the Letta leaderboard's core
memory tasks). QUESTIONS is the folder `tests/data/questions` of this project. Each question goes through search,
attention and quotation as in the daemon; a fact's question is asked twice, with and without the facts that answer it.
What is fitted is whether one of the quotations is a memory that answers. The figures are from cross-validation in
which a set of facts, or a note that answers, is never in both parts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import MemoryContent, MemoryType, SearchRequest, StoreRequest
from lukhasd.database import Database
from lukhasd.matriz import extractive
from lukhasd.matriz.confidence import features
from lukhasd.matriz.stages.attention import attend
from lukhasd.matriz.stages.memory import FOUND_LIMIT, Candidate
from lukhasd.matriz.stages.thought import QUOTES
from lukhasd.memory import MemoryStore
from lukhasd.memory.answerable import Logistic
from lukhasd.memory.calibration import Floats, figures, fit, read_cases
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.records.metrics import Metrics

BUDGET_TOKENS = 800
FOLDS = 10
SEED = 7


@dataclass(frozen=True)
class Question:
    """`answers` are texts of memories; `group` keeps what belongs together on one side of the validation."""

    owner: str
    text: str
    answers: frozenset[str]
    hidden: frozenset[str]
    group: int
    part: str


@dataclass(frozen=True)
class Sample:
    features: tuple[float, ...]
    right: bool
    group: int
    part: str


def read_facts(file: Path) -> tuple[list[tuple[str, StoreRequest]], list[Question]]:
    items: dict[tuple[str, str], StoreRequest] = {}
    questions = []
    for case in read_cases(file):
        owner = f"facts-{case.group}"
        for fact in case.facts:
            items[owner, fact] = StoreRequest(content=MemoryContent(type="semantic", data=fact))
        for hidden in (frozenset[str](), case.answers):
            questions.append(Question(owner, case.question, case.answers - hidden, hidden, case.group, "facts"))
    return [(owner, item) for (owner, _), item in items.items()], questions


def read_questions(folder: Path, first_group: int) -> tuple[list[tuple[str, StoreRequest]], list[Question]]:
    notes = {row["id"]: row for row in _lines(folder / "notes.jsonl")}
    items = []
    for row in notes.values():
        context = {name: row[name] for name in ("speaker", "timestamp", "source", "heading") if row.get(name)}
        kind: MemoryType = "episodic" if row.get("speaker") or row["style"] == "diary" else "semantic"
        content = MemoryContent(type=kind, data=row["text"], context=context)
        items.append(("notes", StoreRequest(content=content, tags=row.get("tags", []))))
    questions = []
    groups: dict[str, int] = {}
    for place, row in enumerate(_lines(folder / "questions.jsonl")):
        key = row["answers"][0] if row["answers"] else f"none-{place}"
        group = groups.setdefault(key, first_group + len(groups))
        answers = frozenset(notes[number]["text"] for number in row["answers"])
        questions.append(Question("notes", row["question"], answers, frozenset(), group, "notes"))
    return items, questions


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


async def collect(items: Sequence[tuple[str, StoreRequest]], questions: Sequence[Question]) -> list[Sample]:
    embedder, analyser = MiniLmEmbedder(), Analyser()
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "training.duckdb")
        store = await MemoryStore.open(database=database, folder=Path(folder), embedder=embedder, metrics=Metrics())
        owners: dict[str, list[StoreRequest]] = {}
        for owner, item in items:
            owners.setdefault(owner, []).append(item)
        for owner, mine in owners.items():
            await store.import_items(owner, mine)
        await store.wait_for_vectors(1200)
        for question in questions:
            quotes = await _quote(question, store, embedder, analyser)
            found = features(question.text, quotes, analyser) if quotes else None
            if found is not None:
                right = any(quote.memory.content.data in question.answers for quote in quotes)
                samples.append(Sample(found, right, question.group, question.part))
        await store.close()
        database.close()
    return samples


async def _quote(
    question: Question, store: MemoryStore, embedder: MiniLmEmbedder, analyser: Analyser
) -> list[extractive.Quote]:
    hits = (await store.search(question.owner, SearchRequest(query=question.text, limit=FOUND_LIMIT))).results
    hits = [hit for hit in hits if hit.content.data not in question.hidden]
    ids = [hit.memory_id for hit in hits]
    memories, vectors = await store.get_many(question.owner, ids), await store.vectors(question.owner, ids)
    candidates = [Candidate(memories[hit.memory_id], hit.relevance_score, hit.cosine, 0) for hit in hits]
    focus = attend(candidates, vectors, embedder=embedder, focus=None, creative=False, budget_tokens=BUDGET_TOKENS)
    return extractive.quote(question.text, focus.kept, embedder=embedder, analyser=analyser, limit=QUOTES["moderate"])


def cross_validate(rows: Floats, right: Floats, groups: NDArray[np.int64]) -> Floats:
    folds = np.random.default_rng(SEED).integers(0, FOLDS, groups.max() + 1)[groups]
    predicted = np.zeros(len(rows))
    for fold in range(FOLDS):
        model = fit(rows[folds != fold], right[folds != fold])
        held = np.flatnonzero(folds == fold)
        predicted[held] = [model.probability(row) for row in rows[held].tolist()]
    return predicted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("facts", type=Path, metavar="FACTS")
    parser.add_argument("questions", type=Path, metavar="QUESTIONS")
    options = parser.parse_args()
    items, questions = read_facts(options.facts)
    more_items, more = read_questions(options.questions, max(question.group for question in questions) + 1)
    samples = asyncio.run(collect([*items, *more_items], [*questions, *more]))
    rows = np.array([sample.features for sample in samples])
    right = np.array([float(sample.right) for sample in samples])
    groups = np.array([sample.group for sample in samples])
    parts = np.array([sample.part for sample in samples])
    predicted = cross_validate(rows, right, groups)
    model: Logistic = fit(rows, right)
    report = {
        "model": model,
        "cross_validated": {
            part: {"samples": int(chosen.sum()), **figures(predicted[chosen], right[chosen], groups[chosen])}
            for part in ("facts", "notes")
            if (chosen := parts == part).any()
        },
        "data": "fact-update-dev (Apache-2.0) and tests/data/questions (this project's own)",
        "embedder": MiniLmEmbedder.name,
    }
    text = msgspec.json.format(msgspec.json.encode(report), indent=2)
    Path(__file__).with_name("confidence.json").write_bytes(text + b"\n")
    print(text.decode())  # noqa: T201


if __name__ == "__main__":
    main()
