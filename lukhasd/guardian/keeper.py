"""What happens to a verdict before it is answered: the session's behaviour is weighed in, and it is written down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from lukhas_sdk.contract import guardian as contract
from lukhas_sdk.contract.guardian import Finding, Severity, ValidateRequest, Verdict
from lukhas_sdk.contract.verdict_log import VerdictRecord
from lukhasd.guardian.behaviour import BLOCK, WARN, Behaviour
from lukhasd.guardian.log import VerdictLog
from lukhasd.identity.caller import Caller

logger = logging.getLogger(__name__)

DRIFT_RULE = "behaviour.drift"
DRIFT_SAYS = "The session's actions move away from what the user asked for."


class Keeper(Protocol):
    """What the guardian hands each verdict to that it will answer. Both may block, and raise nothing."""

    def weigh(self, request: ValidateRequest, verdict: Verdict, caller: Caller | None) -> Verdict:
        """The verdict with the session's behaviour in it."""

    def keep(self, request: ValidateRequest, verdict: Verdict, caller: Caller | None) -> Verdict:
        """The verdict once it is written down; a rejection where it cannot be."""


class Turn:
    """Whose it is to answer a request, the one who judges or the one who gave up waiting: the first to take it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def take(self) -> bool:
        return self._lock.acquire(blocking=False)


class LogKeeper:
    """`told` is given the verdicts that may be incidents, and whether they are in the log."""

    def __init__(
        self, behaviour: Behaviour, log: VerdictLog, told: Callable[[VerdictRecord | None, Verdict], None]
    ) -> None:
        self._behaviour = behaviour
        self._log = log
        self._told = told

    def weigh(self, request: ValidateRequest, verdict: Verdict, caller: Caller | None) -> Verdict:
        if request.session_id is None:
            return verdict
        owner = caller.identity_id if caller else None
        try:
            measured = self._behaviour.measure(
                request.session_id, request.action.intent, request.action, owner=owner
            )  # fmt: skip
        except Exception as error:
            logger.exception("the behaviour of a session could not be measured")
            why = f"the session's behaviour could not be measured: {type(error).__name__}"
            return _to_review(verdict, why)
        return with_behaviour(verdict, measured)

    def keep(self, request: ValidateRequest, verdict: Verdict, caller: Caller | None) -> Verdict:
        record: VerdictRecord | None = None
        try:
            record = self._log.record(request, verdict, caller)
        except Exception as error:
            logger.exception("a verdict could not be written down")
            verdict = _unwritten(verdict, f"the verdict could not be written down: {error}")
        self._told(record, verdict)
        return verdict


def with_behaviour(verdict: Verdict, measured: contract.Behaviour) -> Verdict:
    """From the warning line on a note among the findings, from the blocking line on a REVIEW."""
    verdict = msgspec.structs.replace(verdict, behaviour=measured)
    if measured.state == "steady":
        return verdict
    average = measured.average or 0.0
    blocks = measured.state == "block"
    line = BLOCK if blocks else WARN
    told = f"the session's behaviour drift is {average:.2f} over {measured.actions} actions, at or above {line:g}"
    noted = _noted(verdict, "medium" if blocks else "low", told)
    if not blocks:
        return noted
    return _to_review(noted, f"{told}: actions that serve what was asked bring it down, a new session begins anew")


def _noted(verdict: Verdict, severity: Severity, told: str) -> Verdict:
    finding = Finding(DRIFT_RULE, "behaviour", DRIFT_SAYS, "consequentialist", severity, 0, 0, "")
    reasoning = msgspec.structs.replace(
        verdict.reasoning,
        findings=[*verdict.reasoning.findings, finding],
        key_factors=[*verdict.reasoning.key_factors, f"{DRIFT_RULE} ({severity}): {told}."],
    )
    return msgspec.structs.replace(verdict, reasoning=reasoning)


def _to_review(verdict: Verdict, why: str) -> Verdict:
    """At least REVIEW."""
    if verdict.decision == "REJECTED":
        return verdict
    reasoning = msgspec.structs.replace(verdict.reasoning, would_change=verdict.reasoning.would_change or why)
    return msgspec.structs.replace(
        verdict, decision="REVIEW", reasoning=reasoning, reasons={**verdict.reasons, "behaviour": why}
    )


def _unwritten(verdict: Verdict, why: str) -> Verdict:
    reasoning = msgspec.structs.replace(
        verdict.reasoning,
        key_factors=[why, *verdict.reasoning.key_factors],
        would_change="a log that can be written to; see: lukhas guardian log verify",
    )
    return msgspec.structs.replace(
        verdict, decision="REJECTED", conditions=[], requirements=[], reasoning=reasoning,
        reasons={**verdict.reasons, "decision": why},
    )  # fmt: skip
