"""Export, import of exports, snapshots: everything that is one owner's, out and in."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from memory_stores import Stores

from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.contract.transfer import HEADER, Closing
from lukhas_sdk.errors import Conflict, ValidationError
from lukhasd.database.connection import Cursor
from lukhasd.memory import MemoryStore, rows, transfer, versions
from lukhasd.memory.carrier import Carrier
from lukhasd.memory.core import Changed, Numbers
from lukhasd.memory.transfer import TABLES

ANA, BEN = "ana-id", "ben-id"
NOT_EXPORTED = {
    "row_id",  # the indexes' number
    "sequence",  # of the change, for the indexes
    "owner",  # whoever takes it in
    "older_row",  # found anew by older_id
    "newer_row",
    "taken_in",  # the sequence that it was taken in under
}


async def fill(store: MemoryStore, make_memory: Any) -> list[str]:
    """Memories of two owners, with all that can hang on one."""
    ids = []
    for number in range(12):
        stored = await store.store(
            ANA,
            make_memory(f"Note {number} of Ana\nwith ☕ and \u2028", tags=["b", "a"], importance=0.1, n=[number, None]),
        )
        ids.append(stored.memory_id)
    await store.store(BEN, make_memory("Ben's own secret"))
    await store.recall(ANA, ids[3])
    await store.recall(ANA, ids[3])

    def change(cursor: Cursor, numbers: Numbers) -> tuple[None, Changed]:
        (row,) = rows.find_all(cursor, ANA, [ids[5]])
        revision = versions.Revision("Edited", row.context, ["c"], 0.9, 0.25, "edit", ANA, note="a 'reason'")
        versions.rewrite(cursor, row, revision, sequence=numbers.sequence(), now=datetime.now(UTC))
        (other,) = rows.find_all(cursor, ANA, [ids[5]])
        versions.rewrite(
            cursor,
            other,
            versions.Revision("Again", row.context, [], 0.9, 0.2, "consolidate", "dream"),
            sequence=numbers.sequence(),
            now=datetime.now(UTC),
        )
        cursor.execute(
            "UPDATE memories SET valid_to = '2024-02-29 12:00:00.000001', superseded_by = ?, mark = 'kept'"
            " WHERE memory_id = ?",
            [ids[7], ids[6]],
        )
        cursor.execute(
            "INSERT INTO interactions BY NAME SELECT 'interaction_1' AS interaction_id, ? AS owner, 'what?' AS input,"
            " 'that' AS response, 'ask' AS intent, 'memory' AS answer_source, ? AS cited, 'APPROVED' AS decision,"
            " 12.345678901234567 AS duration_ms, TIMESTAMP '2024-03-01 01:02:03.456789' AS created_at",
            [ANA, json.dumps([ids[0]])],
        )
        cursor.execute(
            "INSERT INTO folds BY NAME SELECT 'fold_1' AS fold_id, 'interaction_1' AS interaction_id, ? AS owner,"
            " ? AS parents, 0.5 AS importance, -0.25 AS valence, 'active' AS state,"
            " TIMESTAMP '2024-03-01 01:02:03.456789' AS created_at",
            [ANA, json.dumps([ids[0]])],
        )
        cursor.execute(
            "INSERT INTO memory_conflicts BY NAME SELECT 'conflict_1' AS conflict_id, ? AS owner, ? AS older_id,"
            " (SELECT row_id FROM memories WHERE memory_id = older_id) AS older_row, 1 AS older_version, ? AS newer_id,"
            " (SELECT row_id FROM memories WHERE memory_id = newer_id) AS newer_row, 1 AS newer_version,"
            " 'superseded' AS state, 'newer' AS kept, 0.9 AS confidence, '[\"one\"]' AS evidence,"
            " TIMESTAMP '2024-03-01 01:02:03.456789' AS created_at, 'truth' AS actor",
            [ANA, ids[6], ids[7]],
        )
        cursor.execute(
            "INSERT INTO memory_quarantine BY NAME SELECT 'quarantine_1' AS quarantine_id, ? AS owner,"
            " ? AS request, '***' AS shown, '[]' AS findings, 'x' AS content_hash,"
            " TIMESTAMP '2024-03-01 01:02:03.456789' AS created_at",
            [ANA, '{"content":{"type":"semantic","data":"x"}}'],
        )
        for owner, where in ((ANA, "draft -old"), (BEN, "secret")):
            cursor.execute(
                "INSERT INTO saved_searches VALUES (?, 'drafts', ?, TIMESTAMP '2024-03-01 01:02:03.456789')",
                [owner, json.dumps({"where": where})],
            )
        return None, Changed(rewritten=[row.row_id])

    await store.core.finish(store.core.change(change, at_most=2))
    return ids


async def export(store: MemoryStore, owner: str = ANA) -> bytes:
    pages: list[str] = []

    async def send(lines: str) -> None:
        pages.append(lines)

    closing = await Carrier(store.core, Path("/nonexistent")).export(owner, send)
    whole = "".join(pages).encode()
    assert closing.sha256 == hashlib.sha256(whole).hexdigest()
    assert sum(closing.counts.values()) == whole.count(b"\n") - 1
    return whole + msgspec.json.encode(closing) + b"\n"


async def take_in(store: MemoryStore, exported: bytes, owner: str = ANA) -> list[transfer.Taken]:
    header, *lines, closing = exported.splitlines(keepends=True)
    assert header == HEADER
    msgspec.json.decode(closing, type=Closing)
    records = [transfer.read_record(line, path="$") for line in lines]
    return await Carrier(store.core, Path("/nonexistent")).take_in(owner, records)


async def test_export_import_export_is_the_same_byte_by_byte(
    store: MemoryStore, tmp_path_factory: pytest.TempPathFactory, make_memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PAGE_ROWS", 5)  # pages end within the tables
    ids = await fill(store, make_memory)
    first = await export(store)
    assert b"secret" not in first and BEN.encode() not in first and ANA.encode() not in first

    async with Stores(tmp_path_factory.mktemp("other")).open() as other:
        taken = await take_in(other, first, owner="somebody-elses-id")
        assert {each.outcome for each in taken} == {"added"}
        assert await export(other, "somebody-elses-id") == first
        again = await take_in(other, first, owner="somebody-elses-id")
        assert {each.outcome for each in again} == {"skipped"}

        recalled = await other.recall("somebody-elses-id", ids[5])
        assert (recalled.content.data, recalled.metadata.version, recalled.tags) == ("Again", 3, [])
        found = await other.search("somebody-elses-id", SearchRequest(query="note 9 of Ana"))
        assert ids[9] in [hit.memory_id for hit in found.results]
        rows_of = "SELECT memory_id FROM memory_conflicts JOIN memories ON row_id = newer_row"
        linked = await other.core.database.read(lambda cursor: cursor.execute(rows_of).fetchall())
        assert linked == [(ids[7],)]
        assert await other.wait_for_vectors(20)
        assert await other.self_test() is None
    async with Stores(other.core.database.path.parent).open() as reopened:
        assert await reopened.self_test() is None
        whole = await export(reopened, "somebody-elses-id")
        assert whole.count(b'"access_count":1,') == 1  # it was recalled above


async def test_what_differs_is_a_conflict_and_stays_as_it_is(store: MemoryStore, make_memory: Any) -> None:
    ids = await fill(store, make_memory)
    exported = await export(store)
    changed = exported.replace(b"Note 4 of Ana", b"Note 4 by Ana").replace(b'"note":"a \'reason\'"', b'"note":null')
    outcomes = {each.id: each.outcome for each in await take_in(store, changed)}
    assert {key for key, outcome in outcomes.items() if outcome == "conflict"} == {ids[4], ids[5]}
    assert {outcome for key, outcome in outcomes.items() if key not in (ids[4], ids[5])} == {"skipped"}
    assert await export(store) == exported
    await store.recall(ANA, ids[8])  # having been looked at is no difference
    assert {each.outcome for each in await take_in(store, exported)} == {"skipped"}


async def test_an_id_that_is_somebody_elses_is_a_conflict(store: MemoryStore, make_memory: Any) -> None:
    await fill(store, make_memory)
    exported = await export(store)
    before = await export(store, BEN)
    assert {each.outcome for each in await take_in(store, exported, owner=BEN)} == {"conflict"}
    assert await export(store, BEN) == before
    assert await export(store) == exported


async def test_the_same_line_twice_is_taken_in_once(store: MemoryStore, make_memory: Any) -> None:
    await store.store(ANA, make_memory("only one"))
    header, line, closing = (await export(store)).splitlines(keepends=True)
    await store.delete(ANA, json.loads(line)["memory_id"])
    taken = await take_in(store, header + line + line.replace(b"only", b"onlx") + line + closing)
    assert [each.outcome for each in taken] == ["added", "conflict", "skipped"]


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'{"kind":"other"}',
        b'{"kind":"fold","fold_id":"x"}',
        b'{"kind":"fold","fold_id":"x","interaction_id":"i","parents":[],"importance":"much","valence":null,"state":"a",'
        b'"reason":null,"created_at":"2024-01-01T00:00:00Z"}',
        b'{"kind":"fold","fold_id":"x","interaction_id":"i","parents":[],"importance":1.0,"valence":null,"state":"a",'
        b'"reason":null,"created_at":"2024-01-01T00:00:00Z","owner":"me"}',
    ],
)
def test_a_line_that_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(ValidationError, match="records"):
        transfer.read_record(line, path="$.records[0]")


async def test_every_column_is_exported_or_named_as_not(store: MemoryStore) -> None:
    """A column that is added to a table has to be decided upon here."""

    def columns(cursor: Cursor, name: str) -> set[str]:
        return {str(row[0]) for row in cursor.execute(f"DESCRIBE {name}").fetchall()}

    for table in TABLES:
        for each in (table, *table.children):
            there = await store.core.database.read(lambda cursor, name=each.name: columns(cursor, name))
            assert {column.name for column in each.columns} == there - NOT_EXPORTED, each.name


async def test_an_export_whose_reader_goes_away_ends(store: MemoryStore, make_memory: Any) -> None:
    await fill(store, make_memory)
    carrier = Carrier(store.core, Path("/nonexistent"))
    waiting = asyncio.Event()

    async def stuck(lines: str) -> None:
        waiting.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(carrier.export(ANA, stuck))
    await waiting.wait()
    with pytest.raises(Conflict, match="runs already"):
        await carrier.export(ANA, stuck)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await export(store)).startswith(HEADER)


async def test_a_snapshot_is_whole_while_memories_are_written(
    store: MemoryStore, tmp_path: Path, make_memory: Any
) -> None:
    carrier = Carrier(store.core, tmp_path)
    done = asyncio.Event()
    acknowledged: list[str] = []

    async def write() -> None:
        while not done.is_set():
            stored = await store.store(ANA, make_memory(f"Note {len(acknowledged)} " + "word " * 500))
            acknowledged.append(stored.memory_id)

    writers = [asyncio.create_task(write()) for _ in range(4)]
    try:
        for _ in range(8):
            reached = len(acknowledged) + 20
            while len(acknowledged) < reached:
                await asyncio.sleep(0.01)
            before = set(acknowledged)
            taken = await carrier.snapshot()
            assert Path(taken.path).stat().st_mode & 0o777 == 0o600
            held = await asyncio.to_thread(ids_in, taken.path, taken.wal_path)
            assert before <= held
            assert not list(tmp_path.glob("snapshot/*.tmp"))
    finally:
        done.set()
        await asyncio.gather(*writers)


def ids_in(path: str, wal_path: str | None) -> set[str]:
    assert wal_path in (None, f"{path}.wal")
    connection = duckdb.connect(path)
    try:
        assert connection.execute("SELECT count(*) FROM memory_deletions").fetchone() is not None
        return {row[0] for row in connection.execute("SELECT memory_id FROM memories").fetchall()}
    finally:
        connection.close()
