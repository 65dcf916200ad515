"""Tokens from outside: whose they are is set here, and the guardian is asked where they require it."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec

from lukhas_sdk.contract import glyph as contract
from lukhas_sdk.contract.guardian import DECISIONS, Decision, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.errors import GuardianRejection, LukhasError, PayloadTooLarge, ValidationError
from lukhasd.glyph.bus import PASSING, Bus
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.memory.quarantine import texts

NOT_ASKED = "the token does not require the guardian"


async def send(bus: Bus, guardian: Guardian, caller: Caller, request: contract.SendRequest) -> contract.SendResponse:
    """Raises GuardianRejection where the token requires the guardian and is not let pass: its sender then gets an error
    reply on the bus too. ValidationError for an unknown symbol, or a source that is not the caller."""
    token = _token(caller, request)
    bus.check(token)
    decision: Decision | None = None
    verdicts: list[Verdict] = []
    if token.metadata.requires_guardian:
        verdicts = await _judge(guardian, caller, token)
        worst = max(verdicts, key=lambda verdict: DECISIONS.index(verdict.decision))
        decision = worst.decision
        if decision not in PASSING:
            rejection = _rejection(worst, token.glyph_id)
            bus.publish(reply_error(token, rejection))
            raise rejection
    shown = msgspec.structs.replace(token.context, user_id=caller.lambda_id)
    return contract.SendResponse(
        token=msgspec.structs.replace(token, context=shown),
        subscribers=bus.publish(token, decision=decision),
        guardian_decision=decision,
        validation_ids=[verdict.validation_id for verdict in verdicts],
        reasons={} if decision else {"guardian_decision": NOT_ASKED},
    )


def reply_error(token: contract.Token, error: LukhasError) -> contract.Token:
    """The answer to a token that cannot be dealt with: the ends are swapped, the context stays, and the payload says
    which token it answers."""
    source, target = token.source, token.target
    return contract.Token(
        glyph_id=new_id(),
        symbol=token.symbol,
        timestamp=datetime.now(UTC),
        source=contract.GlyphSource(module=target.module, component=target.component or target.module),
        target=contract.GlyphTarget(module=source.module, component=source.component),
        context=token.context,
        payload=contract.GlyphPayload(action="error", data={"in_reply_to": token.glyph_id, "code": error.code}),
        metadata=contract.GlyphMetadata(priority=token.metadata.priority, ttl_seconds=token.metadata.ttl_seconds),
    )


def new_id() -> str:
    return f"glyph_{datetime.now(UTC):%Y_%m_%d}_{secrets.token_hex(6)}"


def _token(caller: Caller, request: contract.SendRequest) -> contract.Token:
    source = request.source or contract.GlyphSource(module=contract.EXTERNAL, component=caller.lambda_id)
    if source.module not in (contract.EXTERNAL, caller.lambda_id):
        raise ValidationError(
            "a token from outside comes from the module external, or from the caller",
            field="$.source.module",
            hint=f"leave source out, or name {contract.EXTERNAL} or {caller.lambda_id}",
        )
    _check_data(request.payload.data)
    context, metadata, target = request.context, request.metadata, request.target
    return contract.Token(
        glyph_id=new_id(),
        symbol=request.symbol,
        timestamp=datetime.now(UTC),
        source=contract.GlyphSource(source.module, source.component, source.confidence),
        target=contract.GlyphTarget(target.module, target.component),
        context=contract.GlyphContext(caller.identity_id, context.session_id, context.interaction_id),
        payload=contract.GlyphPayload(request.payload.action, request.payload.data),
        metadata=contract.GlyphMetadata(metadata.priority, metadata.ttl_seconds, metadata.requires_guardian),
    )


def _check_data(data: dict[str, Any]) -> None:
    waiting: list[tuple[Any, int]] = [(data, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > contract.DATA_DEPTH:
            raise ValidationError(
                f"the data is nested more than {contract.DATA_DEPTH} deep", field="$.payload.data", hint="make it flat"
            )
        if isinstance(value, dict | list):
            inner = value.values() if isinstance(value, dict) else value
            waiting += [(each, depth + 1) for each in inner]
    try:
        size_bytes = len(msgspec.json.encode(data))
    except (OverflowError, UnicodeEncodeError) as error:
        raise ValidationError(f"the data is no plain JSON: {error}", field="$.payload.data") from None
    if size_bytes > contract.DATA_LIMIT_BYTES:
        raise PayloadTooLarge(
            f"the data has {size_bytes} bytes as JSON, and {contract.DATA_LIMIT_BYTES} at most are taken",
            hint="send an id, and keep the thing itself in memory",
            details={"field": "$.payload.data"},
        )


async def _judge(guardian: Guardian, caller: Caller, token: contract.Token) -> list[Verdict]:
    """As something said to a person, and as something that another program gives."""
    content = "\n".join([token.payload.action, *texts(token.payload.data)])
    session_id = token.context.session_id
    found = await asyncio.gather(
        guardian.validate(
            ValidateRequest(GuardianAction("message", content), session_id=session_id), caller=caller
        ),
        guardian.validate(
            ValidateRequest(GuardianAction("tool_output", content), session_id=session_id), caller=caller
        ),
    )  # fmt: skip
    return [*found]


def _rejection(verdict: Verdict, glyph_id: str) -> GuardianRejection:
    wanted = "wants a person to look at" if verdict.decision == "REVIEW" else "rejected"
    factors = verdict.reasoning.key_factors
    return GuardianRejection(
        f"the guardian {wanted} this token: {factors[0] if factors else verdict.reasons.get('decision', '')}",
        hint=verdict.reasoning.would_change,
        details={"decision": verdict.decision, "validation_id": verdict.validation_id, "glyph_id": glyph_id},
    )
