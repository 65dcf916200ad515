"""`client.glyph` and `client.audit`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from lukhas_sdk.contract import audit
from lukhas_sdk.contract import glyph as contract
from lukhas_sdk.contract.streams import FollowParams
from lukhas_sdk.nouns import as_struct
from lukhas_sdk.verbs import Client, Noun, feed, verb


class GlyphNoun(Noun[Client]):
    @verb
    def send(
        self,
        symbol: str,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        module: str = "external",
        component: str | None = None,
        session_id: str | None = None,
        priority: contract.Priority = "normal",
        ttl_seconds: float = 300,
        requires_guardian: bool = False,
    ) -> contract.SendResponse:
        """Publishes a token of the caller's to `module`. GuardianRejection where it requires the guardian and is not
        let pass."""
        body = contract.SendRequest(
            symbol,
            contract.SentTarget(module, component),
            contract.SentPayload(action, dict(data or {})),
            context=contract.SentContext(session_id=session_id),
            metadata=contract.SentMetadata(priority, ttl_seconds, requires_guardian),
        )
        return self._client.call(contract.SEND, body=body)

    @feed
    def watch(self, symbols: Sequence[str] = (), *, last_id: str | None = None) -> Iterator[contract.GlyphEvent]:
        """The caller's tokens as they pass the bus, without end; of these symbols, or of all. REGISTERED is all that
        were registered."""
        params = FollowParams(",".join(symbols) or None, last_id)
        return self._client.events(contract.EVENTS, params=params)

    @verb
    def tokens(
        self, filters: contract.TokenListParams | dict[str, Any] | None = None, *, limit: int = 50
    ) -> contract.TokenListResponse:
        """The caller's own of late, newest first. `filters`: symbol, action, module, since, until, and the cursor of
        the page before."""
        params = as_struct(filters, contract.TokenListParams, "filters")
        return self._client.call(contract.TOKENS, params=msgspec.structs.replace(params, limit=limit))

    @verb
    def symbols(self) -> contract.SymbolListResponse:
        return self._client.call(contract.LIST_SYMBOLS)

    @verb
    def register(
        self,
        symbol: str,
        meaning: str,
        *,
        used_by: Sequence[str] = (),
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> contract.SymbolEntry:
        """`names`: by language, words or stems with a star at their end."""
        words = {language: list(each) for language, each in (names or {}).items()}
        return self._client.call(
            contract.REGISTER, body=contract.RegisterRequest(symbol, meaning, list(used_by), words)
        )

    @verb
    def remove(self, symbol: str) -> contract.RemoveResponse:
        return self._client.call(contract.REMOVE, params=contract.SymbolParams(symbol))

    @verb
    def encode(self, text: str, *, language: str | None = None) -> contract.EncodeResponse:
        """The symbols that the text names."""
        return self._client.call(contract.ENCODE, body=contract.EncodeRequest(text, language))

    @verb
    def decode(self, symbols: Sequence[str], language: str) -> contract.DecodeResponse:
        return self._client.call(contract.DECODE, body=contract.DecodeRequest(list(symbols), language))


class AuditNoun(Noun[Client]):
    @verb
    def list(
        self, filters: audit.AuditParams | dict[str, Any] | None = None, *, limit: int = 50
    ) -> audit.AuditResponse:
        """What happened inside, newest first. `filters`: those of `client.glyph.tokens`, and user."""
        params = as_struct(filters, audit.AuditParams, "filters")
        return self._client.call(audit.LIST, params=msgspec.structs.replace(params, limit=limit))
