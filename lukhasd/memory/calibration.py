"""Fits `calibration.json`: python -m lukhasd.memory.calibration NOTES FACTS

What is fitted is whether a memory that answers is among the hits: the direction on the notes and the facts together,
its scale (Platt, 1999) on the notes, which are nearer to what people keep. `transfer` says how well a fit on one of the
two holds for the other, which it never saw. See `lukhasd.memory.questions` for both.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory import answerable
from lukhasd.memory.questions import QuestionSet, filled_store, find, parse_arguments
from lukhasd.models import logistic
from lukhasd.models.embedder import Embedder, MiniLmEmbedder
from lukhasd.models.logistic import Floats, Groups, Logistic

LIMIT = 20
"""Hits that the pipeline looks at."""


@dataclass(frozen=True)
class Collected:
    """Features of words and meaning side by side, whether an answer was among the hits, and the groups."""

    features: Floats
    outcomes: Floats
    groups: Groups

    def first(self, count: int) -> Collected:
        return Collected(self.features[:, :count], self.outcomes, self.groups)

    def where(self, chosen: NDArray[np.bool_]) -> Collected:
        return Collected(self.features[chosen], self.outcomes[chosen], self.groups[chosen])

    def predict(self, features: Floats) -> Floats:
        """By a fit on these."""
        return logistic.predict(logistic.fit(self.features, self.outcomes), features)

    def figures(self, predicted: Floats) -> dict[str, object]:
        return {"samples": len(predicted), **logistic.figures(predicted, self.outcomes, self.groups)}


async def collect(questions: QuestionSet, embedder: Embedder) -> Collected:
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
    return Collected(np.array(rows), np.array(outcomes), np.array(groups))


def fit(notes: Collected, facts: Collected) -> Logistic:
    direction = logistic.fit(
        np.concatenate([notes.features, facts.features]), np.concatenate([notes.outcomes, facts.outcomes])
    )
    along = notes.features @ np.array(direction.weights)
    scale = logistic.fit(along[:, None], notes.outcomes)
    return Logistic(scale.intercept, tuple(scale.weights[0] * weight for weight in direction.weights))


def report(notes: Collected, facts: Collected) -> dict[str, object]:
    """The fit, its figures on notes that it was fitted without, and those of either set's fit on the other."""
    model = fit(notes, facts)
    folds = np.random.default_rng(logistic.SEED).integers(0, logistic.FOLDS, notes.groups.max() + 1)[notes.groups]
    held_out = np.zeros(len(notes.outcomes))
    for fold in np.unique(folds):
        held = folds == fold
        held_out[held] = logistic.predict(fit(notes.where(~held), facts), notes.features[held])
    return {
        "intercept": model.intercept,
        "weights": model.weights,
        "cross_validated": notes.figures(held_out),
        "transfer": {
            "facts_to_notes": notes.figures(facts.predict(notes.features)),
            "notes_to_facts": facts.figures(notes.predict(facts.features)),
        },
    }


def main() -> None:
    notes_set, facts_set = parse_arguments(__doc__)
    embedder = MiniLmEmbedder()
    notes, facts = (asyncio.run(collect(each, embedder)) for each in (notes_set, facts_set))
    words = answerable.WORD_FEATURES
    fitted = {
        "with_vectors": report(notes, facts),
        "words_only": report(notes.first(words), facts.first(words)),
        "data": "fitted on tests/data/questions (this project's own) and fact-update-dev (Apache-2.0)",
        "embedder": embedder.name,
    }
    text = json.dumps(fitted, indent=2) + "\n"
    Path(__file__).with_name("calibration.json").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
