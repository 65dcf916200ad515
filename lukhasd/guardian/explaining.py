"""A recorded verdict told in full, from the log and the policy in force. Nothing is judged anew."""

from __future__ import annotations

from collections.abc import Sequence

from lukhas_sdk.contract.guardian import DECISIONS, Decision, EthicsLevel
from lukhas_sdk.contract.verdict_log import (
    Appeal,
    ChainPosition,
    ExplainedFinding,
    Explanation,
    LogEntry,
    LoggedFinding,
    VerdictRecord,
)
from lukhasd.guardian.detectors.trained import supported
from lukhasd.guardian.hazards import HAZARDS
from lukhasd.guardian.keeper import DRIFT_RULE, DRIFT_SAYS
from lukhasd.guardian.policy import Rule
from lukhasd.guardian.verdict import LEVELS, TABLE, undertakable

NOT_WEIGHED = "the action could not be judged, so there was nothing to weigh at any level"
SHOWN = 8
"""Of a verdict's findings, in what would change it."""


def explain(entry: LogEntry, rules: Sequence[Rule], *, appeals: list[Appeal], chain: ChainPosition) -> Explanation:
    """`rules` are those of the policy in force."""
    record = entry.verdict
    by_name = {rule.name: rule for rule in rules}
    findings = [_explained(finding, record, by_name.get(finding.rule)) for finding in record.findings]
    failed = "decision" in record.reasons and record.decision == "REJECTED"
    reasons = dict(record.reasons)
    levels: dict[EthicsLevel, Decision] | None = None
    if failed:
        reasons["at_levels"] = NOT_WEIGHED
    else:
        levels = {level: _worst([each.leads_to[level] for each in findings]) for level in LEVELS}
        levels[record.ethics_level] = record.decision
    blocking = [
        each for each in findings if each.severity != "low" and each.leads_to[record.ethics_level] == record.decision
    ]
    return Explanation(
        validation_id=record.validation_id,
        time=entry.time,
        decision=record.decision,
        action_type=record.action_type,
        profile=record.profile,
        ethics_level=record.ethics_level,
        ethics_score=record.ethics_score,
        safety_score=record.safety_score,
        hazards=record.hazards,
        frameworks=record.frameworks,
        findings=findings,
        decided_by=list(dict.fromkeys(each.rule for each in blocking)),
        would_change=_changes(record, blocking, failed=failed),
        requirements=record.requirements,
        undertakings=record.undertakings,
        at_levels=levels,
        judge=record.judge,
        behaviour=record.behaviour,
        appeals=appeals,
        chain=chain,
        reasons=reasons,
    )


def _explained(finding: LoggedFinding, record: VerdictRecord, rule: Rule | None) -> ExplainedFinding:
    reasons: dict[str, str] = {}
    says = _says(finding, rule)
    if says is None:
        reasons["says"] = "the policy in force has no such rule any more"
    if finding.probability is None:
        reasons["probability"] = "not measured for this rule"
    if finding.threshold is None:
        reasons["threshold"] = "a rule fires or does not: no probability was held against a threshold"
    return ExplainedFinding(
        rule=finding.rule,
        says=says,
        category=finding.category,
        framework=finding.framework,
        severity=finding.severity,
        start=finding.start,
        end=finding.end,
        found_in=finding.found_in,
        detector=finding.detector,
        probability=finding.probability,
        threshold=finding.threshold,
        leads_to=_leads_to(finding, record, rule),
        would_change=_change(finding),
        reasons=reasons,
    )


def _says(finding: LoggedFinding, rule: Rule | None) -> str | None:
    if rule is not None:
        return rule.text
    if finding.rule == DRIFT_RULE:
        return DRIFT_SAYS
    hazard = HAZARDS.get(finding.category)
    return f"A classifier sees {hazard.name} in it." if finding.detector == "classifier" and hazard else None


def _leads_to(finding: LoggedFinding, record: VerdictRecord, rule: Rule | None) -> dict[EthicsLevel, Decision]:
    """By the table of severities; CONDITIONAL at every level where there is a remedy, as `verdict.decide_one`, unless
    the caller undertook to fulfil it."""
    if finding.rule == DRIFT_RULE:
        return dict.fromkeys(LEVELS, "REVIEW" if finding.severity == "medium" else "APPROVED")
    cures = (f"redact:{finding.rule}", f"undertake:{finding.rule}")
    support = (
        finding.detector in ("classifier", "judge")
        and supported(finding.category, record.action_type)
        and cures[1] in (*record.requirements, *record.undertakings)
    )
    has_remedy = (
        support or (rule is not None and rule.remedy is not None) or any(one in cures for one in record.requirements)
    )
    if has_remedy and finding.severity in ("medium", "high"):
        promised = support or rule is None or undertakable(rule)
        lifted = promised and f"undertake:{finding.rule}" in record.undertakings
        return dict.fromkeys(LEVELS, "APPROVED" if lifted else "CONDITIONAL")
    return {level: TABLE[level][finding.severity] for level in LEVELS}


def _worst(decisions: Sequence[Decision]) -> Decision:
    return max([*decisions, DECISIONS[0]], key=DECISIONS.index)


def _change(finding: LoggedFinding) -> str | None:
    if finding.severity == "low":
        return None
    if finding.rule == DRIFT_RULE:
        return "actions that serve what was asked bring the average down; a new session begins anew"
    below = f", or a probability under {finding.threshold:.2f}" if finding.threshold is not None else ""
    return f"without what stands at characters {finding.start}–{finding.end}{below}, it falls away"


def _changes(record: VerdictRecord, blocking: Sequence[ExplainedFinding], *, failed: bool) -> list[str]:
    if record.decision == "APPROVED":
        return []
    if failed:
        return [f"an action that can be judged: {record.reasons['decision']}"]
    changes = [f"{each.rule}: {each.would_change}" for each in blocking[:SHOWN]]
    if len(blocking) > SHOWN:
        changes.append(f"and {len(blocking) - SHOWN} more findings of the same weight")
    if record.decision == "CONDITIONAL" and record.requirements:
        changes.append(f"or fulfil: {', '.join(record.requirements)}")
    return changes or [why for name, why in record.reasons.items() if name in ("behaviour", "decision", "judge")]
