"""The guardian's verdict on an action."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Request, Response, Tier, Unit

ActionType = Literal[
    "response_generation", "user_input", "shell_command", "tool_call", "tool_output",
    "document", "memory_write", "file_write", "http_request", "message",
]  # fmt: skip
Decision = Literal["APPROVED", "CONDITIONAL", "REVIEW", "REJECTED"]
EthicsLevel = Literal["STRICT", "BALANCED", "PERMISSIVE"]
Severity = Literal["low", "medium", "high", "critical"]


class GuardianAction(Request, frozen=True):
    type: ActionType
    content: Annotated[str, msgspec.Meta(max_length=1_000_000)]
    target_user: str | None = None
    context: str | None = None
    """What the caller says it is for. A claim: it never lowers a risk."""


class ValidateRequest(Request, frozen=True):
    action: GuardianAction
    ethics_level: EthicsLevel | None = None
    """Null: the daemon's setting. A caller can ask for a stricter level than the setting, never a looser one."""


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
    found_in: Literal["plain", "normalised", "base64", "hex", "url", "rot13"] = "plain"
    probability: Unit | None = None
    """Calibrated probability of harm given that this rule fired; null where it was not measured."""


class Reasoning(Response, frozen=True):
    ethical_framework: str
    key_factors: list[str]
    findings: list[Finding]
    would_change: str | None
    """What would change the verdict; null when it is APPROVED."""


class Verdict(Response, frozen=True):
    validation_id: str
    decision: Decision
    ethics_score: float | None
    safety_score: float | None
    conditions: list[str]
    """Never empty when the decision is CONDITIONAL."""
    reasoning: Reasoning
    ethics_level: EthicsLevel
    duration_ms: float
    reasons: Reasons = {}


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


class PolicyResponse(Response, frozen=True):
    packs: list[PolicyPack]
    ethics_level: EthicsLevel


VALIDATE = Operation(
    "guardian.validate", "POST", "/guardian/validate", "Judge an action before it is done.",
    params=NoParams, body=ValidateRequest, result=Verdict, tier=Tier.GUEST, limit=Limit.GUARDIAN,
)  # fmt: skip

POLICY = Operation(
    "guardian.policy", "GET", "/guardian/policy", "List the policy packs in force and their rules.",
    params=NoParams, body=NoBody, result=PolicyResponse, tier=Tier.USER, limit=Limit.GUARDIAN,
)  # fmt: skip

OPERATIONS = (VALIDATE, POLICY)
