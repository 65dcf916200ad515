"""Risk: the guardian's verdict on the input and on the draft."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.guardian import (
    DECISIONS,
    ActionType,
    Decision,
    Finding,
    GuardianAction,
    ValidateRequest,
    Verdict,
)
from lukhas_sdk.contract.matriz import ProcessRequest
from lukhas_sdk.errors import GuardianRejection
from lukhasd.guardian import Guardian
from lukhasd.guardian.findings import Quoted
from lukhasd.identity.caller import Caller
from lukhasd.memory.quarantine import held_findings


@dataclass(frozen=True)
class Judgement:
    """`decision` is the worse of the two verdicts'; `risk` is 1 − the lower safety score, None where unmeasured."""

    decision: Decision
    conditions: tuple[str, ...]
    risk: float | None
    ethics_score: float | None
    confidence: float | None
    step: str
    reasons: Reasons = field(default_factory=dict)
    withheld: tuple[Finding, ...] = ()
    """Why the input, which is asked to be remembered, is to be quarantined instead."""
    frameworks: Mapping[str, float] = field(default_factory=dict)
    """Each ethical framework's lower score of the two verdicts, of those that have something to say."""


async def judge_input(caller: Caller, request: ProcessRequest, *, guardian: Guardian) -> Verdict:
    """The verdict on the input, which is asked for before anything is made of it."""
    return await guardian.validate(_about("user_input", request.input, request), caller=caller)


def stop(verdict: Verdict, request: ProcessRequest) -> None:
    """Raises GuardianRejection where the input alone stops the pipeline."""
    if verdict.stops:
        raise _rejection(verdict, "input")
    if verdict.safety_score is not None:
        _hold_to_threshold(1 - verdict.safety_score, verdict, request)


async def safety_of(text: str, request: ProcessRequest, *, guardian: Guardian) -> tuple[float | None, bool]:
    """The safety score of a draft, or of its beginning, and whether it would be stopped. Nothing is written down."""
    verdict = await guardian.preview(_about("response_generation", text, request))
    threshold, safety = request.pipeline_options.risk_threshold, verdict.safety_score
    risky = threshold is not None and safety is not None and 1 - safety > threshold
    return safety, verdict.stops or risky


async def judge(
    caller: Caller,
    request: ProcessRequest,
    draft: str,
    *,
    guardian: Guardian,
    about_input: Verdict | None = None,
    quoted: Quoted | None = None,
) -> Judgement:
    """Raises GuardianRejection where either is REJECTED or REVIEW, or the measured risk is above the threshold.
    `about_input`: the verdict on the input, where it was given already. `quoted`: what a draft in quotations quotes."""
    actions: list[tuple[ActionType, str]] = [("user_input", request.input), ("response_generation", draft)]
    if request.pipeline_options.action_type == "remember":
        actions.append(("memory_write", request.input))
    left = actions if about_input is None else actions[1:]
    verdicts = await asyncio.gather(
        *(
            guardian.validate(
                _about(kind, text, request), caller=caller, quoted=quoted if kind == "response_generation" else None
            )
            for kind, text in left
        )
    )
    if about_input is not None:
        verdicts = [about_input, *verdicts]
    worst = max(verdicts, key=lambda verdict: DECISIONS.index(verdict.decision))
    safety = _lowest([verdict.safety_score for verdict in verdicts])
    ethics = _lowest([verdict.ethics_score for verdict in verdicts])
    threshold = request.pipeline_options.risk_threshold
    risk = None if safety is None else 1 - safety
    if worst.stops:
        raise _rejection(worst, "draft" if worst is verdicts[1] else "input")
    if risk is not None:
        _hold_to_threshold(risk, worst, request)
    conditions = tuple(
        dict.fromkeys(
            f"{'response' if kind == 'response_generation' else 'input'}: {text}"
            for (kind, _), verdict in zip(actions, verdicts, strict=True)
            for text in verdict.conditions
        )
    )
    findings = sum(len(verdict.reasoning.findings) for verdict in verdicts)
    step = f"Guardian ({worst.ethics_level}) gave {worst.decision} for input and draft, {findings} findings"
    if conditions:
        step += f"; conditions: {'; '.join(conditions)}"
    reasons = {} if safety is not None else {"confidence": _why_unmeasured(verdicts)}
    if ethics is None:
        reasons["ethics_score"] = worst.reasons.get("ethics_score", "the guardian gave none")
    if safety is None and threshold is not None:
        reasons["risk_threshold"] = "no risk was measured to compare with it; the guardian's decision stands alone"
    withheld = tuple(held_findings(verdicts[2])) if len(verdicts) > 2 else ()
    return Judgement(
        worst.decision, conditions, risk, ethics, safety, step, reasons, withheld, _frameworks(verdicts)
    )  # fmt: skip


def _frameworks(verdicts: Sequence[Verdict]) -> dict[str, float]:
    found: dict[str, float] = {}
    for verdict in verdicts:
        for name, score in verdict.frameworks.items():
            found[name] = min(found.get(name, 1.0), score)
    return found


def _hold_to_threshold(risk: float, verdict: Verdict, request: ProcessRequest) -> None:
    threshold = request.pipeline_options.risk_threshold
    if threshold is not None and risk > threshold:
        raise GuardianRejection(
            f"the measured risk {risk:.2f} is above the threshold {threshold:g}",
            hint="rephrase the request, or raise pipeline_options.risk_threshold",
            details={**_details(verdict), "decision": "REJECTED", "risk": risk, "risk_threshold": threshold},
        )


def _about(kind: ActionType, content: str, request: ProcessRequest) -> ValidateRequest:
    claim = "the caller says: educational" if request.context.educational else None
    return ValidateRequest(GuardianAction(kind, content, target_user=request.context.user_id, context=claim))


def _lowest(scores: list[float | None]) -> float | None:
    return min((score for score in scores if score is not None), default=None)


def _why_unmeasured(verdicts: Sequence[Verdict]) -> str:
    return next(
        (verdict.reasons["safety_score"] for verdict in verdicts if "safety_score" in verdict.reasons),
        "no safety score was measured",
    )


def _details(verdict: Verdict) -> dict[str, Any]:
    findings = verdict.reasoning.findings
    return {
        "decision": verdict.decision,
        "validation_id": verdict.validation_id,
        "ethics_violation": findings[0].category if findings else None,
        "rules": [finding.rule for finding in findings],
        "key_factors": verdict.reasoning.key_factors,
    }


def _rejection(verdict: Verdict, where: str) -> GuardianRejection:
    wanted = "wants a person to look at" if verdict.decision == "REVIEW" else "rejected"
    why = verdict.reasoning.key_factors[0] if verdict.reasoning.key_factors else verdict.reasons.get("decision", "")
    return GuardianRejection(
        f"the guardian {wanted} the {where}: {why}",
        hint=verdict.reasoning.would_change,
        details={**_details(verdict), "where": where},
    )
