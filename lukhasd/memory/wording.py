"""What a text says, freed of how it is written: two texts with the same wording say the same."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LONGEST_CHARS = 200_000
SHORTEST_TYPO_CHARS = 7
LONGEST_MOVED = 5
"""Words of a place or a time that may stand at the start of one text and at the end of the other."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = _words("a an the that")
LIGHT = _words("really actually currently simply also just generally now still")
COPULAS = _words("is are am")
PLACED = _words("kept located situated stored")
LEADERS = _words(
    "in on at by with during after before since until from under over near around within inside outside between"
    " behind above below upstairs downstairs today yesterday tomorrow"
)
UNITS_AND_TEENS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty"""
TENS = "thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {word: str(number) for number, word in enumerate(UNITS_AND_TEENS.split())}
NUMBER_WORDS |= {word: str(10 * number) for number, word in enumerate(TENS.split(), 3)}
ORDINALS = {"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th"}
MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS = {month[:3]: month for month in MONTH_NAMES.split()} | {"sept": "september"}
DAYS = {
    short: day
    for day, shorts in {
        "monday": "mon", "tuesday": "tue tues", "wednesday": "wed", "thursday": "thu thur thurs", "friday": "fri",
    }.items()
    for short in shorts.split()
}  # fmt: skip
UNITS = {
    "kilometres": "km", "kilometers": "km", "kilometre": "km", "kilometer": "km", "kilograms": "kg", "kilos": "kg",
    "euros": "euro", "dollars": "dollar", "pounds": "pound", "€": "euro", "$": "dollar", "£": "pound",
    "%": "percent", "m²": "m2", "m³": "m3", "°": "degrees", "&": "and",
}  # fmt: skip
SPELLINGS = {
    "mum": "mom", "mum's": "mom's", "mums": "moms", "mummy": "mommy", "grey": "gray", "theatre": "theater",
    "centre": "center", "metre": "meter", "metres": "meters", "litre": "liter", "litres": "liters", "tyre": "tire",
    "tyres": "tires", "licence": "license", "cheque": "check", "programme": "program", "pyjamas": "pajamas",
    "cancelled": "canceled", "cancelling": "canceling", "travelled": "traveled", "travelling": "traveling",
    "labelled": "labeled", "modelling": "modeling", "jewellery": "jewelry", "catalogue": "catalog",
    "aluminium": "aluminum", "moustache": "mustache", "fulfil": "fulfill", "enrol": "enroll", "ok": "okay",
}  # fmt: skip
_OUR = re.compile(r"^(col|fav|neighb|harb|lab|hon|hum|behavi|flav|rum|arm|vap|od|endeav|parl|sav|vig)our")
_ISE = re.compile(r"(?<=[a-z]{3})is(e|ed|es|ing|ation|ations|er|ers)$")
_FILLERS = re.compile(
    r"(?:(?:please |do |don't forget |i want you to |i'd like you to |you should |just )?(?:remember|note|recall|know)"
    r"(?: that|:|,)?\s+(?!to\b|me\b|how\b|when\b|what\b|where\b|who\b|why\b|the time\b)"
    r"|don't forget(?: that|:)\s+|(?:please )?keep in mind(?: that|:|,)?\s+"
    r"|(?:fyi|reminder|important|note to self|for the record|by the way|btw|to be clear|just so you know)\b[,:]?\s*"
    r"(?:that\s+)?|(?:actually|well|also|so|oh|anyway|plus),?\s+(?=\S+\s+\S+\s+\S))"
)
_CLITICS = (
    (re.compile(r"\bcan't\b"), "cannot"), (re.compile(r"\bcan not\b"), "cannot"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bshan't\b"), "shall not"), (re.compile(r"n't\b"), " not"), (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"'re\b"), " are"), (re.compile(r"'ve\b"), " have"), (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\b(it|he|she|that|this|there|here|who|what|where|when|how)'s\b"), r"\1 is"),
)  # fmt: skip
_CLOCK = re.compile(r"(?<![\w.:])(\d{1,2})(?:[:.](\d{2}))?\s?([ap])\.?m\b\.?")
_HOURS = re.compile(r"(?<![\w.:-])(\d{1,2}):(\d{2})(?![\w:])")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_CURRENCY = re.compile(r"([€$£])\s?(\d[\d.]*)")
_MEASURE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s?(km|kg|cm|mm|mg|ml|gb|mb|kb|tb|kwh|m|g|l|%|°|€|£)(?![\w])")
_MONTH_NAMES = "|".join([*MONTHS.values(), *MONTHS])
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH_NAMES})\b\.?")
_MONTH_DAY = re.compile(rf"\b({_MONTH_NAMES})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?!\.\d|:)")
_TYPOGRAPHY = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "…": " ", "–": " ", "—": " ",
     "−": "-", "‐": "-", "‑": "-", "\u00ad": "", "\u200b": "", "\ufeff": ""}
)  # fmt: skip
_JOINED = re.compile(r"([.!?;,])(?=[a-z]{2,} )")
_DIGIT = re.compile(r"\d")
_RESPELLED = NUMBER_WORDS | ORDINALS | UNITS | SPELLINGS | DAYS
_EDGES = ".,;:!?\"'()[]{}*_~|\\`•·¡¿。、，！？；：「」"
_SENTENCE_END = re.compile(r"[.!?]\s+\S")


@dataclass(frozen=True)
class Wording:
    tokens: tuple[str, ...]
    is_question: bool
    single: bool
    """One sentence."""
    capitals: frozenset[str]
    """Words, folded, that begin with a capital elsewhere than at the start: names for the most part."""

    @property
    def bag(self) -> tuple[str, ...]:
        """The same for texts that differ in the order of their words alone."""
        return tuple(sorted(self.tokens))


def read(text: str) -> Wording:
    text = unicodedata.normalize("NFKC", text[:LONGEST_CHARS].replace("²", "2").replace("³", "3"))
    text = text.translate(_TYPOGRAPHY).strip()
    raw = text.split()
    capitals = frozenset(
        word.strip(_EDGES).lower() for before, word in pairwise(raw)
        if word[:1].isupper() and before[-1] not in ".!?:"
    )  # fmt: skip
    is_question = text.rstrip("\"') ").endswith(("?", "？"))
    single = _SENTENCE_END.search(text) is None and "\n" not in text
    lowered = _strip_fillers(re.sub(r"\s+", " ", text.lower()))
    return Wording(tuple(_tokens(_plain(lowered))), is_question, single, capitals)


def telling_chars(text: str) -> int:
    """How much a text says: its length without what only introduces it. Texts in capitals say no more for it."""
    lowered = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY).lower()
    return len("".join(word.strip(_EDGES + "-") for word in _strip_fillers(lowered).split()))


def same(one: Wording, other: Wording, *, is_word: frozenset[str] = frozenset()) -> bool:
    """Whether two texts say the same in the same words. `is_word` are the words of a dictionary, by which a slip of
    the pen is told from another word."""
    if one.is_question != other.is_question or not one.tokens or not other.tokens:
        return False
    if one.tokens == other.tokens:
        return True
    if len(one.tokens) != len(other.tokens):
        return False
    return _moved(one, other) or _mistyped(one, other, is_word)


def _strip_fillers(lowered: str) -> str:
    lowered = re.sub(r"^[\s>*•+-]+(?=\w)(?<![\w]-)(?<!-)|^[*•>+-]\s+", "", lowered)
    for _ in range(3):
        stripped = _FILLERS.sub("", lowered, count=1) if _FILLERS.match(lowered) else lowered
        if stripped == lowered or not stripped.strip():
            break
        lowered = stripped
    return lowered


def _plain(lowered: str) -> str:
    if "'" in lowered or "can not" in lowered:
        for pattern, put in _CLITICS:
            lowered = pattern.sub(put, lowered)
    lowered = _JOINED.sub(r"\1 ", lowered)
    if not _DIGIT.search(lowered):
        return lowered
    lowered = _THOUSANDS.sub("", lowered)
    lowered = _CLOCK.sub(_clock, lowered)
    lowered = _HOURS.sub(lambda found: f"{int(found[1])}:{found[2]}", lowered)
    lowered = _CURRENCY.sub(r"\2 \1", lowered)
    lowered = _MEASURE.sub(r"\1 \2", lowered)
    lowered = _DAY_MONTH.sub(lambda found: f"{int(found[1])} {MONTHS[found[2][:3]]}", lowered)
    return _MONTH_DAY.sub(lambda found: f"{int(found[2])} {MONTHS[found[1][:3]]}", lowered)


def _clock(found: re.Match[str]) -> str:
    hour = int(found[1]) % 12 + (12 if found[3] == "p" else 0)
    return f"{hour}:{found[2] or '00'} "


def _tokens(text: str) -> list[str]:
    words = [word for word in map(_stripped, text.split()) if word]
    kept: list[str] = []
    for place, word in enumerate(words):
        follows = words[place + 1] if place + 1 < len(words) else ""
        if word in ARTICLES or word in LIGHT or (word == "called" and kept[-1:] == ["name"]):
            continue
        if word in COPULAS and not follows.endswith(("ed", "en", "old", "ost", "eft", "ld")):
            continue
        if word in COPULAS and follows in PLACED:
            continue
        if word in PLACED and place and words[place - 1] in COPULAS:
            continue
        kept.append(_spelled(word))
    return kept


def _stripped(word: str) -> str:
    bare = word.strip(_EDGES)
    if bare.startswith("-") and not bare[1:2].isdigit():
        bare = bare.lstrip("-")
    if bare.endswith("-") and len(bare) > 3:
        bare = bare.rstrip("-")
    return bare or ("" if all(char in _EDGES + "-" for char in word) else word)


def _spelled(word: str) -> str:
    if word in _RESPELLED:
        return _RESPELLED[word]
    word = _OUR.sub(r"\1or", word) if "our" in word else word
    return _ISE.sub(r"iz\1", word) if "is" in word and word.isalpha() else word


def _moved(one: Wording, other: Wording) -> bool:
    """Whether a place or time stands first in one and last in the other."""
    if not (one.single and other.single) or Counter(one.tokens) != Counter(other.tokens):
        return False
    for first, second in ((one.tokens, other.tokens), (other.tokens, one.tokens)):
        longest = min(LONGEST_MOVED, len(first) - 2)
        if first[0] in LEADERS and any(first[n:] + first[:n] == second for n in range(1, longest + 1)):
            return True
    return False


def _mistyped(one: Wording, other: Wording, is_word: frozenset[str]) -> bool:
    """Whether one word alone differs, by one letter, and only one of the two spellings is a word."""
    apart = [place for place, pair in enumerate(zip(one.tokens, other.tokens, strict=True)) if pair[0] != pair[1]]
    if len(apart) != 1 or not apart[0] or not is_word:
        return False
    mine, yours = one.tokens[apart[0]], other.tokens[apart[0]]
    if min(len(mine), len(yours)) < SHORTEST_TYPO_CHARS or not (mine.isalpha() and yours.isalpha()):
        return False
    if (mine in is_word) == (yours in is_word) or {mine, yours} & (one.capitals | other.capitals):
        return False
    return mine[0] == yours[0] and _one_edit(mine, yours)


def _one_edit(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one letter added, left out, replaced or two that stand side by side exchanged make them equal."""
    if len(one) > len(other):
        one, other = other, one
    start = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
    rest, other_rest = one[start:], other[start:]
    if len(one) < len(other):
        return len(other) - len(one) == 1 and rest == other_rest[1:]
    return rest[1:] == other_rest[1:] or (rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])
