"""Finds what the patterns of the packs describe, in every view, window by window."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lukhas_sdk.contract.guardian import Severity
from lukhasd.guardian.detectors.candidates import Candidate
from lukhasd.guardian.detectors.checks import CHECKS
from lukhasd.guardian.findings import Match, Subject
from lukhasd.guardian.normalise import FoundIn, View
from lukhasd.guardian.policy import Policy, Rule

WINDOWS = {False: (2_048, 512), True: (16_384, 4_096)}
"""By `Rule.long`: characters in which a match begins, and how far past them it may go on."""
MAX_MATCHES_PER_RULE = 20
"""Of each severity and reading."""
MAX_REDACTIONS_PER_RULE = 200
"""Of each value. More than of other rules, so that one round of redaction mostly takes all out."""
RETRIED = ("luhn", "iban")
"""Checks of numbers that other numbers may stand right next to."""
NEAR_CHARS = (80, 30)
"""How far before and after a match a word of `Rule.near` may stand."""
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

NARRATED = re.compile(
    r"\b(?:attack(?:s|er|ers)?|injections?|(?:an?|the|early|newer|many|this) jailbreaks?|jailbreaks|adversar\w+|"
    r"payloads?|"
    r"detectors?|classifiers?|researchers?|red.team\w*|testers?|phrases?|sentences?|tokens?|tags?|templates?|"
    r"sanitis\w+|"
    r"wraps|we log|(?:may|might|could|would) say)\b|\binstructions? to\s$|"
    r"\b(?:tells|told|asks|asked|instruct(?:s|ed)|order(?:s|ed)|can tell)\s(?:[\w’'-]{1,20}\s){1,8}(?:to|should|"
    r"must)\s{0,2}$|"
    r"\b(?:not|never|cannot|attempts? to|tr(?:y|ies) to|let \w{1,12})\s{1,2}$|n['’]t\s{1,2}$|"
    r"\b(?:rules?|scripts?|functions?|class(?:es)?|users?|candidates?|visitors?|judges?|later|who|they|he|she|we)\s"
    r"(?:(?:should|must|will|would|can|may|always|later)\s)?\s{0,2}$",
    re.IGNORECASE,
)
"""A beginning of a sentence after which its words are reported and tell the reader to do nothing."""
ADDRESSED = re.compile(
    r"\b(?:you|your|please|user (?:tells|asks|wants|says)|i want|developer|administrator)\b", re.IGNORECASE
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
        counts: dict[tuple[str, Severity, FoundIn, str], int] = {}
        content = subject.views.content
        for view in subject.views.views:
            for match in self._scan(view, rules, subject):
                key = (match.rule.name, match.start, match.end)
                most = MAX_MATCHES_PER_RULE if match.rule.remedy != "redact" else MAX_REDACTIONS_PER_RULE
                # What is alike is limited together: many mentions, or many copies of a value that the allowlist lets
                # pass, do not use up the room of the one that is meant.
                value = content[match.start : match.end] if match.rule.remedy == "redact" else ""
                alike = (match.rule.name, match.severity, match.found_in, value)
                if key in seen or counts.get(alike, 0) >= most:
                    continue
                seen.add(key)
                counts[alike] = counts.get(alike, 0) + 1
                yield match

    def _scan(self, view: View, rules: tuple[Rule, ...], subject: Subject) -> Iterator[Match]:
        for long, (window_chars, overlap_chars) in WINDOWS.items():
            some = [rule for rule in rules if rule.long == long and (view.found_in == "plain" or rule.views == "all")]
            for begin in range(0, len(view.text) if some else 0, window_chars):
                stop = min(len(view.text), begin + window_chars + overlap_chars)
                subject.check()
                if view.found_in == "normalised" and read_already(view, begin, stop, subject.views.content):
                    continue
                lowered = view.text[max(0, begin - NEAR_CHARS[0]) : stop + NEAR_CHARS[1]].lower()
                for rule in some:
                    if not anchored(rule.anchors, lowered) or not anchored(rule.near, lowered):
                        continue
                    pattern, at = self._patterns[rule.pattern or ""], begin
                    while (hit := pattern.search(view.text, at, stop)) and hit.start() < begin + window_chars:
                        match = confirm(rule, hit, view, subject)
                        # Digits before a number may be taken for its beginning: what fails is tried from further on.
                        again = match is None and rule.check in RETRIED
                        at = hit.start() + 1 if again or hit.end() == hit.start() else hit.end()
                        if match:
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
    candidate = Candidate(hit)
    if not candidate.value or (rule.check is not None and not CHECKS[rule.check](candidate)):
        return None
    if rule.near and not named_near(tuple(rule.near), candidate):
        return None
    content = subject.views.content
    start, end = view.span(candidate.start, candidate.end)
    excerpt = content[start:end]
    severity, note = rule.severity if subject.type not in rule.note_in else "low", None
    if rule.mention is not None and view.found_in == "plain" and quoted(content, *hit.span()):
        # Whoever types may claim anything about what they quote: a person looks at their words.
        explained = subject.type != "user_input" and TALK.search(surroundings(content, *hit.span())) is not None
        severity = rule.mention if explained else "medium"
        note = "it stands in quotation marks" + (", in a text about such things" if explained else "")
    elif rule.mention is not None and view.found_in == "plain" and narrated(content, hit.start()):
        severity, note = rule.mention, "its sentence reports it"
    return Match(rule, start, end, mask(excerpt) if rule.masked else shorten(excerpt), severity, view.found_in, note)


def named_near(words: tuple[str, ...], candidate: Candidate) -> bool:
    """Whether one of `words`, as a whole word or part of a name such as `home_phone`, stands close to the value."""
    before, after = NEAR_CHARS
    tail = candidate.text[candidate.end : candidate.end + after].split("\n", 1)[0]
    around = candidate.text[max(0, candidate.start - before) : candidate.end] + tail
    return near_pattern(words).search(around) is not None


@lru_cache(maxsize=256)
def near_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join(map(re.escape, words))
    return re.compile(
        rf"(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))(?:{alternatives})s?(?-i:(?![a-zß-ÿ]))", re.IGNORECASE
    )


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


def narrated(content: str, start: int) -> bool:
    """Whether the sentence up to `start` speaks of somebody else's words, and addresses nobody."""
    before = re.split(r"[.!?:]\s|\n", content[max(0, start - NEARBY_CHARS) : start])[-1]
    return NARRATED.search(before) is not None and ADDRESSED.search(before) is None


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
