"""What the benchmarks of finding share: a collection goes into a store of its own, and its questions are asked."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lukhas_sdk.contract.memory import SearchRequest, SearchResponse, StoreRequest
from lukhasd.database import Database
from lukhasd.memory import MemoryStore
from lukhasd.models.embedder import EmbedderError, MiniLmEmbedder
from lukhasd.records.metrics import Metrics

OWNER = "benchmark"
RESAMPLES = 1000
FOUND = 20
DEEP = 100
"""Hits fetched beside, where sessions are ranked by their best turn."""


@dataclass(frozen=True)
class Question:
    """`evidence`: ids of the memories that answer; `sides`: where each side of a contradiction is said."""

    text: str
    evidence: frozenset[str]
    category: str
    sides: Sequence[frozenset[str]] = ()


@dataclass(frozen=True)
class Conversation:
    """Each of `turns` has its id in `context.source`; `session_of` by that id."""

    name: str
    turns: Sequence[StoreRequest]
    questions: Sequence[Question]
    session_of: dict[str, str] | None = None


@dataclass(frozen=True)
class Row:
    """One question's outcome: ids found, best first, by the hybrid search, by words alone, and by bm25s (None where
    that is not installed)."""

    conversation: Conversation
    question: Question
    hybrid: Sequence[str]
    words: Sequence[str]
    bm25s: Sequence[str] | None
    probability: float
    milliseconds: float


Measure = Callable[[Row, Sequence[str]], float]


class NoEmbedder(MiniLmEmbedder):
    """Makes the same search rank by words alone."""

    def embed(self, texts: Sequence[str]) -> Any:
        raise EmbedderError("left out on purpose")


async def ask(conversation: Conversation, *, questions: int | None = None) -> list[Row]:
    """Imports the conversation into a store of its own and asks its questions."""
    asked = _spread(conversation.questions, questions)
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "bench.duckdb")
        store = await _open(database, Path(folder), MiniLmEmbedder())
        started = perf_counter()
        for start in range(0, len(conversation.turns), 500):
            await store.import_items(OWNER, conversation.turns[start : start + 500])
        await store.wait_for_vectors(1800)
        print(f"{conversation.name}: {len(conversation.turns)} memories in {perf_counter() - started:.1f} s")
        hybrid = []
        for question in asked:
            started = perf_counter()
            answer = await _search(store, question.text, FOUND)
            milliseconds = (perf_counter() - started) * 1000
            deep = _ids(await _search(store, question.text, DEEP)) if conversation.session_of else []
            found = list(dict.fromkeys([*_ids(answer), *deep]))
            hybrid.append((found, answer.answerable or 0.0, milliseconds))
        await store.close()
        plain = await _open(database, Path(folder) / "words", NoEmbedder())
        words = [_ids(await _search(plain, question.text, DEEP)) for question in asked]
        await plain.close()
        database.close()
    peer = _bm25s(conversation, [question.text for question in asked])
    return [
        Row(conversation, question, found, words[place], peer[place] if peer else None, probability, milliseconds)
        for place, (question, (found, probability, milliseconds)) in enumerate(zip(asked, hybrid, strict=True))
    ]


def recall_at(limit: int) -> Measure:
    return lambda row, found: len(row.question.evidence & set(found[:limit])) / len(row.question.evidence)


def reciprocal_rank(row: Row, found: Sequence[str]) -> float:
    return next((1 / rank for rank, turn in enumerate(found[:FOUND], start=1) if turn in row.question.evidence), 0.0)


def session_recall_at(limit: int) -> Measure:
    def measure(row: Row, found: Sequence[str]) -> float:
        session_of = row.conversation.session_of or {}
        wanted = {session_of[turn] for turn in row.question.evidence if turn in session_of}
        ranked = list(dict.fromkeys(session_of[turn] for turn in found))
        return len(wanted & set(ranked[:limit])) / max(len(wanted), 1)

    return measure


def gain_at_10(row: Row, found: Sequence[str]) -> float:
    """nDCG@10 with binary judgements (Järvelin and Kekäläinen, 2002)."""
    discounts = 1 / np.log2(np.arange(2, 12))
    gains = [discounts[place] for place, each in enumerate(found[:10]) if each in row.question.evidence]
    return float(sum(gains) / discounts[: len(row.question.evidence)].sum())


def both_sides(row: Row, found: Sequence[str]) -> float:
    return float(all(side & set(found[:10]) for side in row.question.sides))


def interval(values: Sequence[float], groups: Sequence[str] | None = None) -> str:
    """Mean with the 95 % interval of resampling the groups and, within each, the values."""
    drawn = resample(groups or ["all"] * len(values))
    means = [np.mean(np.array(values)[chosen]) for chosen in drawn]
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def resample(groups: Sequence[str]) -> Iterable[np.ndarray[Any, Any]]:
    random = np.random.default_rng(7)
    names = sorted(set(groups))
    places = [np.flatnonzero(np.array(groups) == name) for name in names]
    for _ in range(RESAMPLES):
        chosen = random.integers(len(places), size=len(places))
        yield np.concatenate([random.choice(places[group], len(places[group])) for group in chosen])


def report(rows: Sequence[Row], measures: Sequence[tuple[str, Measure]]) -> None:
    """Each measure for each ranking, and the hybrid's gain over words alone."""
    groups = [row.conversation.name for row in rows]
    print(f"{len(rows)} questions with evidence, 95 % intervals over conversations and questions")
    for name, measure in measures:
        hybrid = [measure(row, row.hybrid) for row in rows]
        words = [measure(row, row.words) for row in rows]
        peer = [measure(row, row.bm25s) for row in rows if row.bm25s is not None]
        gain = [one - other for one, other in zip(hybrid, words, strict=True)]
        beside = f"   bm25s {interval(peer, groups)}" if peer else ""
        print(
            f"{name:14} hybrid {interval(hybrid, groups)}   words {interval(words, groups)}{beside}"
            f"   gain over words {interval(gain, groups)}"
        )
    times = np.percentile([row.milliseconds for row in rows], [50, 95])
    print(f"search with the query's embedding: p50 {times[0]:.1f} ms, p95 {times[1]:.1f} ms")


def report_abstention(rows: Sequence[Row], unanswerable: str) -> None:
    """How well `answer_probability` tells the questions of that category from the rest."""
    refused = np.array([row.question.category == unanswerable for row in rows])
    given = np.array([row.probability for row in rows])
    if refused.all() or not refused.any():
        return
    drawn = [
        _auroc(given[chosen], refused[chosen])
        for chosen in resample([row.conversation.name for row in rows])
        if 0 < refused[chosen].sum() < len(chosen)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    print(
        f"abstention AUROC {_auroc(given, refused):.3f} [{low:.3f}, {high:.3f}] over {(~refused).sum()} answerable and"
        f" {refused.sum()} unanswerable; mean probability {given[~refused].mean():.3f} and {given[refused].mean():.3f}"
    )


def _auroc(given: np.ndarray[Any, Any], refused: np.ndarray[Any, Any]) -> float:
    return float((np.sign(np.subtract.outer(given[~refused], given[refused])).mean() + 1) / 2)


async def _open(database: Database, folder: Path, embedder: MiniLmEmbedder) -> MemoryStore:
    folder.mkdir(exist_ok=True)
    return await MemoryStore.open(database=database, folder=folder, embedder=embedder, metrics=Metrics())


async def _search(store: MemoryStore, query: str, limit: int) -> SearchResponse:
    return await store.search(OWNER, SearchRequest(query=query, limit=limit))


def _ids(answer: SearchResponse) -> list[str]:
    return [(hit.context or {})["source"] for hit in answer.results]


def _spread(questions: Sequence[Question], count: int | None) -> Sequence[Question]:
    """So many of them, from every part of the list."""
    return questions if count is None else questions[:: max(len(questions) // count, 1)][:count]


def _bm25s(conversation: Conversation, queries: Sequence[str]) -> list[list[str]] | None:
    """The peer's ranking with its own tokenizer and English stop words; None where it is not installed."""
    try:
        bm25s = importlib.import_module("bm25s")
    except ImportError:
        return None
    texts = [f"{turn.content.context.get('speaker', '')} {turn.content.data}" for turn in conversation.turns]
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    tokens = bm25s.tokenize(list(queries), stopwords="en", show_progress=False)
    places, _ = index.retrieve(tokens, k=min(DEEP, len(texts)), show_progress=False)
    return [[conversation.turns[place].content.context["source"] for place in row] for row in places.tolist()]
