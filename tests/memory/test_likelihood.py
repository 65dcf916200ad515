"""The probability that some memories answer: what speaks for it, what against, and the fit."""

from __future__ import annotations

import json
from importlib import resources

import msgspec
import numpy as np
import pytest

from lukhasd.memory import likelihood_training
from lukhasd.memory.likelihood import (
    VECTOR_FEATURES,
    WORD_FEATURES,
    Coefficients,
    Found,
    Likelihood,
    Reader,
    speaker_of,
    summary,
)
from lukhasd.memory.likelihood_training import Sample

ASKED = "Where did Ada learn to sail?"
SAILING = "I learned to sail in Kiel when I was twelve, on my uncle's dinghy."
OTHERS = ("What a lovely morning it has been here!", "I had soup for lunch and a long nap after it.", "Tea, always.")


@pytest.fixture(scope="module", params=["lukhasd.memory calibration.json", "lukhasd.matriz confidence.json"])
def shipped(request: pytest.FixtureRequest) -> Likelihood:
    package, file = request.param.split()
    return Likelihood(msgspec.json.decode(resources.files(package).joinpath(file).read_bytes(), type=Coefficients))


def memories(said_by: str, cosine: float | None = 0.6) -> list[Found]:
    rest = [Found(text, "Ben", 0.4, None if cosine is None else 0.2) for text in OTHERS]
    return [Found(SAILING, said_by, 1.0, cosine), *rest, Found("I never liked boats much.", "Ada", 0.5, None)]


def test_what_somebody_else_did_speaks_against_an_answer(shipped: Likelihood) -> None:
    assert shipped.probability(ASKED, memories("Ada")) > shipped.probability(ASKED, memories("Ben")) + 0.1


def test_words_alone_tell_whose_doing_it_was_too(shipped: Likelihood) -> None:
    own = shipped.probability(ASKED, memories("Ada", cosine=None))
    assert 0 < shipped.probability(ASKED, memories("Ben", cosine=None)) < own < 1


def test_only_what_is_chosen_can_answer(shipped: Likelihood) -> None:
    found = memories("Ada")
    best = shipped.probability(ASKED, found, [True, False, False, False, False])
    other = shipped.probability(ASKED, found, [False, True, False, False, False])
    assert other < best
    assert shipped.probability(ASKED, found, [False] * 5) == 0.0
    assert shipped.probability(ASKED, []) == 0.0


def test_a_question_that_is_fed_back_does_not_answer_itself(shipped: Likelihood) -> None:
    asked_back = [Found(ASKED, "Ada", 1.0, 0.9), *memories("Ada")[1:]]
    assert shipped.probability(ASKED, asked_back) < shipped.probability(ASKED, memories("Ada"))


@pytest.mark.parametrize(
    ("question", "holds", "holds_not", "feature"),
    [
        ("When did Ada sail?", "On Friday Ada sailed", "Ada sailed", "a time"),
        ("How many boats has Ada?", "Ada has three boats", "Ada has boats", "a number"),
        ("Who sailed with Ada?", "Ada sailed with Ruth", "Ada sailed", "somebody"),
        ("Where does Ada sail?", "Ada sails near Kiel", "Ada sails", "a place"),
        ("Why does Ada sail?", "Ada sails because she likes wind", "Ada sails", "a reason"),
    ],
)
def test_a_memory_holds_what_is_sought_or_not(question: str, holds: str, holds_not: str, feature: str) -> None:
    rows, _ = Reader().features(question, [Found(holds, "", 1.0, None), Found(holds_not, "", 1.0, None)])
    columns = {name: rows[:, place].tolist() for place, name in enumerate(WORD_FEATURES)}
    assert columns["holds what is sought"] == [1.0, 0.0]
    assert columns[feature] == [1.0, 1.0]


def test_no_feature_grows_with_the_number_of_memories() -> None:
    reader = Reader()
    few, _ = reader.features(ASKED, memories("Ada"))
    many, _ = reader.features(ASKED, memories("Ada") + [Found(text, "Ben", 0.1, 0.1) for text in OTHERS] * 40)
    assert many.max() <= max(few.max(), 5.0)
    assert many[0, WORD_FEATURES.index("held")] == pytest.approx(few[0, WORD_FEATURES.index("held")], abs=0.1)


def test_a_long_memory_takes_no_longer_than_its_beginning() -> None:
    start = "Ada sails. " * 400
    rows, _ = Reader().features(ASKED, [Found(start, "", 1.0, None), Found(start + "She learned it.", "", 1.0, None)])
    assert rows[0].tolist() == rows[1].tolist()


def test_the_summary_says_what_the_chosen_lack_beside_the_rest() -> None:
    words = np.zeros((3, len(WORD_FEATURES)))
    words[:, WORD_FEATURES.index("who speaks")] = 1.0
    words[0, WORD_FEATURES.index("headed")] = 1.0
    best, others, behind, total, spoken, *what_it_changes, headed, of_headed = summary(
        words, np.array([0.8, 0.6, 0.2]), np.array([False, True, True])
    )
    assert best == pytest.approx(np.log(0.6 / 0.4))
    assert others == pytest.approx(np.log(0.2 / 0.8))
    assert behind == pytest.approx(np.log(0.6 / 0.4) - np.log(0.8 / 0.2))
    assert total > 5
    assert (spoken, headed) == pytest.approx((1.0, 1 / 3))
    assert (*what_it_changes, of_headed) == pytest.approx((best, others, best / 3))


def test_a_heading_holds_what_its_text_leaves_out() -> None:
    under, bare = Found("Ada sails.", "", 1.0, None, "Boats > Kiel"), Found("Ada sails.", "", 1.0, None)
    rows, _ = Reader().features("Does she sail boats in Kiel?", [under, bare])
    columns = {name: rows[:, place].tolist() for place, name in enumerate(WORD_FEATURES)}
    assert columns["headed"] == [1.0, 0.0]
    assert columns["held by the heading alone"][0] > 0.5
    assert columns["held by the heading alone"][1] == 0.0
    assert columns["held"][0] == columns["held"][1]


@pytest.mark.parametrize(("context", "speaker"), [({"role": "user"}, "user"), ({}, ""), (None, "")])
def test_who_speaks_is_read_from_the_context(context: dict[str, object] | None, speaker: str) -> None:
    assert speaker_of(context) == speaker


def _sample(number: int, random: np.random.Generator) -> Sample:
    """Answered where the speaker is the one asked about, nine times in ten."""
    theirs = bool(random.random() < 0.6)
    answers = theirs and bool(random.random() < 0.9)
    cosine, other, relevance = random.uniform([0.4, 0.1, 0.2], [0.8, 0.4, 0.9])
    rest = [Found(text, "Ada", relevance * random.random(), other * random.random()) for text in OTHERS]
    found = [Found(SAILING, "Ada" if theirs else "Ben", 1.0, cosine), *rest]
    return Sample(ASKED, found, [answers, False, False, False], [True] * 4, answers, number)


def test_a_fit_finds_what_decides_and_its_probabilities_hold() -> None:
    random = np.random.default_rng(3)
    fitted = likelihood_training.report({"made": [_sample(number, random) for number in range(800)]})
    measured = json.loads(json.dumps(fitted))["with_vectors"]["cross_validated"]["made"]
    assert measured["auc"]["value"] > 0.85
    assert measured["expected_calibration_error"]["value"] < 0.06
    model = Likelihood(msgspec.json.decode(json.dumps(fitted), type=Coefficients))
    # Of the questions about what Ada said 0.9 are answerable; in the fit three in four are, which moves the odds.
    odds = (0.54 / 0.06) * (3 / (0.54 / 0.46))
    rest = [Found(text, "Ada", 0.25, 0.12) for text in OTHERS]
    said = model.probability(ASKED, [Found(SAILING, "Ada", 1.0, 0.6), *rest])
    assert said == pytest.approx(odds / (1 + odds), abs=0.04)
    assert model.probability(ASKED, [Found(SAILING, "Ben", 1.0, 0.6), *rest]) < 0.15


def test_the_features_are_those_of_the_shipped_fits(shipped: Likelihood) -> None:
    layers = shipped.coefficients
    assert len(layers.words_only.each.weights) == len(WORD_FEATURES)
    assert len(layers.with_vectors.each.weights) == len(WORD_FEATURES) + len(VECTOR_FEATURES)
