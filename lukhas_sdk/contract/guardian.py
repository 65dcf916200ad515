"""The guardian's verdict on an action."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Request, Response, Tier, Unit

ActionType = Literal[
    "response_generation", "user_input", "shell_command", "tool_call", "tool_output",
    "document", "memory_write", "file_write", "http_request", "message",
]  # fmt: skip
Decision = Literal["APPROVED", "CONDITIONAL", "REVIEW", "REJECTED"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
"""The gravest last."""
EthicsLevel = Literal["STRICT", "BALANCED", "PERMISSIVE"]
Profile = Literal["general", "agent", "community"]
"""Whose thresholds apply: an assistant's user, a program that acts by itself, or a place where people talk."""
DetectorName = Literal["rule", "shell", "classifier", "judge"]
RequirementKind = Literal["redact", "change", "undertake"]
Severity = Literal["low", "medium", "high", "critical"]


class GuardianAction(Request, frozen=True):
    type: ActionType
    content: Annotated[str, msgspec.Meta(max_length=1_000_000)]
    target_user: str | None = None
    context: str | None = None
    """What the caller says it is for. A claim: it never lowers a risk."""
    intent: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    """What the user asked for. A tool's output or a document is compared with it, and an action's drift from it is
    measured. It never lowers a risk either."""


class ValidateRequest(Request, frozen=True):
    action: GuardianAction
    ethics_level: EthicsLevel | None = None
    """Null: the daemon's setting. A caller can ask for a stricter level than the setting, never a looser one."""
    profile: Profile | None = None
    """Null: the daemon's setting."""
    session_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """Verdicts of one session share a measure of behaviour drift."""
    undertakings: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=20)] = []
    """Ids of requirements of the kind `undertake` that the caller binds itself to; recorded with the verdict. They
    lift a CONDITIONAL and nothing else."""


class Span(Response, frozen=True):
    """Characters `start` to `end` of the content as it was given, and what to put in their place."""

    start: int
    end: int
    replacement: str


class Requirement(Response, frozen=True):
    """What would lift a CONDITIONAL verdict.

    `redact`: put each span's replacement in its place and ask again. `change`: do what the text says and ask again.
    `undertake`: ask again with `id` among `undertakings`.
    """

    id: str
    kind: RequirementKind
    text: str
    rule: str
    redact: list[Span] = []


MAX_FINDINGS = 200
"""A verdict lists so many at most: there may be more."""


class Finding(Response, frozen=True):
    """One rule that fired. `start`/`end` are character offsets into the content as it was given."""

    rule: str
    """`<pack>.<rule>`, as `lukhas guardian policy show` names it."""
    category: str
    """An MLCommons AILuminate hazard, or injection, secret, personal_data, command."""
    text: str
    """What the rule says, in a sentence."""
    framework: str
    severity: Severity
    start: int
    end: int
    excerpt: str
    """What it fired on; a secret or personal datum is masked."""
    found_in: Literal[
        "plain", "normalised", "base64", "hex", "url", "rot13", "base32", "ascii85", "codes", "morse", "selectors",
        "escaped", "markup", "joined", "spaced", "leet", "reversed",
    ] = "plain"  # fmt: skip
    """In which reading of the content. `codes`: binary, octal or decimal; `selectors`: unseen variation selectors;
    `escaped`: JSON or HTML escapes; `markup`: comments or marks inside words; `joined`: words broken over lines."""
    probability: Unit | None = None
    """Calibrated probability of harm: a classifier's, or how often a rule that fires is right; null: not measured."""
    threshold: Unit | None = None
    """What a classifier's probability was held against; null for a rule."""
    detector: DetectorName = "rule"


class Reasoning(Response, frozen=True):
    ethical_framework: str
    key_factors: list[str]
    findings: list[Finding]
    would_change: str | None
    """What would change the verdict; null when it is APPROVED."""


class Behaviour(Response, frozen=True):
    """How far a session's actions have moved from what was asked: 1 − cos(intent, action), averaged over 64."""

    session_id: str
    drift: Unit | None
    """Of this action; null where it has no intent to be compared with."""
    average: Unit | None
    actions: int
    """Compared so far in this session."""
    state: Literal["steady", "warn", "block"]


class Verdict(Response, frozen=True):
    validation_id: str
    decision: Decision
    ethics_score: float | None
    """The lowest of `frameworks`."""
    safety_score: float | None
    """1 − the probability of harm: the greatest over the hazards, or a rule's that fired."""
    conditions: list[str]
    """Never empty when the decision is CONDITIONAL."""
    reasoning: Reasoning
    ethics_level: EthicsLevel
    duration_ms: float
    profile: Profile = "general"
    requirements: list[Requirement] = []
    """The same conditions, for a program to fulfil."""
    hazards: dict[str, float] = {}
    """Calibrated probability by hazard, as the classifiers give it; empty where none applies, with a reason."""
    frameworks: dict[str, float] = {}
    """Each framework's own score from 0 to 1, of those that have something to say on this type of action."""
    judge: Literal["off", "not_needed", "agreed", "raised", "lowered", "late", "failed"] = "off"
    """What the optional second opinion of a language model came to."""
    behaviour: Behaviour | None = None
    """Null without a session."""
    reasons: Reasons = {}

    @property
    def stops(self) -> bool:
        """What was judged may not go on: it is rejected, or a person has to decide first."""
        return self.decision in ("REVIEW", "REJECTED")


class PolicyRule(Response, frozen=True):
    rule: str
    category: str
    text: str
    framework: str
    severity: Severity
    applies_to: list[str]


class PolicyPack(Response, frozen=True):
    name: str
    version: str
    origin: Literal["built-in", "user"]
    path: str
    rules: list[PolicyRule]
    tests: int
    """Checks that the pack carries, all of which passed when it was loaded."""


class ClassifierThreshold(Response, frozen=True):
    """From which probability on a classifier's finding is medium (`review`) and high (`reject`)."""

    profile: Profile
    classifier: str
    review: Unit
    reject: Unit


class PolicyResponse(Response, frozen=True):
    packs: list[PolicyPack]
    ethics_level: EthicsLevel
    profile: Profile = "general"
    """The daemon's setting."""
    thresholds: list[ClassifierThreshold] = []


VALIDATE = Operation(
    "guardian.validate", "POST", "/guardian/validate", "Judge an action before it is done.",
    params=NoParams, body=ValidateRequest, result=Verdict, tier=Tier.GUEST, limit=Limit.GUARDIAN,
)  # fmt: skip

POLICY = Operation(
    "guardian.policy", "GET", "/guardian/policy", "List the policy packs in force and their rules.",
    params=NoParams, body=NoBody, result=PolicyResponse, tier=Tier.USER, limit=Limit.GUARDIAN,
)  # fmt: skip

OPERATIONS = (VALIDATE, POLICY)
