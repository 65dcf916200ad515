"""The trained classifier's findings, and how it weighs what the patterns found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import msgspec

from lukhas_sdk.contract.guardian import ActionType, Severity
from lukhasd.guardian.classifiers.classifier import HARM, INJECTION, JAILBREAK, TOXICITY, Assessment, Scored
from lukhasd.guardian.detectors.text import shorten
from lukhasd.guardian.findings import Match
from lukhasd.guardian.hazards import DUTIES, HAZARDS
from lukhasd.guardian.policy import Rule
from lukhasd.guardian.profiles import Thresholds

SUPPORT = (
    "answer with support and where to find help, without any method; ask again with this undertaking once that is sure:"
)
CERTAIN_SHARE = 0.65
"""Of the probability of harm that must be self-harm's for support to be the remedy: what drives another to it, or is
made to look like it, has less."""
UNLIKELY = 0.2
"""Below this probability of the classifier, a pattern's finding of the same kind is doubtful: see `doubted`."""
KINDS = {"harm": HARM, "injection": INJECTION}
"""Packs whose patterns look for what the classifier was trained on too, by what it calls it."""


def rule(column: str, text: str) -> Rule:
    hazard = HAZARDS.get(column)
    return Rule(
        id=column,
        category=column,
        text=text,
        framework=hazard.framework if hazard else "deontological",
        severity="high",
        applies_to=list(get_args(ActionType)),
        name=f"classifier.{column}",
    )


RULES = {
    HARM: rule(HARM, "The classifier takes it for a request or text that leads to harm"),
    TOXICITY: rule(TOXICITY, "The classifier takes it for an insult, a threat or hate."),
    JAILBREAK: rule(JAILBREAK, "The classifier takes it for an attempt to take the rules off a model."),
    INJECTION: rule(INJECTION, "The classifier takes it for an instruction aimed at the model that reads it."),
}


def found(assessment: Assessment, thresholds: Mapping[str, Thresholds], kind: ActionType) -> list[Match]:
    """A match for each column whose probability reaches its threshold."""
    matches = []
    for scored in assessment.scored:
        limits = thresholds[scored.column]
        severity = limits.severity(scored.probability)
        if severity is not None:
            matches.append(match(scored, severity, limits, assessment, kind))
    return matches


def match(scored: Scored, severity: Severity, limits: Thresholds, assessment: Assessment, kind: ActionType) -> Match:
    hazards, note = assessment.hazards, None
    fired = RULES[scored.column]
    category = scored.column
    if scored.column == HARM:
        codes = [code for code in hazards if code not in RULES]
        code = max(codes, key=lambda code: hazards[code])
        category = "ncr" if code == "cyber" else code
        certain = hazards[code] >= CERTAIN_SHARE * scored.probability
        fired = replaced(fired, code, kind if certain else None)
        duty = max(HAZARDS[code].duties, key=lambda duty: assessment.duties.get(duty, 0.0))
        note = f"of the moral rules, the one most at stake is: {DUTIES[duty]}"
        if code == "ssh" and certain:
            severity = "medium"  # someone may be in danger: they are not turned away
    return Match(
        fired,
        scored.start,
        scored.end,
        shorten(scored.excerpt),
        severity,
        scored.view.found_in,
        note,
        category=category,
        probability=scored.probability,
        threshold=limits.crossed(scored.probability),
        detector="classifier",
    )


def supported(code: str, kind: ActionType | None) -> bool:
    """Whether an answer with support is the remedy: it takes someone who asks and is answered. A threat in a message
    or a method in an answer is sometimes taken for this hazard too, and no promise makes up for those."""
    return code == "ssh" and kind == "user_input"


def replaced(fired: Rule, code: str, kind: ActionType | None) -> Rule:
    """The rule on harm as it stands for the hazard `code` in an action of this kind; None where the hazard is not
    certain enough for a remedy."""
    hazard = HAZARDS[code]
    remedy = SUPPORT if supported(code, kind) else None
    return msgspec.structs.replace(
        fired,
        text=f"{fired.text}: {hazard.name}.",
        framework=hazard.framework,
        remedy=remedy,
        undertake=remedy is not None,
    )


def doubted(matches: Sequence[Match], assessment: Assessment) -> list[Match]:
    """The patterns' matches, those of a kind that the classifier finds unlikely at most `medium`.

    A pattern knows words and not what they are for; the classifier was trained on both. It only lowers to REVIEW what
    a pattern is sure of, never to an approval; and what was disguised stays what it is.
    """
    seen = {scored.column: scored.probability for scored in assessment.scored}
    seen[INJECTION] = max(seen.get(INJECTION, 0.0), seen.get(JAILBREAK, 0.0))
    kept = []
    for one in matches:
        column = KINDS.get(one.rule.name.split(".")[0])
        known = column is not None and bool({column, JAILBREAK} & {scored.column for scored in assessment.scored})
        seen_as_is = one.found_in in ("plain", "normalised") and one.rule.views == "all"
        open_to_doubt = one.severity in ("high", "critical") and seen_as_is
        if known and column is not None and open_to_doubt and seen[column] < UNLIKELY:
            note = f"the classifier's probability of it is only {seen[column]:.2f}"
            note = f"{one.note}; {note}" if one.note else note
            one = replace(one, severity="medium", note=note, doubted=True)
        kept.append(one)
    return kept


def folded(hazards: Mapping[str, float]) -> dict[str, float]:
    """By the hazards' published names: computer crime is part of non-violent crimes."""
    found = dict(hazards)
    if "cyber" in found:
        found["ncr"] = round(found["ncr"] + found.pop("cyber"), 4)
    return found
