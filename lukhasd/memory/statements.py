"""Plain English sentences read as statements: about what, which attribute, which value.

Read is only what has one value at a time: where somebody lives, whom they work for, a password, a day of a meeting.
What has many values at once (likes, visits, languages) is no such statement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

ValueKind = Literal["number", "date", "name", "word"]
SPEAKER = "speaker"
"""Stands for the first person where nobody says who speaks."""

DAY_LIST = "monday tuesday wednesday thursday friday saturday sunday"
MONTH_LIST = "january february march april may june july august september october november december"
NUMBER_LIST = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBER_WORDS = tuple(NUMBER_LIST.split())
_DAY, _MONTH, _NUMBER = (words.replace(" ", "|") for words in (DAY_LIST, MONTH_LIST, NUMBER_LIST))
_DATE = rf"(?:{_DAY})s?\b|(?:\d{{1,2}}(?:st|nd|rd|th)?(?: of)? )?\b(?:{_MONTH})\b(?: \d{{1,2}}\b)?|\d{{4}}-\d\d-\d\d"
_CLOCK = r"\d{1,2}[:.]\d\d\b|noon|midnight"
_WHEN = f"(?:{_DATE}|{_CLOCK})"

EXCLUSIVE_NOUN_LIST = """
address age bank birthday birthplace boss branch brand breed browser budget capital captain car chair coach code color
colour currency deadline dentist director doctor email employer extension favorite favourite gp headquarters height
hometown hostname husband interval landlady landlord leader level limit manager name nationality nickname number owner
passphrase password phone pin port president price provider region rent salary size spouse status supplier surname
therapist threshold timeout timezone title url username venue version weight wife
"""
MANY_NOUN_LIST = """
aunt book breakfast brother cat child colleague cousin daughter dinner dog film friend goal hobby idea interest kid
language lunch neighbor neighbour part pet problem reason sister son thing uncle
"""
FIRST_PERSON_LIST = "i me my mine myself our ours us we"
UNKNOWN_PERSON_LIST = "he her his it its she that their there these they this those what who you your"
DROPPED_LIST = "a all also an and both currently just now our s still the"
EXCLUSIVE_NOUNS, MANY_NOUNS = frozenset(EXCLUSIVE_NOUN_LIST.split()), frozenset(MANY_NOUN_LIST.split())
FIRST_PERSON, UNKNOWN_PERSON = frozenset(FIRST_PERSON_LIST.split()), frozenset(UNKNOWN_PERSON_LIST.split())
DROPPED = frozenset(DROPPED_LIST.split())
CONTRACTIONS = (
    (r"\b([Cc]a)n't\b", r"\1n not"),
    (r"\b([Ww])on't\b", r"\1ill not"),
    (r"n't\b", " not"),
    (r"\bI'm\b", "I am"),
    (r"(?<=\w)'re\b", " are"),
    (r"(?<=\w)'ve\b", " have"),
    (r"\b([Hh]e|[Ss]he|[Ii]t|[Tt]hat)'s\b", r"\1 is"),
)


@dataclass(frozen=True)
class Statement:
    """`about` is the set of folded words that say of what (with the owner's or speaker's name)."""

    about: frozenset[str]
    attribute: str
    value: str
    kind: ValueKind
    text: str
    """The sentence it was read from."""

    def differs(self, newer: Statement) -> bool:
        """Whether both speak of the same attribute of the same thing and cannot both hold."""
        if (self.about, self.attribute) != (newer.about, newer.attribute):
            return False
        mine, other = fold(self.value), fold(newer.value)
        if self.attribute == "is" and not self._named() and (self.kind != newer.kind or self.kind == "word"):
            return False
        if self.kind == newer.kind == "number" and numbers(self.value) != numbers(newer.value):
            return True
        return not (mine <= other or other <= mine)

    def _named(self) -> bool:
        return bool(self.about & EXCLUSIVE_NOUNS)


_PARTS = {
    "ABOUT": r"(?P<about>[^,:]{1,80}?)",
    "VALUE": r"(?P<value>(?:[^,]|,(?=\d)){1,80}?)",
    "ADVERBS": r"(?:(?:now|currently|still|also|just|recently|really|mostly|actually|presently|already|finally) )*",
    "BE": r"(?:is|are|am|was|were|will be|has become)",
    "MOVED": r"(?:moved|planned|scheduled|set|due|rescheduled|postponed|shifted|pushed(?: back)?|put back)",
    "DEGREE": r"(?P<what>(?:PhD|doctorate|degree|Master|Bachelor)[^,]*?)",
    "STAFF": r"(?P<what>(?:\w+ )?(?:professor|lecturer|teacher|student|researcher))",
    "WHEN": _WHEN,
    "CLOCK": f"(?:{_CLOCK})",
    "COUNT": rf"(?:\d{{1,3}}|{_NUMBER})",
}
_END = (
    r"(?= (?:and|but|while|because|since|where|which|who|as|so|instead|these days|at the moment|right now|now|today"
    r"|from|last|this)\b|[ ,]*[.!]?$|,(?!\d)| -| \()"
)
_SENTENCES = r"""
when: ABOUT(?: is| was| has been| got| will be)?(?: now)? MOVED (?:for|to|until|on) (?P<value>WHEN[^,]*?)
when: ABOUT (?:is|are)(?: now)? (?:on|at) (?P<value>WHEN[^,]*?)
start: ABOUT ADVERBS(?:starts|begins|leaves|departs|opens) (?:on |at )?VALUE
end: ABOUT ADVERBS(?:closes|ends|expires|finishes) (?:on |at )?VALUE
duration: ABOUT ADVERBS(?:takes|lasts) (?P<value>\d[^,]*?)
cost: ABOUT ADVERBScosts VALUE
weight: ABOUT ADVERBSweighs VALUE
home: ABOUT(?: have| has)? ADVERBS(?:lives?|resides?|moved|relocated) ADVERBS(?:in|to) VALUE
home: ABOUT BE ADVERBS(?:living|based) in VALUE
employer: ABOUT (?:ADVERBSworks?|BE ADVERBS(?:working|employed)) (?:at|for) VALUE
employer: ABOUT(?: have| has)? ADVERBSjoined VALUE
job: ABOUT (?:ADVERBSworks?|BE working) as VALUE
vehicle: ABOUT ADVERBSdrives? (?P<value>an? [^,]{1,60}?)
age: ABOUT (?:BE|turned|turns|just turned) ADVERBS(?P<value>COUNT)(?: years old)?
team: ABOUT ADVERBSplays for VALUE
partner: ABOUT BE ADVERBS(?:married|engaged) to VALUE
partner: ABOUT BE ADVERBS(?P<value>single|divorced|widowed)
partner: ABOUT BE ADVERBSdating VALUE
name: ABOUT BE ADVERBS(?:called|named) VALUE
place: (?P<about>(?:the|our|my) [^,:]{1,60}?) (?:is|are|will be held) ADVERBS(?P<value>(?:on|under|in|at|with|behind|next to) [^,]{1,60}?)
port: ABOUT ADVERBS(?:listens|runs) on (?:port )?(?P<value>\d+)
birthplace: ABOUT (?:is|was) born in VALUE
birth: ABOUT (?:is|was) born on VALUE
degree: ABOUT(?: has)? (?:graduated|received|holds|earned|has|got)(?: (?:an?|her|his|their) DEGREE)? from VALUE
post: ABOUT ADVERBSis an? STAFF at VALUE
studies: ABOUT ADVERBSstud(?:y|ies) VALUE (?P<what>at [^,]*?)
use: ABOUT ADVERBSuses? VALUE (?P<what>(?:for|as) [^,]*?)
prefers: ABOUT ADVERBSprefers? VALUE
schedule: ABOUT runs (?P<value>every [^,]*?CLOCK)
state: ABOUT (?:is|are) (?:turned |switched )?(?P<value>on|off|enabled|disabled)
agent: ABOUT (?:is|are) (?:led|run|owned|managed|chaired|headed) by VALUE
diet: ABOUT (?:is|am|are) ADVERBS(?:an? )?(?P<value>vegan|vegetarian|pescatarian)
is: ABOUT (?:is|are|was|am) ADVERBS(?!(?:MOVED|called|married|engaged|dating|born)\b)VALUE
"""  # noqa: E501
"""One attribute and how it is said a line; the words in capitals are `_PARTS`."""


def _pattern(said: str) -> re.Pattern[str]:
    for name, part in _PARTS.items():
        said = said.replace(name, part)
    return re.compile(f"^{said}{_END}", re.IGNORECASE)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    lines = (line.partition(": ") for line in _SENTENCES.split("\n"))
    return tuple((attribute, _pattern(said)) for attribute, _, said in lines if said)


_ROLE = re.compile(
    r"^(?P<value>[A-Z][\w.'-]*(?: [A-Z][\w.'-]*){0,3}) is (?:now )?the (?P<about>[^,]{1,60}?)(?=[,.!]|$)"
)
_COUNT = re.compile(
    rf"^(?P<about>[^,:]{{1,60}}?)(?: has| have| owns?| have got) {_PARTS['ADVERBS']}(?P<value>\d[\d.,]*|{_NUMBER})"
    r" (?P<noun>[a-z]+)",
    re.IGNORECASE,
)
_UNREAL = re.compile(
    r"\b(?:if|might|may (?!\d)|could|would|should|maybe|perhaps|thinking (?:of|about)|wants? to|wanted to|wish|used to"
    r"|hop(?:e|es|ing) to|i think i|i'll|next year|one day|someday)\b",
    re.IGNORECASE,
)
_PAST_SCOPE = re.compile(
    r"\b(?:in|from|until|between) (?:19|20)\d\d\b|\b(?:worked|lived|had)\b|\bused to\b|\bago\b"
    rf"|\b(?:was|were) (?!born|{_PARTS['MOVED']})",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """At full stops, question and exclamation marks, semicolons and line ends. A title's full stop ends none."""
    plain = text.replace("’", "'").replace("“", '"').replace("”", '"')
    plain = re.sub(r"\b(Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof)\.", r"\1", plain)
    for short, long in CONTRACTIONS:
        plain = re.sub(short, long, plain)
    parts = (part.strip(' "') for part in re.split(r"(?<=[.!?])\s+|[\n;]+|, while (?=[A-Z])", plain))
    return [" ".join(part.split()) for part in parts if part]


def is_unreal(sentence: str) -> bool:
    """Asked, wished or supposed: not said to be so."""
    return sentence.endswith("?") or bool(_UNREAL.search(sentence))


def is_past(sentence: str) -> bool:
    """Said of a time that is over."""
    return bool(_PAST_SCOPE.search(sentence))


def read(text: str, *, speaker: str | None = None) -> tuple[Statement, ...]:
    """What the text states of attributes with one value at a time. The first person is `speaker`."""
    return tuple(
        statement
        for sentence in sentences(text)
        if not is_unreal(sentence) and not is_past(sentence)
        for clause in _clauses(sentence)
        for statement in _read_clause(clause, speaker)
    )


def fold(words: str) -> frozenset[str]:
    """Words without articles and possessive endings."""
    found = re.findall(r"[^\W_]+(?:['.-][^\W_]+)*", words.lower())
    bare = (re.sub(r"'s?$", "", word) for word in found)
    return frozenset(word for word in bare if word not in DROPPED)


def numbers(text: str) -> tuple[str, ...]:
    """Numbers in order, in digits or (up to twelve) in words."""
    found = re.findall(rf"\d+(?:[.,:/-]\d+)*|\b(?:{_NUMBER})\b", text.lower())
    return tuple(
        str(NUMBER_WORDS.index(word)) if word in NUMBER_WORDS else re.sub(r",(?=\d{3})", "", word) for word in found
    )


def subject_words(words: str, speaker: str | None) -> frozenset[str] | None:
    """None where a pronoun stands for somebody who is not known."""
    found = re.findall(r"[^\W_]+(?:'[^\W_]+)?", words.lower())
    if not found or UNKNOWN_PERSON & set(found):
        return None
    named = fold(speaker) if speaker else frozenset({SPEAKER})
    first = named if FIRST_PERSON & set(found) else frozenset[str]()
    return first | fold(" ".join(word for word in found if word not in FIRST_PERSON))


def _clauses(sentence: str) -> list[str]:
    """The sentence, and what follows a comma or `and` in it, for whatever begins with a subject of its own."""
    parts = re.split(r",? (?:and|but|while) (?=[A-Z]|i\b|my\b|our\b|the\b)|, (?=I\b|[Mm]y\b|[Ww]e\b)", sentence)
    return [sentence, *parts] if len(parts) > 1 else [sentence]


def _read_clause(clause: str, speaker: str | None) -> list[Statement]:
    found = []
    for attribute, pattern in _patterns():
        if match := pattern.match(clause):
            what = " ".join(sorted(fold(match.groupdict().get("what") or "")))
            found.append((f"{attribute} {what}".strip(), match["about"], match["value"]))
            break
    if match := _ROLE.match(clause):
        found.append(("role", match["about"], match["value"]))
    if match := _COUNT.match(clause):
        found.append((f"count of {match['noun'].lower().removesuffix('s')}", match["about"], match["value"]))
    read = []
    for attribute, about, value in found:
        words = subject_words(about, speaker)
        negated = re.search(r"\b(?:not|never|no longer)\b", f"{about} {value}") or re.match(r"no\b", value)
        if words and value.strip() and not negated and not (attribute == "is" and words & MANY_NOUNS):
            read.append(Statement(words, attribute, value.strip(), _kind(value), clause))
    return read


def _kind(value: str) -> ValueKind:
    if re.search(_WHEN, value, re.IGNORECASE):
        return "date"
    if re.search(r"\d", value) or value.lower() in NUMBER_WORDS:
        return "number"
    return "name" if re.match(r"(?:an? |the )?[A-Z]", value.strip()) else "word"
