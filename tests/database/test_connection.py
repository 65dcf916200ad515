"""The DuckDB file: grouped writes, migrations and their copies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from lukhas_sdk.errors import LukhasError
from lukhasd.database import Database, insert_rows, migrations


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "test.duckdb")
    database.call(
        lambda cursor: cursor.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text VARCHAR, happened TIMESTAMP)")
    )
    yield database
    database.close()


def row(number: int, text: str | None = "x") -> dict[str, list[object]]:
    return {"id": [number], "text": [text], "happened": [datetime(2024, 1, 2, 3, 4, 5)]}


async def count(database: Database) -> int:
    return (await database.read(lambda cursor: cursor.execute("SELECT count(*) FROM t").fetchone()))[0]  # type: ignore[index]


async def test_many_appends_at_once_are_all_there(database: Database) -> None:
    await asyncio.gather(*(database.append("t", row(number)) for number in range(500)))
    assert await count(database) == 500


async def test_one_bad_row_fails_alone(database: Database) -> None:
    await database.append("t", row(1))
    done = await asyncio.gather(*(database.append("t", row(number)) for number in (1, 2, 3)), return_exceptions=True)
    assert isinstance(done[0], duckdb.ConstraintException)
    assert done[1:] == [None, None]
    assert await count(database) == 3


async def test_a_write_that_raises_changes_nothing(database: Database) -> None:
    def fail(cursor: duckdb.DuckDBPyConnection) -> None:
        insert_rows(cursor, "t", row(1))
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await database.write(fail)
    assert await count(database) == 0


async def test_values_come_back_as_they_went_in(database: Database) -> None:
    values = ["plain", "", None, "ünï — “quotes” 🛡️", "a\nb\tc"]
    await database.append(
        "t",
        {"id": list(range(5)), "text": values, "happened": [datetime(2024, 1, 2, 3, 4, 5, 678901)] * 4 + [None]},
    )
    back = await database.read(lambda cursor: cursor.execute("SELECT text, happened FROM t ORDER BY id").fetchall())
    assert [entry[0] for entry in back] == values
    assert back[0][1] == datetime(2024, 1, 2, 3, 4, 5, 678901)
    assert back[4][1] is None


async def test_readers_see_only_what_is_committed(database: Database) -> None:
    seen: list[int] = []

    def insert_and_look(cursor: duckdb.DuckDBPyConnection) -> None:
        insert_rows(cursor, "t", row(1))
        seen.append(asyncio.run_coroutine_threadsafe(count(database), loop).result(5))

    loop = asyncio.get_running_loop()
    await database.write(insert_and_look)
    assert seen == [0]
    assert await count(database) == 1


async def test_a_closed_database_refuses(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "closed.duckdb")
    database.close()
    with pytest.raises(LukhasError, match="closed"):
        await database.append("identities", row(1))


def test_files_cannot_be_reached_from_sql(database: Database, tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error):
        database.call(lambda cursor: cursor.execute(f"COPY t TO '{tmp_path}/out.csv'"))


def test_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "private.duckdb"
    Database.open(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_newer_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "newer.duckdb"
    Database.open(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, 'future', ?)", [datetime.now(UTC)])
    before = path.read_bytes()
    with pytest.raises(LukhasError, match="newer LUKHAS"):
        Database.open(path)
    assert path.read_bytes() == before


def test_a_damaged_database_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "damaged.duckdb"
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(LukhasError, match="cannot be opened") as caught:
        Database.open(path)
    assert caught.value.hint


def test_a_copy_is_made_before_an_old_database_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.duckdb"
    every = migrations.available()
    monkeypatch.setattr(migrations, "available", lambda: every[:1])
    Database.open(path).close()
    assert list(tmp_path.glob("*.before-*")) == []
    monkeypatch.setattr(migrations, "available", lambda: every)
    Database.open(path).close()
    (copy,) = tmp_path.glob("*.before-*")
    with duckdb.connect(str(copy)) as connection:
        assert migrations.applied(connection) == every[0][0]
    with duckdb.connect(str(path)) as connection:
        assert migrations.applied(connection) == every[-1][0]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "failing.duckdb"
    every = migrations.available()
    Database.open(path).close()
    bad = (9000, "bad", "CREATE TABLE half (id INTEGER); SELECT nonsense FROM nowhere;")
    monkeypatch.setattr(migrations, "available", lambda: [*every, bad])
    with pytest.raises(LukhasError, match="migration 9000"):
        Database.open(path)
    with duckdb.connect(str(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        assert "half" not in tables
        assert migrations.applied(connection) == every[-1][0]


def test_migrations_are_numbered_without_repetition() -> None:
    numbers = [number for number, _, _ in migrations.available()]
    assert numbers == sorted(set(numbers))
