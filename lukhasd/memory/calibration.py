"""Fits `calibration.json`: python -m lukhasd.memory.calibration NOTES FACTS

What is fitted, on the notes, is whether a memory that answers is among the hits. The facts only say how well that
holds for memories of another kind. See `lukhasd.memory.questions` for both sets.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np

from lukhasd.memory import answerable
from lukhasd.memory.questions import QuestionSet, filled_store, find, parse_arguments
from lukhasd.models.embedder import Embedder, MiniLmEmbedder
from lukhasd.models.logistic import Floats, Groups, report

LIMIT = 20
"""Hits that the pipeline looks at."""


async def collect(questions: QuestionSet, embedder: Embedder) -> tuple[Floats, Floats, Groups]:
    """Features of words and meaning side by side, whether an answer was among the hits, and the groups."""
    judge = answerable.load()
    rows, outcomes, groups = [], [], []
    async with filled_store(questions, embedder) as store:
        for question in questions.questions:
            hits = await find(store, question, LIMIT)
            words, meaning = judge.features(question.text, hits)
            if meaning is None:
                raise RuntimeError(f"no vector was found for {question.text!r}")
            rows.append((*words, *meaning))
            outcomes.append(float(any(hit.content.data in question.answers for hit in hits)))
            groups.append(question.group)
    return np.array(rows), np.array(outcomes), np.array(groups)


def main() -> None:
    notes, facts = parse_arguments(__doc__)
    embedder = MiniLmEmbedder()
    rows, outcomes, groups = asyncio.run(collect(notes, embedder))
    others, other_outcomes, other_groups = asyncio.run(collect(facts, embedder))
    words = answerable.WORD_FEATURES
    fitted = {
        "with_vectors": report(rows, outcomes, groups, (others, other_outcomes, other_groups)),
        "words_only": report(rows[:, :words], outcomes, groups, (others[:, :words], other_outcomes, other_groups)),
        "data": "fitted on tests/data/questions (this project's own); transfer: fact-update-dev (Apache-2.0)",
        "embedder": embedder.name,
    }
    text = json.dumps(fitted, indent=2) + "\n"
    Path(__file__).with_name("calibration.json").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
