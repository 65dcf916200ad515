"""How different the realities of a dream are, and what of the constraints they address, with any model.

`python bench_dream.py BASE_URL|FILE.gguf [MODEL] [--small]`. Beside the grid, which asks for each idea from another
side, the peer asks the same model the same plain question as often, and keeps what it says. Prints for both: distinct
of 5 (cosine below 0.8 to every one before), Vendi score, highest cosine, answers that did not fit the schema, and the
ratios. Without a model: the notes alone, on the notes that relevance was fitted on.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.dream import scoring
from lukhasd.dream.asking import (
    CANDIDATES_SCHEMA,
    IDEA_TOKENS,
    Candidate,
    Candidates,
    brief_schema,
    for_candidates,
    for_one_idea,
)
from lukhasd.dream.modelled import Sleeper
from lukhasd.dream.notes import Material, Note, recombine
from lukhasd.guardian.quoting import quote
from lukhasd.models.embedded import EmbeddedModel
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.models.language import LanguageModel, Message, ModelError
from lukhasd.models.openai_compatible import OpenAICompatible

GOALS = (
    ("Design a sustainable city for Mars", ["Limited water", "No breathable atmosphere"]),
    ("A birthday party without money", ["Wheelchair access", "Quiet after ten"]),
    ("Learn to play the cello at fifty", ["Thin walls", "One hour a week"]),
    ("Get children to read more", ["No screens", "Two languages at home"]),
    ("Cool a flat in August", ["No air conditioner", "A landlord who forbids drilling"]),
    ("Save an orchard from late frost", ["No electricity", "Three people"]),
    ("A library for a village", ["No building", "Long winters"]),
    ("Commute without a car", ["Hills", "A toddler"]),
    ("Feed fifty guests", ["One oven", "Half are vegan"]),
    ("Remember the names of new neighbours", ["Poor eyesight", "No notebook"]),
)
COUNT = 5
TIMEOUT_S = 120.0
WHOLE_S = 600.0
ANY = "to do it"
NOTHING = Material([], {}, 0, 0)


class Embedding:
    def __init__(self) -> None:
        self._embedder = MiniLmEmbedder()

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await asyncio.to_thread(self._embedder.embed, texts)


async def by_grid(sleeper: Sleeper, goal: str, constraints: list[str]) -> tuple[list[str], float]:
    """The ideas, and the share of the constraints that they address."""
    ideas, problems = await sleeper.imagine(
        goal, constraints, NOTHING, count=COUNT, creativity=0.5, chance=random.Random(7), done=lambda step: None
    )
    for problem in problems:
        print(f"{'':13} {problem}")
    checks = [(await sleeper.judge(idea.candidate, each))[0] for idea in ideas[:2] for each in constraints]
    return [idea.candidate.text for idea in ideas], statistics.mean(check.addressed for check in checks)


async def by_asking_again(model: LanguageModel, goal: str, constraints: list[str], *, briefly: bool) -> list[str]:
    """What fits the schema; with the question of the grid, less its sides and what the grid does about likeness."""
    texts = []
    for _ in range(COUNT):
        try:
            if briefly:
                texts.append(await ask(model, for_one_idea(goal, constraints, ANY), brief_schema(ANY), Candidate))
                continue
            messages = for_candidates(goal, constraints, "", notes=[], so_far=[], wrap=wrap)
            texts.append(await ask(model, messages, CANDIDATES_SCHEMA, Candidates))
        except ModelError as error:
            print(f"{'':13} asking again: {error}")
    return texts


async def ask(
    model: LanguageModel, messages: list[Message], schema: dict[str, Any], kind: type[Candidate | Candidates]
) -> str:
    answer = await model.chat(
        messages, max_tokens=IDEA_TOKENS, temperature=0.75, timeout_s=TIMEOUT_S, schema=schema
    )  # fmt: skip
    told = msgspec.json.decode(answer.text, type=kind)
    return (told if isinstance(told, Candidate) else told.candidates[0]).text


def wrap(text: str, name: str) -> str:
    return quote(text, memory_id=name)


async def with_model(model: LanguageModel, *, briefly: bool, small: bool) -> None:
    embed = Embedding()
    rows: dict[str, list[tuple[int, float]]] = {"grid": [], "asking again": []}
    for goal, constraints in GOALS[: 1 if small else len(GOALS)]:
        started_s = time.perf_counter()
        sleeper = Sleeper(model, TIMEOUT_S, WHOLE_S, wrap, embed, briefly)
        ideas, addressed = await by_grid(sleeper, goal, constraints)
        took_s = time.perf_counter() - started_s
        again = await by_asking_again(model, goal, constraints, briefly=briefly)
        for way, texts in (("grid", ideas), ("asking again", again)):
            found = scoring.diversity(await embed(texts) if texts else np.empty((0, 1), np.float32))
            rows[way].append((found.distinct, found.vendi or float(len(texts))))
            print(f"{way:13} {goal[:34]:34} distinct {found.distinct}/{COUNT}  vendi {found.vendi or 0:.2f}"
                  f"  highest cosine {found.highest_cosine or 0:.2f}")  # fmt: skip
        print(
            f"{'':13} constraints addressed {addressed:.2f} (two ideas), ideas and judging these {took_s:.0f} s",
            flush=True,
        )
    mean = {way: [statistics.mean(column) for column in zip(*found, strict=True)] for way, found in rows.items()}
    grid, again_mean = mean["grid"], mean["asking again"]
    whole = sum(distinct == COUNT for distinct, _ in rows["grid"])
    print(f"{whole} of {len(rows['grid'])} goals have {COUNT} of {COUNT} distinct; asking again:"
          f" {sum(distinct == COUNT for distinct, _ in rows['asking again'])}")  # fmt: skip
    print(f"grid ÷ asking again: distinct {grid[0] / max(again_mean[0], 1):.2f}, vendi {grid[1] / again_mean[1]:.2f}")


async def run(given: str, name: str, *, small: bool) -> None:
    if not given.endswith(".gguf"):
        await with_model(OpenAICompatible(given, name, None), briefly=False, small=small)
        return
    model = EmbeddedModel(Path(given), name or "embedded", context_tokens=4096, threads=0)
    try:
        await with_model(model, briefly=True, small=small)
    finally:
        await model.close()


async def with_notes() -> None:
    data = json.loads((Path(__file__).parents[1] / "data" / "dream" / "relevance_fitted.json").read_text())
    from datetime import UTC, datetime

    at = datetime(2025, 1, 1, tzinfo=UTC)
    notes = [Note(f"mem_{place}", text, at, 0.5) for place, text in enumerate(data["notes"])]
    covered = [each for each in data["constraints"] if len(each["relevant"]) > 1][:3]
    material = Material([], {each["text"]: [notes[place] for place in each["relevant"]] for each in covered}, 28, 0)
    embed = Embedding()
    ways = {"by seed": [1.0], "the likeliest": [0.0]}
    vendi = {}
    for way, (creativity,) in ways.items():
        drafts = recombine(material, count=COUNT, creativity=creativity, chance=random.Random(7))
        found = scoring.diversity(await embed([draft.text for draft in drafts]))
        vendi[way] = found.vendi or 1.0
        print(f"notes, {way:13} distinct {found.distinct}/{COUNT}  vendi {vendi[way]:.2f}")
    print(f"by seed ÷ the likeliest: vendi {vendi['by seed'] / vendi['the likeliest']:.2f}")


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--small"]
    if given:
        asyncio.run(run(given[0], given[1] if len(given) > 1 else "", small="--small" in sys.argv))
    else:
        asyncio.run(with_notes())
