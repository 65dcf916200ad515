"""The events of the daemon, each with how its token is made and read."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import msgspec

from lukhas_sdk.contract.glyph import (
    REGISTERED,
    SYMBOLS,
    GlyphContext,
    GlyphEvent,
    GlyphPayload,
    GlyphSource,
    GlyphTarget,
    Token,
)  # fmt: skip
from lukhas_sdk.contract.streams import DRIFT_REPAIR, MemoryDriftEvent, RepairMethod, drift_state

DRIFT_ACTION = "memory_drift"


class Drift(msgspec.Struct, frozen=True):
    """The data of a drift token."""

    memory_id: str
    drift_level: float
    suggested_method: RepairMethod | None


def drift_token(owner: str, memory_id: str, drift_level: float, suggested_method: RepairMethod | None) -> Token:
    """Says that a memory of `owner` (an identity's id) has changed and how far it is from its origin now, in [0, 1].

    Publish one for every change, back to 0 too: who listens decides from where on it matters.
    """
    now = datetime.now(UTC)
    return Token(
        glyph_id=f"glyph_{now:%Y_%m_%d}_{secrets.token_hex(6)}",
        symbol="ADAPT",
        timestamp=now,
        source=GlyphSource(module="memory", component="helix"),
        target=GlyphTarget(module="memory"),
        context=GlyphContext(user_id=owner),
        payload=GlyphPayload(
            action=DRIFT_ACTION, data=msgspec.to_builtins(Drift(memory_id, drift_level, suggested_method))
        ),
    )


def is_drift_of(token: Token, owner: str) -> bool:
    return token.payload.action == DRIFT_ACTION and token.context.user_id == owner


def drift_stream(token: Token) -> str | None:
    return "memory-drift" if token.payload.action == DRIFT_ACTION else None


def drift_event(token: Token, id: str) -> MemoryDriftEvent:
    drift = msgspec.convert(token.payload.data, Drift)
    repair = drift.drift_level >= DRIFT_REPAIR
    return MemoryDriftEvent(
        memory_id=drift.memory_id,
        drift_level=drift.drift_level,
        level=drift.drift_level,
        state=drift_state(drift.drift_level),
        repair_recommended=repair,
        suggested_method=drift.suggested_method if repair else None,
        timestamp=token.timestamp,
        id=id,
    )


def glyph_stream(token: Token) -> str:
    """The stream of `/stream/glyph` that tells of the token."""
    return token.symbol if token.symbol in SYMBOLS else REGISTERED


def glyph_event(token: Token, id: str) -> GlyphEvent:
    return GlyphEvent(**{name: getattr(token, name) for name in token.__struct_fields__}, id=id)
