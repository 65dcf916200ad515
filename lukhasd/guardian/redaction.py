"""Taking secrets and personal data out of a content: which characters, and what to put in their place."""

from __future__ import annotations

from collections.abc import Iterable

from lukhas_sdk.contract.guardian import Span
from lukhasd.guardian.findings import SEVERITIES, Match
from lukhasd.guardian.policy import Rule

REMEDY = "redact"


def label_of(rule: Rule) -> str:
    """What stands in the place of what `rule` found, as `[CREDIT_CARD]`; no rule fires on it."""
    return f"[{rule.label or rule.id.upper()}]"


def redactable(match: Match) -> bool:
    """Whether a redaction would cure this finding; notes (severity low) need no cure."""
    return match.rule.remedy == REMEDY and match.severity != "low"


def redaction_of(matches: Iterable[Match]) -> list[Span]:
    """The stretches to replace for all redactable `matches`, in order, none touching another.

    Matches that overlap or touch become one stretch, which bears the label of the longest of them (of equals, of the
    gravest). What was found in decoded text stands for the whole encoded stretch.
    """
    spans: list[Span] = []
    widest: tuple[int, int] = (0, 0)
    for match in sorted(filter(redactable, matches), key=lambda each: (each.start, -each.end)):
        weight = (match.end - match.start, SEVERITIES.index(match.severity))
        if spans and match.start <= spans[-1].end:
            last = spans[-1]
            heavier = weight > widest
            widest = max(weight, widest)
            replacement = label_of(match.rule) if heavier else last.replacement
            spans[-1] = Span(last.start, max(last.end, match.end), replacement)
        else:
            widest = weight
            spans.append(Span(match.start, match.end, label_of(match.rule)))
    return spans
