"""The tokens that a text falls into, and what a token of figures says: a date, a time of day, an ordinal, a decade.

A date of figures is read day first, as 03/05/2023 is 3 May, unless only month first makes one; where both do, the
other reading is given too. Two figures for a year stand for 1950 to 2049.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from lukhasd.memory.periods import CLOCK_UNITS, DAY, Span, day_span, month_span

_TOKEN: Final = re.compile(
    r"[^\W\d_]\w*(?:'[^\W\d_]+)*"
    r"|[0-9]+[a-z]*(?:[-/.:,–+](?:[0-9]|w[0-9])[0-9a-z]*)*"
    r"|[^\w\s]"
)
_YMD: Final = re.compile(
    r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?:t([0-9]{2}):([0-9]{2})(?::[0-9]{2}(?:\.[0-9]+)?)?(z|([-+])([0-9]{2}):?([0-9]{2}))?)?"
)
_DMY: Final = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})")
_COMPACT: Final = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})")
_WEEK: Final = re.compile(r"([0-9]{4})-?w([0-9]{1,2})")
_YEARS: Final = re.compile(r"((?:19|20)[0-9]{2})[-–/]((?:19|20)[0-9]{2})")
_YEAR_MONTH: Final = re.compile(r"((?:19|20)[0-9]{2})[-/](0[1-9]|1[0-2])")
_WINTER: Final = re.compile(r"((?:19|20)[0-9]{2})[-–/]([0-9]{2})")
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3])(?:[:.]([0-5][0-9]))?(?::[0-5][0-9])?(am|pm)?")
_ORDINAL: Final = re.compile(r"([12]?[0-9]|3[01])(?:st|nd|rd|th)")
_DECADE: Final = re.compile(r"(1[5-9]|20)?([0-9]0)s")
_DAYS: Final = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?[-–]([0-9]{1,2})(?:st|nd|rd|th)?(?:,((?:19|20)[0-9]{2}))?")
_DAY_YEAR: Final = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?,((?:19|20)[0-9]{2})")
LONGEST: Final = 40
PIVOT: Final = 50


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words in lower case without a possessive 's, figures as written, single signs; and where each stands."""

    text: str
    words: list[str]
    starts: list[int]
    ends: list[int]

    def is_capital(self, index: int) -> bool:
        return self.text[self.starts[index]].isupper()

    def is_possessive(self, index: int) -> bool:
        return self.text[self.starts[index] : self.ends[index]].endswith(("'s", "’s"))


def split(text: str) -> Tokens:
    low = text.lower().replace("’", "'")
    if len(low) != len(text):
        # A few capitals have a small form of two characters, which would shift every position after them.
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text).replace("’", "'")
    spans = [match.span() for match in _TOKEN.finditer(low)]
    words = [low[start:end] for start, end in spans]
    if "'s" in low:
        words = [word.removesuffix("'s") for word in words]
    return Tokens(text, words, [start for start, _ in spans], [end for _, end in spans])


class Figures(NamedTuple):
    span: Span
    grain: str
    other: Span | None = None
    in_utc: bool = False


def expand_year(figures: str) -> int:
    year = int(figures)
    return year if len(figures) == 4 else year + (2000 if year < PIVOT else 1900)


def read_date(word: str) -> Figures | None:
    """A whole date, month, week or run of years written in one token; ValueError if no calendar has it."""
    if len(word) > LONGEST:
        return None
    if match := _YMD.fullmatch(word):
        year, month, day = int(match[1]), int(match[3]), int(match[4])
        if match[5] is None:
            return Figures(day_span(year, month, day), "day")
        start = datetime(year, month, day, int(match[5]), int(match[6]))
        if match[8]:
            east = timedelta(hours=int(match[9]), minutes=int(match[10]))
            start += -east if match[8] == "+" else east
        return Figures((start, start + CLOCK_UNITS["minute"]), "minute", in_utc=match[7] is not None)
    if match := _DMY.fullmatch(word):
        return _read_day_first(match)
    if match := _COMPACT.fullmatch(word):
        return Figures(day_span(int(match[1]), int(match[2]), int(match[3])), "day")
    if match := _WEEK.fullmatch(word):
        return Figures(find_iso_week(int(match[1]), int(match[2])), "week")
    if match := _YEAR_MONTH.fullmatch(word):
        return Figures(month_span(12 * int(match[1]) + int(match[2]) - 1), "month")
    if (match := _YEARS.fullmatch(word)) and int(match[1]) < int(match[2]):
        return Figures((datetime(int(match[1]), 1, 1), datetime(int(match[2]) + 1, 1, 1)), "year")
    return None


def _read_day_first(match: re.Match[str]) -> Figures | None:
    first, second, year = int(match[1]), int(match[3]), expand_year(match[4])
    # 2.0.21 and 555-12-34 are no dates; 2/5/21 and 02.05.21 are.
    if len(match[4]) == 2 and (match[2] == "-" or (match[2] == "." and len(match[1] + match[3]) < 4)):
        return None
    if second > 12:
        return Figures(day_span(year, first, second), "day")
    other = day_span(year, first, second) if first <= 12 and first != second else None
    return Figures(day_span(year, second, first), "day", other)


def find_iso_week(year: int, week: int) -> Span:
    start = datetime.combine(date.fromisocalendar(year, week, 1), datetime.min.time())
    return start, start + 7 * DAY


def read_integer(word: str) -> int | None:
    return int(word) if len(word) <= 4 and word.isascii() and word.isdigit() else None


def read_year(word: str) -> int | None:
    return (
        int(word) if len(word) == 4 and word[:2] in {"18", "19", "20"} and word.isascii() and word.isdigit() else None
    )


def read_winter(word: str) -> int | None:
    """The first of two years as in "2022/23"."""
    match = _WINTER.fullmatch(word)
    return int(match[1]) if match and (int(match[1]) + 1) % 100 == int(match[2]) else None


def read_ordinal(word: str) -> int | None:
    match = _ORDINAL.fullmatch(word)
    return int(match[1]) if match else None


def read_decade(word: str) -> int | None:
    """Its first year: 1990 for "1990s" and "90s", 2000 for "2000s"."""
    match = _DECADE.fullmatch(word)
    if match is None:
        return None
    return int((match[1] or ("20" if match[2] in {"00", "10"} else "19")) + match[2])


def read_days(word: str) -> tuple[int, int, str | None] | None:
    """Two days of one month, "3-7", with the year of "3-7,2023"."""
    match = _DAYS.fullmatch(word)
    return (int(match[1]), int(match[2]), match[3]) if match else None


def read_day_and_year(word: str) -> tuple[int, int] | None:
    """Of "3,2023", as in "May 3,2023"."""
    match = _DAY_YEAR.fullmatch(word)
    return (int(match[1]), int(match[2])) if match else None


def read_clock(word: str) -> tuple[int, int | None, str | None] | None:
    """Hour, minute if given, am or pm if given."""
    match = _CLOCK.fullmatch(word)
    return (int(match[1]), int(match[2]) if match[2] else None, match[3]) if match else None
