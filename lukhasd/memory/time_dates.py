"""Dates, days, months, seasons and holidays, with their year or without, and the time of day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lukhasd.memory import time_tokens as figures
from lukhasd.memory.periods import (
    DAY,
    Recurring,
    find_unit,
    repeat_date,
    repeat_day_of_month,
    repeat_month,
    repeat_weekday,
)
from lukhasd.memory.time_grammar import Grammar, Match, found
from lukhasd.memory.time_words import (
    COUNTED,
    DAY_PARTS,
    EVERY,
    FOLLOWERS,
    FOREIGN_YEARS,
    HOLIDAY_THINGS,
    HOLIDAYS,
    HOLIDAYS_BY_WORD,
    LAST,
    MONTHS,
    NEXT,
    NUMBERED_BEFORE,
    ORDINALS,
    PARTS_OF_YEAR,
    PLACES_IN_TIME,
    PLACES_OF_DAY,
    PLACES_OF_SEASONS,
    SEASONS,
    SIGNS,
    SURE_MONTHS,
    TENS,
    THIS,
    UNITS,
    UNSURE_WEEKDAYS,
    WEEKDAYS,
)


class Dates(Grammar):
    def read_recurring(self, i: int, *, free: bool) -> tuple[Recurring, int] | None:
        """`free` says that what stands before leaves no doubt that a time is meant."""
        words, word = self.words, self.words[i]
        for names in HOLIDAYS_BY_WORD.get(word, ()):
            if tuple(words[i : i + len(names)]) == names:
                after = i + len(names)
                other = words[after] in HOLIDAY_THINGS or words[i - 1] in FOREIGN_YEARS
                return None if other else (HOLIDAYS[names], after)
        if word in MONTHS:
            return self._read_month(i, free=free)
        if word in WEEKDAYS and words[i - 1] not in {"a", "an"}:
            sure = free or word not in UNSURE_WEEKDAYS or self._is_cased_day(i)
            after = i + 1 + (words[i + 1] == "." and len(word) < 5)
            return (repeat_weekday(WEEKDAYS[word]), after if sure else i + 1) if sure else None
        if word in SEASONS:
            skipped = words[i + 1 : i + 3] in (["before", "last"], ["after", "next"])
            placed = words[i - 1] in PLACES_IN_TIME or (words[i - 1] == "the" and words[i - 2] in PLACES_OF_SEASONS)
            return (self._repeat_season(word), i + 1) if free or placed or skipped or self.read_year(i + 1) else None
        if word in PARTS_OF_YEAR and (word[0] == "q" or free or self.read_year(i + 1)):
            months = 3 if word[0] == "q" else 6
            return repeat_month(
                months * (int(word[1]) - 1) + 1, months, grain="quarter" if months == 3 else "half"
            ), i + 1
        return self._read_day_of_month(i)

    def _repeat_season(self, word: str) -> Recurring:
        return repeat_month(SEASONS[word], 3, grain="season")

    def _is_cased_day(self, i: int) -> bool:
        following = self.words[i + 1]
        dated = following[:1].isdigit() or (following in {",", "."} and self.words[i + 2][:1].isdigit())
        if dated and not self.tokens.is_capital(i):
            dated = self.words[i + 2] in MONTHS or self.words[i + 3] in MONTHS
        return dated or (self.tokens.is_capital(i) and self.words[i - 1] in PLACES_OF_DAY)

    def _read_month(self, i: int, *, free: bool) -> tuple[Recurring, int] | None:
        words, month = self.words, MONTHS[self.words[i]]
        capital = self.tokens.is_capital(i)
        j = i + 1 + (words[i + 1] == "." and len(words[i]) < 5)
        k = j + (words[j] == "the")
        day = figures.read_ordinal(words[k])
        sure = capital or free or words[i] in SURE_MONTHS or words[i - 1] in {"on", *PLACES_IN_TIME}
        if sure or day is not None or not words[k + 1].isalnum() or figures.read_year(words[k + 1]):
            day = figures.read_integer(words[k]) if day is None and k == j else day
            if day is not None and 1 <= day <= 31 and words[k + 1] not in UNITS and words[k + 1] not in COUNTED:
                return repeat_date(month, day), k + 1
        ranged = capital and words[j] in {"-", "–", "to"} and words[j + 1] in MONTHS
        if free or ranged or (words[i] in SURE_MONTHS and (len(words[i]) > 4 or capital)):
            return repeat_month(month), j
        named = (
            i + 1 < self.count and words[i + 1].isalpha() and len(words[i + 1]) > 1 and self.tokens.is_capital(i + 1)
        )
        placed = words[i - 1] in PLACES_IN_TIME and not named
        if (placed and (capital or words[i - 1] in {"in", "since", "until", "during"})) or self._starts_with_year(j, i):
            return repeat_month(month), j
        return None

    def _starts_with_year(self, j: int, i: int) -> bool:
        year = self.read_year(j)
        return year is not None and (self.tokens.is_capital(i) or self.words[j][:1].isdigit())

    def _read_day_of_month(self, i: int) -> tuple[Recurring, int] | None:
        """ "3 May", "3rd of May", "the twenty-first of June"."""
        words = self.words
        day = figures.read_integer(words[i])
        ordinal = self.read_ordinal(i) if day is None else (day, i + 1)
        if ordinal is None or not 1 <= ordinal[0] <= 31 or words[i - 1] in SIGNS:
            return None
        j = ordinal[1] + (words[ordinal[1]] == "of")
        if words[j] not in MONTHS or not (
            j > ordinal[1]
            or day is None
            or self.tokens.is_capital(j)
            or words[j] in SURE_MONTHS
            or self.read_year(j + 1)
        ):
            return None
        after = j + 1 + (words[j + 1] == "." and len(words[j]) < 5)
        return repeat_date(MONTHS[words[j]], ordinal[0]), after

    def settle(self, recurring: Recurring, i: int, stop: int) -> Match | None:
        """Without a year: the latest, or the coming one where the sentence looks ahead."""
        if self.looks_ahead(i):
            span = recurring.find_coming(self.now, today_counts=recurring.cycle != "week")
        else:
            span = recurring.find_over(self.now) if recurring.cycle == "week" else recurring.find_started(self.now)
        return found(span, recurring.grain, stop, recurring=recurring)

    def read_named(self, i: int, *, free: bool) -> Match | None:
        """Something that comes back, with its year or week if that is said."""
        words = self.words
        if words[i - 1] in EVERY:
            return None
        named = self.read_recurring(i, free=free)
        if named is None:
            return self._read_numbered_day(i)
        recurring, stop = named
        if recurring.cycle == "week":
            return self._place_weekday(i, recurring, stop)
        if words[stop : stop + 2] in (["before", "last"], ["after", "next"]):
            return self._skip_one(recurring, stop)
        if year := self.read_year(stop):
            return found(recurring.at(year[0]), recurring.grain, year[1])
        return self.settle(recurring, i, stop)

    def _skip_one(self, recurring: Recurring, stop: int) -> Match | None:
        """ "the summer before last", "the Friday after next"."""
        if self.words[stop] == "before":
            last = recurring.find_over(self.now)
            return found(last and recurring.find_over(last[0]), recurring.grain, stop + 2)
        coming = recurring.find_coming(self.now, today_counts=False)
        return found(coming and recurring.find_coming(coming[1] - DAY, today_counts=False), recurring.grain, stop + 2)

    def _read_numbered_day(self, i: int) -> Match | None:
        """ "the 15th" of whichever month."""
        words = self.words
        day = figures.read_ordinal(words[i])
        if day is None or words[i - 1] != "the":
            return None
        following = words[i + 1]
        ends = not following.isalnum() or following in FOLLOWERS
        return self.settle(repeat_day_of_month(day), i, i + 1) if ends else None

    def _place_weekday(self, i: int, recurring: Recurring, stop: int) -> Match | None:
        words = self.words
        day = WEEKDAYS[words[i]]
        j = stop + (words[stop] == ",") if words[stop] in {",", ""} else stop
        j += words[j] == "the"
        if (date := self._read_date(j)) and date.grain == "day":
            return date
        ordinal = figures.read_ordinal(words[j])
        if ordinal is not None and j > stop:
            numbered = repeat_day_of_month(ordinal)
            matching = Recurring(
                "month",
                lambda k: span if (span := numbered.at(k)) and span[0].weekday() == day else None,
                "day",
            )
            return self.settle(matching, i, j + 1)
        k = stop + (words[stop] in DAY_PARTS)
        k += words[k] in {"of", "in"}
        if k > stop and words[k] in EVERY:
            return None
        if words[k] in LAST | THIS | NEXT and words[k + 1] == "week":
            week = find_unit(self.now, "week", -1 if words[k] in LAST else words[k] in NEXT)
            return self._keep_part(found((week[0] + day * DAY, week[0] + (day + 1) * DAY), "day", k + 2), stop)
        if words[stop : stop + 2] in (["before", "last"], ["after", "next"]):
            return self._skip_one(recurring, stop)
        return self.settle(recurring, i, stop)

    def _keep_part(self, day: Match | None, i: int) -> Match | None:
        part = DAY_PARTS.get(self.words[i])
        return day if day is None or part is None else self.take_hours(day, part[0], part[1], "part", day.stop)

    def _read_date(self, i: int) -> Match | None:
        """A date in figures, or a day and month with or without a year."""
        word = self.words[i]
        if word[:1].isdigit() and self.words[i - 1] not in SIGNS and self.words[i - 1] not in NUMBERED_BEFORE:
            date = figures.read_date(word)
            if date is not None:
                start, end = (self._localise(edge) for edge in date.span) if date.in_utc else date.span
                return Match(start, end, date.grain, i + 1, other=date.other)
            if match := self._read_days(i):
                return match
        if word[:1].isdigit() or word in MONTHS or word in ORDINALS or word in TENS:
            if word in MONTHS and (days := self._read_month_days(i)):
                return days
            named = self.read_recurring(i, free=False)
            if named and named[0].cycle == "year" and named[0].grain == "day":
                year = self.read_year(named[1])
                return found(named[0].at(year[0]), "day", year[1]) if year else self.settle(named[0], i, named[1])
        return None

    def _localise(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=UTC).astimezone(self.zone).replace(tzinfo=None)

    def _read_days(self, i: int) -> Match | None:
        """ "3-7 May 2023", "3 to 7 May"."""
        words = self.words
        days = figures.read_days(words[i])
        if days is not None and days[2] is None:
            first, j = days[0], i + 1
            last: int | None = days[1]
        else:
            joined = words[i + 1] in {"to", "-", "–", "till", "until", "and"} and words[i - 1] in {
                "from",
                "between",
                "of",
                "on",
                "the",
                "",
            }
            first_day = figures.read_ordinal(words[i]) or figures.read_integer(words[i])
            last = figures.read_ordinal(words[i + 2]) or figures.read_integer(words[i + 2])
            if not joined or first_day is None:
                return None
            first, j = first_day, i + 3
        j += words[j] == "of"
        if last is None or words[j] not in MONTHS or not 1 <= first < last <= 31:
            return None
        return self._span_days(i, MONTHS[words[j]], first, last, j + 1)

    def _read_month_days(self, i: int) -> Match | None:
        """ "May 3-7, 2023", "May 3,2023", "May 3rd to 7th"."""
        words, word = self.words, self.words[i + 1]
        if words[i + 2] in {"to", "-", "–", "until", "till", "through"} and words[i + 4] not in MONTHS:
            first = figures.read_ordinal(word) or figures.read_integer(word)
            last = figures.read_ordinal(words[i + 3]) or figures.read_integer(words[i + 3])
            if first and last and 1 <= first < last <= 31 and words[i + 4] not in UNITS:
                return self._span_days(i, MONTHS[words[i]], first, last, i + 4)
        if whole := figures.read_day_and_year(word):
            return found(repeat_date(MONTHS[self.words[i]], whole[0]).at(whole[1]), "day", i + 2)
        days = figures.read_days(word)
        if days is None or not 1 <= days[0] < days[1] <= 31:
            return None
        if days[2] is not None:
            start = datetime(int(days[2]), MONTHS[self.words[i]], days[0])
            return found((start, start + (days[1] - days[0] + 1) * DAY), "day", i + 2)
        return self._span_days(i, MONTHS[self.words[i]], days[0], days[1], i + 2)

    def _span_days(self, i: int, month: int, first: int, last: int, stop: int) -> Match | None:
        recurring = repeat_date(month, first)
        year = self.read_year(stop)
        start = found(recurring.at(year[0]), "day", year[1]) if year else self.settle(recurring, i, stop)
        if start is None or start.start is None:
            return None
        return replace(start, end=start.start + (last - first + 1) * DAY, recurring=None)

    def take_hours(self, day: Match, first: float, last: float, grain: str, stop: int) -> Match:
        if day.start is None:
            return replace(day, stop=stop)
        hour = timedelta(hours=1)
        return replace(
            day, start=day.start + first * hour, end=day.start + last * hour, grain=grain, stop=stop, recurring=None
        )

    def read_clock(self, i: int) -> tuple[float, float, str, int] | None:
        """First and last hour of the day (the last excluded), granularity, token after."""
        words, word = self.words, self.words[i]
        if word in {"noon", "midday", "midnight"}:
            hour = 0 if word == "midnight" else 12
            return hour, hour + 1, "hour", i + 1
        if word in {"half", "quarter"} and words[i + 1] in {"past", "to"}:
            number = self.read_number(i + 2)
            if number is None or number[0] > 12:
                return None
            hours = number[0] + (0.5 if word == "half" else 0.25) * (1 if words[i + 1] == "past" else -1)
            return hours, hours + 1 / 60, "minute", number[2]
        if words[i + 1] == "o'clock" and (number := self.read_number(i)) and number[0] < 24:
            return number[0], number[0] + 1, "hour", i + 2
        clock = figures.read_clock(word)
        if clock is None:
            return None
        hour, minute, half = clock
        j = i + 1
        if half is None and words[j] in {"am", "pm"}:
            half, j = words[j], j + 1
        elif half is None and words[j] in {"a", "p"} and words[j + 1] == "." and words[j + 2] == "m":
            half, j = words[j] + "m", j + 3 + (words[j + 3] == ".")
        if half is None and (minute is None or "." in word):
            return None
        if half is not None:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if half == "pm" else 0)
        if minute is None:
            return hour, hour + 1, "hour", j
        return hour + minute / 60, hour + (minute + 1) / 60, "minute", j

    def narrow(self, day: Match) -> Match:
        """By the hour or the part of the day said after it."""
        words, j = self.words, day.stop
        if day.grain != "day" or day.start is None or day.end != day.start + DAY:
            return day
        part = j + 2 if words[j] == "in" and words[j + 1] == "the" else j
        if words[part] in DAY_PARTS:
            return self.take_hours(day, *DAY_PARTS[words[part]], "part", part + 1)
        k = j + (words[j] in {",", "at", "around", "about", "by", "@"})
        clock = self.read_clock(k)
        return day if clock is None else self.take_hours(day, *clock)
