"""Arithmetic with dates that a query names, or that memory dates."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from lukhas_sdk.contract.analysis import Computation
from lukhas_sdk.contract.matriz import Citation
from lukhasd.memory import time_expressions
from lukhasd.memory.periods import Period, shift

UNITS = {"day": 1, "week": 7, "fortnight": 14}
UNIT = r"(?P<unit>day|week|month|year|night)s?"
LENGTH = rf"how (?:many {UNIT}|long|much time)"
COUNT = r"(?P<n>\d+|a|an|one|two|three|four|five|six|seven|eight|nine|ten)"
WEEKDAY = r"(?:what|which) (?:day of the week|weekday|day)"
ASKED: Sequence[tuple[str, re.Pattern[str]]] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("between", rf"{LENGTH}\b.*?\b(?:between|from) (?P<a>.+?) (?:and|to|until|till) (?P<b>.+)$"),
        ("between", rf"{UNIT} between (?P<a>.+?) and (?P<b>.+)$"),
        ("between", rf"how (?:many {UNIT}|long) (?:after|before) (?P<a>.+?) (?:was|is|did|were) (?P<b>.+)$"),
        ("until", rf"{LENGTH}\b.*?\b(?:until|till|before|to) (?P<a>.+)$"),
        ("since", rf"{LENGTH}\b.*?\bsince (?P<a>.+)$"),
        ("since", r"how long ago (?:was|were|did|is) (?P<a>.+)$"),
        ("since", rf"how many {UNIT} ago (?:was|were|did) (?P<a>.+)$"),
        ("shift", rf"(?:date|day|when|what)\b.*?\b{COUNT} {UNIT} (?P<way>after|from|before|prior to) (?P<a>.+)$"),
        ("shift", rf"^{COUNT} {UNIT} (?P<way>after|from|before|prior to) (?P<a>.+?) is (?:what|which) (?:date|day)$"),
        ("weekday", rf"{WEEKDAY}\b.*?\b(?:is|was|will|did|does|on)\b (?P<a>.+?)(?: on| fall on| be)?$"),
        ("order", r"(?:which|what) (?:was|came|is|happened|comes) (?:first|earlier)[:,]? (?P<a>.+?) or (?P<b>.+)$"),
        ("order", r"(?:did|was|is|were) (?P<a>.+?) (?:happen |come |take place )?before (?P<b>.+)$"),
    )
)  # fmt: skip
COUNTS = dict(
    zip(
        ["a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
        (1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
        strict=True,
    )
)
FILLER = re.compile(
    r"\b(?:the|my|our|a|an|date|of|on|in|did|was|is|i|we|happen|today's|it|will|be|there|are|now)\b", re.IGNORECASE
)
LONGEST_NAME = 200
"""Words that name a day are fewer."""
LONGEST_TOLD = 20_000
MOST_SPLITS = 8
SAME_DAY = re.compile(r"^\W*(?:now|today|this moment)\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class Dated:
    """The first and the last day that are meant, and the memory that says so where the words do not."""

    first: date
    last: date
    text: str
    citation: Citation | None = None


@dataclass(frozen=True)
class Question:
    kind: str
    names: tuple[str, ...]
    unit: str
    count: int = 0
    splits: tuple[tuple[str, str], ...] = ()
    """Where “and” may part two names in several ways: all of them."""


@dataclass(frozen=True)
class Answer:
    """Of the names that nothing dates, `undated`."""

    computation: Computation | None
    dated: tuple[Dated, ...]
    undated: tuple[str, ...]


Lookup = Callable[[str], Awaitable[Dated | None]]


def read(query: str) -> Question | None:
    text = " ".join(query.split()).rstrip("?.! ")
    for kind, pattern in ASKED:
        if match := pattern.search(text):
            groups = match.groupdict()
            unit = (groups.get("unit") or "").lower().replace("night", "day")
            names = tuple(groups[name] for name in ("a", "b") if groups.get(name))
            count = groups.get("n") or "0"
            number = COUNTS.get(count.lower()) or (int(count) if len(count) < 7 and count.isdigit() else 0)
            if kind == "shift" and groups["way"].lower() in ("before", "prior to"):
                number = -number
            return Question(kind, names, unit, number, _splits(names) if kind == "between" else ())
    return None


def in_words(name: str, now: datetime) -> Dated | None:
    """The days that the words themselves name."""
    if len(name) > LONGEST_NAME:
        return None
    if SAME_DAY.match(name):
        return Dated(now.date(), now.date(), name)
    for found in time_expressions.find(name, now=now):
        left = FILLER.sub(" ", name[: found.start] + " " + name[found.end :])
        if found.period is not None and not re.search(r"\w", left):
            return _days(found.period, now, name)
    return None


def in_memory(name: str, text: str, citation: Citation, now: datetime) -> Dated:
    """The day that a memory speaks of, else the one on which it happened."""
    at = citation.event_at.astimezone(now.tzinfo)
    for found in time_expressions.find(text[:LONGEST_TOLD], now=at):
        if found.period is not None and found.period.start and found.period.end and found.granularity == "day":
            return _with(_days(found.period, now, name), citation)
    return Dated(at.date(), at.date(), name, citation)


async def answer(question: Question, *, now: datetime, lookup: Lookup) -> Answer:
    """`lookup` dates what the words do not."""
    dated: list[Dated] = []
    undated: list[str] = []
    # The parting that leaves the fewest names without a date of their own.
    parted = min(question.splits, key=lambda names: sum(in_words(name, now) is None for name in names), default=None)
    for name in parted or question.names:
        found = in_words(name, now)
        if question.kind == "until" and found is not None and found.last < now.date() and not re.search(r"\d{4}", name):
            found = in_words(f"next {name}", now) or _a_year_later(found)
        found = found or await lookup(name)
        if found is None:
            undated.append(name)
        else:
            dated.append(found)
    if undated:
        return Answer(None, tuple(dated), tuple(undated))
    try:
        return Answer(_compute(question, dated, now.date()), tuple(dated), ())
    except (OverflowError, ValueError):
        return Answer(None, tuple(dated), ("a date that the calendar has",))


def _compute(question: Question, dated: Sequence[Dated], today: date) -> Computation:
    one = dated[0]
    if question.kind == "weekday":
        days = {one.first.strftime("%A"), one.last.strftime("%A")}
        exact = one.first == one.last
        return Computation(
            name="day of the week", formula=f"the weekday of {_said(one)}", text=days.pop() if exact else None,
            reasons={"value": "a weekday is no number"} if exact else {"text": f"{one.text} is more than a day"},
        )  # fmt: skip
    if question.kind == "shift":
        ends = [_moved(day, question) for day in (one.first, one.last)]
        text = ends[0].isoformat() if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
        sign = "+" if question.count >= 0 else "−"
        formula = f"{_said(one)} {sign} {abs(question.count)} {question.unit}s"
        return Computation(name="date", formula=formula, text=text, reasons={"value": "a date is no number"})
    if question.kind == "order":
        return _order(one, dated[1])
    if question.kind == "between":
        first, second = (one, dated[1]) if one.first <= dated[1].first else (dated[1], one)
    else:
        now = Dated(today, today, "today")
        first, second = (one, now) if question.kind == "since" else (now, one)
    low, high = (second.first - first.last).days, (second.last - first.first).days
    unit = question.unit or "day"
    formula = f"{_said(second)} − {_said(first)}"
    if low != high:
        text = f"{low} to {high} days"
        return Computation(
            name="time between", formula=formula, text=text, reasons={"value": "a date is not known to the day"}
        )
    if unit in UNITS:
        value = low / UNITS[unit]
    else:
        value = float(_whole_months(first.first, second.first) // (12 if unit == "year" else 1))
        formula = f"completed {unit}s of {formula}"
    return Computation(
        name="time between", formula=formula, value=value, unit=f"{unit}s", text=_spelled(first.first, second.first)
    )


def _order(one: Dated, other: Dated) -> Computation:
    formula = f"{_said(one)} and {_said(other)}"
    if one.last < other.first or other.last < one.first:
        text = (
            f"{one.text} was before {other.text}" if one.last < other.first else f"{other.text} was before {one.text}"
        )
        return Computation(name="order", formula=formula, text=text, reasons={"value": "an order is no number"})
    return Computation(
        name="order",
        formula=formula,
        reasons={"value": "they are not known to be on different days", "text": "as value"},
    )


def _moved(day: date, question: Question) -> date:
    if question.unit in UNITS:
        return day + timedelta(days=question.count * UNITS[question.unit])
    return shift(datetime(day.year, day.month, day.day), question.unit, question.count).date()


def _whole_months(first: date, second: date) -> int:
    months = 12 * (second.year - first.year) + second.month - first.month
    return months - (second.day < first.day)


def _spelled(first: date, second: date) -> str:
    if second < first:
        return f"{(first - second).days} days the other way round"
    months = _whole_months(first, second)
    rest = (second - shift(datetime(first.year, first.month, first.day), "month", months).date()).days
    parts = [(months // 12, "year"), (months % 12, "month"), (rest, "day")]
    return ", ".join(f"{count} {unit}{'s' if count != 1 else ''}" for count, unit in parts if count) or "0 days"


def _splits(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    first, second = names
    places = [match.span() for match in re.finditer(r" (?:and|to|until|till) ", second)][:MOST_SPLITS]
    return (
        (first, second),
        *((f"{first} and {second[:start]}", second[end:]) for start, end in places),
    )


def _a_year_later(found: Dated) -> Dated:
    days = [shift(datetime(day.year, day.month, day.day), "year", 1).date() for day in (found.first, found.last)]
    return replace(found, first=days[0], last=days[1])


def _said(one: Dated) -> str:
    days = one.first.isoformat() if one.first == one.last else f"{one.first} to {one.last}"
    return f"{one.text} ({days})"


def _days(period: Period, now: datetime, name: str) -> Dated | None:
    if period.start is None or period.end is None:
        return None
    return Dated(period.start.astimezone(now.tzinfo).date(), period.end.astimezone(now.tzinfo).date(), name)


def _with(dated: Dated | None, citation: Citation) -> Dated:
    assert dated is not None
    return Dated(dated.first, dated.last, dated.text, citation)
