"""Time expressions: each convention once, what cannot be read, and what holds of any text."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lukhasd.memory.periods import Period, find_easter
from lukhasd.memory.time_expressions import TimeExpression, find, mentions, resolve_anchor
from lukhasd.memory.time_words import HOLIDAYS_BY_WORD, MONTHS, ORDINALS, UNITS, WEEKDAYS

WEDNESDAY = datetime(2024, 5, 15, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)

WORDS = sorted(
    {
        *MONTHS, *WEEKDAYS, *UNITS, *ORDINALS, *HOLIDAYS_BY_WORD, "the", "of", "and", "to", "-", "'", "'s", ",", ".",
        "a", "last", "next", "this", "past", "before", "after", "since", "until", "between", "from", "ago", "in",
        "at", "early", "end", "half", "quarter", "couple", "few", "or", "3", "31", "2023", "99", "9999", "0", "3-7",
        "31/06/2024",
        "5", "pm", "24:00", "2023-W54", "q4", "90s", "20th", "century", "new", "eve", "year", "years", "noon", "every",
        "will", "trip", "wedding", "my", "other", "earlier", "today", "yesterday",
        "now", "9999-12-31", "0001-01-01", "İ", "’",
    }
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
ZONES = st.timezones() | st.just(UTC)
NOWS = st.datetimes(timezones=ZONES)


def days(start: str, end: str | None = None) -> Period:
    last = datetime.fromisoformat(end or start).replace(tzinfo=UTC)
    return Period(datetime.fromisoformat(start).replace(tzinfo=UTC), last + DAY - MICROSECOND)


def find_one(text: str, now: datetime = WEDNESDAY) -> TimeExpression:
    (expression,) = find(text, now=now)
    return expression


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("what happened on 3 May 2023?", days("2023-05-03")),
        ("in the 90s", days("1990-01-01", "1999-12-31")),
        ("last Friday", days("2024-05-10")),
        ("last Wednesday", days("2024-05-08")),
        ("the Friday before last", days("2024-05-03")),
        ("next Wednesday", days("2024-05-22")),
        ("last March", days("2024-03-01", "2024-03-31")),
        ("last May", days("2023-05-01", "2023-05-31")),
        ("in May", days("2024-05-01", "2024-05-31")),
        ("in June", days("2023-06-01", "2023-06-30")),
        ("in June I will marry", days("2024-06-01", "2024-06-30")),
        ("this weekend", days("2024-05-18", "2024-05-19")),
        ("last week", days("2024-05-06", "2024-05-12")),
        ("two weeks ago", days("2024-04-29", "2024-05-05")),
        ("two weeks ago today", days("2024-05-01")),
        ("early May", days("2024-05-01", "2024-05-10")),
        ("winter 2021", days("2021-12-01", "2022-02-28")),
        ("between Christmas and New Year", days("2023-12-25", "2024-01-01")),
        ("from 3 to 7 May 2023", days("2023-05-03", "2023-05-07")),
        ("the weekend before 10 April 2023", days("2023-04-08", "2023-04-09")),
        ("the weekend after 10 May 2023", days("2023-05-13", "2023-05-14")),
        ("the Friday before 14 May 2023", days("2023-05-12")),
        ("2023-W14", days("2023-04-03", "2023-04-09")),
        ("29 February 2024", days("2024-02-29")),
    ],
)
def test_conventions(text: str, period: Period) -> None:
    assert find_one(text).period == period


def test_ends_that_are_open_or_now() -> None:
    assert find_one("since March").period == Period(datetime(2024, 3, 1, tzinfo=UTC), WEDNESDAY)
    assert find_one("until the end of April").period == Period(None, days("2024-04-30").end)
    assert find_one("before 2020").period == Period(None, days("2019-12-31").end)
    assert find_one("after 2020").period == Period(datetime(2021, 1, 1, tzinfo=UTC), None)
    assert find_one("the last 24 hours").period == Period(WEDNESDAY - DAY, WEDNESDAY)


def test_hours_narrow_a_day() -> None:
    five = datetime(2024, 5, 14, 17, tzinfo=UTC)
    assert find_one("at 5 pm yesterday").period == Period(five, five + timedelta(hours=1) - MICROSECOND)
    assert find_one("yesterday at 17:30").period == Period(
        five + timedelta(minutes=30), five + timedelta(minutes=31) - MICROSECOND
    )


def test_a_date_that_reads_two_ways_gives_both() -> None:
    expression = find_one("on 03/05/2023")
    assert (expression.period, expression.other) == (days("2023-05-03"), days("2023-03-05"))
    assert find_one("on 25/12/2023").other is None


def test_vague_expressions_say_so() -> None:
    assert find_one("a few days ago").approximate
    assert find_one("a few days ago").period == days("2024-05-10", "2024-05-12")
    assert not find_one("three days ago").approximate


@pytest.mark.parametrize(
    "text",
    [
        "you may march on", "wait a second", "mon ami", "it cost $2019", "version 2.0.1", "the last page", "open 24/7",
        "he sat down", "the March hare", "every Monday", "31/06/2024", "2023-02-30", "2023-W54", "day by day",
    ],
)  # fmt: skip
def test_not_fooled(text: str) -> None:
    assert find(text, now=WEDNESDAY) == []


def test_days_are_those_of_the_speakers_zone() -> None:
    late = datetime(2024, 5, 15, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    period = find_one("today", late).period
    assert period == Period(datetime(2024, 5, 15, 5, tzinfo=UTC), datetime(2024, 5, 16, 5, tzinfo=UTC) - MICROSECOND)


def test_a_written_zone_counts() -> None:
    late = datetime(2024, 5, 15, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    for text, hour in (("2024-05-03T10:00Z", 10), ("2024-05-03T10:00+02:00", 8), ("2024-05-03T10:00", 15)):
        period = find_one(text, late).period
        assert period is not None
        assert period.start == datetime(2024, 5, 3, hour, tzinfo=UTC)


def test_now_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        find("today", now=datetime(2024, 5, 15))


def test_an_anchor_is_resolved_when_it_is_dated() -> None:
    trip = datetime(2024, 4, 10, 9, tzinfo=UTC)
    expression = find_one("what did I pack two days before the trip?")
    assert expression.period is None
    assert expression.anchor is not None
    assert expression.anchor.phrase == "the trip"
    assert resolve_anchor(expression, trip) == days("2024-04-08")
    assert resolve_anchor(find_one("the week after the wedding"), trip) == days("2024-04-15", "2024-04-21")
    assert resolve_anchor(find_one("the Friday after the wedding"), trip) == days("2024-04-12")
    assert resolve_anchor(find_one("before the trip"), trip) == Period(None, days("2024-04-09").end)
    assert resolve_anchor(find_one("during the trip"), trip) == days("2024-04-10")
    assert resolve_anchor(find_one("yesterday"), trip) == days("2024-05-14")


def test_mentions_are_closed_and_named_once() -> None:
    text = "Yesterday I met Ann, and yesterday it rained. Before 2020 I never did. Two days before the trip I knew."
    assert mentions(text, at=WEDNESDAY) == (days("2024-05-14"),)


@pytest.mark.parametrize(
    ("year", "month", "day"), [(1954, 4, 18), (1981, 4, 19), (2000, 4, 23), (2008, 3, 23), (2024, 3, 31), (2038, 4, 25)]
)
def test_easter(year: int, month: int, day: int) -> None:
    assert find_easter(year) == datetime(year, month, day)


@given(TEXTS, NOWS, NOWS)
def test_any_text_is_read(text: str, now: datetime, anchor: datetime) -> None:
    end = 0
    for expression in find(text, now=now):
        assert end <= expression.start < expression.end <= len(text)
        assert expression.text == text[expression.start : expression.end]
        assert (expression.period is None) is (expression.anchor is not None)
        end = expression.end
        for period in (expression.period, expression.other, resolve_anchor(expression, anchor)):
            if period is not None:
                assert period.start is not None or period.end is not None
                assert period.start is None or period.end is None or period.start <= period.end
    for period in mentions(text, at=now):
        assert period.start is not None
        assert period.end is not None


@pytest.mark.parametrize(
    "unit",
    ["the first day of ", "two days before ", "the week of ", "between 3 and ", "last ", "'", "3-", "1/", "a ", "may ",
     "early ", "x", "9", "half a year and a half ", "before my ", "twenty-", "(", "\n"],
)  # fmt: skip
def test_work_grows_with_length_only(unit: str) -> None:
    def count_calls(size: int) -> int:
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1

        text = (unit * (size // len(unit) + 1))[:size]
        sys.setprofile(count)
        try:
            find(text, now=WEDNESDAY)
        finally:
            sys.setprofile(None)
        return calls

    # Eight times the text; quadratic work would be 64 times as much.
    assert count_calls(32_000) < 10 * count_calls(4_000) + 100


def test_a_megabyte_is_read() -> None:
    text = "the first day of the week before last March, not on 3-3-3. " * 17_000
    began = perf_counter()
    assert len(find(text[:1_000_000], now=WEDNESDAY)) > 10_000
    assert perf_counter() - began < 30
