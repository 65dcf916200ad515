"""What the rules for time expressions share: matches, numbers, years, and whether a sentence looks ahead or back.

The rules are a recursive descent over the tokens of a text. Each looks at a bounded number of tokens, so that a text is
read in time linear in its length. What they mean is said in `time_expressions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from lukhasd.memory import time_tokens as figures
from lukhasd.memory.periods import Recurring, Span, floor_day, month_span
from lukhasd.memory.time_words import (
    AHEAD,
    BE,
    BEFORE_A_TIME,
    COUNTED,
    DECADES,
    DETERMINERS,
    LAST,
    NEXT,
    NOT_GERUNDS,
    NOT_PAST,
    NUMBERED_BEFORE,
    OBJECTS,
    ONES,
    ORDINALS,
    PAST,
    PLACES_IN_TIME,
    PRONOUNS,
    QUOTES,
    SENTENCE_ENDS,
    SIGNS,
    TENS,
    THIS,
    UNITS,
    VAGUE,
    WILL,
    YEAR_CUES,
    YEAR_PLACES,
)

PADDING: Final = 24
SENTENCE: Final = 14


Direction = Literal["before", "after", "during"]


@dataclass(frozen=True)
class Offset:
    """`least` to `most` units, as in "a few days"; a unit may be the name of a weekday."""

    least: int
    most: int
    unit: str


@dataclass(frozen=True)
class Anchor:
    """An event that the reader must date; without an offset all time before or after it is meant, or its day."""

    phrase: str
    direction: Direction
    offset: Offset | None


@dataclass(frozen=True, slots=True)
class Match:
    """A span read up to the token `stop`. `recurring` stays while no year or week was named with it."""

    start: datetime | None
    end: datetime | None
    grain: str
    stop: int
    approximate: bool = False
    recurring: Recurring | None = None
    other: Span | None = None
    anchor: Anchor | None = None


def found(span: Span | None, grain: str, stop: int, *, recurring: Recurring | None = None) -> Match | None:
    return None if span is None else Match(span[0], span[1], grain, stop, recurring=recurring)


def is_gerund(word: str) -> bool:
    return word.endswith("ing") and len(word) > 4 and word not in NOT_GERUNDS


def is_past(word: str) -> bool:
    return word in PAST or (word.endswith("ed") and len(word) > 4 and word not in NOT_PAST)


class Grammar:
    def __init__(self, tokens: figures.Tokens, now: datetime) -> None:
        self.tokens = tokens
        # Looking past either end of the text meets empty words.
        self.words = tokens.words + [""] * PADDING
        self.count = len(tokens.words)
        self.zone = now.tzinfo
        self.now = now.replace(tzinfo=None)
        self.today = floor_day(self.now)
        self.depth = 0

    def read_number(self, i: int) -> tuple[int, int, int] | None:
        """At least, at most, and the token after."""
        words, word = self.words, self.words[i]
        if (word in {"a", "an"} and words[i + 1] in VAGUE) or (
            words[i + 1] in {"hundred", "dozen"} and word in {"a", "one"}
        ):
            return self.read_number(i + 1)
        if word in VAGUE:
            return *VAGUE[word], i + 1 + (words[i + 1] == "of")
        if word in {"a", "an"}:
            return 1, 1, i + 1
        if word in {"some", "hundred", "dozen"}:
            least, most = {"some": VAGUE["few"], "hundred": (100, 100), "dozen": (12, 12)}[word]
            return least, most, i + 1
        if word in TENS:
            j = i + 1 + (words[i + 1] == "-")
            ones = ONES.get(words[j], 10)
            return (TENS[word] + ones, TENS[word] + ones, j + 1) if ones < 10 else (TENS[word], TENS[word], i + 1)
        number = ONES.get(word)
        if number is None and word[:1].isdigit():
            number = figures.read_integer(word)
            if number is None and (days := figures.read_days(word)) and days[0] < days[1] and days[2] is None:
                return days[0], days[1], i + 1
        return None if number is None else (number, number, i + 1)

    def read_ordinal(self, i: int) -> tuple[int, int] | None:
        word = self.words[i]
        if word in TENS and ORDINALS.get(self.words[(j := i + 1 + (self.words[i + 1] == "-"))], 10) < 10:
            return TENS[word] + ORDINALS[self.words[j]], j + 1
        number = ORDINALS.get(word) or figures.read_ordinal(word)
        return (number, i + 1) if number else None

    def read_year(self, i: int) -> tuple[int, int] | None:
        """A year as it follows a month, a season or a holiday."""
        words = self.words
        j = i + (words[i] in {",", "of"})
        if words[j] in QUOTES and len(words[j + 1]) == 2 and words[j + 1].isdigit():
            return figures.expand_year(words[j + 1]), j + 2
        if (winter := figures.read_winter(words[j])) is not None and words[i - 1] == "winter":
            return winter, j + 1
        if (year := figures.read_year(words[j])) is not None and words[j + 1] not in COUNTED:
            return year, j + 1
        j += words[j] == "the"
        if words[j + 1] == "year":
            step = -1 if words[j] in LAST else 1 if words[j] in NEXT else 0 if words[j] in THIS else None
            return None if step is None else (self.now.year + step, j + 2)
        number = self.read_number(j)
        if number and UNITS.get(words[number[2]]) == "year" and words[number[2] + 1] == "ago":
            return self.now.year - number[0], number[2] + 2
        return None

    def read_lone_year(self, i: int) -> Match | None:
        words, previous, following = self.words, self.words[i - 1], self.words[i + 1]
        j = i + (words[i] in QUOTES)
        year = figures.expand_year(words[j]) if j > i and len(words[j]) == 2 and words[j].isdigit() else None
        year = figures.read_year(words[i]) if year is None else year
        if year is None and previous in YEAR_PLACES and len(words[i]) == 4 and not following.isalpha():
            year = figures.read_integer(words[i])
        if year is None or previous in SIGNS or previous in NUMBERED_BEFORE or following in COUNTED:
            return None
        listed = previous in {"and", "or", ",", "to", "-", "–"} and figures.read_year(words[i - 2]) is not None
        certain = previous in PLACES_IN_TIME or previous in YEAR_CUES or listed
        owned = previous in DETERMINERS and not following.endswith("s")
        genitive = following in QUOTES and words[i + 2] == "s"
        if not (certain or owned or genitive or (j > i and previous == "of")):
            return None
        return found(month_span(12 * year, 12), "year", j + 1)

    def read_decade(self, i: int) -> Match | None:
        words = self.words
        j = i + (words[i] in QUOTES)
        year = DECADES.get(words[j]) or figures.read_decade(words[j])
        if year is not None and words[i - 1] not in {"his", "her", "my", "their", "your", "our", "low", "high"}:
            # "The 1500s" are a century, "the 2000s" a decade.
            whole = year % 100 == 0 and year < 2000
            return found(month_span(12 * year, 1200 if whole else 120), "century" if whole else "decade", j + 1)
        number = self.read_ordinal(i)
        if number and words[number[1]] == "century" and number[0] > 1:
            return found(month_span(12 * (100 * number[0] - 99), 1200), "century", number[1] + 1)
        return None

    def take_sentence(self, i: int) -> list[str]:
        """The words around the token, no more than `SENTENCE` on either side."""
        words = self.words
        first = last = i
        while first > 0 and i - first < SENTENCE and words[first - 1] not in SENTENCE_ENDS:
            first -= 1
        while last + 1 < self.count and last - i < SENTENCE and words[last + 1] not in SENTENCE_ENDS:
            last += 1
        return words[first : last + 1]

    def looks_back(self, i: int) -> bool:
        return any(map(is_past, self.take_sentence(i)))

    def looks_ahead(self, i: int) -> bool:
        """Does the sentence around the token speak of the future?"""
        sentence = self.take_sentence(i)
        ahead = False
        for word, following in zip(sentence, [*sentence[1:], ""], strict=True):
            if word in WILL or word.endswith("'ll") or (word == "going" and following == "to"):
                return True
            ahead = (
                ahead
                or word in AHEAD
                or (word in BE and (following in BEFORE_A_TIME or is_gerund(following)))
                or (word in PRONOUNS and is_gerund(following))
                or (word in {"have", "has"} and following in OBJECTS)
            )
        return ahead and not any(map(is_past, sentence))
