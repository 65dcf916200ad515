"""Preferences as statements over counted behaviour: how often it could have gone either way, and how often it did.

With a uniform prior the share θ of times that it goes that way has a Beta(1 + k, 1 + n − k) posterior. A statement is
made from 8 observations on where P(θ > 1/2) is above 0.9.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from lukhas_sdk.contract.feedback import STEPS
from lukhas_sdk.contract.reflection import EVIDENCE_LIMIT, Insight
from lukhasd.consciousness.entries import Entry, Wish
from lukhasd.memory.words import FUNCTION_WORDS, Analyser
from lukhasd.records.binomial import regularised_beta

FEWEST = 8
LEAST_PROBABILITY = 0.9
PARTS = (
    ("at night (22 to 5 h UTC)", range(22, 29)), ("in the morning (5 to 12 h UTC)", range(5, 12)),
    ("in the afternoon (12 to 17 h UTC)", range(12, 17)), ("in the evening (17 to 22 h UTC)", range(17, 22)),
)  # fmt: skip
SATURDAY = 5
THING = r"(?:(?:the|a|an|my|our|some|to|taking|going|by|for|with|of)\s+)*([\w'’-]+(?:\s+[\w'’-]+){0,2}?)"
END = (
    r"(?=\s*(?:[.,;:!?()\n—–]|$|\s(?:and|but|because|as|when|if|so|to|for|in|into|on|at|from|with|by|back|home|"
    r"again|today|this|that)\b))"
)
CHOICES = tuple(
    re.compile(pattern.format(one=THING, end=END), re.IGNORECASE)
    for pattern in (
        r"\b(?:prefer(?:red)?|chose|picked|took|had|want(?:ed)?|ordered|went (?:by|for|with))\s+{one}\s+"
        r"(?:over|rather than|instead of)\s+{one}{end}",
        r"\bprefer(?:red)?\s+{one}\s+to\s+{one}{end}",
    )
)
"""Chosen, passed over."""
LIKES = re.compile(
    r"\bI\s+(?:(?:really|still|always|just|do|so|absolutely|rather)\s+)*"
    r"(?P<verb>love|like|enjoy|adore|loved|enjoyed|liked|adored|hate|hated|dislike|disliked|loathe|can['’]?t stand|"
    r"(?:don['’]?t|didn['’]?t|do not|did not|never) (?:like|enjoy))\s+" + THING + END,
    re.IGNORECASE,
)
LIKED = re.compile(r"(?:love|like|adore)d?|enjoy(?:ed)?", re.IGNORECASE)


def probability(hits: int, count: int) -> float:
    """P(θ > 1/2) after `hits` of `count`."""
    return 1 - regularised_beta(0.5, 1 + hits, 1 + count - hits)


def floor(sure: float) -> float:
    """To four digits, and never up to 1."""
    return math.floor(sure * 10_000) / 10_000 if sure < 1 else 0.9999


def find(
    entries: Sequence[Entry], wishes: Sequence[Wish], topics: Mapping[str, Sequence[Entry]], analyser: Analyser
) -> list[Insight]:
    """The most certain first. `topics`: the entries of each label."""
    notes = [entry for entry in entries if entry.kind == "memory"]
    questions = [entry for entry in entries if entry.kind == "interaction"]
    found = [
        *_times("Notes", notes),
        *_times("Questions", questions),
        *(insight for name, some in topics.items() for insight in _times(f"Entries about {name}", some)),
        *_choices(entries, analyser),
        *_likes(entries, analyser),
        *_wishes(wishes),
    ]
    return sorted(found, key=lambda insight: (-(insight.confidence or 0.0), insight.insight))


def _statement(says: str, of: str, *, hits: Iterable[str], count: int) -> list[Insight]:
    """At most one."""
    ids = list(dict.fromkeys(hits))
    if count < FEWEST or (sure := probability(len(ids), count)) <= LEAST_PROBABILITY:
        return []
    text = f"{says}: {len(ids)} of {count} {of}"
    return [Insight("preference", text, floor(sure), ids[:EVIDENCE_LIMIT], len(ids), observations=count)]


def _times(what: str, entries: Sequence[Entry]) -> list[Insight]:
    """A day is one observation, by its first entry: many at once are one decision. What has no time of day (midnight
    to the second) says nothing about it."""
    dated = [entry for entry in entries if entry.dated]
    timed = [entry for entry in dated if (entry.at.hour, entry.at.minute, entry.at.second) != (0, 0, 0)]
    firsts = {entry.at.date(): entry for entry in reversed(timed)}.values()
    days = {entry.at.date(): entry for entry in reversed(dated)}.values()
    found = []
    for name, hours in PARTS:
        hits = [entry.id for entry in firsts if entry.at.hour in hours or entry.at.hour + 24 in hours]
        found += _statement(f"{what} come mostly {name}", "days", hits=hits, count=len(firsts))
    weekend = [entry.id for entry in days if entry.at.weekday() >= SATURDAY]
    found += _statement(f"{what} come mostly at weekends", "days", hits=weekend, count=len(days))
    return found


def _choices(entries: Sequence[Entry], analyser: Analyser) -> list[Insight]:
    """What was chosen when something else could have been; each entry counts once for a thing."""
    chosen: dict[str, list[str]] = defaultdict(list)
    passed: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        pairs = [match.groups() for pattern in CHOICES for match in pattern.finditer(entry.text)]
        for into, place in ((chosen, 0), (passed, 1)):
            for name in {_name(pair[place], analyser) for pair in pairs} - {""}:
                into[name].append(entry.id)
    return [
        insight
        for name, ids in chosen.items()
        for insight in _statement(
            f"Chooses “{name}” over something else", "times", hits=ids, count=len({*ids, *passed[name]})
        )
    ]


def _likes(entries: Sequence[Entry], analyser: Analyser) -> list[Insight]:
    """What is said to be liked or disliked in so many words."""
    said: dict[str, dict[bool, list[str]]] = defaultdict(lambda: {True: [], False: []})
    for entry in entries:
        for match in LIKES.finditer(entry.text):
            if name := _name(match[2], analyser):
                said[name][bool(LIKED.fullmatch(match["verb"]))].append(entry.id)
    found = []
    for name, by in said.items():
        count = len({*by[True], *by[False]})
        found += _statement(f"Likes “{name}”, in so many words", "times", hits=by[True], count=count)
        found += _statement(f"Dislikes “{name}”, in so many words", "times", hits=by[False], count=count)
    return found


def _wishes(wishes: Sequence[Wish]) -> list[Insight]:
    good = [wish.interaction_id for wish in wishes if wish.rating == "good"]
    found = _statement("Finds answers good", "ratings", hits=good, count=len(wishes))
    for about, kind in (("style", False), ("length", True)):
        some = [wish for wish in wishes if wish.style is not None and (wish.style in STEPS) is kind]
        for name in sorted({wish.style for wish in some if wish.style is not None}):
            hits = [wish.interaction_id for wish in some if wish.style == name]
            says = f"Wishes for answers to be {name.replace('_', ' ')}"
            found += _statement(says, f"wishes about {about}", hits=hits, count=len(some))
    return found


def _name(thing: str, analyser: Analyser) -> str:
    """The content words of a thing, by which it is counted."""
    return " ".join(word for word in analyser.words(thing) if word not in FUNCTION_WORDS)
