"""Does an answer cite the turn that answers? LoCoMo questions through a running daemon.

python tests/benchmarks/bench_process.py --data locomo-dev.json.gz [--conversations N] [--small]

Writes each conversation as JSON Lines with speaker and time, imports it with `lukhas memory import`, and asks its
questions as `lukhas process` does. Over the questions that one turn answers it prints how many answers cite that turn,
beside the first three turns by words alone (BM25) of the same store. For measuring only (CC BY-NC); see bench_locomo.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep

import numpy as np
from bench_locomo import UNANSWERABLE, chosen
from finding import Conversation, Question, interval

from lukhas_sdk import LukhasClient
from lukhas_sdk.paths import Paths

SMALL_QUESTIONS = 12
QUOTED = 3
"""Quotations of an answer at the default detail."""


@dataclass(frozen=True)
class Row:
    """Ids of the turns cited, and of the first by words alone."""

    question: Question
    cited: Sequence[str]
    words: Sequence[str]
    answered: bool
    confidence: float | None
    duration_ms: float


def write_lines(conversation: Conversation, file: Path) -> None:
    """One flat JSON object a turn."""
    with file.open("w", encoding="utf-8") as out:
        for turn in conversation.turns:
            print(json.dumps({"text": turn.content.data, **turn.content.context}, ensure_ascii=False), file=out)


def ask(conversation: Conversation, questions: int | None) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        home = Path(folder)
        env = {**os.environ, "LUKHAS_HOME": folder, "LUKHAS_PORT": "0"}
        env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        lukhas = [sys.executable, "-m", "lukhas_cli"]
        write_lines(conversation, home / "turns.jsonl")
        try:
            subprocess.run([*lukhas, "memory", "import", str(home / "turns.jsonl")], env=env, check=True)
            paths = Paths(home / "config", home / "data", home / "state", home / "run")
            with LukhasClient(paths=paths) as client:
                deadline = monotonic() + 600
                while client.memory.stats().pending_vectors and monotonic() < deadline:
                    sleep(0.2)
                return [_ask(client, question) for question in conversation.questions[:questions]]
        finally:
            subprocess.run([*lukhas, "daemon", "stop"], env=env, check=False, capture_output=True)


def _ask(client: LukhasClient, question: Question) -> Row:
    started = perf_counter()
    answer = client.process(question.text)
    duration_ms = (perf_counter() - started) * 1000
    hits = client.memory.search(question.text, limit=200).results
    by_words = sorted(hits, key=lambda hit: -hit.text_score)[:QUOTED]
    return Row(
        question,
        [(citation.source or "").split(", ")[0] for citation in answer.citations],
        [str((hit.context or {}).get("source")) for hit in by_words],
        answer.metadata.answered,
        answer.metadata.confidence,
        duration_ms,
    )


def report(rows: Sequence[Row]) -> None:
    single = [row for row in rows if row.question.category != UNANSWERABLE and len(row.question.evidence) == 1]
    refused = [row for row in rows if row.question.category == UNANSWERABLE]
    cited = [float(bool(row.question.evidence & set(row.cited))) for row in single]
    words = [float(bool(row.question.evidence & set(row.words))) for row in single]
    first = [float(bool(row.question.evidence & set(row.cited[:1]))) for row in single]
    print(f"{len(single)} questions that one turn answers")
    print(f"a citation is that turn   {interval(cited)}")
    print(f"the first citation is     {interval(first)}")
    print(f"words alone, first three  {interval(words)}")
    print(f"ratio to words alone      {sum(cited) / max(sum(words), 1):.2f}")
    print(f"said to be answered       {np.mean([row.answered for row in single]):.3f}", end="")
    print(f", of {len(refused)} unanswerable {np.mean([row.answered for row in refused]):.3f}" if refused else "")
    known = [(row.confidence, right) for row, right in zip(single, cited, strict=True) if row.confidence is not None]
    confidence, share = np.mean(known, axis=0)
    print(f"mean confidence {confidence:.3f}, share that cites the turn {share:.3f}")
    times = [row.duration_ms for row in rows]
    print(f"answer p50 {np.percentile(times, 50):.0f} ms, p95 {np.percentile(times, 95):.0f} ms")


def main() -> None:
    report([row for one, count in chosen(__doc__, SMALL_QUESTIONS) for row in ask(one, count)])


if __name__ == "__main__":
    main()
