"""What the verdict log is made of: entries, and how a verdict becomes one without the text that it was about."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from lukhas_sdk.contract.guardian import MAX_FINDINGS, Finding, ValidateRequest, Verdict
from lukhas_sdk.contract.verdict_log import LoggedFinding, VerdictRecord
from lukhasd.identity.caller import Caller

LogContent = Literal["hash", "redacted", "none"]

REDACTED_CHARS = 2000
HIDDEN = ("secret", "personal_data")
"""Categories whose findings are masked wherever a text is kept."""
MOST_OF_A_RULE = 20
"""A rule is looked for so many times at most: what holds as many may hold more."""
ALL_MASKED = "[masked whole: it holds too many secrets to find each]"
REASON_CHARS = 500
INSIDE = "an error inside the guardian: "


class AppealRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="appeal"):
    appeal_id: str
    validation_id: str
    owner: str | None
    who: str | None
    reason: str
    evidence: str | None


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="notice"):
    """Something about the log itself; `breaks`: the chain cannot be vouched for from here on."""

    text: str
    breaks: bool


class Line(msgspec.Struct, frozen=True):
    """A line of the log."""

    seq: int
    time: datetime
    previous: str
    hash: str
    entry: VerdictRecord | AppealRecord | Notice


Place = tuple[int, int, str, str]
"""Where a finding stands: start, end, rule, category."""
Mask = Callable[[str], str]
"""A text with its secrets masked."""


def content_hash(content: str, key: bytes) -> str:
    return hmac.new(key, content.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def record_of(
    request: ValidateRequest, verdict: Verdict, caller: Caller | None, *, keep: LogContent, key: bytes
) -> VerdictRecord:
    content, findings = request.action.content, verdict.reasoning.findings
    shown = redacted(content, findings) if keep == "redacted" else None
    hidden = hidden_spans(findings) if shown not in (None, ALL_MASKED) else None
    return VerdictRecord(
        validation_id=verdict.validation_id,
        owner=caller.identity_id if caller else None,
        who=caller.lambda_id if caller else None,
        action_type=request.action.type,
        profile=verdict.profile,
        ethics_level=verdict.ethics_level,
        session_id=request.session_id,
        decision=verdict.decision,
        ethics_score=verdict.ethics_score,
        safety_score=verdict.safety_score,
        hazards=verdict.hazards,
        frameworks=verdict.frameworks,
        findings=[_logged(finding, hidden) for finding in findings],
        requirements=[requirement.id for requirement in verdict.requirements],
        undertakings=request.undertakings,
        judge=verdict.judge,
        behaviour=verdict.behaviour,
        reasons={name: _reason(why) for name, why in verdict.reasons.items()},
        duration_ms=verdict.duration_ms,
        content_length=len(content),
        content_hash=None if keep == "none" else content_hash(content, key),
        content=shown,
    )


def redacted(content: str, findings: Sequence[Finding]) -> str:
    """The first 2,000 characters, with secrets and personal data masked."""
    return masked(content, [(each.start, each.end, each.rule, each.category) for each in findings])[:REDACTED_CHARS]


def masked(text: str, found: Sequence[Place], categories: Sequence[str] = HIDDEN) -> str:
    """`text` with what was found of `categories` replaced by its category's name."""
    if len(found) >= MAX_FINDINGS:  # graver ones may have left no room for all secrets
        return ALL_MASKED
    hidden = sorted((each for each in found if each[3] in categories), key=lambda each: (each[0], -each[1]))
    if any(count >= MOST_OF_A_RULE for count in Counter(rule for _, _, rule, _ in hidden).values()):
        return ALL_MASKED
    shown: list[str] = []
    last = 0
    for start, end, _, category in hidden:
        if start >= last and end > start:
            shown += [text[last:start], f"[{category}]"]
        last = max(last, end)
    return "".join([*shown, text[last:]])


def hidden_spans(findings: Sequence[Finding]) -> list[tuple[int, int]]:
    return [(each.start, each.end) for each in findings if each.category in HIDDEN]


def _logged(finding: Finding, hidden: Sequence[tuple[int, int]] | None) -> LoggedFinding:
    """With its excerpt where `hidden`, the places of secrets, is given: that of a secret is masked, another touches
    none of them."""
    clear = hidden is not None and (
        finding.category in HIDDEN or not any(start < finding.end and finding.start < end for start, end in hidden)
    )
    return LoggedFinding(
        rule=finding.rule,
        category=finding.category,
        severity=finding.severity,
        framework=finding.framework,
        start=finding.start,
        end=finding.end,
        found_in=finding.found_in,
        detector=finding.detector,
        probability=finding.probability,
        threshold=finding.threshold,
        excerpt=finding.excerpt if clear else None,
    )


def _reason(why: str) -> str:
    """An error's own words may quote the content: only its kind is kept."""
    if why.startswith(INSIDE):
        return INSIDE + why.removeprefix(INSIDE).partition(":")[0]
    return why[:REASON_CHARS]
