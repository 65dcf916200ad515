"""Stretches of the calendar: days, weeks, months, seasons and holidays, and how they follow one another.

Arithmetic is done on wall-clock moments without a zone, as half-open spans; `Period` is what leaves this package.
Weeks start on Monday. Seasons are those of the northern hemisphere by whole months: spring is March to May, and the
winter of a year begins in its December. A century runs from 01 to 00. Holidays that move between countries are those
of the United States.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Span = tuple[datetime, datetime]
"""Start and end, both without a zone; the end is excluded."""

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
CLOCK_UNITS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
DAY_UNITS = {"day": 1, "week": 7, "weekend": 7, "fortnight": 14}
MONTH_UNITS = {"month": 1, "quarter": 3, "half": 6, "year": 12, "decade": 120, "century": 1200}
LEAP_CYCLE = 8


@dataclass(frozen=True)
class Period:
    """Aware moments in UTC, both inclusive to the microsecond; None where that side is open."""

    start: datetime | None
    end: datetime | None


def day_span(year: int, month: int, day: int) -> Span:
    start = datetime(year, month, day)
    return start, start + DAY


def month_span(index: int, months: int = 1) -> Span:
    """`months` whole months from the one numbered `index`, which is 12 × year + month − 1."""
    return datetime(index // 12, index % 12 + 1, 1), datetime((index + months) // 12, (index + months) % 12 + 1, 1)


def floor_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def find_unit(moment: datetime, unit: str, count: int = 0) -> Span:
    """The calendar unit that lies `count` units after the one that holds `moment`; a weekend is that of its week."""
    if unit in CLOCK_UNITS:
        at = moment + count * CLOCK_UNITS[unit]
        start = at.replace(second=at.second if unit == "second" else 0, microsecond=0)
        start = start.replace(minute=0) if unit == "hour" else start
        return start, start + CLOCK_UNITS[unit]
    today = floor_day(moment)
    if unit in DAY_UNITS:
        first = today if unit == "day" else today - today.weekday() * DAY
        first += count * DAY_UNITS[unit] * DAY
        if unit == "weekend":
            return first + 5 * DAY, first + 7 * DAY
        return first, first + (DAY if unit == "day" else 7 * DAY)
    size = MONTH_UNITS[unit]
    index = 12 * moment.year + moment.month - 1
    offset = 12 if unit == "century" else 0
    return month_span((index - offset) // size * size + offset + count * size, size)


def shift(moment: datetime, unit: str, count: float) -> datetime:
    """The same time of day `count` units later; a day that the target month lacks becomes its last."""
    if unit in CLOCK_UNITS:
        return moment + count * CLOCK_UNITS[unit]
    if unit in DAY_UNITS:
        return moment + count * DAY_UNITS[unit] * DAY
    index = 12 * moment.year + moment.month - 1 + round(count * MONTH_UNITS[unit])
    year, month = index // 12, index % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True)
class Recurring:
    """Something that comes back every week, month or year. `at(k)` is its span in the k-th such cycle, or None."""

    cycle: Literal["week", "month", "year"]
    at: Callable[[int], Span | None]
    grain: str

    def count_cycles(self, moment: datetime) -> int:
        if self.cycle == "week":
            return (moment.toordinal() - 1) // 7
        return moment.year if self.cycle == "year" else 12 * moment.year + moment.month - 1

    def _near(self, moment: datetime, steps: range) -> Iterator[Span]:
        cycle = self.count_cycles(moment)
        for step in steps:
            span = self.at(cycle + step)
            if span is not None:
                yield span

    def find_started(self, now: datetime) -> Span | None:
        """The latest that has begun."""
        return next((span for span in self._near(now, range(1, -LEAP_CYCLE - 1, -1)) if span[0] <= now), None)

    def find_over(self, now: datetime) -> Span | None:
        """The latest that was over when today began."""
        today = floor_day(now)
        return next((span for span in self._near(now, range(1, -LEAP_CYCLE - 1, -1)) if span[1] <= today), None)

    def find_coming(self, now: datetime, *, today_counts: bool) -> Span | None:
        """The first that begins after today; with `today_counts` the first that is not over."""
        today = floor_day(now)
        return next(
            (
                span
                for span in self._near(now, range(-1, LEAP_CYCLE + 1))
                if (span[1] > today if today_counts else span[0] > today)
            ),
            None,
        )

    def find_current(self, now: datetime) -> Span | None:
        """The one going on, else this cycle's."""
        going_on = next((span for span in self._near(now, range(-1, 2)) if span[0] <= now < span[1]), None)
        return going_on or self.at(self.count_cycles(now))


def repeat_weekday(weekday: int) -> Recurring:
    def at(week: int) -> Span:
        start = datetime.fromordinal(7 * week + 1 + weekday)
        return start, start + DAY

    return Recurring("week", at, "day")


def repeat_month(month: int, months: int = 1, *, grain: str = "month") -> Recurring:
    return Recurring("year", lambda year: month_span(12 * year + month - 1, months), grain)


def repeat_date(month: int, day: int) -> Recurring:
    def at(year: int) -> Span | None:
        return day_span(year, month, day) if day <= calendar.monthrange(year, month)[1] else None

    return Recurring("year", at, "day")


def repeat_day_of_month(day: int) -> Recurring:
    def at(index: int) -> Span | None:
        year, month = index // 12, index % 12 + 1
        return day_span(year, month, day) if day <= calendar.monthrange(year, month)[1] else None

    return Recurring("month", at, "day")


def repeat_nth_weekday(month: int, weekday: int, nth: int, *, days_after: int = 0) -> Recurring:
    """The nth such weekday of the month, from the end if negative."""

    def at(year: int) -> Span | None:
        span = pick_weekday(month_span(12 * year + month - 1), weekday, nth)
        return None if span is None else (span[0] + days_after * DAY, span[1] + days_after * DAY)

    return Recurring("year", at, "day")


def repeat_from_easter(days: int) -> Recurring:
    def at(year: int) -> Span:
        start = find_easter(year) + days * DAY
        return start, start + DAY

    return Recurring("year", at, "day")


def find_easter(year: int) -> datetime:
    """Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    golden, century, rest = year % 19, year // 100, year % 100
    skipped = (8 * century + 13) // 25
    epact = (19 * golden + century - century // 4 - skipped + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return datetime(year, month, day + 1)


def pick_weekday(span: Span, weekday: int, nth: int) -> Span | None:
    """The nth such weekday inside the span, from its end if negative."""
    if nth > 0:
        first = span[0] + (weekday - span[0].weekday()) % 7 * DAY
        start = first + (nth - 1) * 7 * DAY
    else:
        final = span[1] - DAY
        start = final - (final.weekday() - weekday) % 7 * DAY + (nth + 1) * 7 * DAY
    return (start, start + DAY) if span[0] <= start < span[1] else None
