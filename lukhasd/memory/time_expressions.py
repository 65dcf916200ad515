"""Finds the time expressions of an English text and says which stretch of time each means.

Everything is resolved against one moment, the memory's own clock, in that moment's time zone. Conventions:

- A week starts on Monday; a weekend is its Saturday and Sunday. "This weekend" is that of this week, "last" and "next
  weekend" those of the weeks around it; "the weekend" is the latest that has begun.
- "Last Friday" is the latest strictly before today, "next Friday" the first strictly after today, "this Friday" that of
  this week; "the Friday before last" is a week before "last Friday".
- "Last March", "last summer", "last Christmas": the latest that is over. "Next": the first yet to begin. "This": the
  one going on, else that of this year.
- A day, month, season, holiday or weekday without a year or week is the latest that has begun ("on Friday" never
  today); the coming one where its sentence speaks of the future (will, 'll, going to, am seeing, have an …).
- "Last week", "last month", "last year": the calendar unit before this one. "The past month", "over the last year",
  "the last 3 days": from so long ago, whole days, until now.
- "Two weeks ago", "in a month": the calendar unit that lies so many units away; "two weeks ago today" the day.
  A decade or century counts as its years. "The week after the wedding" is the calendar week after that of the wedding.
- "A couple" is 2 to 3, "a few" 3 to 5, "several" 4 to 8; such expressions, and early, mid and late, are `approximate`.
- Early, mid and late cut a month after its 10th and 20th, a year after April and August, a decade after its fourth
  and seventh year, a week after Tuesday and Thursday. "The beginning" and "the end" are the same as early and late.
- Morning is 6 to 12, afternoon 12 to 18, evening and night 18 to 24. "5 pm" is an hour, "5:30 pm" a minute,
  of today where no day is named. A written zone ("10:00Z") counts.
- "Since X" runs from the start of X until now, "until X" to the end of X, "before" and "after" leave X out.
- 03/05/2023 is 3 May (`other` holds March 5).
- "Two days before the trip" names no day by itself: it has an `anchor` instead of a period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from lukhasd.memory import time_tokens as figures
from lukhasd.memory.periods import DAY, MICROSECOND, Period, floor_day
from lukhasd.memory.time_grammar import Anchor, Match
from lukhasd.memory.time_relations import TRIGGERS, Reader, reach_beside


@dataclass(frozen=True)
class TimeExpression:
    """Positions are in characters, the end excluded. Either `period` or `anchor` is given."""

    start: int
    end: int
    text: str
    period: Period | None
    granularity: str
    approximate: bool = False
    anchor: Anchor | None = None
    other: Period | None = None


def find(text: str, *, now: datetime) -> list[TimeExpression]:
    """In order, not overlapping. `now` must have a time zone, else ValueError."""
    if now.tzinfo is None:
        raise ValueError("now must have a time zone")
    reader = Reader(figures.split(text), now)
    zone = now.tzinfo
    expressions = []
    i = 0
    while i < reader.count:
        word = reader.words[i]
        expression = None
        if word[0].isdigit() or (word in TRIGGERS and reader.may_begin(i, word)):
            try:
                match = reader.read(i)
                if match is not None:
                    expression = _express(reader.tokens, match, i, zone)
                    i = match.stop
            except (ValueError, OverflowError):
                # A date that no calendar has, such as 31 June or the year 12000.
                expression = None
        if expression is None:
            i += 1
        else:
            expressions.append(expression)
    return expressions


def mentions(text: str, *, at: datetime) -> tuple[Period, ...]:
    """The closed periods that a text said at that moment speaks of, in order, each once."""
    periods = (expression.period for expression in find(text, now=at))
    return tuple(dict.fromkeys(p for p in periods if p is not None and p.start is not None and p.end is not None))


def resolve_anchor(expression: TimeExpression, anchor_moment: datetime) -> Period | None:
    """The period that an anchored expression means once its anchor is dated; any other's own period.

    None if the calendar ends before it.
    """
    anchor = expression.anchor
    if anchor is None:
        return expression.period
    if anchor_moment.tzinfo is None:
        raise ValueError("anchor_moment must have a time zone")
    moment, zone = anchor_moment.replace(tzinfo=None), anchor_moment.tzinfo
    try:
        if anchor.offset is not None:
            step = -1 if anchor.direction == "before" else 1
            return _period(*reach_beside(moment, anchor.offset, step), zone)
        day = floor_day(moment)
        if anchor.direction == "before":
            return _period(None, day, zone)
        return _period(day + DAY, None, zone) if anchor.direction == "after" else _period(day, day + DAY, zone)
    except (ValueError, OverflowError):
        return None


def _period(start: datetime | None, end: datetime | None, zone: tzinfo) -> Period:
    return Period(
        None if start is None else start.replace(tzinfo=zone).astimezone(UTC),
        None if end is None else (end - MICROSECOND).replace(tzinfo=zone).astimezone(UTC),
    )


def _express(tokens: figures.Tokens, match: Match, i: int, zone: tzinfo) -> TimeExpression:
    start, end = tokens.starts[i], tokens.ends[min(match.stop, len(tokens.ends)) - 1]
    return TimeExpression(
        start,
        end,
        tokens.text[start:end],
        None if match.anchor else _period(match.start, match.end, zone),
        match.grain,
        match.approximate,
        match.anchor,
        _period(*match.other, zone) if match.other else None,
    )
