"""Does memory find the turns that answer? LoCoMo questions over imported conversations.

python tests/benchmarks/bench_locomo.py --data locomo-dev.json.gz [--conversations N] [--small]

Prints recall@10, recall@20 and reciprocal rank of the evidence turns, recall of their sessions (each ranked by its best
turn), for the hybrid search, for words alone and, where it is installed, for bm25s; and how well `answer_probability`
tells the unanswerable questions (category 5) from the rest. For measuring only: nothing is fitted on this data
(CC BY-NC). The public original is LoCoMo, Maharana et al., 2024.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from finding import (
    Conversation,
    Question,
    ask,
    recall_at,
    reciprocal_rank,
    report,
    report_abstention,
    session_recall_at,
)

from lukhas_sdk.contract.memory import MemoryContent, StoreRequest

UNANSWERABLE = "5"
SMALL_QUESTIONS = 40
MEASURES = (
    ("R@10", recall_at(10)),
    ("R@20", recall_at(20)),
    ("MRR", reciprocal_rank),
    ("session R@5", session_recall_at(5)),
    ("session R@10", session_recall_at(10)),
)


def read_conversations(file: Path, count: int) -> list[Conversation]:
    with gzip.open(file, "rt", encoding="utf-8") as source:
        return [_conversation(row) for row in json.load(source)[:count]]


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
    rows = [row for one, count in chosen(__doc__, SMALL_QUESTIONS) for row in asyncio.run(ask(one, questions=count))]
    report([row for row in rows if row.question.category != UNANSWERABLE and row.question.evidence], MEASURES)
    report_abstention(rows, UNANSWERABLE)


def _conversation(row: dict[str, Any]) -> Conversation:
    spoken = row["conversation"]
    turns = []
    session_of: dict[str, str] = {}
    for key in sorted((key for key in spoken if re.fullmatch(r"session_\d+", key)), key=lambda key: int(key[8:])):
        when = datetime.strptime(spoken[f"{key}_date_time"], "%I:%M %p on %d %B, %Y").isoformat()
        turns += [_turn(turn, when) for turn in spoken[key]]
        session_of |= {turn["dia_id"]: key for turn in spoken[key]}
    questions = [Question(each["question"], _turn_ids(each["evidence"]), str(each["category"])) for each in row["qa"]]
    return Conversation(row["sample_id"], turns, questions, session_of)


def _turn_ids(evidence: list[str]) -> frozenset[str]:
    return frozenset(re.findall(r"D\d+:\d+", " ".join(evidence)))


def _turn(turn: dict[str, Any], when: str) -> StoreRequest:
    said = turn["text"] + (f" [shows {turn['blip_caption']}]" if turn.get("blip_caption") else "")
    context = {"speaker": turn["speaker"], "timestamp": when, "source": turn["dia_id"]}
    return StoreRequest(content=MemoryContent(type="episodic", data=said, context=context))


if __name__ == "__main__":
    main()
