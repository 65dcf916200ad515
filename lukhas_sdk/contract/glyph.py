"""The GLYPH token: the envelope of every event inside the daemon. One that is not well formed cannot be made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec

from lukhas_sdk.contract.base import Name, Request, Unit, check_unit
from lukhas_sdk.errors import ValidationError

Symbol = Literal["TRUST", "LEARN", "ADAPT", "CREATE", "PROTECT", "REMEMBER", "REFLECT", "CONNECT"]
SYMBOLS: tuple[Symbol, ...] = get_args(Symbol)
Priority = Literal["low", "normal", "high"]


class GlyphSource(Request, frozen=True):
    """Who says it, and how sure it is: null where nothing measured that."""

    module: Name
    component: Name
    confidence: Unit | None = None


class GlyphTarget(Request, frozen=True):
    module: Name
    component: Name | None = None
    """Null: the whole module."""


class GlyphContext(Request, frozen=True):
    """Whom it concerns. `user_id` is the identity whose data it speaks of: nobody else is ever told."""

    user_id: Name
    session_id: Name | None = None
    interaction_id: Name | None = None


class GlyphPayload(Request, frozen=True):
    action: Name
    data: dict[str, Any] = {}


class GlyphMetadata(Request, frozen=True):
    priority: Priority = "normal"
    ttl_seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300
    """Who has not got it by then does not get it any more."""
    requires_guardian: bool = False
    """It is delivered with a verdict of the guardian that lets it pass, and not without one."""


class Token(Request, frozen=True, kw_only=True):
    glyph_id: Name
    symbol: Symbol
    timestamp: datetime
    source: GlyphSource
    target: GlyphTarget
    context: GlyphContext
    payload: GlyphPayload
    metadata: GlyphMetadata = GlyphMetadata()

    def __post_init__(self) -> None:
        """Also for tokens made in Python, which nothing decodes."""
        if self.symbol not in SYMBOLS:
            _refuse("symbol", f"{self.symbol!r} is no GLYPH symbol", hint=f"one of {', '.join(SYMBOLS)}")
        named = {
            "glyph_id": self.glyph_id,
            "source.module": self.source.module,
            "source.component": self.source.component,
            "target.module": self.target.module,
            "context.user_id": self.context.user_id,
            "payload.action": self.payload.action,
        }
        for field, value in named.items():
            if not value.strip():
                _refuse(field, f"{field} is blank", hint="a token names its source, its target and whom it concerns")
        if self.timestamp.tzinfo is None:
            _refuse("timestamp", "the timestamp has no time zone", hint="give it in UTC")
        if not 0 < self.metadata.ttl_seconds <= 86_400:
            _refuse("metadata.ttl_seconds", f"ttl_seconds is {self.metadata.ttl_seconds}", hint="over 0, at most a day")
        check_unit("source.confidence", self.source.confidence)

    @property
    def expires_at(self) -> datetime:
        return self.timestamp + timedelta(seconds=self.metadata.ttl_seconds)


def _refuse(field: str, message: str, *, hint: str) -> None:
    raise ValidationError(message, field=f"$.{field}", hint=hint)
