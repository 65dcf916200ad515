"""One decision from all that was found.

What a finding's severity means at each ethics level (the heaviest finding decides; nothing found is APPROVED):

| severity | STRICT   | BALANCED    | PERMISSIVE  |
|----------|----------|-------------|-------------|
| low      | APPROVED | APPROVED    | APPROVED    |
| medium   | REVIEW   | CONDITIONAL | CONDITIONAL |
| high     | REJECTED | REJECTED    | REVIEW      |
| critical | REJECTED | REJECTED    | REJECTED    |

A *low* finding is a note: it is listed and violates nothing. A medium or high finding whose rule has a remedy (a
secret that can be taken out) is CONDITIONAL at every level: the action as given is not approved, and the condition
says exactly what would make it so. Fulfilling it removes the finding, and with it the condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lukhas_sdk.contract.guardian import Decision, EthicsLevel, Finding
from lukhasd.guardian.findings import Match
from lukhasd.guardian.policy import Rule

ORDER: tuple[Decision, ...] = ("APPROVED", "CONDITIONAL", "REVIEW", "REJECTED")
LEVELS: tuple[EthicsLevel, ...] = ("PERMISSIVE", "BALANCED", "STRICT")
TABLE: dict[EthicsLevel, dict[str, Decision]] = {
    "STRICT": {"low": "APPROVED", "medium": "REVIEW", "high": "REJECTED", "critical": "REJECTED"},
    "BALANCED": {"low": "APPROVED", "medium": "CONDITIONAL", "high": "REJECTED", "critical": "REJECTED"},
    "PERMISSIVE": {"low": "APPROVED", "medium": "CONDITIONAL", "high": "REVIEW", "critical": "REJECTED"},
}
WEIGHTS = {"low": 0.0, "medium": 0.4, "high": 0.8, "critical": 1.0}
"""What a violated rule takes off its framework's score."""
UNMEASURED = "no calibrated harm classifier is installed; only rules ran, and none that fired has a measured precision"
NOTHING_FOUND = "no calibrated harm classifier is installed; only rules ran, and none fired"


@dataclass(frozen=True)
class Judgement:
    """The parts of a verdict that follow from the findings."""

    decision: Decision
    ethics_score: float | None
    safety_score: float | None
    conditions: list[str]
    framework: str
    key_factors: list[str]
    would_change: str | None
    reasons: dict[str, str]


def stricter(one: EthicsLevel, other: EthicsLevel | None) -> EthicsLevel:
    return max(one, other or one, key=LEVELS.index)


def decide_one(match: Match, level: EthicsLevel) -> Decision:
    if match.rule.remedy is not None and match.severity in ("medium", "high"):
        return "CONDITIONAL"
    return TABLE[level][match.severity]


def judge(
    matches: Sequence[Match], findings: Sequence[Finding], *, level: EthicsLevel, applying: Sequence[Rule]
) -> Judgement:
    """The decision on `matches`, which `findings` describes one for one; `applying` could have fired.

    `ethics_score`: each framework with a rule for this type of action scores 1 − the heaviest weight (medium 0.4,
    high 0.8, critical 1) among its violated rules; the score is the lowest of them, so that one broken principle is
    not averaged away by those it does not touch. `safety_score`: 1 − the greatest measured probability of harm;
    null when a violated rule has none, since the score would leave out what weighs most.
    """
    reasons: dict[str, str] = {}
    decisions = [decide_one(match, level) for match in matches]
    decision: Decision = max([*decisions, ORDER[0]], key=ORDER.index)
    scores: dict[str, float] = {rule.framework: 1.0 for rule in applying}
    for match in matches:
        framework = match.rule.framework
        scores[framework] = min(scores.get(framework, 1.0), 1.0 - WEIGHTS[match.severity])
    if not scores:
        reasons["ethics_score"] = "no rule of the policy in force applies to this type of action"
    measured = [finding.probability for finding in findings if finding.probability is not None]
    unmeasured = sorted(
        {f.rule for m, f in zip(matches, findings, strict=True) if f.probability is None and m.severity != "low"}
    )
    if measured and unmeasured:
        measured = []
        reasons["safety_score"] = f"the precision of {', '.join(unmeasured)} is not measured"
    elif not measured:
        reasons["safety_score"] = UNMEASURED if matches else NOTHING_FOUND
    blocking = [match for match, made in zip(matches, decisions, strict=True) if made == decision]
    conditions = [condition(match) for match, made in zip(matches, decisions, strict=True) if made == "CONDITIONAL"]
    lowest = min(scores, key=lambda name: scores[name]) if scores and decision != "APPROVED" else None
    return Judgement(
        decision=decision,
        ethics_score=round(min(scores.values()), 4) if scores else None,
        safety_score=round(1.0 - max(measured), 4) if measured else None,
        conditions=list(dict.fromkeys(conditions)),
        framework=lowest or ", ".join(sorted(scores)) or "none",
        key_factors=[factor(m, f) for m, f in zip(matches, findings, strict=True)] or [
            f"none of the {len(applying)} rules for this type of action fired"
        ],
        would_change=None if decision == "APPROVED" else change(blocking),
        reasons=reasons,
    )  # fmt: skip


def condition(match: Match) -> str:
    remedy = match.rule.remedy or "remove or rewrite"
    return f"{remedy} characters {match.start}–{match.end} ({match.rule.name}: {match.excerpt})"


def factor(match: Match, finding: Finding) -> str:
    """One line on one finding, made of what was found."""
    probability = "not measured" if finding.probability is None else f"{finding.probability:.2f}"
    how = "" if match.found_in == "plain" else f", found in {match.found_in} text"
    note = f"; {match.note}" if match.note else ""
    return (
        f"{match.rule.name} ({match.rule.framework}, {match.rule.category}, {match.severity}): {match.rule.text} "
        f"Characters {match.start}–{match.end}{how}; probability of harm {probability}{note}."
    )


def change(blocking: Sequence[Match]) -> str:
    spans = ", ".join(dict.fromkeys(f"{m.start}–{m.end} ({m.rule.name})" for m in blocking[:8]))
    more = f" and {len(blocking) - 8} more" if len(blocking) > 8 else ""
    return f"without what stands at characters {spans}{more}, these findings fall away and the action is judged anew"
