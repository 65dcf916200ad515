"""Expressions that lead from one time to another: ago, from now, before and after, since and until, between and to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lukhasd.memory.periods import DAY, MICROSECOND, Span, find_unit, floor_day, repeat_weekday, shift
from lukhasd.memory.time_grammar import Anchor, Direction, Match, Offset, found
from lukhasd.memory.time_phrases import DAY_WORDS, Phrases
from lukhasd.memory.time_words import (
    DAY_PARTS,
    DECADES,
    EVENTS,
    HOLIDAYS_BY_WORD,
    LAST,
    MONTHS,
    NEXT,
    ONES,
    ORDINALS,
    OWNERS,
    PARTS,
    PARTS_OF_YEAR,
    PLURAL_WEEKDAYS,
    QUALIFIERS,
    QUOTES,
    SEASONS,
    TENS,
    THIS,
    UNITS,
    VAGUE,
    WEEKDAYS,
    gather,
)

JOINS: Final = frozenset({"to", "till", "until", "through", "-", "–", "—"})
BOUNDS: Final = {
    "since": "since", "until": "until", "till": "until", "before": "before", "after": "after",
    "prior": "before", "up": "until", "during": "during", "following": "after",
}  # fmt: skip
ASIDE: Final = gather("look looks looking looked named run runs running ran ask asks asked chase takes take")
CLAUSE_ENDS: Final = gather("what where who whom how why did does do when which but")
LONGEST_PHRASE: Final = 10
COUNTS: Final = frozenset({"half", "a", "an", "some", "hundred", "dozen", "more", "less"}).union(
    ONES, TENS, VAGUE, QUALIFIERS
)
AFTER_A: Final = frozenset({"hundred", "dozen"}).union(UNITS, VAGUE)
BESIDE: Final = frozenset(UNITS).union(DAY_PARTS, WEEKDAYS)
TRIGGERS: Final = COUNTS.union(
    MONTHS, WEEKDAYS, SEASONS, UNITS, ORDINALS, DECADES, HOLIDAYS_BY_WORD, DAY_PARTS, DAY_WORDS, LAST, NEXT, THIS,
    PARTS, BOUNDS, QUOTES, PARTS_OF_YEAR,
    {"in", "between", "from", "other", "earlier", "later", "quarter", "noon", "midnight", "midday"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """An offset as read, the token after it, and whether it was vague."""

    offset: Offset
    stop: int
    approximate: bool


def reach(moment: datetime, offset: Offset, step: int) -> Span:
    spans = find_unit(moment, offset.unit, step * offset.least), find_unit(moment, offset.unit, step * offset.most)
    return min(span[0] for span in spans), max(span[1] for span in spans)


def reach_beside(moment: datetime, offset: Offset, step: int) -> Span:
    """As `reach`, where a weekend or a weekday is the nearest that does not hold the moment."""
    if offset.unit not in WEEKDAYS and offset.unit != "weekend":
        return reach(moment, offset, step)
    first, days = (WEEKDAYS[offset.unit], 1) if offset.unit in WEEKDAYS else (5, 2)
    today = floor_day(moment)
    if step > 0:
        start = today + ((first - today.weekday() - 1) % 7 + 1) * DAY
    else:
        start = today - ((today.weekday() - first - days) % 7 + days) * DAY
    start += step * 7 * (offset.least - 1) * DAY
    return start, start + days * DAY


class Reader(Phrases):
    def may_begin(self, i: int, word: str) -> bool:
        """A glance at the next token, for the words that are everywhere."""
        following = self.words[i + 1]
        if word in {"a", "an"}:
            return following in AFTER_A
        return following[:1].isdigit() if word in QUOTES else True

    def read(self, i: int) -> Match | None:
        """The expression that begins at the token."""
        words, word = self.words, self.words[i]
        if word in {"between", "from"}:
            return self._read_range(i)
        if word in BOUNDS and (bounded := self._read_bounded(i)):
            return bounded
        if word == "in":
            return self._read_coming(i)
        counted = word in COUNTS or word in BESIDE or word[0].isdigit()
        first = (self._read_distance(i) if counted else None) or self.read_point(i)
        if first is not None and first.anchor is None and words[first.stop] in JOINS:
            second = self.read_point(first.stop + 1, free=True)
            return (second and self.join(first, second)) or first
        return first

    def _read_range(self, i: int) -> Match | None:
        words = self.words
        joins = {"and", "&"} if words[i] == "between" else JOINS
        if hours := self._read_hours(i + 1, joins):
            return hours
        first = self.read_point(i + 1, free=True)
        if first is None:
            return None
        joined = words[first.stop] in joins
        second = self.read_point(first.stop + 1, free=True) if joined else None
        if second is not None:
            return self.join(first, second)
        return first if first.grain == "range" else None

    def _read_hours(self, i: int, joins: frozenset[str] | set[str]) -> Match | None:
        """ "2 pm to 4 pm yesterday", "9 and 10 am on Friday"; the day may be today."""
        first = self.read_clock(i)
        bare = self.read_number(i) if first is None else None
        j = first[3] if first else bare[2] if bare else i
        last = self.read_clock(j + 1) if j > i and self.words[j] in joins else None
        if last is None:
            return None
        begin = first[0] if first else (bare[0] + (12 if last[0] >= 13 and bare[0] < 12 else 0) if bare else 0)
        k = last[3] + (self.words[last[3]] in {"on", "of", ","})
        day = self.read_whole(k, free=True)
        if day is None or day.grain != "day":
            day = Match(self.today, self.today + DAY, "day", last[3])
        return self.take_hours(day, begin, last[1], "range", day.stop) if begin < last[0] else None

    def _read_bounded(self, i: int) -> Match | None:
        """ "since March", "before the wedding"."""
        words, bound = self.words, BOUNDS[self.words[i]]
        two_words = words[i] in {"prior", "up"}
        if two_words and words[i + 1] != "to":
            return None
        j = i + 1 + two_words
        target = self.read_point(j, free=True)
        if target is None and (clock := self.read_clock(j)):
            target = self.take_hours(Match(self.today, self.today + DAY, "day", clock[3]), *clock)
        if target is None:
            return self._anchor_event(i, j, bound)
        if bound == "during":
            return target
        if bound == "since":
            start, end = target.start, None if target.start is None else self.now + MICROSECOND
            if start is None or start > self.now:
                return None
        elif bound == "until":
            start, end = None, target.end
        else:
            start, end = (None, target.start) if bound == "before" else (target.end, None)
        if start is None and end is None:
            return None
        return Match(start, end, "range", target.stop, target.approximate)

    def _anchor_event(self, i: int, j: int, bound: str) -> Match | None:
        if bound == "after" and self.words[i - 1] in ASIDE:
            return None
        stop = self._read_event(j)
        if stop is None:
            return None
        direction: Direction = "before" if bound in {"until", "before"} else "after" if bound != "during" else "during"
        return self._anchor(j, stop, direction, None)

    def _read_event(self, i: int) -> int | None:
        """The token after "the wedding", "my last trip", "Anna's party"."""
        words = self.words
        if i >= self.count or not (words[i] in OWNERS or self.tokens.is_possessive(i)):
            return None
        for j in range(i + 1, i + 5):
            if words[j] in EVENTS:
                while words[j] in EVENTS:
                    j += 1
                return j
            if not words[j].isalnum():
                return None
        return None

    def _anchor(self, i: int, stop: int, direction: Direction, quantity: Quantity | None) -> Match:
        anchor = Anchor(
            self.tokens.text[self.tokens.starts[i] : self.tokens.ends[stop - 1]],
            direction,
            quantity.offset if quantity else None,
        )
        grain = quantity.offset.unit if quantity else "range"
        return Match(None, None, grain, stop, quantity is not None and quantity.approximate, anchor=anchor)

    def _read_clause(self, i: int) -> int | None:
        """The token after the words that say what happened."""
        words, j = self.words, i
        while j < self.count and j - i < LONGEST_PHRASE and words[j].isalnum() and words[j] not in CLAUSE_ENDS:
            j += 1
        return j if j > i and not (j == i + 1 and words[i] in {"that", "this", "it", "then"}) else None

    def _read_coming(self, i: int) -> Match | None:
        """ "in three days", where it is not how long something took."""
        words = self.words
        quantity = self.read_quantity(i + 1)
        if (
            quantity is None
            or quantity.offset.unit == "second"
            or words[quantity.stop] in {"ago", "before", "after", "later"}
        ):
            return None
        single = words[i + 1] in {"a", "an"} and quantity.offset.most == 1 and quantity.offset.unit in {"day", "minute"}
        rate = any(word in {"many", "much", "times", "once", "twice"} for word in words[max(i - 5, 0) : i])
        if single or rate or self.looks_back(i):
            return None
        return self._count(quantity, 1, quantity.stop)

    def read_quantity(self, i: int) -> Quantity | None:
        """ "two weeks", "about a month", "a year and a half", "a day or two"."""
        words, j = self.words, i
        while j - i < 3 and (words[j] in QUALIFIERS or (words[j] in {"more", "less"} and words[j + 1] == "than")):
            j += 1 + (words[j] in {"more", "less"})
        vague = j > i and words[i] not in {"just", "exactly"}
        if words[j] == "half" and words[j + 1] in {"a", "an"} and words[j + 2] in {"year", "hour", "decade"}:
            unit, halves = {"year": ("month", 6), "hour": ("minute", 30), "decade": ("year", 5)}[words[j + 2]]
            return Quantity(Offset(halves, halves, unit), j + 3, vague)
        number = self.read_number(j)
        if number is None and words[j] in UNITS and j > i and words[i] == "some":
            number = (*VAGUE["few"], j)
        if number is None:
            return None
        least, most, k = number
        if words[k] in {"or", "to"} and (second := self.read_number(k + 1)) and second[0] > least:
            most, k = second[1], second[2]
        half = words[k : k + 3] == ["and", "a", "half"]
        k += 3 if half else 0
        unit = UNITS.get(words[k], "")
        if not unit:
            return None
        k += 1
        if words[k : k + 3] == ["and", "a", "half"]:
            half, k = True, k + 3
        elif (
            words[k] == "or" and (second := self.read_number(k + 1)) and words[second[2]] == "ago" and second[0] > most
        ):
            most, k = second[1], second[2]
        if unit in {"decade", "century"}:
            years = 10 if unit == "decade" else 100
            least, most, unit = years * least + years // 2 * half, years * most + years // 2 * half, "year"
        elif half and unit == "year":
            least, most, unit = 12 * least + 6, 12 * most + 6, "month"
        elif half and unit in {"hour", "day"}:
            size, unit = (60, "minute") if unit == "hour" else (24, "hour")
            least, most = size * least + size // 2, size * most + size // 2
        return Quantity(Offset(least, most, unit), k, vague or least < most)

    def _read_distance(self, i: int) -> Match | None:
        """ "two days ago", "a week from Friday", "the day after the party"."""
        words = self.words
        quantity = self.read_quantity(i)
        if quantity is None:
            return self._read_weekdays_ago(i) or self._read_unit_beside(i)
        j = quantity.stop
        if words[j] == "ago" or (words[j] == "back" and words[j + 1] not in {"home", "to", "in", "and", "from", "at"}):
            return self._read_ago(quantity, j + 1)
        if words[j] == "hence" or (words[j] == "from" and words[j + 1] == "now"):
            return self._count(quantity, 1, j + 1 + (words[j] == "from"))
        if words[j] == "from":
            return self._read_from(quantity, j + 1)
        return self._read_beside(quantity, j)

    def _count(self, quantity: Quantity, step: int, stop: int) -> Match:
        """So many units before or after now."""
        offset = quantity.offset
        return Match(*reach(self.now, offset, step), offset.unit, stop, quantity.approximate)

    def _read_ago(self, quantity: Quantity, j: int) -> Match:
        words = self.words
        if words[j] in {"today", "yesterday"}:
            start = shift(self.today + DAY_WORDS[words[j]] * DAY, quantity.offset.unit, -quantity.offset.most)
            return Match(start, start + DAY, "day", j + 1)
        k = j + (words[j] == "on")
        if quantity.offset.unit == "week" and words[k] in WEEKDAYS:
            start = find_unit(self.now, "week", -quantity.offset.most)[0] + WEEKDAYS[words[k]] * DAY
            return Match(start, start + DAY, "day", k + 1)
        return self._count(quantity, -1, j)

    def _read_from(self, quantity: Quantity, j: int) -> Match | None:
        words = self.words
        if words[j] in WEEKDAYS:
            day: Match | None = found(
                repeat_weekday(WEEKDAYS[words[j]]).find_coming(self.now, today_counts=False), "day", j + 1
            )
        else:
            day = self.read_whole(j, free=True)
        if day is None or day.start is None or day.grain != "day":
            return None
        start = shift(day.start, quantity.offset.unit, quantity.offset.most)
        return Match(start, start + DAY, "day", day.stop, quantity.approximate)

    def _read_weekdays_ago(self, i: int) -> Match | None:
        number = self.read_number(i)
        if number is None or self.words[number[2]] not in PLURAL_WEEKDAYS or self.words[number[2] + 1] != "ago":
            return None
        last = repeat_weekday(PLURAL_WEEKDAYS[self.words[number[2]]]).find_over(self.now)
        if last is None:
            return None
        back = (number[1] - 1) * 7 * DAY
        return Match(last[0] - back, last[1] - back, "day", number[2] + 2)

    def _read_unit_beside(self, i: int) -> Match | None:
        words = self.words
        j = i + (words[i] == "the")
        unit = "day" if words[j] in DAY_PARTS else words[j]
        if unit in WEEKDAYS:
            if words[j + 1 : j + 3] in (["before", "last"], ["after", "next"]):
                return None
        elif unit not in {"day", "week", "weekend", "month", "year"} or self._read_unit_phrase(j):
            return None
        if unit == "day" and words[j + 1] == "of" and (stop := self._read_event(j + 2)):
            return self._anchor(j + 2, stop, "during", None)
        return self._read_beside(Quantity(Offset(1, 1, unit), j + 1, approximate=False), j + 1)

    def _read_beside(self, quantity: Quantity, j: int) -> Match | None:
        words = self.words
        if words[j] == "prior" and words[j + 1] == "to":
            direction: Direction = "before"
            k = j + 2
        elif words[j] in {"before", "after", "following"}:
            direction, k = "before" if words[j] == "before" else "after", j + 1
        else:
            return None
        target = self.read_point(k, free=True)
        if target is not None and target.start is not None and target.end is not None:
            edge = target.start if direction == "before" else target.end - MICROSECOND
            span = reach_beside(edge, quantity.offset, -1 if direction == "before" else 1)
            return Match(*span, quantity.offset.unit, target.stop, quantity.approximate)
        stop = self._read_clause(k)
        return None if stop is None else self._anchor(k, stop, direction, quantity)
