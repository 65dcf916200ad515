"""What a document that was imported plainly answers is said to be answered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import mean

import pytest

from lukhas_sdk.documents import split_markdown
from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.confidence_training import collect
from lukhasd.matriz.stages.thought import ANSWERS_FROM
from lukhasd.memory.questions import TOGETHER_OWNER, Question, QuestionSet, read_documents
from lukhasd.models.embedder import MiniLmEmbedder

ROOT = Path(__file__).parents[2]
FITTED = ROOT / "tests" / "data" / "questions" / "documents"
DOCUMENT = """\
# Tidewrack, a tide table for small harbours

## Setting up

Tidewrack needs a barometer on a serial port. Run `tidewrack pair` and press the button on the barometer within ten
seconds.

## Files

Readings are stored in `readings.parquet`, in the folder `/var/lib/tidewrack`. The tables that it prints are not kept.

## Forecasts

A forecast is made every six hours and reaches five days ahead. North of 72 degrees it is not reliable.

## Alarms

When the water comes within thirty centimetres of the quay it rings the harbour master, whose number stands in
`quay.toml`. The alarm can be silenced for two hours with `tidewrack hush`.

## Help

Write to Sorcha Vane, who wrote it, or ask at the chandlery.
"""
ANSWERED = {
    "In which folder are the readings stored?": "/var/lib/tidewrack",
    "How often is a forecast made?": "every six hours",
    "How do I silence the alarm?": "tidewrack hush",
    "How many days ahead does the forecast reach?": "five days ahead",
    "Who wrote Tidewrack?": "Sorcha Vane",
}
NOT_ANSWERED = ("How much does a barometer cost?", "Which colour is the quay painted?", "Who plays the violin?")


def probabilities(text: str, asked: dict[str, str]) -> dict[str, float]:
    """Of the quotations for each question; where there is a phrase they must say it."""
    items = list(split_markdown(text, source="document.md"))
    questions = []
    for question, phrase in asked.items():
        texts = frozenset(one.content.data for one in items if phrase and phrase in one.content.data)
        phrases = frozenset([phrase] if phrase else [])
        questions.append(Question("reader", question, texts, frozenset(), 0, phrases))
    samples = asyncio.run(collect(QuestionSet({"reader": items}, questions), MiniLmEmbedder())).quoted
    assert [sample.outcome for sample in samples] == [bool(phrase) for phrase in asked.values()]
    judge = Confidence.load().likelihood
    return {one.question: judge.probability(one.question, one.found, one.chosen) for one in samples}


@pytest.fixture(scope="module")
def judged() -> dict[str, float]:
    return probabilities(DOCUMENT, {**ANSWERED, **dict.fromkeys(NOT_ANSWERED, "")})


@pytest.mark.parametrize("question", ANSWERED)
def test_what_a_document_plainly_answers_is_said_to_be_answered(judged: dict[str, float], question: str) -> None:
    assert judged[question] >= ANSWERS_FROM


def test_what_it_does_not_answer_is_less_probable_on_average(judged: dict[str, float]) -> None:
    answered = mean(judged[question] for question in ANSWERED)
    assert mean(judged[question] for question in NOT_ANSWERED) < answered - 0.2


def test_the_first_question_of_the_readme_is_answered() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    question = "In which file are my memories kept?"
    assert f'lukhas process "{question}"' in text
    assert probabilities(text, {question: "lukhas.duckdb"})[question] >= ANSWERS_FROM


def test_the_fitted_documents_are_what_their_readme_says() -> None:
    told = " ".join((FITTED.parent / "README.md").read_text(encoding="utf-8").split())
    read = read_documents(FITTED)
    together = [question for question in read.questions if question.owner == TOGETHER_OWNER]
    alone = [question for question in read.questions if question.owner != TOGETHER_OWNER][: len(together)]
    missing = [question for question in alone if not question.answers]
    lengths = sorted(len(file.read_text(encoding="utf-8").split()) for file in FITTED.glob("*.md"))
    assert f"documents of {lengths[0]} to {lengths[-1]} words" in told
    assert f"{len(alone)} questions, {len(missing)} of them ({len(missing) / len(alone):.0%}".replace("%", " %") in told
    assert all(question.answers for question in alone if question.phrases)
    assert [question.text for question in alone] == [question.text for question in together]
    strange = [question for question in read.questions if question not in alone and question not in together]
    assert "Forty-six are asked of a document about something else" in told
    assert len(strange) == 46
    assert not any(question.answers for question in strange)
