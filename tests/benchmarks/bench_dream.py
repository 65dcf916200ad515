"""How different the realities of a dream are, and what of the constraints they address, with any model.

`python bench_dream.py BASE_URL [MODEL] [--small]`. Beside the grid, which asks for each idea from another side with
those so far in the prompt, the peer asks the same model the same plain question as often, and keeps what it says.
Prints for both: distinct of 5 (cosine below 0.8 to every one before), Vendi score, highest cosine, and the ratios.
Without an address: the notes alone, on the notes that relevance was fitted on.
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

import numpy as np
from numpy.typing import NDArray

from lukhasd.dream import scoring
from lukhasd.dream.modelled import CANDIDATES_SCHEMA, IDEA_TOKENS, RULES, Candidates, Sleeper
from lukhasd.dream.notes import Material, Note, recombine
from lukhasd.guardian.quoting import quote
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.models.language import LanguageModel, Message, ModelError
from lukhasd.models.openai_compatible import OpenAICompatible

GOALS = (
    ("Design a sustainable city for Mars", ["Limited water", "No breathable atmosphere"]),
    ("A birthday party without money", ["Wheelchair access", "Quiet after ten"]),
    ("Learn to play the cello at fifty", ["Thin walls", "One hour a week"]),
)
COUNT = 5
TIMEOUT_S = 120.0
NOTHING = Material([], {}, 0, 0)


class Embedding:
    def __init__(self) -> None:
        self._embedder = MiniLmEmbedder()

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await asyncio.to_thread(self._embedder.embed, texts)


async def by_grid(model: LanguageModel, goal: str, constraints: list[str], embed: Embedding) -> tuple[list[str], float]:
    """The ideas, and the share of the constraints that they address."""
    sleeper = Sleeper(model, TIMEOUT_S, lambda text, name: quote(text, memory_id=name), embed)
    ideas, _ = await sleeper.imagine(
        goal, constraints, NOTHING, count=COUNT, creativity=0.5, chance=random.Random(7), done=lambda step: None
    )
    checks = [(await sleeper.judge(idea, each))[0] for idea, _ in ideas[:2] for each in constraints]
    return [idea.text for idea, _ in ideas], statistics.mean(check.addressed for check in checks)


async def by_asking_again(model: LanguageModel, goal: str, constraints: list[str]) -> list[str]:
    import msgspec

    asked = f"Goal: {goal}\nConstraints: {'; '.join(constraints)}\nGive two candidates for a solution."
    texts = []
    for _ in range(COUNT):
        try:
            answer = await model.chat(
                [Message("system", RULES), Message("user", asked)],
                max_tokens=IDEA_TOKENS, temperature=0.8, timeout_s=TIMEOUT_S, schema=CANDIDATES_SCHEMA,
            )  # fmt: skip
        except ModelError:
            continue
        texts.append(msgspec.json.decode(answer.text, type=Candidates).candidates[0].text)
    return texts


async def with_model(base_url: str, name: str, *, small: bool) -> None:
    embed = Embedding()
    model = OpenAICompatible(base_url, name, None)
    rows = {"grid": [], "asking again": []}  # type: dict[str, list[tuple[int, float]]]
    for goal, constraints in GOALS[: 1 if small else len(GOALS)]:
        started_s = time.perf_counter()
        ideas, addressed = await by_grid(model, goal, constraints, embed)
        took_s = time.perf_counter() - started_s
        again = await by_asking_again(model, goal, constraints)
        for way, texts in (("grid", ideas), ("asking again", again)):
            found = scoring.diversity(await embed(texts) if texts else np.empty((0, 1), np.float32))
            rows[way].append((found.distinct, found.vendi or float(len(texts))))
            print(f"{way:13} {goal[:34]:34} distinct {found.distinct}/{COUNT}  vendi {found.vendi or 0:.2f}"
                  f"  highest cosine {found.highest_cosine or 0:.2f}")  # fmt: skip
        print(f"{'':13} constraints addressed {addressed:.2f} (two ideas), {took_s:.0f} s")
    mean = {way: [statistics.mean(column) for column in zip(*found, strict=True)] for way, found in rows.items()}
    grid, again_mean = mean["grid"], mean["asking again"]
    print(f"grid ÷ asking again: distinct {grid[0] / max(again_mean[0], 1):.2f}, vendi {grid[1] / again_mean[1]:.2f}")


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
        asyncio.run(with_model(given[0], given[1] if len(given) > 1 else "", small="--small" in sys.argv))
    else:
        asyncio.run(with_notes())
