"""What a text varies: “gravity 10 % stronger”, “the wire were twice as long”, “the radius fell to 3000 km”."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lukhasd.reasoning.formulas import Formulas, Mention
from lukhasd.reasoning.formulas import plain as in_plain

WORDS: Mapping[str, float] = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "a hundred": 100,
    "a thousand": 1000, "half": 0.5, "a half": 0.5, "a third": 1 / 3, "one third": 1 / 3, "two thirds": 2 / 3,
    "a quarter": 0.25, "one quarter": 0.25, "three quarters": 0.75, "a fifth": 0.2, "a tenth": 0.1, "one tenth": 0.1,
    "twice": 2, "double": 2, "thrice": 3, "triple": 3, "quadruple": 4,
}  # fmt: skip
UP = (
    "stronger|higher|larger|bigger|greater|longer|heavier|faster|taller|denser|brighter|hotter|warmer|wider|thicker|deeper"
    "|stiffer|tighter|further|farther|more"
)
DOWN = (
    "weaker|lower|smaller|lesser|shorter|lighter|slower|thinner|dimmer|cooler|colder|nearer|closer|narrower|shallower"
    "|softer|less"
)
NUMBER = r"(?<!\d)\d[\d,]{0,30}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?(?:\s?(?:×|\*|x)\s?10\^?[+-]?\d{1,3})?"
"""Bounded, so that a line of digits is read in a time that grows with its length alone."""
SPOKEN = "|".join(sorted(map(re.escape, WORDS), key=len, reverse=True))
COUNT = rf"(?:{NUMBER}|\b(?:{SPOKEN})\b)"
PORTION = r"(?:a half|half|(?:a|one) (?:third|quarter|tenth)|a fifth|two thirds|three quarters)"
PERCENT = r"\s*(?:%|percent\b|per cent\b)"
RISES = r"(?:increas\w*|r[oi]se\w*|grew|grow\w*|rais\w*|went up|goes up|gained|strengthen\w*)"
FALLS = (
    r"(?:decreas\w*|reduc\w*|fell|falls?|dropp?\w*|shr[aiu]nk\w*|lower(?:ed|s)|declin\w*|weaken\w*|went down|goes down"
    r"|cut|lost)"
)
UNIT = (
    r"(?:[a-zA-Zµμ°Ω%][\w/^*·°]{0,40}(?: (?:per|squared|cubed|seconds?|hours?|metres?|meters?)\b){0,4}"
    r"(?:/[\w^]{1,20}){0,4})?"
)
QUALITY = r"\b(?=(?: (?P<adj>\w+))?)"
"""What follows a comparative, as massive in “more massive”; it is looked at, and not taken."""
VANISH = (
    r"(?:vanish\w*|disappear\w*|(?:were|was|is) (?:(?:switched|turned) off|zero|gone|absent)"
    r"|(?:fell|falls?|dropp?(?:ed|s)|went|goes|sank) to (?:zero|nothing))"
)


def _raised(match: re.Match[str]) -> float:
    return 1 + _number(match["n"]) / 100


def _lowered(match: re.Match[str]) -> float:
    return 1 - _number(match["n"]) / 100


def _times(match: re.Match[str]) -> float:
    return _number(match["n"])


def _divided(match: re.Match[str]) -> float:
    return 1 / _number(match["n"])


def _gained(match: re.Match[str]) -> float:
    return 1 + _number(match["n"])


def _lost(match: re.Match[str]) -> float:
    return 1 - _number(match["n"])


def _share(match: re.Match[str]) -> float:
    return _number(match["n"]) / 100


def _always(factor: float) -> Callable[[re.Match[str]], float]:
    return lambda match: factor


RELATIVE: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], float]]] = tuple(
    (re.compile(pattern), factor)
    for pattern, factor in (
        (rf"(?P<n>{COUNT}){PERCENT} (?:{UP}){QUALITY}", _raised),
        (rf"(?P<n>{COUNT}){PERCENT} (?:{DOWN}){QUALITY}", _lowered),
        (rf"{RISES}(?: \w+)?(?: by)? (?P<n>{COUNT}){PERCENT}", _raised),
        (rf"{FALLS}(?: \w+)?(?: by)? (?P<n>{COUNT}){PERCENT}", _lowered),
        (rf"{RISES} by (?P<n>{PORTION})\b", _gained),
        (rf"(?:{FALLS}|los(?:t|es?)) (?:by )?(?P<n>{PORTION})\b", _lost),
        (rf"{RISES}(?: \w+)? by a factor of (?P<n>{COUNT})", _times),
        (rf"{FALLS}(?: \w+)? by a factor of (?P<n>{COUNT})", _divided),
        (rf"(?P<n>{COUNT}){PERCENT} (?:of (?:its|the|what)(?: \w+)*? (?:value|size|length|is)|as \w+)", _share),
        (rf"(?P<n>{COUNT}) times (?:as (?P<adj>\w+)|(?:{UP})(?: (?!than)(?P<adj2>\w+))?|(?:the|its)\b)", _times),
        (rf"(?P<n>{COUNT}) times (?:{DOWN})", _divided),
        (
            r"\b(?P<n>twice|half|double|triple|a third|a quarter|a tenth|one third|one quarter)"
            r" (?:as (?P<adj>\w+)|(?:the|its|of)\b)",
            _times,
        ),
        (r"\bdoubl(?:ed|es|ing)\b|\bdouble (?=the|its)", _always(2)),
        (r"\bhalv(?:ed|es|e|ing)\b|\b(?:cut|reduced) (?:in|to) half\b|\bby half\b|\bby a half\b", _always(0.5)),
        (r"\btripl(?:ed|es|ing)\b", _always(3)),
        (r"\bquadrupl(?:ed|es|ing)\b", _always(4)),
        (rf"multipl(?:ied|y) by (?P<n>{COUNT})", _times),
        (rf"divided by (?P<n>{COUNT})", _divided),
        (rf"(?P<n>{NUMBER}|ten|two|five|hundred)-?fold", _times),
        (VANISH, _always(0)),
    )
)
"""What to multiply by; the first pattern that fits a span has it."""
BEYOND = re.compile(
    r"(?: \w+)? than (?!(?:it |they )?(?:is|are|was|were|now|today|usual|normal|before|at present|expected)\b)"
)
MANNER = frozenset({"massive", "dense", "intense", "powerful", "strong", "than", "on", "in", "and", "or", "what"})
WITHOUT = re.compile(r"\b(?:without|no|zero) (?=(?:the )?(?P<rest>.+))")
VAGUE_UP, VAGUE_DOWN = re.compile(rf"\b(?:{UP})\b(?: (?P<adj>\w+))?"), re.compile(rf"\b(?:{DOWN})\b(?: (?P<adj>\w+))?")
VAGUE_FACTOR = 1.01
ABSOLUTE = re.compile(
    rf"(?:were|was|is|are|be|became|becomes|to|of|at|=|being)(?: only| just| about| reduced to| increased to)? ?"
    rf"(?P<n>{NUMBER})\s*(?P<unit>{UNIT})(?: (?:instead of|rather than|not) (?P<old>{NUMBER})\s*(?P<oldunit>{UNIT}))?"
)
FROM_TO = re.compile(rf"from (?P<old>{NUMBER})\s*(?P<oldunit>{UNIT}) to (?P<n>{NUMBER})\s*(?P<unit>{UNIT})")


@dataclass(frozen=True)
class Amount:
    value: float
    unit: str


@dataclass(frozen=True)
class Change:
    """Of one quantity: by a `factor`, or `to` an amount, from what it was `before` where the text says. `vague`: the
    text says which way, not how far."""

    symbol: str
    text: str
    factor: float | None = None
    to: Amount | None = None
    before: Amount | None = None
    vague: bool = False


@dataclass(frozen=True)
class Reading:
    """`settings` are amounts that hold before and after; `asked` the other quantities named; `unread` the spans of the
    text that were used."""

    changes: tuple[Change, ...]
    settings: tuple[Change, ...]
    asked: tuple[str, ...]
    used: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Found:
    start: int
    end: int
    factor: float | None = None
    to: Amount | None = None
    before: Amount | None = None
    adjective: str | None = None
    vague: bool = False


def read(text: str, formulas: Formulas) -> Reading:
    """Binds each change to the quantity that it is said of: the nearest named before it in its clause, else after."""
    plain = in_plain(text)
    found = _find(plain, text)
    mentions = formulas.mentions(text)
    free = [
        mention
        for mention in mentions
        if not any(one.start < mention.end and mention.start < one.end for one in found if one.to)
    ]
    changes: list[Change] = []
    settings: list[Change] = []
    bound: set[int] = set()
    relative = any(one.to is None for one in found)
    for one in found:
        if not _is_said_of_itself(one, plain, formulas):
            continue
        mention = _bind(one, free, bound, plain)
        symbol = mention.symbol if mention else _body(one, plain, formulas)
        if symbol is None:
            continue
        if mention:
            bound.add(mention.start)
        change = Change(symbol, text[one.start : one.end].strip(), one.factor, one.to, one.before, one.vague)
        (settings if one.to and relative else changes).append(change)
    asked = tuple(dict.fromkeys(m.symbol for m in free if m.start not in bound))
    spans = [(one.start, one.end) for one in found] + [(m.start, m.end) for m in mentions]
    return Reading(tuple(changes), tuple(settings), asked, tuple(spans))


def _find(plain: str, text: str) -> list[_Found]:
    found: list[_Found] = []

    def add(one: _Found) -> None:
        if not any(one.start < other.end and other.start < one.end for other in found):
            found.append(one)

    for match in FROM_TO.finditer(plain):
        add(_Found(*match.span(), to=_amount(match, "n", "unit", text), before=_amount(match, "old", "oldunit", text)))
    for pattern, factor in RELATIVE:
        for match in pattern.finditer(plain):
            groups = match.groupdict()
            try:
                add(_Found(*match.span(), factor=factor(match), adjective=groups.get("adj") or groups.get("adj2")))
            except ZeroDivisionError:
                continue
    for match in ABSOLUTE.finditer(plain):
        add(_Found(*match.span(), to=_amount(match, "n", "unit", text), before=_amount(match, "old", "oldunit", text)))
    for match in WITHOUT.finditer(plain):
        add(_Found(match.start(), match.start("rest"), factor=0.0))
    if not found:
        for pattern, by in ((VAGUE_UP, VAGUE_FACTOR), (VAGUE_DOWN, 1 / VAGUE_FACTOR)):
            for match in pattern.finditer(plain):
                add(_Found(*match.span(), factor=by, adjective=match["adj"], vague=True))
    return sorted(found, key=lambda one: one.start)


def _is_said_of_itself(one: _Found, plain: str, formulas: Formulas) -> bool:
    """Not denied, not measured by another thing (“than on the Moon”), not of something else (“20 % less money”)."""
    if re.search(r"\bnot (?:\w+ )?$", plain[: one.start]) or BEYOND.match(plain, one.end):
        return False
    if one.adjective is None or not re.search(r"\b(?:more|less)$", plain[one.start : one.end]):
        return True
    known = {word for qualities in formulas.bodies.values() for word in qualities}
    named = any(mention.start - one.end == 1 for mention in formulas.mentions(plain))
    return named or one.adjective in known | MANNER


def _bind(one: _Found, mentions: Sequence[Mention], bound: set[int], plain: str) -> Mention | None:
    before = [
        m for m in mentions if m.end <= one.start and m.start not in bound and not _parted(plain[m.end : one.start])
    ]
    if before:
        return before[-1]
    after = [m for m in mentions if m.start >= one.end and m.start not in bound and _is_near(plain[one.end : m.start])]
    return after[0] if after else None


def _parted(between: str) -> bool:
    """Another clause begins in between."""
    return bool(re.search(r"[,;?.]\s|\bif\b|\bwhat\b|\bwhen\b|\bhow\b|\bthan\b", between))


def _is_near(between: str) -> bool:
    return bool(re.fullmatch(r"\s*(?:(?:the|its|a|an|of|in|our|present|current|normal)\s+)*", between))


def _body(one: _Found, plain: str, formulas: Formulas) -> str | None:
    """The quantity that an adjective speaks of, said of a body: “the sun were 10 % brighter”."""
    said = re.findall(r"[a-z]+", plain[one.start : one.end])
    if one.adjective:
        said.append(one.adjective)
    if match := re.search(r"\bits (\w+)(?: (?:was|were|is|had been|has))?\s*$", plain[: one.start]):
        said.append(match[1])
    for body in reversed(re.findall(r"[a-z]+", plain[: one.start])):
        qualities = formulas.bodies.get(body) or formulas.bodies.get(body.removesuffix("s"))
        for word in said if qualities else ():
            if qualities and word in qualities:
                return qualities[word]
    return None


def _amount(match: re.Match[str], number: str, unit: str, text: str) -> Amount | None:
    """The unit as `text` writes it: mW and MW are two."""
    if not match[number]:
        return None
    return Amount(_number(match[number]), text[match.start(unit) : match.end(unit)].strip())


def _number(text: str) -> float:
    if text in WORDS:
        return WORDS[text]
    mantissa, _, power = re.sub(r"\s*(?:×|\*|x)\s*10\^?", "e", text.replace(",", "")).partition("e")
    return float(f"{mantissa}e{power}" if power else mantissa)
