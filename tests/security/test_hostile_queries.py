"""Queries and contexts made to cost far more than they are long."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from lukhas_sdk.contract.analysis import AnalyzeRequest
from lukhasd.memory import item, query_reading
from lukhasd.memory.phrases import phrases
from lukhasd.memory.words import Analyser
from lukhasd.reasoning import causal_notes, english, timespans
from lukhasd.reasoning.computing import LONGEST_READ, Workshop
from lukhasd.reasoning.formulas import Formulas
from lukhasd.reasoning.units import Units

WITHIN_S = 10.0
LONG = 10_000
ANALYSED_WITHIN_S = 1.0
PARTS = (
    "中",
    "a",
    "1/2/3",
    "+",
    "“",
    '"',
    "a_",
    "not the ",
    "last March ",
    "two days before ",
    "12:",
    "-a ",
    "ﬃ",
    "\u0301",
)


@pytest.mark.parametrize("part", PARTS)
def test_the_longest_query_is_read_in_no_time(part: str) -> None:
    query = (part * LONG)[:LONG]

    def read() -> None:
        query_reading.read(query, now=datetime(2024, 6, 1, tzinfo=UTC))
        phrases(query, Analyser())

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(WITHIN_S)
    assert not reading.is_alive()


def test_names_in_a_context_are_not_multiplied() -> None:
    """A long name with many values below it stood before each of them: 1.4 GB for a request of 430 KB."""
    context = {"K" * 400_000: {f"k{number}": number for number in range(3_000)}, "speaker": "Ana"}
    text = item.search_text(data="x", context=context, query=None, tags=())
    assert text.facts == (("context.speaker", "Ana"),)
    many = item.search_text(data="x", context={f"k{number}": "y" for number in range(9_000)}, query=None, tags=())
    assert len(many.facts) == item.FACTS_LIMIT


ANALYSED = (
    "1", "1,", "1 ", "a", "(", "1 m in ", "1 m in split twice ", "m/s ", "/a", "and ", "last march and ", "if ", "so, ",
    "is ", "between a and ", "from 1 to 2 ", "50% ", "e", "a b. .... ", ", what ", "and to ", "would if ", "split 1 ",
)  # fmt: skip
LEADS = ("", "what is ", "how many ", "how long between ", "what if the radius were ", "All men are mortal. Is ")


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    made = Workshop(Formulas.load(), Units())
    made.units.convert(1, "m", "km")
    return made


@pytest.mark.parametrize("part", ANALYSED)
async def test_an_analysed_query_costs_no_more_than_its_length(part: str, workshop: Workshop) -> None:
    """A unit of sixty letters once took 47 s, and what seemed a clause without words ended in an IndexError."""

    async def nothing(_: str) -> None:
        return None

    now = datetime(2024, 6, 1, tzinfo=UTC)
    for lead in LEADS:
        query = (lead + part * LONGEST_READ)[: LONGEST_READ - 1] + "?"
        began_s = time.thread_time()
        workshop.work(AnalyzeRequest(query))
        causal_notes.read(query)
        if question := timespans.read(query):
            await timespans.answer(question, now=now, lookup=nothing)
        assert time.thread_time() - began_s < ANALYSED_WITHIN_S, lead


@pytest.mark.parametrize("part", ANALYSED)
def test_premises_are_read_in_a_time_that_grows_with_their_length(part: str) -> None:
    began_s = time.thread_time()
    english.read("Is Anne nice?", premises=(part * 100_000)[:100_000])
    assert time.thread_time() - began_s < WITHIN_S
