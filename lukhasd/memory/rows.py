"""The memory tables: rows in and out. Times are naive UTC in the database and aware outside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import Memory, MemoryContent, MemoryMetadata, MemoryType
from lukhasd.database import insert_rows
from lukhasd.database.connection import Columns, Cursor
from lukhasd.memory.catalogue import Entry
from lukhasd.memory.item import Item, SearchText, search_text, speaker_of
from lukhasd.memory.text_index import Document

DRIFT = "CASE WHEN current = origin THEN 0.0::DOUBLE ELSE drift END"
MEMORY_COLUMNS = (
    "row_id, sequence, owner, memory_id, helix_id, type, current, context, query, tags, importance, event_at,"
    f" created_at, {DRIFT}, origin, version, valid_to, superseded_by, mark"
)


@dataclass(frozen=True)
class NumberedItem:
    """An item with the numbers that it is written under."""

    row_id: int
    sequence: int
    item: Item


@dataclass(frozen=True)
class MemoryRow:
    row_id: int
    sequence: int
    owner: str
    memory_id: str
    helix_id: str
    type: MemoryType
    data: str
    context: str
    query: str | None
    tags: tuple[str, ...]
    importance: float
    event_at: datetime
    created_at: datetime
    drift: float | None
    origin: str
    version: int
    valid_to: datetime | None
    superseded_by: str | None
    mark: str | None

    @property
    def text(self) -> SearchText:
        context = msgspec.json.decode(self.context)
        return search_text(data=self.data, context=context, query=self.query, tags=self.tags)

    @property
    def speaker(self) -> str:
        return speaker_of(msgspec.json.decode(self.context))

    @property
    def document(self) -> Document:
        return Document(self.entry, self.sequence, self.text)

    @property
    def entry(self) -> Entry:
        return Entry(self.row_id, self.owner, self.type, self.event_at, self.importance, self.tags, self.valid_to)

    def content(self, *, with_context: bool = True) -> MemoryContent:
        context = msgspec.json.decode(self.context) if with_context else {}
        return MemoryContent(type=self.type, data=self.data, context=context, query=self.query)


@dataclass(frozen=True)
class Access:
    count: int
    last: datetime | None


NEVER = Access(0, None)
NO_DRIFT = {"drift_score": "the embedding model was out of order when it changed: lukhas doctor"}


def memory(row: MemoryRow, access: Access, related: Sequence[str] = ()) -> Memory:
    return Memory(
        memory_id=row.memory_id,
        helix_id=row.helix_id,
        content=row.content(),
        tags=list(row.tags),
        metadata=MemoryMetadata(
            created_at=row.created_at,
            event_at=row.event_at,
            access_count=access.count,
            last_accessed=access.last,
            drift_score=row.drift,
            importance=row.importance,
            version=row.version,
            valid_to=row.valid_to,
            superseded_by=row.superseded_by,
            mark=row.mark,
            reasons=NO_DRIFT if row.drift is None else {},
        ),
        related_memories=list(related),
    )


def item_columns(items: Sequence[NumberedItem]) -> Columns:
    """Columns of `memories`. What it says now is what was first stored, until something changes it."""
    return {
        "row_id": [each.row_id for each in items],
        "sequence": [each.sequence for each in items],
        "memory_id": [each.item.memory_id for each in items],
        "helix_id": [each.item.helix_id for each in items],
        "owner": [each.item.owner for each in items],
        "type": [each.item.type for each in items],
        "origin": [each.item.data for each in items],
        "current": [each.item.data for each in items],
        "context": [each.item.context for each in items],
        "query": [each.item.query for each in items],
        "tags": [msgspec.json.encode(each.item.tags).decode() for each in items],
        "importance": [float(each.item.importance) for each in items],
        "event_at": [naive(each.item.event_at) for each in items],
        "created_at": [naive(each.item.created_at) for each in items],
        "content_hash": [each.item.content_hash for each in items],
        "mark": [each.item.mark for each in items],
    }


def entry(numbered: NumberedItem) -> Entry:
    item = numbered.item
    return Entry(numbered.row_id, item.owner, item.type, item.event_at, item.importance, item.tags)


def document(numbered: NumberedItem) -> Document:
    item = numbered.item
    context = msgspec.json.decode(item.context)
    text = search_text(data=item.data, context=context, query=item.query, tags=item.tags)
    return Document(entry(numbered), numbered.sequence, text)


def import_missing(cursor: Cursor, owner: str, items: Sequence[NumberedItem]) -> tuple[list[NumberedItem], list[str]]:
    """Inserts those items whose content the owner does not have. Gives the inserted ones, and an id for every item."""
    hashes = [each.item.content_hash for each in items]
    known = dict(
        cursor.execute(
            "SELECT content_hash, min(memory_id) FROM memories WHERE owner = ? AND list_contains(?, content_hash)"
            " GROUP BY content_hash",
            [owner, hashes],
        ).fetchall()
    )
    new: list[NumberedItem] = []
    for each in items:
        if each.item.content_hash not in known:
            known[each.item.content_hash] = each.item.memory_id
            new.append(each)
    if new:
        insert_rows(cursor, "memories", item_columns(new))
    return new, [known[content_hash] for content_hash in hashes]


def find(cursor: Cursor, owner: str, memory_id: str) -> MemoryRow | None:
    sql = f"SELECT {MEMORY_COLUMNS} FROM memories WHERE memory_id = ? AND owner = ?"  # noqa: S608
    found = cursor.execute(sql, [memory_id, owner]).fetchall()  # all: an open result would bar what comes next
    return _row(found[0]) if found else None


def find_all(cursor: Cursor, owner: str, memory_ids: Sequence[str]) -> list[MemoryRow]:
    marks = ", ".join("?" for _ in memory_ids)
    sql = f"SELECT {MEMORY_COLUMNS} FROM memories WHERE memory_id IN ({marks}) AND owner = ?"  # noqa: S608
    return [_row(found) for found in cursor.execute(sql, [*memory_ids, owner]).fetchall()] if memory_ids else []


def fetch(cursor: Cursor, row_ids: Iterable[int]) -> dict[int, MemoryRow]:
    numbers = ", ".join(str(int(row_id)) for row_id in row_ids)
    if not numbers:
        return {}
    found = cursor.execute(f"SELECT {MEMORY_COLUMNS} FROM memories WHERE row_id IN ({numbers})").fetchall()  # noqa: S608
    return {row.row_id: row for row in map(_row, found)}


def accesses(cursor: Cursor, row_ids: Iterable[int]) -> dict[int, Access]:
    numbers = ", ".join(str(int(row_id)) for row_id in row_ids)
    if not numbers:
        return {}
    sql = f"SELECT row_id, access_count, last_accessed FROM memory_access WHERE row_id IN ({numbers})"  # noqa: S608
    return {row_id: Access(count, aware(last)) for row_id, count, last in cursor.execute(sql).fetchall()}


def recall_counts(cursor: Cursor) -> dict[int, int]:
    """By row number; a row that was never recalled is missing."""
    return dict(cursor.execute("SELECT row_id, access_count FROM memory_access").fetchall())


def count_access(cursor: Cursor, owner: str, memory_id: str, now: datetime) -> tuple[MemoryRow, Access] | None:
    row = find(cursor, owner, memory_id)
    if row is None:
        return None
    counted = cursor.execute(
        "INSERT INTO memory_access VALUES (?, 1, ?) ON CONFLICT (row_id) DO UPDATE"
        " SET access_count = access_count + 1, last_accessed = excluded.last_accessed RETURNING access_count",
        [row.row_id, naive(now)],
    ).fetchall()
    return row, Access(counted[0][0], now)


def drop_computed(cursor: Cursor, row_id: int) -> None:
    """What was computed of a text that the row has no more."""
    for table in ("memory_vectors", "memory_readings"):
        cursor.execute(f"DELETE FROM {table} WHERE row_id = ?", [row_id])  # noqa: S608


def delete(cursor: Cursor, row_id: int, sequence: int) -> None:
    drop_computed(cursor, row_id)
    for table in ("memory_access", "memory_versions", "memories"):
        cursor.execute(f"DELETE FROM {table} WHERE row_id = ?", [row_id])  # noqa: S608
    cursor.execute("INSERT INTO memory_deletions VALUES (?, ?)", [sequence, row_id])
    cursor.execute(
        "UPDATE memory_conflicts SET state = 'released', evidence = '[]' WHERE older_row = ? OR newer_row = ?",
        [row_id, row_id],
    )


def changes(cursor: Cursor, after: int, limit: int) -> tuple[list[MemoryRow], list[int], int]:
    """Rows and deletions beyond a sequence, at most `limit` rows, and the last sequence that they bring one to."""
    cursor.begin()  # one moment for both: a change between them would be passed over for ever
    try:
        return _changes(cursor, after, limit)
    finally:
        cursor.rollback()


def _changes(cursor: Cursor, after: int, limit: int) -> tuple[list[MemoryRow], list[int], int]:
    sql = f"SELECT {MEMORY_COLUMNS} FROM memories WHERE sequence > ? ORDER BY sequence LIMIT ?"  # noqa: S608
    rows = [_row(found) for found in cursor.execute(sql, [after, limit]).fetchall()]
    until = rows[-1].sequence if len(rows) == limit else None
    deleted = cursor.execute(
        "SELECT row_id, sequence FROM memory_deletions WHERE sequence > ? AND sequence <= coalesce(?, sequence)",
        [after, until],
    ).fetchall()
    sequences = [until or 0, after, *(row.sequence for row in rows[-1:]), *(at for _, at in deleted)]
    return rows, [row_id for row_id, _ in deleted], max(sequences)


def count(cursor: Cursor) -> int:
    found = cursor.execute("SELECT count(*) FROM memories").fetchone()
    return int(found[0]) if found else 0


def drift_figures(cursor: Cursor, owner: str | None) -> tuple[float | None, float | None]:
    """Mean and 95th percentile of one owner's memories or of all; None without memories."""
    found = cursor.execute(
        f"SELECT avg(drift), quantile_cont(drift, 0.95) FROM (SELECT {DRIFT} AS drift FROM memories"  # noqa: S608
        " WHERE owner = coalesce(?, owner))",
        [owner],
    ).fetchone()
    return found or (None, None)


def last_numbers(cursor: Cursor) -> tuple[int, int]:
    """The highest row number and sequence ever given, -1 and 0 in a new store."""
    found = cursor.execute(
        "SELECT coalesce(max(row_id), -1), coalesce(max(sequence), 0) FROM"
        " (SELECT row_id, sequence FROM memories UNION ALL SELECT row_id, sequence FROM memory_deletions)"
    ).fetchone()
    return found or (-1, 0)


def pending(cursor: Cursor, embedder: str) -> list[tuple[int, str]]:
    """Row numbers and owners of the memories without a vector of that embedder."""
    return cursor.execute(
        "SELECT row_id, owner FROM memories WHERE row_id NOT IN"
        " (SELECT row_id FROM memory_vectors WHERE embedder = ?) ORDER BY row_id",
        [embedder],
    ).fetchall()


def save_vectors(cursor: Cursor, embedder: str, vectors: Sequence[tuple[int, int, NDArray[np.float32]]]) -> set[int]:
    """Writes, in place of those there are, the chunks' vectors of each row (row number, version, (chunks, d)) that has
    neither been deleted nor changed meanwhile; gives the numbers of those."""
    current = _versions(cursor, [row_id for row_id, _, _ in vectors])
    saved = [(row_id, parts) for row_id, version, parts in vectors if current.get(row_id) == version]
    flat = [(row_id, place, chunk) for row_id, parts in saved for place, chunk in enumerate(parts)]
    if flat:
        numbers = ", ".join(str(int(row_id)) for row_id, _ in saved)
        cursor.execute(f"DELETE FROM memory_vectors WHERE embedder = ? AND row_id IN ({numbers})", [embedder])  # noqa: S608
        columns: dict[str, list[Any]] = {
            "row_id": [row_id for row_id, _, _ in flat],
            "chunk": [place for _, place, _ in flat],
            "embedder": [embedder] * len(flat),
            "vector": [chunk.astype("<f4").tobytes() for _, _, chunk in flat],
        }
        insert_rows(cursor, "memory_vectors", columns)
    return {row_id for row_id, _ in saved}


def _versions(cursor: Cursor, row_ids: Sequence[int]) -> dict[int, int]:
    numbers = ", ".join(str(int(row_id)) for row_id in row_ids)
    return dict(
        cursor.execute(f"SELECT row_id, version FROM memories WHERE row_id IN ({numbers})").fetchall()  # noqa: S608
    )


def naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _row(found: tuple[Any, ...]) -> MemoryRow:
    values = list(found)
    for place, convert in ((9, _read_tags), (11, aware), (12, aware), (16, _aware_or_none)):
        values[place] = convert(values[place])
    return MemoryRow(*values)


def _aware_or_none(moment: datetime | None) -> datetime | None:
    return aware(moment) if moment is not None else None


def _read_tags(text: str) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(text))
