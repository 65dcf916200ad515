"""Finds what the patterns of the packs describe, in every view, window by window."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lukhasd.guardian.detectors.checks import CHECKS
from lukhasd.guardian.findings import Match, Subject
from lukhasd.guardian.normalise import View
from lukhasd.guardian.policy import Policy, Rule

WINDOWS = {False: (2_048, 512), True: (16_384, 4_096)}
"""By `Rule.long`: characters in which a match begins, and how far past them it may go on."""
MAX_MATCHES_PER_RULE = 20
EXCERPT_CHARS = 80
NEARBY_CHARS = 300

TYPOGRAPHY = str.maketrans("“”‘’–—\u00a0‐‑−", "\"\"''--\u0020---")
"""What folding changes in ordinary prose; a window with nothing else folded was read in the plain view."""
QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "`": "`"}
TALK = re.compile(
    r"\b(?:e\.g\.|for example|such as|for instance|phrases? like|attacks?|attackers?|injections?|jailbreak\w*|"
    r"adversar\w+|payloads?|malicious|detect\w*|examples?|so-called|known as|researchers?|vulnerab\w+|mitigat\w+|"
    r"red.team\w*|test cases?|poison\w*|threats?|quarantin\w*|something like)\b",
    re.IGNORECASE,
)


class TextDetector:
    """Applies the pattern rules of a policy."""

    def __init__(self, policy: Policy) -> None:
        self._patterns = policy.patterns
        self._rules = {
            kind: tuple(rule for rule in policy.applying(kind) if rule.pattern is not None)
            for kind in {kind for rule in policy.rules for kind in rule.applies_to}
        }

    def find(self, subject: Subject) -> Iterator[Match]:
        rules = self._rules.get(subject.type, ())
        seen: set[tuple[str, int, int]] = set()
        counts: dict[str, int] = {}
        for view in subject.views.views:
            for match in self._scan(view, rules, subject):
                key = (match.rule.name, match.start, match.end)
                if key in seen or counts.get(match.rule.name, 0) >= MAX_MATCHES_PER_RULE:
                    continue
                seen.add(key)
                counts[match.rule.name] = counts.get(match.rule.name, 0) + 1
                yield match

    def _scan(self, view: View, rules: tuple[Rule, ...], subject: Subject) -> Iterator[Match]:
        for long, (window_chars, overlap_chars) in WINDOWS.items():
            some = [rule for rule in rules if rule.long == long and (view.found_in == "plain" or rule.views == "all")]
            for begin in range(0, len(view.text) if some else 0, window_chars):
                stop = min(len(view.text), begin + window_chars + overlap_chars)
                subject.check()
                if view.found_in == "normalised" and read_already(view, begin, stop, subject.views.content):
                    continue
                lowered = view.text[begin:stop].lower()
                for rule in some:
                    if not anchored(rule.anchors, lowered):
                        continue
                    for hit in self._patterns[rule.pattern or ""].finditer(view.text, begin, stop):
                        if hit.start() >= begin + window_chars:
                            break
                        if match := confirm(rule, hit, view, subject):
                            yield match


def anchored(anchors: list[str], lowered: str) -> bool:
    # A loop, since this is the most executed line of a verdict and a generator costs three times as much.
    for anchor in anchors:
        if anchor in lowered:
            return True
    return not anchors


def read_already(view: View, begin: int, stop: int, content: str) -> bool:
    """Whether the plain view of this window says the same."""
    start, end = view.span(begin, stop)
    return content[start:end].translate(TYPOGRAPHY) == view.text[begin:stop].translate(TYPOGRAPHY)


def confirm(rule: Rule, hit: re.Match[str], view: View, subject: Subject) -> Match | None:
    """The match in original offsets, or None where the rule's check denies it or nothing was matched."""
    group = "value" if "value" in hit.re.groupindex and hit.group("value") else 0
    value = hit.group(group)
    if not value or (rule.check is not None and not CHECKS[rule.check](value)):
        return None
    content = subject.views.content
    start, end = view.span(*hit.span(group))
    excerpt = content[start:end]
    severity, note = rule.severity, None
    if rule.mention is not None and view.found_in == "plain" and quoted(content, *hit.span()):
        # Whoever types may claim anything about what they quote: a person looks at their words.
        explained = subject.type != "user_input" and TALK.search(surroundings(content, *hit.span())) is not None
        severity = rule.mention if explained else "medium"
        note = "it stands in quotation marks" + (", in a text about such things" if explained else "")
    return Match(rule, start, end, mask(excerpt) if rule.masked else shorten(excerpt), severity, view.found_in, note)


def quoted(content: str, start: int, end: int) -> bool:
    """Whether `content[start:end]` stands between quotation marks of one line."""
    before = content[max(0, start - NEARBY_CHARS) : start].rsplit("\n", 1)[-1]
    after = content[end : end + NEARBY_CHARS].split("\n", 1)[0]
    for opening, closing in QUOTES.items():
        place = before.rfind(opening)
        if place < 0 or closing not in after or closing in before[place + 1 :]:
            continue
        if opening == "'" and place > 0 and before[place - 1].isalnum():
            continue
        if place == 0 or not before[place - 1].isalnum():
            return True
    return False


def surroundings(content: str, start: int, end: int) -> str:
    """The paragraph around `content[start:end]`, without it."""
    before = content[max(0, start - NEARBY_CHARS) : start].rsplit("\n\n", 1)[-1]
    after = content[end : end + NEARBY_CHARS].split("\n\n", 1)[0]
    return f"{before} {after}"


def shorten(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1] + "…"


def mask(text: str) -> str:
    """The first characters at most; never more than a sixth of the datum."""
    shown = min(4, len(text) // 6)
    return f"{text[:shown]}***"
