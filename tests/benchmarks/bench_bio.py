"""Does bio make answers worse? This project's own questions, with bio on, off, and under the greatest stress.

python tests/benchmarks/bench_bio.py [--small]

Asks every question of tests/data/questions through the whole pipeline without a language model, over its notes, each
tagged with its style so that a hop brings others in. Prints how many of the questions that a note answers were answered
with a quotation of it, how many of the others were said to be answered, what was changed, the median time, and each
beside the same with bio off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.matriz import PipelineOptions, ProcessRequest, ProcessResponse
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.errors import GuardianRejection
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.settings import IdentitySettings, Settings
from lukhasd.daemon import build
from lukhasd.identity.caller import Caller
from lukhasd.parts import Parts

DATA = Path(__file__).parents[1] / "data" / "questions"
SMALL_NOTES = 40
SMALL_QUESTIONS = 12
CALLER = Caller("bench", "ΛUSER-2026-0001", Tier.USER, "api_key")
QUOTED_CHARS = 40
"""A quotation is known again by its beginning: a long one is shortened."""
Way = Literal["off", "on", "stressed"]
WAYS: tuple[Way, ...] = ("off", "on", "stressed")


@dataclass(frozen=True)
class Asked:
    answerable: bool
    hit: bool
    answered: bool
    changed: int
    """Settings."""
    duration_ms: float


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


async def fill(parts: Parts, notes: list[dict[str, Any]]) -> None:
    items = [
        StoreRequest(
            MemoryContent(
                "episodic", note["text"], {"timestamp": note["timestamp"]} if "timestamp" in note else {}
            ),
            tags=[note["style"]],
        )
        for note in notes
    ]  # fmt: skip
    await parts.memory.import_items(CALLER.identity_id, items)
    assert await parts.memory.wait_for_vectors(120)


async def ask(parts: Parts, question: str, way: Way) -> ProcessResponse:
    request = ProcessRequest(question, pipeline_options=PipelineOptions(bio=way != "off"))
    with ExitStack() as works:
        for _ in range(parts.settings.daemon.max_in_work if way == "stressed" else 0):
            works.enter_context(parts.bio.working())
        return await parts.pipeline.process(CALLER, request)


def judged(answer: ProcessResponse, answers: list[str]) -> Asked:
    bio = answer.metadata.bio
    assert bio is not None
    return Asked(
        bool(answers),
        any(citation.quote[:QUOTED_CHARS] in text for citation in answer.citations for text in answers),
        answer.metadata.answered,
        sum(each.after != each.before for each in bio.modulation),
        answer.metadata.processing_time_ms,
    )


def chosen(*, small: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Notes and questions; a small choice has as many questions that they answer as others."""
    notes, questions = read("notes.jsonl"), read("questions.jsonl")
    if not small:
        return notes, questions
    notes = notes[:: len(notes) // SMALL_NOTES]
    known = {note["id"] for note in notes}
    can = [one for one in questions if one["answers"] and known.issuperset(one["answers"])]
    cannot = [one for one in questions if not one["answers"]]
    return notes, [*can[: SMALL_QUESTIONS // 2], *cannot[: SMALL_QUESTIONS // 2]]


async def run(*, small: bool) -> dict[Way, list[Asked]]:
    found: dict[Way, list[Asked]] = {way: [] for way in WAYS}
    notes, questions = chosen(small=small)
    texts = {note["id"]: note["text"] for note in notes}
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        root = Path(folder)
        paths = Paths(root / "config", root / "data", root / "state", root / "run")
        for each in paths.all():
            make_private(each)
        async with AsyncExitStack() as closing:
            parts = await build(paths, Settings(identity=IdentitySettings(key_store="file")), closing)
            await fill(parts, notes)
            for one in questions:
                answers = [texts[name] for name in one["answers"]]
                try:
                    await ask(parts, one["question"], "off")  # else the first way alone would embed it
                    asked = {way: judged(await ask(parts, one["question"], way), answers) for way in WAYS}
                except GuardianRejection:
                    continue
                for way, each in asked.items():
                    found[way].append(each)
    return found


def report(found: dict[Way, list[Asked]]) -> None:
    figures: dict[Way, tuple[float, ...]] = {}
    for way, rows in found.items():
        can = [row for row in rows if row.answerable]
        cannot = [row for row in rows if not row.answerable]
        figures[way] = (
            sum(row.hit for row in can) / len(can),
            sum(row.answered for row in cannot) / len(cannot),
            sum(row.changed > 0 for row in rows) / len(rows),
            median(row.duration_ms for row in rows),
        )
    print(f"{len(found['off'])} questions, {sum(row.answerable for row in found['off'])} of them answerable")
    print("bio         quotes an answer   answers what it cannot   changed   median ms")
    for way, (right, wrong, changed, time_ms) in figures.items():
        base = figures["off"]
        print(
            f"{way:10} {right:6.3f} ({right / base[0]:.3f} of off)"
            f" {wrong:6.3f} ({wrong / max(base[1], 1e-9):.3f} of off)"
            f" {changed:10.3f} {time_ms:9.1f} ({time_ms / base[3]:.2f} of off)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help=f"{SMALL_QUESTIONS} questions of {SMALL_NOTES} notes")
    given = parser.parse_args()
    report(asyncio.run(run(small=given.small)))


if __name__ == "__main__":
    main()
