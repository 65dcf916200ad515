"""Awareness and stages as tokens, and the events that streams make of them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import msgspec

from lukhas_sdk.contract.glyph import GlyphContext, GlyphPayload, GlyphSource, GlyphTarget, Token
from lukhas_sdk.contract.streams import (
    Awareness,
    AwarenessEvent,
    ReflectionData,
    ReflectionEvent,
    StageData,
    StageEvent,
)

STREAMS = {"awareness": "awareness", "stage_ended": "stages", "reflection": "reflection"}
"""Action → stream."""


def awareness_token(owner: str, awareness: Awareness) -> Token:
    return _token(owner, "consciousness", "awareness", awareness)


def stage_token(owner: str, stage: StageData) -> Token:
    return _token(owner, "matriz", "stage_ended", stage)


def reflection_token(owner: str, reflection: ReflectionData) -> Token:
    return _token(owner, "consciousness", "reflection", reflection)


def stream_of(token: Token) -> str | None:
    return STREAMS.get(token.payload.action)


def event_of(token: Token, id: str) -> AwarenessEvent | StageEvent | ReflectionEvent:
    data, at = token.payload.data, token.timestamp
    match token.payload.action:
        case "awareness":
            return AwarenessEvent(id, at, msgspec.convert(data, Awareness))
        case "stage_ended":
            return StageEvent(id, at, msgspec.convert(data, StageData))
        case _:
            return ReflectionEvent(id, at, msgspec.convert(data, ReflectionData))


def _token(owner: str, module: str, action: str, data: Awareness | StageData | ReflectionData) -> Token:
    now = datetime.now(UTC)
    return Token(
        glyph_id=f"glyph_{now:%Y_%m_%d}_{secrets.token_hex(6)}",
        symbol="REFLECT",
        timestamp=now,
        source=GlyphSource(module=module, component="pipeline"),
        target=GlyphTarget(module="consciousness"),
        context=GlyphContext(user_id=owner),
        payload=GlyphPayload(action=action, data=msgspec.to_builtins(data)),
    )
