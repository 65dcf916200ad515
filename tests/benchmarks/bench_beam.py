"""Does memory find what long chats say? BEAM's probing questions over chats of 100,000 tokens.

python tests/benchmarks/bench_beam.py --data beam-100k-dev/ [--chats N] [--small]

Each turn is a memory, spoken by user or assistant. Prints recall of the source turns, how often both sides of a
contradiction are among the first ten, and how well `answer_probability` tells the questions that the chat does not
answer. For measuring only: nothing is fitted on this data. The public original is BEAM, Tavakoli et al., 2025.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from finding import Conversation, Question, ask, both_sides, recall_at, reciprocal_rank, report, report_abstention

from lukhas_sdk.contract.memory import MemoryContent, StoreRequest

UNANSWERABLE = "abstention"
CONTRADICTION = "contradiction_resolution"
SMALL_QUESTIONS = 10
SMALL_TURNS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--chats", type=int, default=1)
    parser.add_argument(
        "--small", action="store_true", help=f"{SMALL_QUESTIONS} questions, {SMALL_TURNS} turns of each"
    )
    given = parser.parse_args()
    folders = sorted((each for each in given.data.iterdir() if each.is_dir()), key=lambda each: int(each.name))
    count = SMALL_QUESTIONS if given.small else None
    turns = SMALL_TURNS if given.small else None
    rows = [row for each in folders[: given.chats] for row in asyncio.run(ask(read_chat(each, turns), questions=count))]
    answered = [row for row in rows if row.question.evidence]
    report(answered, [("R@10", recall_at(10)), ("R@20", recall_at(20)), ("MRR", reciprocal_rank)])
    contradicted = [row for row in answered if row.question.category == CONTRADICTION]
    if contradicted:
        report(contradicted, [("both sides@10", both_sides)])
    report_abstention(rows, UNANSWERABLE)


def read_chat(folder: Path, first: int | None = None) -> Conversation:
    """The questions are those that nothing but its `first` turns answers; None: all of both."""
    turns: list[StoreRequest] = []
    when: datetime | None = None
    for batch in json.loads((folder / "chat.json").read_text(encoding="utf-8")):
        for turn in (turn for group in batch["turns"] for turn in group):
            anchor = turn.get("time_anchor") or batch.get("time_anchor")
            when = datetime.strptime(anchor, "%B-%d-%Y") if anchor else when
            turns.append(_turn(turn, when))
    probing = json.loads((folder / "probing_questions.json").read_text(encoding="utf-8"))
    questions = [_question(each, category) for category, asked in probing.items() for each in asked]
    known = {turn.content.context["source"] for turn in turns[:first]}
    asked = [question for question in questions if first is None or question.evidence <= known]
    return Conversation(f"chat {folder.name}", turns[:first], asked)


def _turn(turn: dict[str, Any], when: datetime | None) -> StoreRequest:
    context = {"speaker": turn["role"], "source": str(turn["id"])}
    if when is not None:
        context["timestamp"] = when.isoformat()
    return StoreRequest(content=MemoryContent(type="episodic", data=turn["content"].strip() or "…", context=context))


def _question(asked: dict[str, Any], category: str) -> Question:
    sources = asked.get("source_chat_ids")
    sides = [frozenset(_numbers(side)) for side in sources.values()] if isinstance(sources, dict) else []
    return Question(asked["question"], frozenset(_numbers(sources)), category, sides)


def _numbers(value: object) -> Iterator[str]:
    """Every turn number within, however the question nests them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif value is not None:
        yield str(value)


if __name__ == "__main__":
    main()
