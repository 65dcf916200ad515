"""What a query rules out, what it only asks about, and how near a moment is to a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lukhasd.memory.periods import Period
from lukhasd.memory.query_reading import MARKERS, closeness, read

NOW = datetime(2024, 5, 15, 10, 30, tzinfo=UTC)
MAY = Period(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC) - timedelta(microseconds=1))
WORDS = [
    *(" ".join(marker) for marker in MARKERS),
    "the one",
    "in Lyon",
    ",",
    "-",
    '"',
    "-x",
    "all",
    "Tom",
    "I",
    "is",
    "?",
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("query", "text", "excluded"),
    [
        ("the restaurant, not the one in Lyon", "the restaurant", ("the one in Lyon",)),
        ("restaurants except sushi last March", "restaurants last March", ("sushi",)),
        ("desserts without nuts", "desserts", ("nuts",)),
        ("anything but jazz", "anything", ("jazz",)),
        ('laptop -apple -"second hand" cheap', "laptop cheap", ("apple", "second hand")),
        ("which of my friends, other than Eva, plays the piano?", "which of my friends, plays the piano?", ("Eva",)),
        ("cheese AND NOT cheddar", "cheese", ("cheddar",)),
    ],
)
def test_what_is_ruled_out_is_cut(query: str, text: str, excluded: tuple[str, ...]) -> None:
    reading = read(query, now=NOW)
    assert (reading.text, reading.excluded) == (text, excluded)


@pytest.mark.parametrize(
    "query",
    [
        "why did she not come", "what can't I eat", "who doesn't like cats", "not only him", "no one",
        "it's cold, isn't it?", "how did I manage without a car", "flight AB-1234 at -5 degrees",
        'the song "Not Fade Away"', "-snake", "",
    ],
)  # fmt: skip
def test_what_is_asked_stays(query: str) -> None:
    reading = read(query, now=NOW)
    assert (reading.text, reading.excluded) == (query, ())


def test_times_stand_where_the_query_has_them() -> None:
    query = "hotels except Hilton in Rome last March"
    reading = read(query, now=NOW)
    (time,) = reading.times
    assert query[time.start : time.end] == time.text == "last March"
    assert reading.excluded == ("Hilton",)


def test_a_time_that_is_ruled_out_is_not_asked_for() -> None:
    reading = read("what happened in May, not in June", now=NOW)
    assert reading.excluded == ("in June",)
    assert [time.text for time in reading.times] == ["May"]


def test_closeness_halves_with_each_length() -> None:
    assert closeness(datetime(2024, 5, 31, 23, tzinfo=UTC), MAY) == 1
    assert MAY.end is not None
    assert closeness(MAY.end + timedelta(days=31), MAY) == pytest.approx(0.5)
    assert closeness(MAY.end + timedelta(days=62), MAY) == pytest.approx(0.25)
    assert closeness(datetime(2024, 6, 1, tzinfo=UTC), Period(None, MAY.end)) == pytest.approx(1)
    assert closeness(datetime(2024, 6, 3, tzinfo=UTC), Period(None, MAY.end)) == pytest.approx(0.25)
    assert closeness(datetime(1900, 1, 1, tzinfo=UTC), Period(None, MAY.end)) == 1


@given(MOMENTS, MOMENTS, MOMENTS)
def test_closeness_is_a_share(moment: datetime, one: datetime, other: datetime) -> None:
    period = Period(min(one, other), max(one, other))
    near = closeness(moment, period)
    assert 0 <= near <= 1
    if min(one, other) <= moment <= max(one, other):
        assert near == 1


@given(TEXTS)
def test_any_query_is_read(query: str) -> None:
    reading = read(query, now=NOW)
    for phrase in reading.excluded:
        assert phrase in query
    assert bool(reading.excluded) or reading.text == query
    assert len(reading.text) <= len(query)
