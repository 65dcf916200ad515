"""Does memory find the turns that answer? LoCoMo questions over imported conversations.

python tests/benchmarks/bench_locomo.py --data locomo-dev.json.gz [--conversations N] [--small]

Prints recall@10, recall@20 and reciprocal rank of the evidence turns for the hybrid search and for words alone, and how
well `answer_probability` tells the unanswerable questions (category 5) from the rest. For measuring only: nothing is
fitted on this data (CC BY-NC). The public original is LoCoMo, Maharana et al., 2024.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lukhas_sdk.contract.memory import MemoryContent, SearchHit, SearchRequest, StoreRequest
from lukhasd.database import Database
from lukhasd.memory import MemoryStore
from lukhasd.models.embedder import EmbedderError, MiniLmEmbedder
from lukhasd.records.metrics import Metrics

OWNER = "benchmark"
UNANSWERABLE = 5
SMALL_QUESTIONS = 40
RESAMPLES = 1000


@dataclass(frozen=True)
class Question:
    text: str
    evidence: frozenset[str]
    category: int


@dataclass(frozen=True)
class Conversation:
    name: str
    turns: Sequence[StoreRequest]
    questions: Sequence[Question]


@dataclass(frozen=True)
class Row:
    """One question's outcome: ids of the turns found, best first, by each ranking."""

    question: Question
    hybrid: Sequence[str]
    words: Sequence[str]
    probability: float


class NoEmbedder(MiniLmEmbedder):
    """Makes the same search rank by words alone."""

    def embed(self, texts: Sequence[str]) -> Any:
        raise EmbedderError("left out on purpose")


def read_conversations(file: Path, count: int) -> list[Conversation]:
    with gzip.open(file, "rt", encoding="utf-8") as source:
        return [_conversation(row) for row in json.load(source)[:count]]


async def ask(conversation: Conversation, *, questions: int | None = None) -> list[Row]:
    """Imports the conversation into a store of its own and asks its questions."""
    embedder = MiniLmEmbedder()
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "bench.duckdb")
        store = await MemoryStore.open(database=database, folder=Path(folder), embedder=embedder, metrics=Metrics())
        started = perf_counter()
        for start in range(0, len(conversation.turns), 500):
            await store.import_items(OWNER, conversation.turns[start : start + 500])
        await store.wait_for_vectors(600)
        print(f"{conversation.name}: {len(conversation.turns)} turns in {perf_counter() - started:.1f} s")
        hybrid = [await _search(store, question.text) for question in conversation.questions[:questions]]
        await store.close()
        words_folder = Path(folder) / "words"
        words_only = await MemoryStore.open(
            database=database, folder=words_folder, embedder=NoEmbedder(), metrics=Metrics()
        )
        words = [await _search(words_only, question.text) for question in conversation.questions[:questions]]
        rows = [
            Row(question, _ids(found), _ids(plain), words_only.answer_probability(question.text, found[:10]))
            for question, found, plain in zip(conversation.questions, hybrid, words, strict=False)
        ]
        await words_only.close()
        database.close()
    return rows


def recall_at(limit: int) -> Callable[[Sequence[str], frozenset[str]], float]:
    return lambda found, evidence: len(evidence & set(found[:limit])) / len(evidence)


def reciprocal_rank(found: Sequence[str], evidence: frozenset[str]) -> float:
    return next((1 / rank for rank, turn in enumerate(found, start=1) if turn in evidence), 0.0)


def interval(values: Sequence[float]) -> str:
    """Mean with the 95 % interval of resampling."""
    random = np.random.default_rng(7)
    drawn = random.choice(np.array(values), (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def report(rows: Sequence[Row]) -> None:
    answerable = [row for row in rows if row.question.category != UNANSWERABLE and row.question.evidence]
    print(f"{len(answerable)} questions with evidence, {len(rows) - len(answerable)} without an answer or evidence")
    for name, measure in (("R@10", recall_at(10)), ("R@20", recall_at(20)), ("MRR", reciprocal_rank)):
        hybrid = [measure(row.hybrid, row.question.evidence) for row in answerable]
        words = [measure(row.words, row.question.evidence) for row in answerable]
        gain = [one - other for one, other in zip(hybrid, words, strict=True)]
        print(f"{name:5} hybrid {interval(hybrid)}   words {interval(words)}   gain {interval(gain)}")
    given = [row.probability for row in rows if row.question.category != UNANSWERABLE]
    refused = [row.probability for row in rows if row.question.category == UNANSWERABLE]
    if given and refused:
        pairs = np.sign(np.subtract.outer(np.array(given), np.array(refused)))
        print(f"answer_probability: AUROC {(pairs.mean() + 1) / 2:.3f} over {len(given)} + {len(refused)} questions")
        print(f"  mean {np.mean(given):.3f} where answerable, {np.mean(refused):.3f} where not")


def chosen(description: str | None, small_questions: int) -> Iterator[tuple[Conversation, int | None]]:
    """The conversations that the command line names, and how many questions of each to ask (None: all)."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--conversations", type=int, default=1)
    parser.add_argument("--small", action="store_true", help=f"only {small_questions} questions of each")
    given = parser.parse_args()
    for conversation in read_conversations(given.data, given.conversations):
        yield conversation, small_questions if given.small else None


def main() -> None:
    report([row for one, count in chosen(__doc__, SMALL_QUESTIONS) for row in asyncio.run(ask(one, questions=count))])


def _conversation(row: dict[str, Any]) -> Conversation:
    spoken = row["conversation"]
    turns = []
    for key in sorted((key for key in spoken if re.fullmatch(r"session_\d+", key)), key=lambda key: int(key[8:])):
        when = datetime.strptime(spoken[f"{key}_date_time"], "%I:%M %p on %d %B, %Y").isoformat()
        turns += [_turn(turn, when) for turn in spoken[key]]
    questions = [
        Question(each["question"], frozenset(re.findall(r"D\d+:\d+", " ".join(each["evidence"]))), each["category"])
        for each in row["qa"]
    ]
    return Conversation(row["sample_id"], turns, questions)


def _turn(turn: dict[str, Any], when: str) -> StoreRequest:
    said = turn["text"] + (f" [shows {turn['blip_caption']}]" if turn.get("blip_caption") else "")
    context = {"speaker": turn["speaker"], "timestamp": when, "source": turn["dia_id"]}
    return StoreRequest(content=MemoryContent(type="episodic", data=said, context=context))


async def _search(store: MemoryStore, query: str) -> list[SearchHit]:
    return (await store.search(OWNER, SearchRequest(query=query, limit=20))).results


def _ids(hits: Sequence[SearchHit]) -> list[str]:
    return [(hit.context or {})["source"] for hit in hits]


if __name__ == "__main__":
    main()
