"""The calibrated probability, and the fit behind it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import resources

import numpy as np
import pytest

from lukhas_sdk.contract.memory import MemoryContent, SearchHit
from lukhasd.memory import answerable
from lukhasd.models import logistic


def hit(text: str, cosine: float | None) -> SearchHit:
    return SearchHit(
        memory_id="mem",
        relevance_score=1.0,
        content=MemoryContent(type="semantic", data=text),
        context=None,
        tags=[],
        event_at=datetime.now(UTC),
        text_score=0.5,
        vector_score=None if cosine is None else 0.5,
        cosine=cosine,
    )


def test_what_answers_is_given_more_than_what_does_not() -> None:
    judge = answerable.load()
    question = "Where did Ada learn to sail?"
    answered = judge.probability(question, [hit("Ada learned to sail in Kiel", 0.85), hit("Ada likes tea", 0.4)])
    not_answered = judge.probability(question, [hit("Ada likes tea", 0.4), hit("Ada has a dog", 0.35)])
    assert 0 < not_answered < answered < 1


def test_pending_vectors_leave_the_words_to_judge() -> None:
    judge = answerable.load()
    question = "Where did Ada learn to sail?"
    known = judge.probability(question, [hit("Ada learned to sail in Kiel", None)])
    assert known > judge.probability(question, [hit("Ada likes tea", None)])


def test_nothing_found_answers_nothing() -> None:
    assert answerable.load().probability("Where?", []) == 0.0


@pytest.mark.parametrize("model", ["with_vectors", "words_only"])
@pytest.mark.parametrize(
    ("package", "file"), [("lukhasd.memory", "calibration.json"), ("lukhasd.matriz", "confidence.json")]
)
def test_the_shipped_fits_say_how_good_they_are(package: str, file: str, model: str) -> None:
    shipped = json.loads(resources.files(package).joinpath(file).read_text())
    measured = shipped[model]["cross_validated"]
    assert all(figures["auc"]["low"] > 0.5 for figures in measured.values())
    assert measured["conversations"]["questions"] > 1_000
    assert measured["conversations"]["expected_calibration_error"]["value"] < 0.06
    for name in ("conversations", "notes", "documents"):
        assert measured[name]["said"] == pytest.approx(measured[name]["answered"], abs=0.05)
    assert "this project's own" in shipped["data"]


def test_the_fit_finds_the_coefficients_that_made_the_data() -> None:
    random = np.random.default_rng(5)
    features = random.normal([0.5, 0.3], [0.2, 0.1], (20_000, 2))
    truth = logistic.Logistic(-2.0, (6.0, -3.0))
    chances = np.array([truth.probability(tuple(row)) for row in features])
    fitted = logistic.fit(features, (random.random(20_000) < chances).astype(float))
    assert fitted.intercept == pytest.approx(-2.0, abs=0.3)
    assert fitted.weights == pytest.approx((6.0, -3.0), abs=0.6)


def test_measures_agree_with_their_definitions() -> None:
    predicted, outcomes = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])
    assert logistic.auc(predicted, outcomes) == pytest.approx(3.5 / 4)
    assert logistic.brier(predicted, outcomes) == pytest.approx((0.01 + 0.16 + 0.36 + 0.04) / 4)
    assert logistic.calibration_error(predicted, outcomes) == pytest.approx((0.1 + 2 * 0.1 + 0.2) / 4)
