"""Time expressions seen from the moment of speaking: yesterday, last March, the end of the month, 5 pm on Friday."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lukhasd.memory import time_tokens as figures
from lukhasd.memory.periods import DAY, MICROSECOND, Span, find_unit, month_span, pick_weekday, shift
from lukhasd.memory.time_dates import Dates
from lukhasd.memory.time_grammar import Match, found
from lukhasd.memory.time_words import (
    DAY_PARTS,
    DECADES,
    EVERY,
    HALVES,
    LAST,
    MONTHS,
    NEXT,
    ORDINALS,
    PARTS,
    QUOTES,
    TENS,
    THIS,
    UNITS,
    UNSURE_WEEKDAYS,
    WEEKDAYS,
    gather,
)

DAY_WORDS: Final = {"today": 0, "yesterday": -1, "tomorrow": 1, "tonight": 0}
STRETCHES: Final = gather("over in within during for throughout through")
CLOCK_PLACES: Final = frozenset(["at", "around", "about", "by"])
CALENDAR: Final = gather("week weekend month quarter year decade century")
UNSURE: Final = UNSURE_WEEKDAYS | {"may", "march", "mar", "jan", "dec"}
DEEPEST: Final = 4
OTHER_DAY: Final = (2, 7)
THIRDS: Final = {
    "week": (2, 4),
    "month": (10, 20),
    "season": (1, 2),
    "quarter": (1, 2),
    "half": (2, 4),
    "year": (4, 8),
    "decade": (48, 84),
    "century": (400, 800),
}
"""Where the middle and the last part begin, in days up to the month and in months above."""


def cut(span: Span, grain: str, place: int) -> Span | None:
    """The early, middle or late part."""
    bounds = THIRDS.get(grain)
    if bounds is None:
        return None
    unit = "day" if grain in {"week", "month"} else "month"
    edges = (span[0], *(shift(span[0], unit, bound) for bound in bounds), span[1])
    return edges[place], edges[place + 1]


class Phrases(Dates):
    def read_point(self, i: int, *, free: bool = False) -> Match | None:
        """One stretch of time, with the hour or part of the day that belongs to it."""
        words = self.words
        if words[i - 1] in EVERY:
            return None
        match = self.read_whole(i, free=free)
        if match is not None:
            return self.narrow(match)
        clock = self.read_clock(i)
        if clock is None:
            return None
        j = clock[3] + (words[clock[3]] in {"on", "of", ","})
        day = self.read_whole(j, free=True)
        if day is not None and day.grain == "day":
            return self.take_hours(day, *clock[:3], day.stop)
        alone = Match(self.today, self.today + DAY, "day", clock[3])
        return self.take_hours(alone, *clock) if words[i - 1] in CLOCK_PLACES else None

    def read_whole(self, i: int, *, free: bool = False) -> Match | None:
        """As `read_point`, without hours. What stands inside one another goes no deeper than `DEEPEST`."""
        if self.depth == DEEPEST:
            return None
        self.depth += 1
        try:
            return self._read_whole(i, free=free)
        finally:
            self.depth -= 1

    def _read_whole(self, i: int, *, free: bool) -> Match | None:
        words, word = self.words, self.words[i]
        if word == "the":
            return self._read_whole(i + 1, free=False) if words[i + 1] != "the" else None
        if word in DAY_WORDS:
            return self._read_day_word(i, word)
        if word in LAST or word in NEXT or word in THIS:
            return self._read_ordinal_part(i) or self._read_relative(i)
        if word in PARTS:
            return self._read_part(i)
        if word in {"earlier", "later"}:
            return self._read_rest(i)
        if word in DAY_PARTS or word == "other" or (word in UNITS and word != "second"):
            return self._read_unit_phrase(i)
        if word[:1].isdigit() or word in ORDINALS or word in TENS:
            return (
                self._read_ordinal_part(i)
                or self._read_date(i)
                or self.read_lone_year(i)
                or self.read_decade(i)
                or self.read_named(i, free=free)
            )
        if word in DECADES or word in QUOTES:
            return self.read_lone_year(i) or self.read_decade(i)
        return (self._read_date(i) if word in MONTHS else None) or self.read_named(i, free=free)

    def _read_day_word(self, i: int, word: str) -> Match | None:
        start = self.today + DAY_WORDS[word] * DAY
        day = Match(start, start + DAY, "day", i + 1)
        return self.take_hours(day, *DAY_PARTS["night"], "part", i + 1) if word == "tonight" else day

    def _read_relative(self, i: int) -> Match | None:
        """ "last week", "this Friday", "the next three days"."""
        words, word, j = self.words, self.words[i], i + 1
        certain = word != "past"
        if word == "this" and words[j] in {"past", "coming"}:
            word, j, certain = words[j], j + 1, True
        following = words[j]
        if word == "this" and following in {"day", "time"} and words[j + 1 : j + 3] == ["last", "year"]:
            return found(find_unit(shift(self.now, "year", -1), "day"), "day", j + 3)
        if following in DAY_PARTS:
            if word == "this" or (word == "last" and following in {"night", "evening"}):
                day = self.today if word == "this" else self.today - DAY
                return self.take_hours(Match(day, day + DAY, "day", j), *DAY_PARTS[following], "part", j + 1)
            return None
        step = -1 if word in LAST else 1 if word in NEXT else 0
        if following in UNITS:
            return self._read_relative_unit(i, j, step, rolling=word == "past")
        number = self.read_number(j) if step and following not in {"a", "an"} else None
        if number and words[number[2]] in UNITS:
            return self._roll(
                step, number[1], UNITS[words[number[2]]], number[2] + 1, approximate=number[0] < number[1]
            )
        if not certain or (step == 0 and following in UNSURE and not self.tokens.is_capital(j)):
            return None
        named = self.read_recurring(j, free=True)
        if named is None:
            return None
        recurring, stop = named
        if step < 0:
            span = recurring.find_over(self.now)
        elif step > 0:
            span = recurring.find_coming(self.now, today_counts=False)
        else:
            span = recurring.find_current(self.now)
        return found(span, recurring.grain, stop)

    def _read_relative_unit(self, i: int, j: int, step: int, *, rolling: bool) -> Match | None:
        words, unit = self.words, UNITS[self.words[j]]
        stretch = words[i - 1] == "the" and words[i - 2] in STRETCHES
        if unit in {"hour", "minute"} or (unit in CALENDAR and unit != "weekend" and step < 0 and (rolling or stretch)):
            return self._roll(step, 1, unit, j + 1) if step < 0 and (rolling or stretch) else None
        if unit not in CALENDAR or words[j].endswith("s") or words[i] == "following":
            return None
        span = find_unit(self.now, unit, step)
        k = j + 1 + (words[j + 1] == "on")
        if unit == "week" and words[k] in WEEKDAYS and (k > j + 1 or words[k] not in UNSURE_WEEKDAYS):
            start = span[0] + WEEKDAYS[words[k]] * DAY
            return Match(start, start + DAY, "day", k + 1)
        return found(span, unit, j + 1)

    def _roll(self, step: int, count: int, unit: str, stop: int, *, approximate: bool = False) -> Match:
        """From `count` units ago until now, or from now until so many units on; whole days above the hour."""
        edge = shift(self.now, unit, step * count)
        if unit not in {"second", "minute", "hour"}:
            edge = find_unit(edge, "day")[0 if step < 0 else 1]
        start, end = (edge, self.now + MICROSECOND) if step < 0 else (self.now, edge)
        return Match(start, end, "range", stop, approximate)

    def _read_rest(self, i: int) -> Match | None:
        words = self.words
        if words[i + 1] == "today":
            return self._read_day_word(i + 1, "today")
        unit = UNITS.get(words[i + 2])
        if words[i + 1] != "this" or unit not in CALENDAR:
            return None
        start, end = find_unit(self.now, unit)
        tomorrow = self.today + DAY
        if words[i] == "earlier":
            return Match(start, tomorrow, "range", i + 3)
        return Match(tomorrow, end, "range", i + 3) if tomorrow < end else None

    def _read_unit_phrase(self, i: int) -> Match | None:
        """ "the week before last", "day after tomorrow", "the week of 3 May", "week 12 of 2024"."""
        words, word = self.words, self.words[i]
        pair = words[i + 1], words[i + 2]
        if word == "other":
            least, most = OTHER_DAY
            span = self.today - most * DAY, self.today - (least - 1) * DAY
            said = words[i - 1] == "the" and words[i + 1] == "day"
            return Match(*span, "range", i + 2, approximate=True) if said else None
        if word == "day" and pair in {("before", "yesterday"), ("after", "tomorrow")}:
            start = self.today + (-2 if pair[0] == "before" else 2) * DAY
            return Match(start, start + DAY, "day", i + 3)
        if word in CALENDAR and pair in {("before", "last"), ("after", "next")}:
            return found(find_unit(self.now, word, -2 if pair[0] == "before" else 2), word, i + 3)
        if word == "year" and (year := figures.read_year(words[i + 1])):
            return found(month_span(12 * year, 12), "year", i + 2)
        if word == "week" and (week := figures.read_integer(words[i + 1])):
            year_said = self.read_year(i + 2)
            if year_said or words[i - 1] in {"in", "of", "during"}:
                year, stop = year_said or (self.now.year, i + 2)
                return found(figures.find_iso_week(year, week), "week", stop)
        begun = word == "week" and words[i + 1] in {"commencing", "beginning", "starting"}
        if (words[i + 1] == "of" or begun) and (word in {"week", "weekend", "month"} or word in DAY_PARTS):
            body = self.read_whole(i + 2, free=True)
            if body is None or body.grain != "day" or body.start is None:
                return None
            if word in DAY_PARTS:
                return self.take_hours(body, *DAY_PARTS[word], "part", body.stop)
            return found(find_unit(body.start, word), word, body.stop)
        if word == "weekend" and words[i - 1] == "the" and words[i - 2] in {"over", "at", "on", "during"}:
            span = find_unit(self.now, "weekend")
            if span[0] > self.now and not self.looks_ahead(i):
                span = find_unit(self.now, "weekend", -1)
            return found(span, "weekend", i + 1)
        return None

    def read_body(self, i: int) -> tuple[Span, str, int] | None:
        """What "the end of" may be of: a stretch with two ends."""
        words = self.words
        if words[i] == "the" and words[i + 1] in CALENDAR and words[i + 2] not in {"of", "before", "after"}:
            return find_unit(self.now, words[i + 1]), words[i + 1], i + 2
        match = self.read_whole(i, free=True)
        if match is None or match.start is None or match.end is None:
            return None
        return (match.start, match.end), match.grain, match.stop

    def _read_part(self, i: int) -> Match | None:
        """ "early May", "mid-2021", "the end of the month"."""
        words, word = self.words, self.words[i]
        short = word in {"early", "mid", "late"}
        if not short and words[i + 1] != "of":
            return None
        j = i + 1 + (words[i + 1] in ({"-", "in"} if short else {"of"}))
        body = None if words[j] in PARTS else self.read_body(j)
        if body is None:
            return None
        span, grain, stop = body
        part = cut(span, grain, PARTS[word])
        if part is None:
            return found(span, grain, stop)
        return Match(*part, "range", stop, approximate=True)

    def _read_ordinal_part(self, i: int) -> Match | None:
        """ "the first week of May", "the last Monday of April", "the second half of 2023"."""
        words = self.words
        number = (-1, i + 1) if words[i] == "last" else self.read_ordinal(i)
        if number is None:
            return None
        nth, j = number
        noun = words[j]
        if noun == "of" and nth > 0 and words[j + 1] in LAST | NEXT | THIS and words[j + 2] == "month":
            step = -1 if words[j + 1] in LAST else 1 if words[j + 1] in NEXT else 0
            return found(self._pick(find_unit(self.now, "month", step), "month", "day", nth), "day", j + 3)
        if noun not in HALVES and noun not in {"day", "week", "weekend"} and noun not in WEEKDAYS:
            return None
        if words[j + 1] in {"of", "in"}:
            body = (
                None
                if words[j + 2] == "last" and words[j + 3] not in UNITS and words[j + 3] not in MONTHS
                else self.read_body(j + 2)
            )
        else:
            year = self.read_year(j + 1) if noun in HALVES else None
            body = (month_span(12 * year[0], 12), "year", year[1]) if year else None
        if body is None:
            return None
        span, grain, stop = body
        return found(self._pick(span, grain, noun, nth), noun if noun in CALENDAR else "day", stop)

    def _pick(self, span: Span, grain: str, noun: str, nth: int) -> Span | None:
        if noun in HALVES:
            parts = 12 // HALVES[noun]
            if nth < 0:
                nth = parts
            if grain == "month" and noun == "half" and nth <= parts:
                middle = span[0] + 15 * DAY
                return (span[0], middle) if nth == 1 else (middle, span[1])
            months = (span[1].year - span[0].year) * 12 + span[1].month - span[0].month
            if nth > parts or months % parts:
                return None
            size = months // parts
            return shift(span[0], "month", size * (nth - 1)), shift(span[0], "month", size * nth)
        if noun in WEEKDAYS:
            return pick_weekday(span, WEEKDAYS[noun], nth)
        if noun == "weekend":
            saturday = pick_weekday(span, 5, nth)
            return saturday and (saturday[0], saturday[0] + 2 * DAY)
        length = DAY if noun == "day" else 7 * DAY
        start = span[0] + (nth - 1) * length if nth > 0 else span[1] - length
        return (start, min(start + length, span[1])) if span[0] <= start < span[1] else None

    def join(self, first: Match, second: Match) -> Match | None:
        """From the first to the second; the one that names no year takes it from the other."""
        if first.recurring and not second.recurring and second.start is not None:
            cycle = first.recurring.count_cycles(second.start)
            starts = (first.recurring.at(cycle - back) for back in range(3))
            span = next((span for span in starts if span and span[0] <= second.start), None)
            first = first if span is None else replace(first, start=span[0], end=span[1])
        elif second.recurring and first.start is not None:
            cycle = second.recurring.count_cycles(first.start)
            ends = (second.recurring.at(cycle + ahead) for ahead in range(3))
            span = next((span for span in ends if span and span[0] >= first.start), None)
            second = second if span is None else replace(second, start=span[0], end=span[1])
        if first.start is None or second.end is None or first.start >= second.end:
            return None
        return Match(first.start, second.end, "range", second.stop, first.approximate or second.approximate)
