"""What the models make of the sentences that an answer may quote, computed beforehand while nobody asks for anything.

The vector of a sentence of a long memory and what the guardian's classifier computes of each quotation are most of what
an answer without a language model costs. Both hang on the sentence alone. What was not read yet is computed when it is
needed. What was read, and the rows themselves, are then brought into working memory, as far as there is room.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from lukhasd.database import insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.guardian import Guardian
from lukhasd.guardian.findings import Quoted
from lukhasd.jobs.running import Quiet
from lukhasd.matriz import extractive
from lukhasd.matriz.draft import Draft
from lukhasd.memory import rows
from lukhasd.memory.core import Core
from lukhasd.memory.rows import MemoryRow
from lukhasd.models.embedder import Embedder

LOG = logging.getLogger(__name__)

Floats = NDArray[np.float32]

IDLE_S = 5.0
"""Nothing is read before nobody has asked or stored anything for so long."""
BATCH = 16
"""Memories between two marks in the database."""
LONGEST_CHARS = 20_000
"""Of a longer memory the sentences are read when they are needed."""
RETRY_S = 60.0
SENTENCES_KEPT = 16_384
"""In working memory, of the memories that were read last: at most some 30 MB."""
RULE = 3
"""Goes up when something else is to be read of the same memories."""


@dataclass(frozen=True)
class Reading:
    """`vector` of length 1, by the packaged embedder; None for a memory that is quoted whole. `logits` are
    `Guardian.read`'s."""

    vector: Floats | None
    logits: Floats


Readings = Mapping[int, Reading]
"""By `digest` of the sentence."""


class ReadingStore:
    """Made by `open`; used on the event loop that opened it."""

    def __init__(self, core: Core, embedder: Embedder, guardian: Guardian) -> None:
        self._core = core
        self._embedder = embedder
        self._guardian = guardian
        self._kept: OrderedDict[tuple[int, int], dict[int, Reading]] = OrderedDict()
        """By row and its sequence, which goes up when the row changes."""
        self._kept_sentences = 0
        self._filled_to: int | None = None
        """The oldest row that was brought into working memory; None: none was yet."""
        self._changed_s = monotonic()
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, core: Core, embedder: Embedder, guardian: Guardian) -> ReadingStore:
        """Without what other models made."""
        made_by = f"{RULE} {embedder.name} {await asyncio.to_thread(guardian.weights)}"
        if await core.database.read(_made_by) != made_by:
            await core.database.write(partial(_begin_anew, made_by=made_by))
        return cls(core, embedder, guardian)

    def start(self, quiet: Quiet) -> None:
        self._core.after_publishing.append(self._change)
        self._woken.set()
        self._task = asyncio.create_task(self._keep(quiet), name="readings")

    async def close(self) -> None:
        if self._task is not None:
            self._core.after_publishing.remove(self._change)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def find(self, owner: str, memory_ids: Sequence[str]) -> Readings:
        """What was read of those that the owner has."""
        wanted = {(row.row_id, row.sequence) for row in await self._core.kept.find_all(owner, memory_ids)}
        missing = [row for row in wanted if row not in self._kept]
        if missing:
            self._keep_found(await self._fetch(missing))
        found: dict[int, Reading] = {}
        for row in wanted:
            if row in self._kept:
                self._kept.move_to_end(row)
                found |= self._kept[row]
        return found

    async def _fetch(self, wanted: Collection[tuple[int, int]]) -> dict[tuple[int, int], dict[int, Reading]]:
        numbers = ", ".join(str(row_id) for row_id, _ in wanted)
        sql = f"SELECT row_id, digest, vector, logits FROM memory_readings WHERE row_id IN ({numbers})"  # noqa: S608
        read = await self._core.database.read(lambda cursor: cursor.execute(sql).fetchall())
        by_row: dict[int, dict[int, Reading]] = {}
        for row_id, name, vector, logits in read:
            reading = Reading(None if vector is None else _floats(vector), _floats(logits))
            by_row.setdefault(row_id, {})[name] = reading
        return {row: by_row[row[0]] for row in wanted if row[0] in by_row}

    def _keep_found(self, new: Mapping[tuple[int, int], dict[int, Reading]], *, beforehand: bool = False) -> None:
        """What is read `beforehand` makes room first."""
        for row, found in new.items():
            if row not in self._kept:
                self._kept[row] = found
                self._kept.move_to_end(row, last=not beforehand)
                self._kept_sentences += len(found)
        while self._kept_sentences > SENTENCES_KEPT:
            _, oldest = self._kept.popitem(last=False)
            self._kept_sentences -= len(oldest)

    async def read_next(self) -> bool:
        """Reads the next memories; whether there were any."""
        found = await self._core.database.read(_next)
        if found:
            read = [(row, await asyncio.to_thread(self._read, row)) for row in found]
            await self._core.database.write(partial(_save, read=read))
            self._keep_found({(row.row_id, row.sequence): dict(each) for row, each in read}, beforehand=True)
            await self._core.kept.fetch([row.row_id for row in found], beforehand=True)
        return bool(found)

    async def fill_next(self) -> bool:
        """Brings the next memories, the newest first, and what was read of them into working memory; whether there
        were any, and room for them."""
        kept = self._core.kept
        if kept.is_full or self._kept_sentences >= SENTENCES_KEPT:
            return False
        numbers = await self._core.database.read(partial(_newest, before=self._filled_to))
        if numbers:
            self._filled_to = numbers[-1]
            rows = await kept.fetch(numbers, beforehand=True)
            new = [key for row in rows.values() if (key := (row.row_id, row.sequence)) not in self._kept]
            if new:
                self._keep_found(await self._fetch(new), beforehand=True)
        return bool(numbers)

    def _change(self) -> None:
        self._changed_s = monotonic()
        self._woken.set()

    async def _keep(self, quiet: Quiet) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                more = True
                while more:
                    left_s = self._left_s(quiet)
                    if left_s > 0:
                        await asyncio.sleep(left_s)
                    else:
                        more = await self.read_next() or await self.fill_next()
            except Exception:
                LOG.exception("sentences cannot be read beforehand")
                self._woken.set()
                await asyncio.sleep(RETRY_S)

    def _left_s(self, quiet: Quiet) -> float:
        """Until nobody has waited for IDLE_S."""
        return IDLE_S - min(quiet.lasted_s(), monotonic() - self._changed_s)

    def _read(self, row: MemoryRow) -> list[tuple[int, Reading]]:
        if len(row.data) > LONGEST_CHARS:
            return []
        texts, whole = extractive.quotable(row.data)
        texts = list(dict.fromkeys(texts))
        if not texts:
            return []
        logits = self._guardian.read([extractive.shorten(text) for text in texts])
        vectors = [None] * len(texts) if whole else self._embedder.embed(texts)
        return [(digest(text), Reading(*each)) for text, *each in zip(texts, vectors, logits, strict=True)]


def digest(text: str) -> int:
    raw = hashlib.blake2b(extractive.shorten(text).encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little", signed=True)


def quoted(draft: Draft, readings: Readings) -> Quoted:
    """What a draft in quotations quotes, with the classifier's logits where they are known; nothing of a model's."""
    if draft.model is not None:
        return {}
    found = {citation.quote: readings.get(digest(citation.quote)) for citation in draft.citations}
    return {text: reading.logits if reading is not None else None for text, reading in found.items()}


def _floats(raw: bytes) -> Floats:
    return np.frombuffer(raw, dtype="<f4")


def _made_by(cursor: Cursor) -> str:
    return str(cursor.execute("SELECT made_by FROM memory_read").fetchall()[0][0])


def _newest(cursor: Cursor, *, before: int | None) -> list[int]:
    """Row numbers under that one, the newest first."""
    sql = "SELECT row_id FROM memories WHERE row_id < ? ORDER BY row_id DESC LIMIT ?"
    return [number for (number,) in cursor.execute(sql, [2**62 if before is None else before, BATCH]).fetchall()]


def _begin_anew(cursor: Cursor, *, made_by: str) -> None:
    cursor.execute("DELETE FROM memory_readings")
    cursor.execute("UPDATE memory_read SET sequence = -1, made_by = ?", [made_by])


def _next(cursor: Cursor) -> list[MemoryRow]:
    """The rows changed since the mark, oldest change first."""
    sql = "SELECT row_id FROM memories WHERE sequence > (SELECT sequence FROM memory_read) ORDER BY sequence LIMIT"
    numbers = [number for (number,) in cursor.execute(f"{sql} {BATCH}").fetchall()]
    return sorted(rows.fetch(cursor, numbers).values(), key=lambda row: row.sequence)


def _save(cursor: Cursor, *, read: Sequence[tuple[MemoryRow, Sequence[tuple[int, Reading]]]]) -> None:
    """Of the rows that have not changed since they were read."""
    now = rows.fetch(cursor, [row.row_id for row, _ in read])
    same = [(row, found) for row, found in read if row.row_id in now and now[row.row_id].sequence == row.sequence]
    if same:
        numbers = ", ".join(str(row.row_id) for row, _ in same)
        cursor.execute(f"DELETE FROM memory_readings WHERE row_id IN ({numbers})")  # noqa: S608
    flat = [(row.row_id, name, reading) for row, found in same for name, reading in found]
    if flat:
        columns: dict[str, Sequence[object]] = {
            "row_id": [number for number, _, _ in flat],
            "digest": [name for _, name, _ in flat],
            "vector": [None if each.vector is None else each.vector.astype("<f4").tobytes() for _, _, each in flat],
            "logits": [each.logits.astype("<f4").tobytes() for _, _, each in flat],
        }
        insert_rows(cursor, "memory_readings", columns)
    cursor.execute("UPDATE memory_read SET sequence = ?", [read[-1][0].sequence])
