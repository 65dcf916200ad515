"""GLYPH: the envelope of every event inside the daemon, its symbols, and their names in several languages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import (
    NOT_BLANK,
    Limit,
    Name,
    NoBody,
    NoParams,
    Operation,
    Reasons,
    Request,
    Response,
    Stream,
    Tier,
    Unit,
    check_unit,
)  # fmt: skip
from lukhas_sdk.contract.guardian import Decision
from lukhas_sdk.contract.streams import Following, FollowParams
from lukhas_sdk.errors import ValidationError

SYMBOL_PATTERN = r"^[A-Z][A-Z0-9_]{1,39}$"
Symbol = Annotated[str, msgspec.Meta(pattern=SYMBOL_PATTERN)]
"""One of the eight, or a registered one: two to forty capital letters, digits and underscores."""
SYMBOLS = ("TRUST", "LEARN", "ADAPT", "CREATE", "PROTECT", "REMEMBER", "REFLECT", "CONNECT")
REGISTERED = "REGISTERED"
"""The stream of all symbols but the eight, each of which has one of its own."""
Priority = Literal["low", "normal", "high"]
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")
LONGEST_TTL_S = 86_400
DATA_LIMIT_BYTES = 8_192
"""Of a token's data from outside, as JSON."""
DATA_DEPTH = 16
EXTERNAL = "external"
"""The module that a token from outside comes from."""
TextToRead = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000, pattern=NOT_BLANK)]
LanguageTag = Annotated[str, msgspec.Meta(min_length=2, max_length=20)]
"""As "de" or "pt-BR", of which what follows the hyphen does not matter."""
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=NOT_BLANK)]
Moment = Annotated[str, msgspec.Meta(min_length=10, max_length=40)]


class GlyphSource(Response, frozen=True):
    """Who says it, and how sure it is: null where nothing measured that."""

    module: Name
    component: Name
    confidence: Unit | None = None


class GlyphTarget(Response, frozen=True):
    module: Name
    component: Name | None = None
    """Null: the whole module."""


class GlyphContext(Response, frozen=True):
    """Whom it concerns. `user_id` is the identity whose data it speaks of: nobody else is ever told."""

    user_id: Name
    session_id: Name | None = None
    interaction_id: Name | None = None


class GlyphPayload(Response, frozen=True):
    """Ids and figures. What a memory says, or a secret, is never in a token of the daemon's own."""

    action: Name
    data: dict[str, Any] = {}


class GlyphMetadata(Response, frozen=True):
    priority: Priority = "normal"
    """A subscriber that is behind gets high before normal before low, and loses low first."""
    ttl_seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_TTL_S)] = 300
    """Who has not got it by then does not get it any more."""
    requires_guardian: bool = False
    """It is delivered with a verdict of the guardian that lets it pass, and not without one."""


class Token(Response, frozen=True, kw_only=True):
    """One that is not well formed cannot be made."""

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
        if self.symbol not in SYMBOLS and not _is_symbol(self.symbol):
            _refuse("symbol", f"{self.symbol!r} is no GLYPH symbol", hint=f"one of {', '.join(SYMBOLS)}, or your own")
        source, target, context = self.source, self.target, self.context
        blank = not (
            self.glyph_id.strip() and source.module.strip() and source.component.strip() and target.module.strip()
            and context.user_id.strip() and self.payload.action.strip()
        )  # fmt: skip
        if blank:
            _refuse_blank(self)
        if self.timestamp.tzinfo is None:
            _refuse("timestamp", "the timestamp has no time zone", hint="give it in UTC")
        if not 0 < self.metadata.ttl_seconds <= LONGEST_TTL_S:
            _refuse("metadata.ttl_seconds", f"ttl_seconds is {self.metadata.ttl_seconds}", hint="over 0, at most a day")
        check_unit("source.confidence", source.confidence)

    @property
    def expires_at(self) -> datetime:
        return self.timestamp + timedelta(seconds=self.metadata.ttl_seconds)


def _is_symbol(text: str) -> bool:
    return (
        2 <= len(text) <= 40
        and text.isascii()
        and text[0].isalpha()
        and text.replace("_", "A").isalnum()
        and text == text.upper()
    )


def _refuse_blank(token: Token) -> None:
    named = {
        "glyph_id": token.glyph_id,
        "source.module": token.source.module,
        "source.component": token.source.component,
        "target.module": token.target.module,
        "context.user_id": token.context.user_id,
        "payload.action": token.payload.action,
    }
    field = next(field for field, value in named.items() if not value.strip())
    _refuse(field, f"{field} is blank", hint="a token names its source, its target and whom it concerns")


def _refuse(field: str, message: str, *, hint: str) -> None:
    raise ValidationError(message, field=f"$.{field}", hint=hint)


class SentSource(GlyphSource, frozen=True, forbid_unknown_fields=True):
    """`module` is "external" or the caller's own ΛiD."""


class SentTarget(GlyphTarget, frozen=True, forbid_unknown_fields=True):
    pass


class SentContext(Request, frozen=True):
    user_id: Name | None = None
    """Whatever it says, the token concerns the caller."""
    session_id: Name | None = None
    interaction_id: Name | None = None


class SentPayload(GlyphPayload, frozen=True, forbid_unknown_fields=True):
    pass


class SentMetadata(GlyphMetadata, frozen=True, forbid_unknown_fields=True):
    pass


class SendRequest(Request, frozen=True):
    symbol: Symbol
    target: SentTarget
    payload: SentPayload
    source: SentSource | None = None
    """Null: the module "external", its component the caller's ΛiD."""
    context: SentContext = SentContext()
    metadata: SentMetadata = SentMetadata()


class SendResponse(Response, frozen=True):
    token: Token
    """As its subscribers get it; `context.user_id` is shown as the caller's ΛiD."""
    subscribers: int
    """So many wanted it, inside the daemon and among the caller's streams."""
    guardian_decision: Decision | None
    validation_ids: list[str]
    reasons: Reasons = {}


class GlyphEvent(Token, frozen=True, kw_only=True):
    """A token of the caller's, as it passed the bus; its `context.user_id` is the caller's own key."""

    id: str = ""
    missed: int = 0
    """Tokens lost on this connection since the one before, because it was read too slowly."""


class TokenListParams(Request, frozen=True):
    symbol: Symbol | None = None
    action: Name | None = None
    """As `memory_drift`, or the first part of it with a star: `memory_*`."""
    module: Name | None = None
    """That it comes from."""
    since: Moment | None = None
    """An ISO date-time, with its offset from UTC, as `until` is."""
    until: Moment | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    """`next_cursor` of the page before."""


class KeptPayload(Response, frozen=True):
    action: str
    data: dict[str, Any] | None
    """Null for a token from outside: what it carried is not kept."""


class KeptToken(Response, frozen=True):
    """An envelope that the audit holds; `context.user_id` is shown as a ΛiD."""

    glyph_id: str
    symbol: str
    timestamp: datetime
    source: GlyphSource
    target: GlyphTarget
    context: GlyphContext
    payload: KeptPayload
    metadata: GlyphMetadata
    reasons: Reasons = {}


class TokenListResponse(Response, frozen=True):
    """The caller's own, newest first. One appears a second or so after it was published."""

    tokens: list[KeptToken]
    next_cursor: str | None


class SymbolEntry(Response, frozen=True):
    symbol: str
    meaning: str
    registered: bool
    """False for the eight that are always there."""
    used_by: list[str]
    names: dict[str, list[str]]
    """By language: the names that text is read by, the first of which it is written with."""


class SymbolListResponse(Response, frozen=True):
    symbols: list[SymbolEntry]
    languages: dict[str, str]
    """The languages that text is read and written in, by their tag: what each calls itself."""


class RegisterRequest(Request, frozen=True):
    symbol: Symbol
    meaning: Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=NOT_BLANK)]
    used_by: Annotated[list[Name], msgspec.Meta(max_length=20)] = []
    names: Annotated[
        dict[LanguageTag, Annotated[list[Word], msgspec.Meta(min_length=1, max_length=20)]], msgspec.Meta(max_length=40)
    ] = {}
    """By language: words, or a stem and a star for all words that begin with it, as `measur*`."""


class SymbolParams(Request, frozen=True):
    symbol: Name


class RemoveResponse(Response, frozen=True):
    symbol: str
    removed: bool


class EncodeRequest(Request, frozen=True):
    text: TextToRead
    language: LanguageTag | None = None
    """Null: found out from the text."""


class FoundSymbol(Response, frozen=True):
    """A word of the text that names a symbol, at characters `start` to `end`."""

    symbol: str
    start: int
    end: int
    word: str
    score: Unit
    """1 where the word is a name or a form that is listed; for a word that is longer than the stem it was known by,
    the stem's share of it."""


class EncodeResponse(Response, frozen=True):
    symbols: list[str]
    """Each once, in the order of the text."""
    found: list[FoundSymbol]
    language: str | None
    """Null where the text does not tell."""
    reasons: Reasons = {}


class DecodeRequest(Request, frozen=True):
    symbols: Annotated[list[Symbol], msgspec.Meta(min_length=1, max_length=100)]
    language: LanguageTag


class DecodeResponse(Response, frozen=True):
    text: str
    language: str
    names: list[str]
    """One for each symbol; its own where it has none in this language, and `reasons` says so."""
    reasons: Reasons = {}


SEND = Operation(
    "glyph.send", "POST", "/glyph/send", "Publish a token of the caller's on the bus.",
    params=NoParams, body=SendRequest, result=SendResponse, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("GUARDIAN_REJECTION",),
)  # fmt: skip
TOKENS = Operation(
    "glyph.tokens", "GET", "/glyph/tokens", "List the caller's tokens of late, newest first.",
    params=TokenListParams, body=NoBody, result=TokenListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
EVENTS = Stream(
    "glyph.events", "/stream/glyph", "Follow the caller's tokens as they pass the bus.",
    params=FollowParams, result=GlyphEvent, tier=Tier.USER, limit=Limit.WEBSOCKET,
    streams=(*SYMBOLS, REGISTERED), takes=Following,
)  # fmt: skip
LIST_SYMBOLS = Operation(
    "glyph.symbols", "GET", "/glyph/symbols", "List the symbols, with their names in each language.",
    params=NoParams, body=NoBody, result=SymbolListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
REGISTER = Operation(
    "glyph.register", "POST", "/glyph/symbols", "Register a symbol, for everybody on this machine.",
    params=NoParams, body=RegisterRequest, result=SymbolEntry, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("CONFLICT",),
)  # fmt: skip
REMOVE = Operation(
    "glyph.remove", "DELETE", "/glyph/symbols/{symbol}", "Remove a registered symbol.",
    params=SymbolParams, body=NoBody, result=RemoveResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
ENCODE = Operation(
    "glyph.encode", "POST", "/glyph/encode", "Find the symbols that a text names, in any of the languages.",
    params=NoParams, body=EncodeRequest, result=EncodeResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
DECODE = Operation(
    "glyph.decode", "POST", "/glyph/decode", "Write symbols as words of a language.",
    params=NoParams, body=DecodeRequest, result=DecodeResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (SEND, TOKENS, EVENTS, LIST_SYMBOLS, REGISTER, REMOVE, ENCODE, DECODE)
