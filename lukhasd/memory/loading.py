"""What the indexes in memory need of the rows at start, read in columns."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.database.connection import Cursor
from lukhasd.memory.catalogue import STILL, TYPES, EntryColumns, Rows
from lukhasd.memory.vector_index import VectorIndex

LOG = logging.getLogger(__name__)
Number = TypeVar("Number", bound=np.generic)
Vectors = NDArray[np.float32]
BATCH_ROWS = 20_000
COMPARED_ROWS = 256
"""Rows whose vectors are compared byte by byte at start: the newest, where an older database put back differs."""


def entry_columns(cursor: Cursor) -> EntryColumns:
    """Of every memory."""
    cursor.begin()  # one moment for all three
    try:
        owners = cursor.execute("SELECT DISTINCT owner FROM memories ORDER BY owner").fetchall()
        tag_sets = cursor.execute("SELECT DISTINCT tags FROM memories ORDER BY tags").fetchall()
        found = cursor.execute(
            "WITH owners AS (SELECT owner, row_number() OVER (ORDER BY owner) - 1 AS code"
            " FROM (SELECT DISTINCT owner FROM memories)),"
            " tag_sets AS (SELECT tags, row_number() OVER (ORDER BY tags) - 1 AS code"
            " FROM (SELECT DISTINCT tags FROM memories))"
            " SELECT row_id, owners.code AS owner, list_position(?, type) - 1 AS type, epoch_us(event_at) AS event_us,"
            " coalesce(epoch_us(valid_to), ?) AS valid_to_us, importance, tag_sets.code AS tag_set"
            " FROM memories JOIN owners USING (owner) JOIN tag_sets USING (tags)",
            [list(TYPES), int(STILL)],
        ).fetchnumpy()
    finally:
        cursor.rollback()
    decode = msgspec.json.Decoder(tuple[str, ...]).decode
    return EntryColumns(
        owners=[owner for (owner,) in owners],
        tag_sets=[decode(tags) for (tags,) in tag_sets],
        row_id=_plain(found["row_id"], np.int64),
        owner=_plain(found["owner"], np.int32),
        type=_plain(found["type"], np.int8),
        event_us=_plain(found["event_us"], np.int64),
        valid_to_us=_plain(found["valid_to_us"], np.int64),
        importance=_plain(found["importance"], np.float64),
        tag_set=_plain(found["tag_set"], np.int32),
    )


def complete_vectors(cursor: Cursor, vectors: VectorIndex, embedder: str) -> None:
    """Brings the vector index in step with `memory_vectors`: reads only what it lacks. Raises OSError."""
    dimensions = vectors.dimensions
    found = cursor.execute(  # without a look at the vectors, which would all be read for it
        "SELECT row_id, count(*) AS chunks FROM memory_vectors WHERE embedder = ? GROUP BY row_id ORDER BY row_id",
        [embedder],
    ).fetchnumpy()
    rows, chunks = _plain(found["row_id"], np.int64), _plain(found["chunks"], np.int64)
    newest = rows[-COMPARED_ROWS:]
    if len(newest) and _differs(cursor, vectors, newest, embedder):
        LOG.warning("the vector file does not belong to these rows and will be rebuilt")
        vectors.clear()
    held, held_chunks = vectors.held()
    kept = np.isin(held * 2**20 + held_chunks, rows * 2**20 + chunks)
    for row_id in held[~kept].tolist():
        vectors.remove(row_id)
    lacking = rows[~np.isin(rows, held[kept])]
    for numbers, stacked in _read(cursor, lacking, embedder, dimensions):
        vectors.add(numbers, stacked)


def _differs(cursor: Cursor, vectors: VectorIndex, rows: Rows, embedder: str) -> bool:
    """Whether the index holds other vectors for one of these rows than the database."""
    numbers = ", ".join(str(row) for row in rows.tolist())
    sql = f"SELECT row_id, vector FROM memory_vectors WHERE embedder = ? AND row_id IN ({numbers})"  # noqa: S608
    kept: dict[int, set[bytes]] = {}
    for row_id, vector in cursor.execute(sql, [embedder]).fetchall():
        kept.setdefault(row_id, set()).add(vector)
    return any(
        any(vector.astype("<f4").tobytes() not in kept[row_id] for vector in vectors.stored(row_id)) for row_id in kept
    )


def _read(cursor: Cursor, rows: Rows, embedder: str, dimensions: int) -> Iterator[tuple[Rows, Vectors]]:
    for start in range(0, len(rows), BATCH_ROWS):
        wanted = rows[start : start + BATCH_ROWS]
        found = cursor.execute(
            "SELECT row_id, vector FROM memory_vectors WHERE embedder = ? AND octet_length(vector) = ?"
            " AND row_id BETWEEN ? AND ? ORDER BY row_id, chunk",
            [embedder, 4 * dimensions, int(wanted[0]), int(wanted[-1])],
        ).fetchnumpy()
        numbers = _plain(found["row_id"], np.int64)
        stacked = np.frombuffer(b"".join(found["vector"]), dtype="<f4").reshape(-1, dimensions)
        chosen = np.isin(numbers, wanted)
        yield numbers[chosen], stacked[chosen].astype(np.float32, copy=False)


def _plain(column: NDArray[np.generic], kind: type[Number]) -> NDArray[Number]:
    """DuckDB may give masked arrays; these columns are never NULL."""
    return np.ascontiguousarray(column, dtype=kind)
