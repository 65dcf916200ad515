"""Fits `confidence.json`: python -m lukhasd.matriz.confidence_training NOTES FACTS

Each question goes through search, attention and quotation as in the daemon. What is fitted, on the notes, is whether
one of the quotations is from a memory that answers. The facts only say how well that holds for memories of another
kind. See `lukhasd.memory.questions` for both sets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lukhas_sdk.settings import MatrizSettings
from lukhasd.matriz import extractive
from lukhasd.matriz.confidence import features
from lukhasd.matriz.stages.attention import attend
from lukhasd.matriz.stages.memory import FOUND_LIMIT, Candidate
from lukhasd.matriz.stages.thought import QUOTES
from lukhasd.memory import MemoryStore
from lukhasd.memory.questions import Question, QuestionSet, filled_store, find, parse_arguments
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder, MiniLmEmbedder
from lukhasd.models.logistic import Floats, Groups, report


async def collect(questions: QuestionSet, embedder: Embedder) -> tuple[Floats, Floats, Groups]:
    """Features of the quotations, whether one of them answers, and the groups."""
    analyser = Analyser()
    rows, outcomes, groups = [], [], []
    async with filled_store(questions, embedder) as store:
        for question in questions.questions:
            quotes = await _quote(question, store, embedder, analyser)
            found = features(question.text, quotes, analyser) if quotes else None
            if found is not None:
                rows.append(found)
                outcomes.append(float(any(quote.memory.content.data in question.answers for quote in quotes)))
                groups.append(question.group)
    return np.array(rows), np.array(outcomes), np.array(groups)


async def _quote(
    question: Question, store: MemoryStore, embedder: Embedder, analyser: Analyser
) -> Sequence[extractive.Quote]:
    hits = await find(store, question, FOUND_LIMIT)
    ids = [hit.memory_id for hit in hits]
    memories, vectors = await store.get_many(question.owner, ids), await store.vectors(question.owner, ids)
    focus = attend(
        [Candidate(memories[hit.memory_id], hit.relevance_score, hit.cosine, 0) for hit in hits],
        vectors,
        embedder=embedder,
        focus=None,
        creative=False,
        budget_tokens=MatrizSettings().context_tokens,
    )
    return extractive.quote(question.text, focus.kept, embedder=embedder, analyser=analyser, limit=QUOTES["moderate"])


def main() -> None:
    notes, facts = parse_arguments(__doc__)
    embedder = MiniLmEmbedder()
    fitted = {
        "model": report(*asyncio.run(collect(notes, embedder)), transfer=asyncio.run(collect(facts, embedder))),
        "data": "fitted on tests/data/questions (this project's own); transfer: fact-update-dev (Apache-2.0)",
        "embedder": embedder.name,
    }
    text = json.dumps(fitted, indent=2) + "\n"
    Path(__file__).with_name("confidence.json").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
