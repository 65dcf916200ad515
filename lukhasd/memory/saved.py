"""Searches kept under a name, each owner's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from lukhas_sdk.contract.memory import SearchRequest, SearchResponse
from lukhas_sdk.contract.saved import RemoveSavedResponse, RunSavedRequest, SavedListResponse, SavedSearch
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.database.connection import Cursor
from lukhasd.memory import rows
from lukhasd.memory.core import Core
from lukhasd.memory.search import Search

MOST = 1_000


class Saved:
    def __init__(self, core: Core, search: Search) -> None:
        self._database = core.database
        self._search = search

    async def add(self, owner: str, name: str, request: SearchRequest) -> SavedSearch:
        """Conflict where the name is taken; ValidationError for a search that cannot be asked."""
        if request.cursor is not None:
            raise ValidationError("a kept search has no cursor", field="$.search.cursor", hint="leave it out")
        self._search.choose(owner, request)
        kept = SavedSearch(name, request, datetime.now(UTC))

        def write(cursor: Cursor) -> None:
            names = [found for (found,) in _select(cursor, "name", owner)]
            if name in names:
                raise Conflict(
                    f"a search is called {name} already", hint=f"remove it first: lukhas memory saved remove {name}"
                )
            if len(names) >= MOST:
                raise Conflict(f"{MOST} searches are kept already", hint="remove some: lukhas memory saved list")
            cursor.execute(
                "INSERT INTO saved_searches VALUES (?, ?, ?, ?)",
                [owner, name, msgspec.json.encode(request).decode(), rows.naive(kept.created_at)],
            )

        await self._database.write(write)
        return kept

    async def list(self, owner: str) -> SavedListResponse:
        def read(cursor: Cursor) -> list[tuple[Any, ...]]:
            return _select(cursor, "name, request, created_at", owner)

        found = await self._database.read(read)
        decode = msgspec.json.Decoder(SearchRequest).decode
        return SavedListResponse([SavedSearch(name, decode(text), rows.aware(at)) for name, text, at in found])

    async def run(self, owner: str, name: str, given: RunSavedRequest) -> SearchResponse:
        """NotFound where the owner keeps no such search."""
        found = next((each for each in (await self.list(owner)).saved if each.name == name), None)
        if found is None:
            raise _not_found(name)
        changed = {"cursor": given.cursor, **({"limit": given.limit} if given.limit is not None else {})}
        return await self._search.search(owner, msgspec.structs.replace(found.search, **changed))

    async def remove(self, owner: str, name: str) -> RemoveSavedResponse:
        """NotFound where the owner keeps no such search."""

        def erase(cursor: Cursor) -> bool:
            sql = "DELETE FROM saved_searches WHERE owner = ? AND name = ? RETURNING name"
            return bool(cursor.execute(sql, [owner, name]).fetchall())

        if not await self._database.write(erase):
            raise _not_found(name)
        return RemoveSavedResponse(name, True)


def _select(cursor: Cursor, columns: str, owner: str) -> list[tuple[Any, ...]]:
    sql = f"SELECT {columns} FROM saved_searches WHERE owner = ? ORDER BY name"  # noqa: S608
    return cursor.execute(sql, [owner]).fetchall()


def _not_found(name: str) -> NotFound:
    return NotFound(f"no search is kept as {name}", hint="see: lukhas memory saved list")
