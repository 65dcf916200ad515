"""Numbered, add-only migrations: `NNNN_noun.sql` beside this file. A copy of the database is made before they run."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import duckdb

from lukhas_sdk.errors import LukhasError

COPIES_KEPT = 2
Options = dict[str, str | bool | int | float | list[str]]


def available() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of every migration, in order."""
    found = []
    for entry in resources.files(__package__).iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name)
        if match:
            found.append((int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(found)


def applied(connection: duckdb.DuckDBPyConnection) -> int:
    """Number of the newest migration that the database has, 0 for a new one."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (number INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)"
    )
    row = connection.execute("SELECT coalesce(max(number), 0) FROM schema_migrations").fetchone()
    return int(row[0]) if row else 0


def apply(connection: duckdb.DuckDBPyConnection, path: Path, options: Options) -> duckdb.DuckDBPyConnection:
    """Brings the database to the newest schema, each migration in one transaction; a new one in a single one.

    Returns the connection to go on with: making the copy closes the one given and opens another.
    """
    have = applied(connection)
    todo = [migration for migration in available() if migration[0] > have]
    newest = available()[-1][0]
    if have > newest:
        connection.close()
        raise LukhasError(
            f"the database {path} was written by a newer LUKHAS (schema {have}, this one knows {newest})",
            hint="install that version again, or set LUKHAS_HOME to another folder",
        )
    if todo and have:
        connection.close()
        _copy(path, todo[0][0])
        connection = duckdb.connect(str(path), config=options)
    for together in [[each] for each in todo] if have else [todo]:
        connection.begin()
        try:
            for number, name, sql in together:
                connection.execute(sql)
                now = datetime.now(UTC).replace(tzinfo=None)
                connection.execute("INSERT INTO schema_migrations VALUES (?, ?, ?)", [number, name, now])
            connection.commit()
        except duckdb.Error as error:
            connection.rollback()
            connection.close()
            raise LukhasError(
                f"migration {number} ({name}) of {path} failed: {error}", hint="nothing was changed; please report it"
            ) from error
    return connection


def _copy(path: Path, number: int) -> None:
    shutil.copy2(path, path.with_name(f"{path.name}.before-{number:04d}"))
    copies = sorted(path.parent.glob(f"{path.name}.before-*"))
    for old in copies[:-COPIES_KEPT]:
        old.unlink()
