"""What filters need of every memory, in columns indexed by row number (about 30 bytes a memory)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import MemoryType
from lukhasd.memory.moments import microseconds

TYPES: tuple[MemoryType, ...] = get_args(MemoryType)
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
FIRST_SIZE = 1024


@dataclass(frozen=True)
class Entry:
    row_id: int
    owner: str
    type: MemoryType
    event_at: datetime
    importance: float
    tags: Sequence[str]
    valid_to: datetime | None = None


@dataclass(frozen=True)
class Selection:
    """Which memories count; all that are given must hold. Both ends of the time are inclusive."""

    owner: str
    types: Sequence[MemoryType] | None = None
    start: datetime | None = None
    end: datetime | None = None
    min_importance: float | None = None
    tags: Sequence[str] = ()

    @property
    def whole_owner(self) -> bool:
        return not self.tags and all(bound is None for bound in (self.types, self.start, self.end, self.min_importance))


class Catalogue:
    """Not locked: whoever holds it does that."""

    def __init__(self) -> None:
        self._owners: dict[str, int] = {}
        self._tags: dict[str, dict[str, array[int]]] = {}
        self._alive = np.zeros(FIRST_SIZE, dtype=bool)
        self._owner = np.zeros(FIRST_SIZE, dtype=np.int32)
        self._type = np.zeros(FIRST_SIZE, dtype=np.int8)
        self._event = np.zeros(FIRST_SIZE, dtype=np.int64)
        self._importance = np.zeros(FIRST_SIZE, dtype=np.float64)
        self._end = 0

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            row = entry.row_id
            self._reach(row)
            self._owner[row] = self._owners.setdefault(entry.owner, len(self._owners))
            self._type[row] = TYPES.index(entry.type)
            self._event[row] = microseconds(entry.event_at)
            self._importance[row] = entry.importance
            self._alive[row] = True
            tagged = self._tags.setdefault(entry.owner, {})
            for tag in entry.tags:
                tagged.setdefault(tag, array("q")).append(row)

    def remove(self, row_id: int) -> None:
        self._alive[row_id] = False

    def holds(self, row_ids: Rows) -> Mask:
        return self._alive[row_ids]

    def select(self, chosen: Selection) -> Mask:
        """A mask over row numbers."""
        code = self._owners.get(chosen.owner, -1)
        mask: Mask = self._alive[: self._end] & (self._owner[: self._end] == code)
        if chosen.types is not None:
            mask &= np.isin(self._type[: self._end], [TYPES.index(kind) for kind in chosen.types])
        if chosen.start is not None:
            mask &= self._event[: self._end] >= microseconds(chosen.start)
        if chosen.end is not None:
            mask &= self._event[: self._end] <= microseconds(chosen.end)
        if chosen.min_importance is not None:
            mask &= self._importance[: self._end] >= chosen.min_importance
        for tag in chosen.tags:
            tagged = np.zeros_like(mask)
            tagged[self._tags.get(chosen.owner, {}).get(tag, array("q"))] = True
            mask &= tagged
        return mask

    def count_types(self, owner: str) -> dict[str, int]:
        counts = np.bincount(self._type[: self._end][self.select(Selection(owner))], minlength=len(TYPES))
        return {str(kind): int(count) for kind, count in zip(TYPES, counts, strict=True)}

    def count_tags(self, owner: str, limit: int) -> dict[str, int]:
        """The most used, most used first."""
        alive = {tag: int(self._alive[rows].sum()) for tag, rows in self._tags.get(owner, {}).items()}
        ranked = sorted((-count, tag) for tag, count in alive.items() if count)
        return {tag: -count for count, tag in ranked[:limit]}

    def event_span(self, owner: str) -> tuple[datetime, datetime] | None:
        """Oldest and newest, None for an owner without memories."""
        events = self._event[: self._end][self.select(Selection(owner))]
        if not events.size:
            return None
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return epoch + timedelta(microseconds=int(events.min())), epoch + timedelta(microseconds=int(events.max()))

    def __len__(self) -> int:
        return int(self._alive.sum())

    def _reach(self, row: int) -> None:
        self._end = max(self._end, row + 1)
        if row >= len(self._alive):
            size = max(row + 1, 2 * len(self._alive))
            for name in ("_alive", "_owner", "_type", "_event", "_importance"):
                column = getattr(self, name)
                grown = np.zeros(size, dtype=column.dtype)
                grown[: len(column)] = column
                setattr(self, name, grown)
