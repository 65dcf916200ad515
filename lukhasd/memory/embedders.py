"""Whose vectors there are, as the database keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lukhasd.database.connection import Cursor
from lukhasd.memory.rows import aware, naive
from lukhasd.models.embedder import Embedder
from lukhasd.models.endpoint import Endpoint


@dataclass(frozen=True)
class Known:
    """`endpoint` None: the packaged embedder."""

    name: str
    endpoint: Endpoint | None
    dimensions: int
    serving: bool
    since: datetime
    """Chosen, or serving since then."""


def load(cursor: Cursor) -> dict[str, Known]:
    """By name."""
    found = cursor.execute(
        "SELECT name, base_url, model, asked_dimensions, dimensions, serving, since FROM memory_embedders"
    ).fetchall()
    return {
        name: Known(name, Endpoint(url, model, asked) if url is not None else None, dimensions, serving, aware(since))
        for name, url, model, asked, dimensions, serving, since in found
    }


def note(cursor: Cursor, endpoint: Endpoint, dimensions: int) -> None:
    """That it was chosen. One that serves goes on serving."""
    cursor.execute(
        "INSERT INTO memory_embedders VALUES (?, ?, ?, ?, ?, false, ?)"
        " ON CONFLICT (name) DO UPDATE SET dimensions = excluded.dimensions",
        [
            endpoint.name,
            endpoint.base_url,
            endpoint.model,
            endpoint.asked_dimensions,
            dimensions,
            naive(datetime.now(UTC)),
        ],
    )


def serve(cursor: Cursor, new: Embedder, former: Embedder) -> None:
    """From now on `new` is searched. Vectors of any other than these two go."""
    for each in (former, new):  # the packaged one was noted by nobody
        cursor.execute(
            "INSERT INTO memory_embedders VALUES (?, NULL, NULL, 0, ?, false, ?) ON CONFLICT DO NOTHING",
            [each.name, each.dimensions, naive(datetime.now(UTC))],
        )
    cursor.execute("UPDATE memory_embedders SET serving = false WHERE serving")
    cursor.execute(
        "UPDATE memory_embedders SET serving = true, since = ? WHERE name = ?",
        [naive(datetime.now(UTC)), new.name],
    )
    cursor.execute("DELETE FROM memory_vectors WHERE embedder NOT IN (?, ?)", [new.name, former.name])
    cursor.execute("DELETE FROM memory_embedders WHERE name NOT IN (?, ?)", [new.name, former.name])


def forget(cursor: Cursor, name: str, dimensions: int) -> None:
    """Deletes its vectors where they are of other dimensions: another model answers under its name."""
    cursor.execute(
        "DELETE FROM memory_vectors WHERE embedder = ? AND octet_length(vector) <> ?", [name, 4 * dimensions]
    )
