"""What a query asks for, what it rules out, and when it means.

A negation rules something out where it narrows down what is sought: "not the one in Lyon", "except sushi", "without
nuts", "anything but jazz", "-word". It is part of the question where it denies what somebody does or is ("why did she
not come", "what can't I eat", "how did I manage without a car"), and then nothing is cut.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from lukhasd.memory import time_tokens
from lukhasd.memory.periods import Period
from lukhasd.memory.time_expressions import TimeExpression, find
from lukhasd.memory.time_words import gather

MARKERS: Final = (
    ("with", "the", "exception", "of"), ("with", "no"), ("not", "counting"), ("not", "including"), ("except", "for"),
    ("except",), ("excepting",), ("excluding",), ("apart", "from"), ("aside", "from"), ("other", "than"), ("besides",),
    ("minus",), ("and", "not"), ("save", "for"), ("rather", "than"), ("instead", "of"), ("without",), ("but", "not"),
    ("but", "no"), ("but", "without"), ("but",), ("not",), ("no",), ("isn't",), ("aren't",), ("wasn't",), ("weren't",),
    ("don't", "contain"), ("doesn't", "contain"), ("don't", "include"), ("doesn't", "include"), ("don't", "have"),
    ("doesn't", "have"),
)  # fmt: skip
MARKERS_BY_WORD: Final = {first: [m for m in MARKERS if m[0] == first] for first in {m[0] for m in MARKERS}}
QUANTIFIERS: Final = gather("anything everything any all every anyone everyone anybody everybody anywhere")
SUBJECTS: Final = gather("i you we he she they it")
HELPERS: Final = gather(
    "is are was were am do does did have has had can could will would shall should may might must be been being"
    " isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't"
)
DENIALS: Final = frozenset({"isn't", "aren't", "wasn't", "weren't", "don't", "doesn't"})
OBJECTS: Final = frozenset({"me", "him", "us", "them"})
RELATIVES: Final = frozenset({"that", "which", "who"})
PREPOSITIONS: Final = gather(
    "in on at from for with about by of during near under over to into between among containing involving using"
)
STOPS: Final = HELPERS | RELATIVES | SUBJECTS | gather("when where while what how why if because but so then")
HEADS: Final = gather("one ones those anything anyone people")
DETERMINERS: Final = gather("the a an my our his her their your this that these those any")
NOT_RULED_OUT: Final = gather(
    "only even just really sure yet least because if to so very too all always being having long bad at one idea"
    " matter doubt longer more less much many trouble finished else"
)
QUESTIONS: Final = gather("what who whom whose where when which how")
LONGEST: Final = 8
_SPACE_BEFORE: Final = re.compile(r" ([,.;?!)])")
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Reading:
    """`text` is what to search for: the query without what it excludes.

    `times` leaves out what stands in an excluded phrase; its positions are in the query as it was given.
    """

    text: str
    excluded: tuple[str, ...]
    times: tuple[TimeExpression, ...]


def read(query: str, *, now: datetime) -> Reading:
    """`now` must have a time zone, else ValueError. A query that only excludes is searched for as it stands."""
    times = tuple(find(query, now=now))
    exclusions = _Exclusions(query, times)
    cuts = list(exclusions.find())
    if not cuts:
        return Reading(query, (), times)
    starts, ends = exclusions.tokens.starts, exclusions.tokens.ends
    kept, at = [], 0
    for cut in cuts:
        kept.append(query[at : starts[cut.start]])
        at = ends[cut.stop]
    text = _SPACE_BEFORE.sub(r"\1", " ".join("".join([*kept, " ", query[at:]]).split()))
    if not any(map(str.isalnum, text)):
        return Reading(query, (), times)
    excluded = tuple(query[starts[cut.first] : ends[cut.last]].strip('"') for cut in cuts)
    cut_starts = [starts[cut.start] for cut in cuts]
    cut_ends = [0, *(ends[cut.stop] for cut in cuts)]
    asked = tuple(time for time in times if time.start >= cut_ends[bisect_right(cut_starts, time.start)])
    return Reading(text, excluded, asked)


def _measure_gap(moment: datetime, period: Period) -> timedelta:
    """From the moment to the nearer end of the period; nothing inside it."""
    if period.start is not None and moment < period.start:
        return period.start - moment
    return moment - period.end if period.end is not None and moment > period.end else timedelta()


def closeness(moment: datetime, period: Period) -> float:
    """1 inside the period; outside it halves with every length of the period that lies between.

    A period that is open on one side has the length of a day for this.
    """
    gap = _measure_gap(moment, period)
    if period.start is None or period.end is None:
        length = timedelta(days=1)
    else:
        length = period.end - period.start + MICROSECOND
    return float(0.5 ** (gap / length))


class _Cut(NamedTuple):
    """Token numbers: the first and the last to cut, the first and the last of the excluded phrase."""

    start: int
    stop: int
    first: int
    last: int


class _Exclusions:
    def __init__(self, query: str, times: tuple[TimeExpression, ...]) -> None:
        self.query = query
        self.tokens = time_tokens.split(query)
        self.words = [*self.tokens.words, *[""] * LONGEST]
        self.count = len(self.tokens.words)
        self.excludes = False
        self.is_sentence = not (HELPERS | SUBJECTS).isdisjoint(self.words)
        self.time_starts = {time.start for time in times}

    def find(self) -> Iterator[_Cut]:
        i, quoted = 0, False
        while i < self.count:
            word = self.words[i]
            if word == '"':
                quoted = not quoted
            cut = None if quoted else self._read_operator(i) if word == "-" else self._read_marker(i)
            if cut is None:
                i += 1
                continue
            self.excludes = True
            yield cut
            i = cut.stop + 1

    def _read_operator(self, i: int) -> _Cut | None:
        """ "-word" or "-"two words"", after a space or at the start."""
        starts, ends = self.tokens.starts, self.tokens.ends
        if i + 1 >= self.count or starts[i + 1] != ends[i] or (i > 0 and ends[i - 1] == starts[i]):
            return None
        if self.words[i + 1] == '"':
            close = next((j for j in range(i + 2, min(i + 2 + LONGEST, self.count)) if self.words[j] == '"'), None)
            return None if close is None or close == i + 2 else _Cut(i, close, i + 1, close)
        return _Cut(i, i + 1, i + 1, i + 1) if self.words[i + 1][0].isalpha() else None

    def _read_marker(self, i: int) -> _Cut | None:
        words = self.words
        for marker in MARKERS_BY_WORD.get(words[i], ()):
            first = i + len(marker)
            if tuple(words[i:first]) != marker or first >= self.count or not self._rules_out(i, marker, first):
                continue
            last = self._read_phrase(first)
            # At the start it must be an aside: "except for Berlin, where did we go".
            if last is None or (i == 0 and words[last + 1] != ","):
                continue
            start = i
            if i >= 2 and (words[i - 1] in RELATIVES or (words[i - 1] in HELPERS and words[i - 2] in RELATIVES)):
                start = i - 1 if words[i - 1] in RELATIVES else i - 2
            elif i and words[i - 1] in {",", "("}:
                start = i - 1
            closed = words[last + 1] == (")" if words[start] == "(" else ",") and (i == 0 or words[start] == "(")
            return _Cut(start, last + closed, first, last)
        return None

    def _rules_out(self, i: int, marker: tuple[str, ...], first: int) -> bool:
        """Does the marker narrow down what is sought, or belong to what is asked?"""
        words, before, following = self.words, self.words[i - 1] if i else "", self.words[first]
        shouted = self.query[self.tokens.starts[first - 1] : self.tokens.ends[first - 1]] == "NOT"
        if not following[:1].isalnum() or (following in NOT_RULED_OUT and not shouted):
            return False
        if marker[0] in DENIALS:
            return i >= 2 and before in RELATIVES
        if marker == ("minus",):
            return not following.isdigit()
        clause = words[max(i - 2 * LONGEST, 0) : i]
        if marker in {("without",), ("with", "no"), ("rather", "than"), ("instead", "of")}:
            return not (SUBJECTS.intersection(clause) or "why" in clause or following.endswith("ing"))
        if marker == ("but",):
            near = words[max(i - 3, 0) : i]
            bare = before == "all" and following not in DETERMINERS
            return bool(QUANTIFIERS.intersection(near)) and not bare
        if marker == ("save", "for"):
            return bool(QUANTIFIERS.intersection(clause))
        if marker == ("no",):
            return before in {",", "("}
        if marker == ("and", "not"):
            return shouted or self.excludes
        if marker == ("not",):
            return (shouted and i > 0) or before in {",", "("} or self._narrows(i, first)
        return True

    def _narrows(self, i: int, first: int) -> bool:
        """ "photos not from Rome", "a book which is not in English", "tea not coffee", but not "who is not at home"."""
        words, before, following = self.words, self.words[i - 1] if i else "", self.words[first]
        if words[0] in HELPERS or words[0] == "why" or before in {"but", "or", "and", "a", "the"}:
            return False
        if before in HELPERS:
            return i >= 3 and words[i - 2] in RELATIVES
        if following in PREPOSITIONS or following in DETERMINERS or self.tokens.starts[first] in self.time_starts:
            return i == 0 or (before.isalnum() and before not in SUBJECTS)
        plain = self.tokens.text[self.tokens.starts[i]] == "n" and words[0] not in QUESTIONS
        return i > 0 and before.isalnum() and plain and not self.is_sentence

    def _read_phrase(self, i: int) -> int | None:
        """The last token of the noun phrase that begins here, with its preposition."""
        words, starts = self.words, self.tokens.starts
        if words[i] in OBJECTS and words[i + 1] not in {"and", "or"}:
            return i
        j = i + (words[i] in PREPOSITIONS)
        named = self.tokens.is_capital(j) if j < self.count else False
        j += words[j] in DETERMINERS and words[j] not in HEADS
        wide = False
        last = None
        while j < self.count and j - i < LONGEST and (words[j].isalnum() or "'" in words[j]):
            word = words[j]
            if starts[j] in self.time_starts and last is not None and not (wide and words[j - 1] in PREPOSITIONS):
                break
            if not wide and last is not None:
                if word in {"and", "or"}:
                    if not self._goes_on(j + 1):
                        break
                    j += 1
                    named = named and self.tokens.is_capital(j)
                    j += words[j] in DETERMINERS
                    continue
                if word in PREPOSITIONS or word in STOPS or (named and not self.tokens.is_capital(j)):
                    break
            wide = wide or word in HEADS
            last = j
            j += 1
        return last

    def _goes_on(self, i: int) -> bool:
        """Is it a noun that follows "and"?"""
        word = self.words[i]
        return word[:1].isalnum() and word not in STOPS and word not in PREPOSITIONS and word not in MARKERS_BY_WORD
