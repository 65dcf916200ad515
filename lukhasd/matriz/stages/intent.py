"""Intent: what the caller wants, whether this caller may have it, and whether the draft gives it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lukhas_sdk.contract.base import Reasons, Tier
from lukhas_sdk.contract.matriz import Intent, ProcessRequest
from lukhas_sdk.errors import InsufficientPermissions
from lukhasd.identity.caller import Caller
from lukhasd.matriz.intent_classifier import IntentClassifier
from lukhasd.matriz.stages.thought import Draft
from lukhasd.memory.sought import sought

NEEDED_TIER = {"cognitive_response": Tier.USER, "remember": Tier.USER}


@dataclass(frozen=True)
class Permission:
    intent: Intent
    confidence: float | None
    tier: Tier
    step: str
    reasons: Reasons = field(default_factory=dict)


def authorise(caller: Caller, request: ProcessRequest) -> None:
    """Raises InsufficientPermissions where this caller may not have this. It is asked before any work is done."""
    wanted = request.context.lambda_id
    if wanted is not None and wanted != caller.lambda_id:
        raise InsufficientPermissions(
            f"context.lambda_id is {wanted}, but the caller is {caller.lambda_id}",
            hint="leave context.lambda_id out, or use that identity's key",
            details={"field": "$.context.lambda_id"},
        )
    needed = NEEDED_TIER[request.pipeline_options.action_type]
    if caller.tier < needed:
        raise InsufficientPermissions(
            f"{request.pipeline_options.action_type} takes {needed.label}; the caller is {caller.tier.label}"
        )


def verify(caller: Caller, request: ProcessRequest, draft: Draft, classifier: IntentClassifier) -> Permission:
    """Classifies the intent and checks the draft against the question."""
    intent, probability, reasons = classifier.classify(request.input)
    kind = request.pipeline_options.action_type
    step = f"{caller.lambda_id} ({caller.tier.label}) may have {kind}; the intent is “{intent}”"
    if not request.pipeline_options.intent_verification:
        return Permission(
            intent, None, caller.tier, f"{step}; not verified, as asked",
            {"confidence": "intent_verification is false"},
        )  # fmt: skip
    if intent == "act":
        step += "; no tool is registered, so nothing but a response is given"
    if intent == "remember" and kind != "remember":
        step += "; nothing is stored: action_type remember does that"
    step += f"; {_gives_what_was_asked(request.input, draft)}"
    return Permission(intent, probability, caller.tier, step, reasons)


def _gives_what_was_asked(question: str, draft: Draft) -> str:
    if not draft.answered:
        return "the draft says that it has no answer"
    asked = sought(question)
    if asked is None or not asked.shows:
        return "the draft answers in words"
    held = "holds" if asked.holds.search(draft.text) else "holds no"
    return f"the question asks for {asked.name}, and the draft {held} such"
