"""Trying out a policy pack: whether it would be taken, and what its tests come to."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lukhas_sdk.contract.base import Limit, NoParams, Operation, Request, Response, Tier
from lukhas_sdk.contract.guardian import ActionType, Decision


class PolicyCheckRequest(Request, frozen=True):
    source: Annotated[str, msgspec.Meta(max_length=500_000)] | None = None
    """A pack's TOML, tried on top of the packs in force. Null: the tests of the packs in force are run."""
    pack: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """Without a source: only this pack's tests."""


class PolicyProblem(Response, frozen=True):
    where: str
    """The rule, the test or the place in the file."""
    message: str
    hint: str | None = None


class PolicyTest(Response, frozen=True):
    """One test that a pack carries, and what it came to at the level STRICT."""

    pack: str
    text: str
    type: ActionType
    expected: str
    """As `secrets.aws_key should fire`, in words."""
    passed: bool
    fired: list[str]
    decision: Decision | None
    """Null where the time ran out before it."""


class PolicyCheckResponse(Response, frozen=True):
    valid: bool
    """No problem, and every test passed."""
    problems: list[PolicyProblem]
    tests: list[PolicyTest]


CHECK = Operation(
    "guardian.policy.check", "POST", "/guardian/policy/check", "Try a policy pack, or the tests of those in force.",
    params=NoParams, body=PolicyCheckRequest, result=PolicyCheckResponse, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "MODULE_TIMEOUT"),
)  # fmt: skip

OPERATIONS = (CHECK,)
