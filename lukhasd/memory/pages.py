"""Results that are handed out page by page: kept as they were found, so that what is stored meanwhile moves nothing."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from lukhas_sdk.contract.memory import DroppedHit, Facet, SearchRequest
from lukhas_sdk.errors import ValidationError
from lukhasd.memory.catalogue import Rows
from lukhasd.memory.ranking import Ranked

MOST_ROWS = 2_000_000
"""Of all results together, 8 bytes each; what was used longest ago goes first."""
MOST_RESULTS = 200


@dataclass(frozen=True)
class Found:
    """`rows` in order, with those that are left out; `ranked` where the order is by relevance: so far `depth` of them,
    of rows below `end`."""

    rows: Rows
    ranked: Mapping[int, Ranked]
    dropped: Mapping[int, DroppedHit]
    total: int
    facets: Sequence[Facet]
    depth: int | None = None
    """None: there are no more."""
    end: int = 0


class Pages:
    """Used on the event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, bytes, Found]] = OrderedDict()
        self._rows = 0

    def keep(self, owner: str, request: SearchRequest, found: Found) -> str:
        """The key of its cursors."""
        key = secrets.token_hex(8)
        self._kept[key] = owner, _asked(request), found
        self._rows += len(found.rows)
        while len(self._kept) > 1 and (self._rows > MOST_ROWS or len(self._kept) > MOST_RESULTS):
            _, (_, _, oldest) = self._kept.popitem(last=False)
            self._rows -= len(oldest.rows)
        return key

    def grow(self, key: str, before: Found, after: Found) -> Found:
        """Takes its place, unless another did meanwhile: gives what is kept."""
        owner, asked, kept = self._kept.get(key, ("", b"", None))
        if kept is None:
            return after
        if kept is before:
            self._kept[key] = owner, asked, after
            self._rows += len(after.rows) - len(before.rows)
            return after
        return kept

    def find(self, owner: str, request: SearchRequest, cursor: str) -> tuple[str, Found, int]:
        """The results that a cursor goes on in, and from where."""
        key, _, place = cursor.partition("-")
        whose, asked, found = self._kept.get(key, ("", b"", None))
        if found is None or whose != owner or not (place.isascii() and place.isdigit() and len(place) < 10):
            raise ValidationError(
                "cursor is none that a search gave, or its pages are no longer kept",
                field="$.cursor",
                hint="begin again with cursor: first",
            )
        if asked != _asked(request):
            raise ValidationError(
                "cursor belongs to another search", field="$.cursor", hint="ask as for the first page, or begin again"
            )
        self._kept.move_to_end(key)
        return key, found, int(place)


def _asked(request: SearchRequest) -> bytes:
    """Equal for pages of one search, however long they are and whatever they show of each hit."""
    same = msgspec.structs.replace(request, cursor=None, limit=1, explain=False, include_context=True)
    return msgspec.json.encode(same)
