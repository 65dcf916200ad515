"""What filters need of every memory, in columns indexed by row number (about 40 bytes a memory)."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import MemoryType
from lukhasd.memory.moments import microseconds

if TYPE_CHECKING:
    from lukhasd.memory.expression import Node

TYPES: tuple[MemoryType, ...] = get_args(MemoryType)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
FIRST_SIZE = 1024
STILL = np.iinfo(np.int64).max
"""`valid_to` of what has not been superseded."""
NOBODY = -1
COLUMNS = {
    "_owner": np.int32,  # NOBODY: no such memory
    "_current": np.int32,  # its owner, NOBODY once it is superseded
    "_type": np.int8,
    "_event": np.int64,
    "_valid_to": np.int64,
    "_importance": np.float64,
    "_tag_set": np.int32,
}


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
class EntryColumns:
    """Many entries at once: numbers in arrays of one length, codes into `owners`, TYPES and `tag_sets`."""

    owners: Sequence[str]
    tag_sets: Sequence[tuple[str, ...]]
    row_id: Rows
    owner: NDArray[np.int32]
    type: NDArray[np.int8]
    event_us: NDArray[np.int64]
    valid_to_us: NDArray[np.int64]
    importance: NDArray[np.float64]
    tag_set: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.row_id)


@dataclass(frozen=True)
class Selection:
    """Which memories count; all that are given must hold. Both ends of the time are inclusive.

    What has been superseded is left out, unless it is included; `as_of` takes what had happened by then and had not
    been superseded yet.
    """

    owner: str
    types: Sequence[MemoryType] | None = None
    start: datetime | None = None
    end: datetime | None = None
    min_importance: float | None = None
    tags: Sequence[str] = ()
    as_of: datetime | None = None
    include_superseded: bool = False
    where: Node | None = None
    """Asked of the text index: the catalogue does not look at it."""


class Catalogue:
    """Not locked: whoever holds it does that."""

    _owner: NDArray[np.int32]
    _current: NDArray[np.int32]
    _type: NDArray[np.int8]
    _event: NDArray[np.int64]
    _valid_to: NDArray[np.int64]
    _importance: NDArray[np.float64]
    _tag_set: NDArray[np.int32]

    def __init__(self) -> None:
        self._owners: dict[str, int] = {}
        self._tag_sets: dict[tuple[str, ...], int] = {}
        self._tags: dict[str, int] = {}
        self._pair_set, self._pair_tag = array("q"), array("q")
        """Each tag of each set."""
        self._alive = 0
        self._end = 0
        for name, kind in COLUMNS.items():
            setattr(self, name, np.full(FIRST_SIZE, NOBODY, dtype=kind))

    def __len__(self) -> int:
        return self._alive

    @property
    def size(self) -> int:
        """One more than the highest row number."""
        return self._end

    def add(self, entries: Iterable[Entry]) -> None:
        """An entry of a row that is there takes its place."""
        for entry in entries:
            row = entry.row_id
            self._reach(row)
            self._alive += int(self._owner[row] == NOBODY)
            self._owner[row] = self._current[row] = self._owners.setdefault(entry.owner, len(self._owners))
            self._type[row] = TYPES.index(entry.type)
            self._event[row] = microseconds(entry.event_at)
            self._importance[row] = entry.importance
            self._tag_set[row] = self._tag_code(tuple(entry.tags))
            self._valid_to[row] = STILL
            if entry.valid_to is not None:
                self._valid_to[row] = microseconds(entry.valid_to)
                self._current[row] = NOBODY

    def add_columns(self, given: EntryColumns) -> None:
        """The same for many."""
        if not len(given):
            return
        rows = given.row_id
        self._reach(int(rows.max()))
        owners = [self._owners.setdefault(owner, len(self._owners)) for owner in given.owners]
        tag_sets = [self._tag_code(tags) for tags in given.tag_sets]
        self._alive += int((self._owner[rows] == NOBODY).sum())
        self._owner[rows] = np.array(owners, dtype=np.int32)[given.owner]
        self._current[rows] = np.where(given.valid_to_us == STILL, self._owner[rows], NOBODY)
        self._type[rows] = given.type
        self._event[rows] = given.event_us
        self._valid_to[rows] = given.valid_to_us
        self._importance[rows] = given.importance
        self._tag_set[rows] = np.array(tag_sets, dtype=np.int32)[given.tag_set]

    def remove(self, row_id: int) -> None:
        if row_id < self._end and self._owner[row_id] != NOBODY:
            self._owner[row_id] = self._current[row_id] = NOBODY
            self._alive -= 1

    def holds(self, row_ids: Rows) -> Mask:
        found: Mask = self._owner[row_ids] != NOBODY
        return found

    def select(self, chosen: Selection) -> Mask:
        """A mask over row numbers, the caller's own."""
        end = self._end
        code = self._owners.get(chosen.owner)
        if code is None:
            return np.zeros(end, dtype=bool)
        everything = chosen.include_superseded or chosen.as_of is not None
        mask: Mask = (self._owner if everything else self._current)[:end] == code
        if chosen.as_of is not None:
            moment = microseconds(chosen.as_of)
            mask &= self._event[:end] <= moment
            mask &= self._valid_to[:end] > moment
        if chosen.types is not None:
            wanted = np.isin(np.arange(len(TYPES)), [TYPES.index(kind) for kind in chosen.types])
            mask &= wanted[self._type[:end]]
        if chosen.start is not None:
            mask &= self._event[:end] >= microseconds(chosen.start)
        if chosen.end is not None:
            mask &= self._event[:end] <= microseconds(chosen.end)
        if chosen.min_importance is not None:
            mask &= self._importance[:end] >= chosen.min_importance
        if chosen.tags:
            mask &= self._sets_holding(chosen.tags)[self._tag_set[:end]]
        return mask

    def count_types(self, owner: str) -> dict[str, int]:
        """The superseded ones too, as in the other figures."""
        counts = np.bincount(self._type[: self._end][self._all_of(owner)], minlength=len(TYPES))
        return {str(kind): int(count) for kind, count in zip(TYPES, counts, strict=True)}

    def count_tags(self, owner: str, limit: int) -> dict[str, int]:
        """The most used, most used first."""
        counts = self._counts(self._tag_set[: self._end][self._all_of(owner)])
        ranked = sorted((-count, tag) for tag, count in counts.items())
        return {tag: -count for count, tag in ranked[:limit]}

    def event_span(self, owner: str) -> tuple[datetime, datetime] | None:
        """Oldest and newest, None for an owner without memories."""
        events = self._event[: self._end][self._all_of(owner)]
        if not events.size:
            return None
        return EPOCH + timedelta(microseconds=int(events.min())), EPOCH + timedelta(microseconds=int(events.max()))

    def events(self, rows: Rows) -> NDArray[np.int64]:
        return self._event[rows]

    def importances(self, rows: Rows) -> NDArray[np.float64]:
        return self._importance[rows]

    def types_of(self, rows: Rows) -> dict[str, int]:
        """How many of these rows are of each type; those that none is of are left out."""
        counts = np.bincount(self._type[rows], minlength=len(TYPES)).tolist()
        return {kind: count for kind, count in zip(TYPES, counts, strict=True) if count}

    def tags_of(self, rows: Rows) -> tuple[dict[str, int], int]:
        """How many of these rows carry each tag, and how many carry none."""
        codes = self._tag_set[rows]
        return self._counts(codes), int(np.count_nonzero(codes == self._tag_sets.get((), NOBODY)))

    def _counts(self, codes: NDArray[np.int32]) -> dict[str, int]:
        """How often each tag is in tag sets of these codes; those that are in none are left out."""
        uses = np.bincount(codes, minlength=len(self._tag_sets))
        counts = np.bincount(np.array(self._pair_tag), uses[np.array(self._pair_set)], len(self._tags))
        return {tag: count for tag, count in zip(self._tags, counts.astype(int).tolist(), strict=True) if count}

    def _all_of(self, owner: str) -> Mask:
        return self.select(Selection(owner, include_superseded=True))

    def _sets_holding(self, tags: Sequence[str]) -> Mask:
        """Which tag sets hold all of these, with one place more for rows without a memory."""
        held = np.zeros(len(self._tag_sets) + 1, dtype=np.int32)
        sets, tags_in = np.array(self._pair_set), np.array(self._pair_tag)
        for tag in set(tags):
            held[sets[tags_in == self._tags.get(tag, NOBODY)]] += 1
        holding: Mask = held == len(set(tags))
        return holding

    def _tag_code(self, tags: tuple[str, ...]) -> int:
        code = self._tag_sets.get(tags)
        if code is None:
            code = self._tag_sets[tags] = len(self._tag_sets)
            for tag in set(tags):
                self._pair_set.append(code)
                self._pair_tag.append(self._tags.setdefault(tag, len(self._tags)))
        return code

    def _reach(self, row: int) -> None:
        self._end = max(self._end, row + 1)
        if row >= len(self._owner):
            size = max(row + 1, len(self._owner) * 3 // 2)
            for name, kind in COLUMNS.items():
                grown = np.full(size, NOBODY, dtype=kind)
                column = getattr(self, name)
                grown[: len(column)] = column
                setattr(self, name, grown)
