"""Do the probabilities hold? LoCoMo questions over imported conversations.

python tests/benchmarks/bench_confidence.py --data locomo-dev.json.gz [--conversations N] [--small]

For the memory stage (is a memory that answers among those found?) and for the whole (is one among those quoted?):
expected calibration error over 15 bins of equal mass and over 15 of equal width (Naeini et al., 2015), its root mean
square without what chance adds, Brier score and AUC, with 95 % intervals of resampling conversations and, within each,
questions (which adds chance to the first two once more: they lie too high); beside what would else be taken for a
confidence: the best hit's score, its cosine, and the share of the questions of this project's own conversations that
were answered, given to every question. A memory answers when it is one of the turns that the data set cites as
evidence; nothing answers a question of category 5.

Two things bound what is to be read into the first figure. So few questions in 15 bins show an error even where the
probabilities are exact: what exact ones would show is printed beside it. And the probabilities take one question in
four to have no answer (`likelihood_training.UNANSWERABLE_SHARE`); the error at other shares is printed too.

For measuring only: nothing is fitted on this data (CC BY-NC). The public original is LoCoMo, Maharana et al., 2024.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from bench_locomo import UNANSWERABLE, read_conversations
from finding import Conversation, resample
from numpy.typing import NDArray

from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.confidence_training import collect
from lukhasd.matriz.stages.thought import ANSWERS_FROM
from lukhasd.memory import answerable
from lukhasd.memory.likelihood import Likelihood
from lukhasd.memory.likelihood_training import Sample
from lukhasd.memory.questions import Question, QuestionSet
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.models.logistic import SEED, auc, brier

Floats = NDArray[np.float64]
Measure = Callable[[Floats, Floats], float]

BINS = 15
PICTURE_BINS = 10
PICTURE_COLUMNS = 40
SMALL_TURNS = 120
SIMULATIONS = 200
SHARES = (0.1, 0.2, 0.25, 0.35, 0.5)


def equal_mass(predicted: Floats) -> list[NDArray[np.int64]]:
    """Places by bin; equal probabilities share one."""
    edges = np.quantile(predicted, np.arange(1, BINS) / BINS, method="lower")
    bins = np.searchsorted(edges, predicted, side="left")
    return [np.flatnonzero(bins == number) for number in np.unique(bins)]


def equal_width(predicted: Floats) -> list[NDArray[np.int64]]:
    bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
    return [np.flatnonzero(bins == number) for number in np.unique(bins)]


def equal_mass_error(predicted: Floats, outcomes: Floats) -> float:
    return _error(equal_mass(predicted), predicted, outcomes)


def equal_width_error(predicted: Floats, outcomes: Floats) -> float:
    return _error(equal_width(predicted), predicted, outcomes)


def _error(parts: Sequence[NDArray[np.int64]], predicted: Floats, outcomes: Floats) -> float:
    gaps = [len(part) * abs(predicted[part].mean() - outcomes[part].mean()) for part in parts]
    return float(sum(gaps) / len(predicted))


def debiased_error(predicted: Floats, outcomes: Floats) -> float:
    """Root mean square over bins of equal mass, less what chance adds to it (Kumar, Liang and Ma, 2019)."""
    total = 0.0
    for part in equal_mass(predicted):
        happened = outcomes[part].mean()
        chance = happened * (1 - happened) / max(len(part) - 1, 1)
        total += len(part) * ((predicted[part].mean() - happened) ** 2 - chance)
    return float(np.sqrt(max(total / len(predicted), 0.0)))


MEASURES: tuple[tuple[str, Measure], ...] = (
    ("ECE, 15 bins of equal mass", equal_mass_error),
    ("ECE, 15 bins of equal width", equal_width_error),
    ("RMS error without chance", debiased_error),
    ("Brier score", brier),
    ("AUC", auc),
)


def read(file: Path, count: int, *, small: bool) -> QuestionSet:
    chosen = [_begin(one) if small else one for one in read_conversations(file, count)]
    questions = []
    for group, one in enumerate(chosen):
        said = {turn.content.context["source"]: turn.content.data for turn in one.turns}
        for asked in one.questions:
            answers = () if asked.category == UNANSWERABLE else asked.evidence
            texts = frozenset(said[turn] for turn in answers if turn in said)
            questions.append(Question(one.name, asked.text, texts, frozenset(), group))
    return QuestionSet({one.name: list(one.turns) for one in chosen}, questions)


def _begin(one: Conversation) -> Conversation:
    """Its first turns, and the questions about them alone."""
    turns = one.turns[:SMALL_TURNS]
    known = {turn.content.context["source"] for turn in turns}
    questions = [asked for asked in one.questions if asked.evidence and asked.evidence <= known]
    return Conversation(one.name, turns, questions)


def report(name: str, samples: Sequence[Sample], likelihood: Likelihood, base_rate: float) -> Floats:
    """Returns the probabilities."""
    outcomes = np.array([float(sample.outcome) for sample in samples])
    judged = np.array([likelihood.probability(one.question, one.found, one.chosen) for one in samples])
    given = {
        "LUKHAS": judged,
        "best score": np.array([max(one.relevance for one in sample.found) for sample in samples]),
        "best cosine": np.array([max(one.cosine or 0.0 for one in sample.found) for sample in samples]).clip(0, 1),
        f"constant {base_rate:.3f}": np.full(len(samples), base_rate),
    }
    groups = [str(sample.group) for sample in samples]
    draws = [chosen for chosen in resample(groups) if 0 < outcomes[chosen].sum() < len(chosen)]
    print(f"\n{name}: {len(samples)} questions, {outcomes.mean():.3f} of them answered, said {judged.mean():.3f}")
    for label, measure in MEASURES:
        cells = []
        for who, predicted in given.items():
            low, high = np.percentile([measure(predicted[chosen], outcomes[chosen]) for chosen in draws], [2.5, 97.5])
            cells.append(f"{who} {measure(predicted, outcomes):.3f} [{low:.3f}, {high:.3f}]")
        print(f"{label:28} {'   '.join(cells)}")
    random = np.random.default_rng(SEED)
    for label, measure in MEASURES[:2]:
        exact = [measure(judged, (random.random(len(judged)) < judged).astype(float)) for _ in range(SIMULATIONS)]
        print(f"{label}: exact probabilities would show {np.mean(exact):.3f}, at most {np.percentile(exact, 97.5):.3f}")
    _report_shares(samples, judged, outcomes)
    _draw(judged, outcomes)
    return judged


def _report_shares(samples: Sequence[Sample], judged: Floats, outcomes: Floats) -> None:
    can = np.array([sample.answerable for sample in samples])
    if can.all() or not can.any():
        return
    random = np.random.default_rng(SEED)
    cells = []
    for share in SHARES:
        few = min((~can).sum(), can.sum() * share / (1 - share))
        sizes = round(few * (1 - share) / share), round(few)
        errors = []
        for _ in range(SIMULATIONS):
            yes = random.choice(np.flatnonzero(can), sizes[0], replace=False)
            no = random.choice(np.flatnonzero(~can), sizes[1], replace=False)
            chosen = np.concatenate([yes, no])
            errors.append(equal_mass_error(judged[chosen], outcomes[chosen]))
        cells.append(f"{share:.0%} {np.mean(errors):.3f}")
    print(f"the first at other shares of unanswerable questions (here {1 - can.mean():.0%}): {'   '.join(cells)}")


def _draw(predicted: Floats, outcomes: Floats) -> None:
    """Bars of how often it was so; the mark is where the probabilities said."""
    bins = np.minimum((predicted * PICTURE_BINS).astype(int), PICTURE_BINS - 1)
    print("said         questions  said  was so")
    for number in range(PICTURE_BINS):
        part = bins == number
        if not part.any():
            continue
        said, happened = predicted[part].mean(), outcomes[part].mean()
        bar = list("█" * round(happened * PICTURE_COLUMNS)) + ["·"] * PICTURE_COLUMNS
        bar[min(round(said * PICTURE_COLUMNS), PICTURE_COLUMNS - 1)] = "┃"
        edges = f"{number / PICTURE_BINS:.1f} to {(number + 1) / PICTURE_BINS:.1f}"
        print(f"{edges}   {part.sum():9} {said:5.2f}  {happened:6.2f}  {''.join(bar[:PICTURE_COLUMNS])}")


def report_abstention(samples: Sequence[Sample], judged: Floats) -> None:
    can = np.array([sample.answerable for sample in samples])
    said = judged >= ANSWERS_FROM
    right = np.array([one.outcome for one in samples])
    print(f"\nsaid to answer (from {ANSWERS_FROM}):")
    print(f"  {said[can].mean():.2f} of {can.sum()} answerable and {said[~can].mean():.2f} of {(~can).sum()} others")
    print(f"  {right[said].mean():.2f} of what is said to answer does, {right[~said].mean():.2f} of the rest")


def _base_rate(package: str, file: str) -> float:
    """The share of this project's own conversations' questions that were answered, as the fit was told."""
    fitted = json.loads(resources.files(package).joinpath(file).read_bytes())
    return float(fitted["with_vectors"]["cross_validated"]["conversations"]["answered"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--conversations", type=int, default=3)
    parser.add_argument(
        "--small", action="store_true", help=f"the first {SMALL_TURNS} turns of one, and what is asked of them"
    )
    given = parser.parse_args()
    asked = read(given.data, 1 if given.small else given.conversations, small=given.small)
    collected = asyncio.run(collect(asked, MiniLmEmbedder()))
    rates = _base_rate("lukhasd.memory", "calibration.json"), _base_rate("lukhasd.matriz", "confidence.json")
    report("memory stage", collected.found, answerable.load().likelihood, rates[0])
    judged = report("whole", collected.quoted, Confidence.load().likelihood, rates[1])
    report_abstention(collected.quoted, judged)


if __name__ == "__main__":
    main()
