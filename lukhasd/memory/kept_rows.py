"""The rows of memories that were read last, in working memory: an answer reads each of its memories several times.

Where there is room, the newest are read into it beforehand.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from lukhasd.database import Database
from lukhasd.memory import rows
from lukhasd.memory.rows import MemoryRow

ROWS_KEPT = 16_384
CHARS_KEPT = 8_000_000
"""Of texts and contexts: with ROWS_KEPT bounds the whole to some 40 MB."""
LONGEST_CHARS = 4_000


class KeptRows:
    """Used on one event loop. Whatever changes a row in the database calls `drop` once that is committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: OrderedDict[int, MemoryRow] = OrderedDict()
        self._numbers: dict[tuple[str, str], int] = {}
        self._chars = 0
        self._drops = 0

    async def fetch(self, numbers: Iterable[int], *, beforehand: bool = False) -> dict[int, MemoryRow]:
        """By row number, in no order; one that is gone is missing. What is read `beforehand` makes room first."""
        found, missing = {}, []
        for number in dict.fromkeys(numbers):
            row = self._rows.get(number)
            if row is None:
                missing.append(number)
            else:
                found[number] = row
                if not beforehand:
                    self._rows.move_to_end(number)
        if missing:
            before = self._drops
            read = await self._database.read(lambda cursor: rows.fetch(cursor, missing))
            self._keep(read.values(), before, beforehand=beforehand)
            found.update(read)
        return found

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= ROWS_KEPT or self._chars >= CHARS_KEPT

    async def find_all(self, owner: str, memory_ids: Sequence[str]) -> list[MemoryRow]:
        """Those that the owner has, in no order."""
        numbers = {name: self._numbers.get((owner, name)) for name in memory_ids}
        found = [self._rows[number] for number in numbers.values() if number is not None]
        missing = [name for name, number in numbers.items() if number is None]
        if missing:
            before = self._drops
            read = await self._database.read(lambda cursor: rows.find_all(cursor, owner, missing))
            self._keep(read, before)
            found += read
        return found

    def drop(self, numbers: Iterable[int]) -> None:
        self._drops += 1
        for number in numbers:
            row = self._rows.pop(number, None)
            if row is not None:
                self._leave(row)

    def _keep(self, read: Iterable[MemoryRow], before: int, *, beforehand: bool = False) -> None:
        """Unless something was dropped while they were read: they may be from before that change."""
        if self._drops != before:
            return
        for row in read:
            if _chars(row) <= LONGEST_CHARS and row.row_id not in self._rows:
                self._rows[row.row_id] = row
                self._numbers[row.owner, row.memory_id] = row.row_id
                self._chars += _chars(row)
                if beforehand:
                    self._rows.move_to_end(row.row_id, last=False)
        while len(self._rows) > ROWS_KEPT or self._chars > CHARS_KEPT:
            _, oldest = self._rows.popitem(last=False)
            self._leave(oldest)

    def _leave(self, row: MemoryRow) -> None:
        del self._numbers[row.owner, row.memory_id]
        self._chars -= _chars(row)


def _chars(row: MemoryRow) -> int:
    return len(row.data) + len(row.origin) + len(row.context)
