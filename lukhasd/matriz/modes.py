"""How quotations are put together in each mode, in words of theirs alone and of ours about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations, pairwise

from lukhas_sdk.contract.matriz import ThoughtMode
from lukhasd.matriz.extractive import Quote, attribution
from lukhasd.memory.words import FUNCTION_WORDS, Analyser

LEAST_SHARED = 2
"""Telling words that two quotations share, from which on they are taken to speak of one thing."""
LINKS_MOST = 3
WORDS_MOST = 5
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
RELATION = re.compile(
    r"(?<=\s)(?P<relation>(?:(?:has|have|had|will|would|can|could|may|might|must|should|does|do|did|is|are|was|were|am)"
    r"(?:n['’]t)?\s+(?:(?:not|never|always|also|been|being)\s+)*(?:[a-z]+(?:ed|en|ing)\b(?:\s+(?:by|to|in|on|at|for|from"
    r"|with|of))?)?"
    r"|(?:lives?|lived|works?|worked|likes?|liked|loves?|loved|hates?|hated|prefers?|preferred|owns?|owned|keeps?|kept"
    r"|bought|buys?|sold|sells?|costs?|hangs?|hung|stands?|stood|lies|lay|ends?|ended|begins?|began|starts?|started"
    r"|moved|moves?|went|goes|came|comes|met|meets?|made|makes?|gave|gives?|took|takes?|got|gets?|said|says?|told|tells?"
    r"|wants?|wanted|needs?|needed|uses?|used|runs?|ran|eats?|ate|drinks?|drank|plays?|played|speaks?|spoke|wrote|writes?"
    r"|visited|visits?|serviced|raised|paid|pays?|lost|found|finds?|opens?|opened|closes?|closed|decided|agreed"
    r"|contains?|contained|holds?|held|shows?|showed|means?|meant|knows?|knew|called|became|becomes?|grows?|grew)\b))"
)
SUBJECT_WORDS_MOST = 8


def order(quotes: Sequence[Quote], mode: ThoughtMode) -> list[Quote]:
    """Reflective answers run from the earliest to the latest; the others begin with the best."""
    return sorted(quotes, key=lambda one: one.memory.metadata.event_at) if mode == "reflective" else list(quotes)


def write(quotes: Sequence[Quote], *, mode: ThoughtMode, introduction: str, analyser: Analyser) -> str:
    lines = [introduction] if introduction else []
    for number, one in enumerate(quotes, start=1):
        said = _triple(one.text) if mode == "symbolic" else None
        shown = said or f"“{one.shown}”"
        lines.append(f"{shown} — {attribution(one.memory)} [{number}]")
    if mode == "creative":
        lines += _links(quotes, analyser)
    if mode == "reflective":
        lines += _changes(quotes, analyser)
    return "\n".join(lines)


def _triple(text: str) -> str | None:
    """Subject – relation – object as the sentence has them; None where it cannot be told where they part."""
    match = RELATION.search(text)
    if match is None:
        return None
    subject, rest = text[: match.start()].strip(), text[match.end() :].strip()
    if not rest or not subject or "," in subject or len(subject.split()) > SUBJECT_WORDS_MOST:
        return None
    return f"“{subject}” – “{match['relation'].strip()}” – “{rest}”"


def _links(quotes: Sequence[Quote], analyser: Analyser) -> list[str]:
    """Between which quotations there is a link, by the telling words that both hold; the strongest first."""
    found = []
    for (one, first), (other, second) in combinations(enumerate(quotes, 1), 2):
        shared = _shared(first.text, second.text, analyser)
        if shared:
            found.append((len(shared), one, other, shared))
    found.sort(key=lambda row: (-row[0], row[1], row[2]))
    return [f"[{one}] and [{other}] both speak of: {_listed(shared)}." for _, one, other, shared in found[:LINKS_MOST]]


def _changes(quotes: Sequence[Quote], analyser: Analyser) -> list[str]:
    """From each quotation to the next in time: how long after it is, and, where both speak of one thing, what only the
    later says."""
    lines = []
    for (number, earlier), (_, later) in pairwise(enumerate(quotes, 1)):
        gap = later.memory.metadata.event_at - earlier.memory.metadata.event_at
        if len(_shared(earlier.text, later.text, analyser)) < LEAST_SHARED:
            continue
        new, gone = _only(later.text, earlier.text, analyser), _only(earlier.text, later.text, analyser)
        told = [f"new is {_listed(new)}" if new else "", f"no longer said is {_listed(gone)}" if gone else ""]
        changed = "; ".join(part for part in told if part) or "nothing changed"
        lines.append(f"From [{number}] to [{number + 1}], {_span(gap)}: {changed}.")
    return lines


def _telling(text: str, analyser: Analyser) -> dict[str, str]:
    """Stem → word as it stands in the text."""
    words = [word for word in WORD.findall(text) if word.lower() not in FUNCTION_WORDS]
    return {stems[0]: word for word in words if (stems := analyser.terms(word))}


def _shared(one: str, other: str, analyser: Analyser) -> list[str]:
    theirs = _telling(other, analyser)
    return [word for stem, word in _telling(one, analyser).items() if stem in theirs]


def _only(one: str, other: str, analyser: Analyser) -> list[str]:
    theirs = _telling(other, analyser)
    return [word for stem, word in _telling(one, analyser).items() if stem not in theirs]


def _listed(words: Sequence[str]) -> str:
    more = " …" if len(words) > WORDS_MOST else ""
    return ", ".join(f"“{word}”" for word in words[:WORDS_MOST]) + more


def _span(gap: timedelta) -> str:
    days = gap.days
    if days < 1:
        return "the same day"
    if days < 60:
        return f"{days} {'day' if days == 1 else 'days'} later"
    months = round(days / 30.44)
    return f"about {months} months later" if months < 24 else f"about {round(days / 365.25)} years later"
