"""The symbols that there are: the eight, and those that were registered, which everybody on this machine may use."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.glyph import SYMBOLS, RegisterRequest, SymbolEntry, SymbolListResponse
from lukhas_sdk.errors import Conflict, InsufficientPermissions, NotFound, ValidationError
from lukhasd.database import Database, insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.glyph.languages import Lexicon
from lukhasd.identity.caller import Caller

REGISTERED_MOST = 1000
MEANINGS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "TRUST": ("Establish trust relationship", ("Identity", "Guardian")),
    "LEARN": ("Learning event", ("Consciousness", "Memory")),
    "ADAPT": ("System adaptation needed", ("Bio", "Consciousness")),
    "CREATE": ("Creative generation", ("Dream Engine",)),
    "PROTECT": ("Security action", ("Guardian", "Security")),
    "REMEMBER": ("Memory storage", ("Memory",)),
    "REFLECT": ("Self-reflection", ("Consciousness",)),
    "CONNECT": ("Establish connection", ("Bridge", "API")),
}


@dataclass(frozen=True)
class Registered:
    symbol: str
    meaning: str
    used_by: list[str]
    names: dict[str, list[str]]
    registered_by: str


class Symbols:
    """All of them in memory, written through to the database."""

    def __init__(self, database: Database, lexicon: Lexicon, registered: Sequence[Registered]) -> None:
        self._database = database
        self._registered = {each.symbol: each for each in registered}
        self._packaged = lexicon
        self._lexicon = lexicon.with_names({each.symbol: each.names for each in registered})

    @classmethod
    async def open(cls, database: Database, lexicon: Lexicon) -> Symbols:
        return cls(database, lexicon, await database.read(_load))

    @property
    def lexicon(self) -> Lexicon:
        return self._lexicon

    def is_known(self, symbol: str) -> bool:
        return symbol in MEANINGS or symbol in self._registered

    def check(self, symbols: Sequence[str]) -> None:
        """ValidationError for one that there is not."""
        for place, symbol in enumerate(symbols):
            if not self.is_known(symbol):
                raise ValidationError(
                    f"no symbol is called {symbol}", field=f"$.symbols[{place}]", hint="see: lukhas glyph symbols"
                )

    def list(self) -> SymbolListResponse:
        return SymbolListResponse(
            symbols=[self._entry(symbol) for symbol in (*SYMBOLS, *sorted(self._registered))],
            languages=self._lexicon.languages,
        )

    async def register(self, caller: Caller, request: RegisterRequest) -> SymbolEntry:
        """Conflict where there is one of this name, or there are too many."""
        if self.is_known(request.symbol):
            raise Conflict(f"the symbol {request.symbol} is there already", hint="see: lukhas glyph symbols")
        if len(self._registered) >= REGISTERED_MOST:
            raise Conflict(f"{len(self._registered)} symbols are registered already", hint="remove one that is unused")
        names = {self._language(tag): [_word(word) for word in words] for tag, words in request.names.items()}
        for text in (request.meaning, *request.used_by):
            if not text.isprintable():
                raise ValidationError(
                    "the meaning or a user holds control characters", field="$.meaning", hint="write it in plain text"
                )
        new = Registered(request.symbol, request.meaning, list(request.used_by), names, caller.identity_id)
        self._set({**self._registered, new.symbol: new})  # before the write: a second one must meet it
        try:
            await self._database.write(lambda cursor: _insert(cursor, new))
        except BaseException:
            self._set({symbol: each for symbol, each in self._registered.items() if symbol != new.symbol})
            raise
        return self._entry(new.symbol)

    async def remove(self, caller: Caller, symbol: str) -> None:
        """NotFound; Conflict for one of the eight; InsufficientPermissions for somebody else's, below ΛPRIME."""
        if symbol in MEANINGS:
            raise Conflict(f"{symbol} is one of the eight symbols that are always there", hint="remove another")
        found = self._registered.get(symbol)
        if found is None:
            raise NotFound("no symbol of this name is registered", hint="see: lukhas glyph symbols")
        if found.registered_by != caller.identity_id and caller.tier < Tier.PRIME:
            raise InsufficientPermissions(
                f"{symbol} was registered by somebody else", hint="ask whoever did, or the machine's owner"
            )
        await self._database.write(
            lambda cursor: cursor.execute("DELETE FROM glyph_symbols WHERE symbol = ?", [symbol])
        )
        self._set({name: each for name, each in self._registered.items() if name != symbol})

    def _set(self, registered: dict[str, Registered]) -> None:
        self._registered = registered
        self._lexicon = self._packaged.with_names({each.symbol: each.names for each in registered.values()})

    def _language(self, tag: str) -> str:
        return self._packaged.known(tag, field="$.names")

    def _entry(self, symbol: str) -> SymbolEntry:
        names = self._lexicon.names_of(symbol)
        if symbol in MEANINGS:
            meaning, used_by = MEANINGS[symbol]
            return SymbolEntry(symbol, meaning, False, list(used_by), names)
        found = self._registered[symbol]
        return SymbolEntry(symbol, found.meaning, True, found.used_by, names)


def _word(word: str) -> str:
    """Letters, with spaces, hyphens and apostrophes between, and at most a star at the end."""
    text = unicodedata.normalize("NFC", word.strip())
    stem = text.removesuffix("*")
    fine = all(char in " -'’" or unicodedata.category(char)[0] in "LMN" for char in stem)
    if len(stem) < 2 or not fine:
        raise ValidationError(
            f"a name is not a word: {word[:20]!r}", field="$.names", hint="two letters at least, as measure or measur*"
        )
    return text


def _load(cursor: Cursor) -> list[Registered]:
    sql = "SELECT symbol, meaning, used_by, names, registered_by FROM glyph_symbols ORDER BY symbol"
    return [
        Registered(symbol, meaning, msgspec.json.decode(used_by), msgspec.json.decode(names), by)
        for symbol, meaning, used_by, names, by in cursor.execute(sql).fetchall()
    ]


def _insert(cursor: Cursor, new: Registered) -> None:
    columns: dict[str, list[Any]] = {
        "symbol": [new.symbol],
        "meaning": [new.meaning],
        "used_by": [msgspec.json.encode(new.used_by).decode()],
        "names": [msgspec.json.encode(new.names).decode()],
        "registered_by": [new.registered_by],
    }
    insert_rows(cursor, "glyph_symbols", columns)
