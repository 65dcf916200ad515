"""What the tests of the log share: a home in a folder, callers, and a guardian that keeps its verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from serving import make_paths

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.guardian import (
    ActionType,
    Decision,
    Finding,
    GuardianAction,
    Reasoning,
    Severity,
    ValidateRequest,
    Verdict,
)
from lukhas_sdk.contract.verdict_log import VerdictRecord
from lukhas_sdk.paths import Paths
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian import Guardian
from lukhasd.guardian.behaviour import Behaviour, Scale
from lukhasd.guardian.entries import LogContent
from lukhasd.guardian.guardian import new_id
from lukhasd.guardian.keeper import LogKeeper
from lukhasd.guardian.log import VerdictLog
from lukhasd.identity.caller import Caller
from lukhasd.records.metrics import Metrics

PRIME = Caller("00000000-0000-0000-0000-000000000001", "ΛPRIME-2025-0001", Tier.PRIME, "local_key")
ANA = Caller("00000000-0000-0000-0000-00000000000a", "ΛUSER-2025-0002", Tier.USER, "api_key")
BOB = Caller("00000000-0000-0000-0000-00000000000b", "ΛGUEST-2025-0003", Tier.GUEST, "api_key")


def ask(
    content: str, type: ActionType = "shell_command", *, session: str | None = None, intent: str | None = None
) -> ValidateRequest:
    return ValidateRequest(GuardianAction(type, content, intent=intent), session_id=session)


def finding(rule: str, severity: Severity, *, start: int = 0, end: int = 1, **rest: Any) -> Finding:
    said = {"category": "command", "text": "It is so.", "framework": "deontological", "excerpt": "the content"}
    return Finding(rule=rule, severity=severity, start=start, end=end, **{**said, **rest})


def verdict(decision: Decision = "APPROVED", *findings: Finding, **rest: Any) -> Verdict:
    return Verdict(
        validation_id=new_id(),
        decision=decision,
        ethics_score=1.0,
        safety_score=None,
        conditions=[],
        reasoning=Reasoning("none", [], list(findings), None),
        ethics_level="STRICT",
        duration_ms=1.0,
        **rest,
    )


def open_log(root: Path | Paths, *, keep: LogContent = "hash", **options: Any) -> VerdictLog:
    paths = root if isinstance(root, Paths) else make_paths(root)
    return VerdictLog.open(paths, keep=keep, key_store="file", **options)


@dataclass(frozen=True)
class Kept:
    guardian: Guardian
    log: VerdictLog
    told: list[tuple[VerdictRecord | None, Verdict]]


@contextmanager
def keeping(log: VerdictLog, *, behaviour: Behaviour | None = None, budget_ms: int = 10_000) -> Iterator[Kept]:
    """The guardian's own rules, with everything that it answers in `log`."""
    told: list[tuple[VerdictRecord | None, Verdict]] = []
    notice: Callable[[VerdictRecord | None, Verdict], None] = lambda record, made: told.append((record, made))  # noqa: E731
    keeper = LogKeeper(behaviour or Behaviour(cast("Any", None), Scale(0.0, 0.0)), log, notice)
    guardian = Guardian.open(
        settings=GuardianSettings(budget_ms=budget_ms), policy_dir=Path("/nonexistent"), metrics=Metrics(),
        keeper=keeper,
    )  # fmt: skip
    try:
        yield Kept(guardian, log, told)
    finally:
        guardian.close()
