"""A file written anew: nothing of what was deleted is in it, all else is, and a kill in the middle loses nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import duckdb
import pytest

from lukhas_sdk.errors import LukhasError
from lukhasd.database import Database, rewriting

PLAIN = "zanzibar-"
"""Told apart by nothing else in the file; each text is random enough for DuckDB to store it uncompressed."""


def fill(path: Path, count: int) -> Database:
    database = Database.open(path)
    database.call(lambda cursor: cursor.execute("CREATE TABLE notes (n BIGINT PRIMARY KEY, said VARCHAR NOT NULL)"))
    database.call(
        lambda cursor: cursor.execute(
            "INSERT INTO notes SELECT i, ? || i || md5(i::VARCHAR) || sha256(i::VARCHAR) FROM range(?) t(i)",
            [PLAIN, count],
        )
    )
    return database


async def test_deleted_rows_leave_the_file_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    database = await asyncio.to_thread(fill, path, 20_000)
    await database.write(lambda cursor: cursor.execute("DELETE FROM notes WHERE n >= 5"))
    await database.rewrite()
    kept = await database.read(lambda cursor: cursor.execute("SELECT n FROM notes ORDER BY n").fetchall())
    assert kept == [(0,), (1,), (2,), (3,), (4,)]
    with pytest.raises(duckdb.ConstraintException):
        await database.write(lambda cursor: cursor.execute("INSERT INTO notes VALUES (3, 'again')"))
    await asyncio.to_thread(database.close)
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert (PLAIN + "4").encode() in held
    assert (PLAIN + "777").encode() not in held
    assert path.stat().st_mode & 0o077 == 0


async def test_reads_and_writes_meanwhile_wait_and_succeed(tmp_path: Path) -> None:
    database = await asyncio.to_thread(fill, tmp_path / "d.duckdb", 1000)

    async def write(number: int) -> None:
        await database.write(lambda cursor: cursor.execute("INSERT INTO notes VALUES (?, 'new')", [number]))

    def count(cursor: duckdb.DuckDBPyConnection) -> int:
        found = cursor.execute("SELECT count(*) FROM notes").fetchone()
        return int(found[0]) if found else -1

    reads = [database.read(count) for _ in range(20)]
    await asyncio.gather(*reads, *map(write, range(2000, 2040)), database.rewrite(), *map(write, range(3000, 3040)))
    assert await database.read(count) == 1080
    await asyncio.to_thread(database.close)


async def test_a_rewriting_that_fails_leaves_the_old_file_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await asyncio.to_thread(fill, tmp_path / "d.duckdb", 100)

    def fail(path: Path) -> None:
        raise LukhasError("the disk is full")

    monkeypatch.setattr(rewriting, "rewrite", fail)
    with pytest.raises(LukhasError, match="full"):
        await database.rewrite()
    assert await database.read(lambda cursor: cursor.execute("SELECT count(*) FROM notes").fetchall()) == [(100,)]
    await asyncio.to_thread(database.close)


def test_what_a_killed_rewriting_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "d.duckdb"
    fill(path, 10).close()
    left = [path.with_name(path.name + suffix) for suffix in (".rewriting", ".rewriting.wal")]
    for file in left:
        file.write_bytes(b"half")
    Database.open(path).close()
    assert not any(file.exists() for file in left)
