"""Queries and contexts made to cost far more than they are long."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from lukhasd.memory import item, query_reading
from lukhasd.memory.phrases import phrases
from lukhasd.memory.words import Analyser

WITHIN_S = 10.0
LONG = 10_000
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
