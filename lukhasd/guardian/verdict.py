"""One decision from all that was found.

What a finding's severity means at each ethics level (the heaviest finding decides; nothing found is APPROVED):

| severity | STRICT   | BALANCED    | PERMISSIVE  |
|----------|----------|-------------|-------------|
| low      | APPROVED | APPROVED    | APPROVED    |
| medium   | REVIEW   | CONDITIONAL | CONDITIONAL |
| high     | REJECTED | REJECTED    | REVIEW      |
| critical | REJECTED | REJECTED    | REJECTED    |

A *low* finding is a note: it is listed and violates nothing. A medium or high finding whose rule has a remedy (a
secret that can be taken out) is CONDITIONAL at every level: the action as given is not approved, and the requirement
says exactly what would make it so. Fulfilling it removes the finding, and with it the condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lukhas_sdk.contract.guardian import DECISIONS, MAX_FINDINGS, Decision, EthicsLevel, Finding, Requirement, Severity
from lukhasd.guardian.findings import SEVERITIES, Match
from lukhasd.guardian.frameworks import scores
from lukhasd.guardian.policy import Rule
from lukhasd.guardian.redaction import REMEDY, redaction_of

LEVELS: tuple[EthicsLevel, ...] = ("PERMISSIVE", "BALANCED", "STRICT")
TABLE: dict[EthicsLevel, dict[Severity, Decision]] = {
    "STRICT": {"low": "APPROVED", "medium": "REVIEW", "high": "REJECTED", "critical": "REJECTED"},
    "BALANCED": {"low": "APPROVED", "medium": "CONDITIONAL", "high": "REJECTED", "critical": "REJECTED"},
    "PERMISSIVE": {"low": "APPROVED", "medium": "CONDITIONAL", "high": "REVIEW", "critical": "REJECTED"},
}
NO_CLASSIFIER = "no classifier judges actions of this type"
NO_TEXT = "the content holds no text that a classifier could judge"
NOTHING_MEASURED = "only rules ran, and none that fired has a measured precision"


@dataclass(frozen=True)
class Judgement:
    """The parts of a verdict that follow from the findings."""

    decision: Decision
    ethics_score: float | None
    safety_score: float | None
    requirements: list[Requirement]
    framework: str
    frameworks: dict[str, float]
    key_factors: list[str]
    would_change: str | None
    reasons: dict[str, str]


def stricter(one: EthicsLevel, other: EthicsLevel | None) -> EthicsLevel:
    return max(one, other or one, key=LEVELS.index)


def decide_one(match: Match, level: EthicsLevel) -> Decision:
    if match.rule.remedy is not None and match.severity in ("medium", "high"):
        return "CONDITIONAL"
    return TABLE[level][match.severity]


def is_lifted(match: Match, decision: Decision, undertakings: Sequence[str]) -> bool:
    """Whether `decision` on `match` is a condition of the kind that can be undertaken, and was."""
    return decision == "CONDITIONAL" and undertakable(match.rule) and undertaking(match) in undertakings


def heaviest(matches: Sequence[Match], level: EthicsLevel, undertakings: Sequence[str]) -> list[Match]:
    """At most `MAX_FINDINGS` of them in order of place, those kept that decide the most and are the most severe."""

    def weight(match: Match) -> tuple[int, int]:
        decision = decide_one(match, level)
        lifted = is_lifted(match, decision, undertakings)
        return 0 if lifted else DECISIONS.index(decision), SEVERITIES.index(match.severity)

    kept = sorted(matches, key=weight, reverse=True)[:MAX_FINDINGS]
    return sorted(kept, key=lambda match: (match.start, match.end, match.rule.name))


def judge(
    matches: Sequence[Match],
    findings: Sequence[Finding],
    *,
    level: EthicsLevel,
    applying: Sequence[Rule],
    hazards: Mapping[str, float],
    likeliest: float | None,
    content: str,
    undertakings: Sequence[str] = (),
    unassessed: str = NO_CLASSIFIER,
) -> Judgement:
    """The decision on `matches`, which `findings` describes one for one; `applying` could have fired.

    `hazards` are the classifier's probabilities and `likeliest` the greatest of its columns, None where it has none.
    `ethics_score` is the lowest of the frameworks' scores, so that one broken principle is not averaged away by those
    it does not touch. `safety_score` is 1 − the greatest probability of harm, the classifier's or the precision of a
    rule that fired; null when a violated rule has none measured, since the score would leave out what weighs most.
    `undertakings` lift what is CONDITIONAL on them and nothing else. `unassessed`: why there are no `hazards`.
    """
    reasons: dict[str, str] = {}
    weighed = [
        Weighed(match, finding, decide_one(match, level)) for match, finding in zip(matches, findings, strict=True)
    ]
    lifted = [one for one in weighed if is_lifted(one.match, one.decision, undertakings)]
    standing = [one for one in weighed if one not in lifted]
    decision: Decision = max([*(one.decision for one in standing), DECISIONS[0]], key=DECISIONS.index)
    frameworks = scores(matches, hazards, content=content, applying=applying)
    if not frameworks:
        reasons["ethics_score"] = "no rule of the policy in force applies to this type of action"
    if not hazards:
        reasons["hazards"] = unassessed
    blocking = [one.match for one in standing if one.decision == decision]
    lowest = min(frameworks, key=lambda name: frameworks[name]) if frameworks and decision != "APPROVED" else None
    return Judgement(
        decision=decision,
        ethics_score=min(frameworks.values()) if frameworks else None,
        safety_score=safety(weighed, likeliest, reasons, unassessed),
        requirements=requirements([one.match for one in standing if one.decision == "CONDITIONAL"]),
        framework=lowest or ", ".join(frameworks) or "none",
        frameworks=frameworks,
        key_factors=[
            *(factor(one.match, one.finding) for one in weighed),
            *(f"the caller undertakes to fulfil {undertaking(one.match)}" for one in lifted),
        ]
        or [nothing_found(applying, likeliest)],
        would_change=None if decision == "APPROVED" else change(blocking),
        reasons=reasons,
    )


@dataclass(frozen=True)
class Weighed:
    match: Match
    finding: Finding
    decision: Decision


def safety(
    weighed: Sequence[Weighed], likeliest: float | None, reasons: dict[str, str], unassessed: str
) -> float | None:
    rules = [one for one in weighed if one.finding.detector != "classifier"]
    unmeasured = sorted({one.finding.rule for one in rules if one.finding.probability is None
                         and one.match.severity != "low"})  # fmt: skip
    measured = [one.finding.probability for one in rules if one.finding.probability is not None]
    if likeliest is not None:
        measured.append(likeliest)
    if measured and unmeasured:
        reasons["safety_score"] = f"the precision of {', '.join(unmeasured)} is not measured"
        return None
    if not measured:
        reasons["safety_score"] = f"{unassessed}; {NOTHING_MEASURED}"
        return None
    return round(1.0 - max(measured), 4)


def undertakable(rule: Rule) -> bool:
    """Whether the rule's remedy is a promise; what must be taken out or changed cannot be promised."""
    return rule.undertake and rule.remedy is not None and rule.remedy != REMEDY


def undertaking(match: Match) -> str:
    """The id of the requirement that a caller can undertake to fulfil."""
    return f"undertake:{match.rule.name}"


def requirements(conditional: Sequence[Match]) -> list[Requirement]:
    """What would lift the CONDITIONAL findings, each requirement once."""
    found: dict[str, Requirement] = {}
    redacted: dict[str, list[Match]] = {}
    for match in conditional:
        rule = match.rule
        if rule.remedy == REMEDY:
            redacted.setdefault(rule.name, []).append(match)
        elif undertakable(rule):
            identifier = undertaking(match)
            found.setdefault(
                identifier, Requirement(identifier, "undertake", f"{rule.remedy} ({place(match)})", rule.name)
            )
        else:
            identifier = f"change:{rule.name}:{match.start}-{match.end}"
            text = f"{rule.remedy or 'remove or rewrite'} {place(match)}"
            found.setdefault(identifier, Requirement(identifier, "change", text, rule.name))
    for name, matches in redacted.items():
        identifier = f"redact:{name}"
        places = ", ".join(place(match) for match in matches[:4]) + (
            f" and {len(matches) - 4} more" if len(matches) > 4 else ""
        )
        found[identifier] = Requirement(identifier, "redact", f"redact {places}", name, redaction_of(matches))
    return list(found.values())


def place(match: Match) -> str:
    return f"characters {match.start}–{match.end} ({match.rule.name}: {match.excerpt})"


def nothing_found(applying: Sequence[Rule], likeliest: float | None) -> str:
    said = f"none of the {len(applying)} rules for this type of action fired"
    return said if likeliest is None else f"{said}, and the classifier's probability of harm is {likeliest:.2f}"


def factor(match: Match, finding: Finding) -> str:
    """One line on one finding, made of what was found."""
    probability = "not measured" if finding.probability is None else f"{finding.probability:.2f}"
    if finding.threshold is not None:
        probability += f" against a threshold of {finding.threshold:g}"
    how = "" if match.found_in == "plain" else f", found in {match.found_in} text"
    note = f"; {match.note}" if match.note else ""
    return (
        f"{match.rule.name} ({match.rule.framework}, {finding.category}, {match.severity}): {finding.text} "
        f"Characters {match.start}–{match.end}{how}; probability of harm {probability}{note}."
    )


def change(blocking: Sequence[Match]) -> str:
    named = ", ".join(dict.fromkeys(f"{m.start}–{m.end} ({m.rule.name})" for m in blocking[:8]))
    more = f" and {len(blocking) - 8} more" if len(blocking) > 8 else ""
    return f"without what stands at characters {named}{more}, these findings fall away and the action is judged anew"
