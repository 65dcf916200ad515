"""What each ethical framework makes of an action: a score from 0 to 1, worked out from the findings and hazards.

- deontological: 1 − the probability that one of the ten rules of MoralChoice is broken, the most likely one.
- consequentialist: 1 − the greatest likelihood × severity × irreversibility × scope over the hazards.
- care: 1 − the probability that someone who needs protection is in danger.
- constitutional, virtue, utilitarian: the rules that a pack states under that name.

A rule that fired takes its weight off the score of its own framework (medium 0.4, high 0.8, critical 1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lukhasd.guardian.findings import Match
from lukhasd.guardian.hazards import HAZARDS
from lukhasd.guardian.policy import Rule

WEIGHTS = {"low": 0.0, "medium": 0.4, "high": 0.8, "critical": 1.0}
"""What a violated rule takes off its framework's score."""
PERSONAL_CONCERN = 0.5
"""Share of any harm that weighs as a danger to someone vulnerable where the text names such a person."""
VULNERABLE = re.compile(
    r"\b(?:child(?:ren)?|kids?|minors?|teen(?:ager)?s?|bab(?:y|ies)|toddlers?|students?|pupils?|elderly|"
    r"grand(?:ma|pa|mother|"
    r"father|parents?)|seniors?|patients?|disabled|dementia|pregnant|depress(?:ed|ion)|suicidal|homeless|refugees?|"
    r"widow(?:er)?s?|orphans?|victims?|survivors?|addicts?|pets?|animals?)\b",
    re.IGNORECASE,
)
MANY = re.compile(
    r"\b(?:every(?:one|body)|all (?:the )?(?:people|users?|customers?|employees|women|men|jews|muslims|immigrants)|"
    r"as many|crowds?|cit(?:y|ies)|countr(?:y|ies)|nation(?:al|wide)?|public|population|millions?|"
    r"thousands?|hundreds?|"
    r"mass(?:es)?|schools?|hospitals?|stadiums?|subways?|airports?|voters?|elections?|water supply|power grid)\b",
    re.IGNORECASE,
)
ONE_INCIDENT = 0.8
"""Share of a hazard's scope where nothing in the text speaks of many."""


def duties_at_risk(hazards: Mapping[str, float]) -> dict[str, float]:
    """P(the rule is broken) for the rules that the hazards touch."""
    risk: dict[str, float] = {}
    for code, probability in hazards.items():
        for duty in HAZARDS[code].duties:
            risk[duty] = max(risk.get(duty, 0.0), probability)
    return risk


def expected_harm(hazards: Mapping[str, float], content: str) -> float:
    """The most of all hazards' likelihood × severity × irreversibility × scope."""
    share = 1.0 if MANY.search(content) else ONE_INCIDENT
    return max(
        probability * HAZARDS[code].severity * HAZARDS[code].irreversibility * HAZARDS[code].scope * share
        for code, probability in hazards.items()
    )


def scores(
    matches: Sequence[Match], hazards: Mapping[str, float], *, content: str, applying: Sequence[Rule]
) -> dict[str, float]:
    """Each framework's score, of those that have a rule for this type of action or a hazard to weigh."""
    found = {rule.framework: 1.0 for rule in applying}
    for match in matches:
        framework = match.rule.framework
        found[framework] = min(found.get(framework, 1.0), 1.0 - WEIGHTS[match.severity])
    if hazards:
        harm = min(1.0, sum(hazards[code] for code in hazards if code in PARTS))
        care = max(hazards.get("ssh", 0.0), hazards.get("cse", 0.0))
        if VULNERABLE.search(content):
            care = max(care, PERSONAL_CONCERN * harm)
        for framework, score in (
            ("deontological", 1.0 - max(duties_at_risk(hazards).values())),
            ("consequentialist", 1.0 - expected_harm(hazards, content)),
            ("care", 1.0 - care),
        ):
            found[framework] = min(found.get(framework, 1.0), score)
    return {name: round(score, 4) for name, score in sorted(found.items())}


PARTS = frozenset(HAZARDS) - {"toxicity", "jailbreak", "injection"}
"""The hazards whose probabilities add up to that of harm."""
