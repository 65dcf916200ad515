"""mem0: what `get_all` gives as JSON (`{"results": [...]}` or a bare list), and its `history.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.importers.base import Source, memories, text_of
from lukhas_sdk.importers.export_file import elements

SQLITE_MAGIC = b"SQLite format 3\0"
WHO = ("user_id", "agent_id", "run_id", "app_id")
LAST_CHANGES = """
SELECT memory_id, new_memory, created_at, updated_at, event FROM history
WHERE rowid IN (SELECT max(rowid) FROM history GROUP BY memory_id) ORDER BY rowid
"""


def read(source: Source) -> Iterator[StoreRequest]:
    """A semantic memory each."""
    with source.path.open("rb") as file:
        is_database = file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    yield from _read_database(source) if is_database else _read_json(source)


def _read_json(source: Source) -> Iterator[StoreRequest]:
    for record, row in elements(source, "results|memories"):
        if not isinstance(row, dict) or not text_of(row.get("memory")).strip():
            source.broken(record, "it has no text under `memory`")
            continue
        metadata = row["metadata"] if isinstance(row.get("metadata"), dict) else {}
        categories = row.get("categories") or metadata.get("categories") or []
        context: dict[str, Any] = {
            **metadata,
            **{key: row.get(key) for key in WHO},
            "source": "mem0",
            "speaker": row.get("actor_id") or row.get("user_id"),
            "timestamp": text_of(row.get("updated_at")) or text_of(row.get("created_at")),
            "mem0_id": row.get("id"),
        }
        tags = [entry for entry in categories if isinstance(entry, str)] if isinstance(categories, list) else []
        try:
            yield from memories(row["memory"], type="semantic", context=context, tags=["mem0", *tags])
        except ValueError as error:
            source.broken(record, str(error))


def _read_database(source: Source) -> Iterator[StoreRequest]:
    """What each memory said after its last change; those whose last change was their deletion are left out."""
    address = f"{source.path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            for memory_id, text, created_at, updated_at, event in connection.execute(LAST_CHANGES):
                if event == "DELETE":
                    continue
                if not text_of(text).strip():
                    source.broken(f"memory {memory_id}", "its last change has no text")
                    continue
                stamp = text_of(updated_at) or text_of(created_at)
                context = {"source": "mem0", "timestamp": stamp, "mem0_id": memory_id}
                yield from memories(text, type="semantic", context=context, tags=["mem0"])
    except sqlite3.Error as error:
        source.broken("the rest", f"cannot be read: {error}")
