"""Fits `memory/calibration.json` and `matriz/confidence.json`:
python -m lukhasd.matriz.confidence_training NOTES FACTS

Each question goes through search, attention and quotation as in the daemon. The first is whether a memory that answers
is among those found, the second whether one is among those quoted. Both are fitted on the conversations, the notes,
the documents and the facts together and measured on each, with whole conversations, notes, documents and sets of facts
left out of the fit. See `lukhasd.memory.questions` for the sets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lukhasd.memory
from lukhas_sdk.contract.memory import SearchHit
from lukhas_sdk.settings import MatrizSettings
from lukhasd.matriz import extractive
from lukhasd.matriz.confidence import judged
from lukhasd.matriz.stages.attention import Focus, attend
from lukhasd.matriz.stages.memory import FOUND_LIMIT, Candidate
from lukhasd.matriz.stages.thought import QUOTES
from lukhasd.memory import MemoryStore, answerable, likelihood_training
from lukhasd.memory.likelihood import Found
from lukhasd.memory.likelihood_training import Sample
from lukhasd.memory.questions import Question, QuestionSet, filled_store, find, parse_arguments
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder, MiniLmEmbedder

DATA = "fitted on tests/data/questions (this project's own) and fact-update-dev (Apache-2.0)"


@dataclass(frozen=True)
class Collected:
    """Every question for which anything was found, as the memory stage and as the thought stage judge it."""

    found: Sequence[Sample]
    quoted: Sequence[Sample]


async def collect(questions: QuestionSet, embedder: Embedder) -> Collected:
    analyser = Analyser()
    found, quoted = [], []
    async with filled_store(questions, embedder) as store:
        for question in questions.questions:
            pair = await _ask(question, store, embedder, analyser)
            if pair is not None:
                found.append(pair[0])
                quoted.append(pair[1])
    return Collected(found, quoted)


async def attended(
    question: Question, store: MemoryStore, embedder: Embedder, analyser: Analyser
) -> tuple[Sequence[SearchHit], Focus]:
    """What the memory stage finds for it, and what attention keeps."""
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
        query=question.text,
        analyser=analyser,
    )
    return hits, focus


async def _ask(
    question: Question, store: MemoryStore, embedder: Embedder, analyser: Analyser
) -> tuple[Sample, Sample] | None:
    hits, focus = await attended(question, store, embedder, analyser)
    quotes = extractive.quote(question.text, focus.kept, embedder=embedder, analyser=analyser, limit=QUOTES["moderate"])
    if not quotes:
        return None
    kept, chosen = judged(focus.kept, quotes)
    return (
        _sample(
            question, [answerable.found(hit) for hit in hits], [hit.content.data in question.answers for hit in hits]
        ),
        _sample(
            question,
            kept,
            [
                question.is_answered_by(one.candidate.memory.content.data, found.text)
                for one, found in zip(focus.kept, kept, strict=True)
            ],
            chosen,
        ),
    )


def _sample(
    question: Question,
    found: Sequence[Found],
    answers: Sequence[bool],
    chosen: Sequence[bool] | None = None,
) -> Sample:
    return Sample(question.text, found, answers, chosen or [True] * len(found), bool(question.answers), question.group)


def main() -> None:
    sets = parse_arguments(__doc__)
    embedder = MiniLmEmbedder()
    collected = {name: asyncio.run(collect(questions, embedder)) for name, questions in sets.items()}
    stages = {
        Path(lukhasd.memory.__file__).with_name("calibration.json"): {n: one.found for n, one in collected.items()},
        Path(__file__).with_name("confidence.json"): {n: one.quoted for n, one in collected.items()},
    }
    for file, samples in stages.items():
        fitted = {**likelihood_training.report(samples), "data": DATA, "embedder": embedder.name}
        text = json.dumps(fitted, indent=2) + "\n"
        file.write_text(text, encoding="utf-8")
        print(text)  # noqa: T201


if __name__ == "__main__":
    main()
