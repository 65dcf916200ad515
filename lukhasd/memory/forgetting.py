"""Forgetting: rows and quotations go in one transaction, then the files that held them are written anew."""

from __future__ import annotations

import asyncio
import logging
import mmap
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from lukhas_sdk.contract.forgetting import FileScan, ForgetReceipt, ForgetRequest, Forgotten
from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.restoring import FORMER, JOURNAL
from lukhasd.database.connection import Cursor
from lukhasd.memory import carrier, quotations, rows, versions
from lukhasd.memory.core import Change, Changed, Core, Numbers, found_in
from lukhasd.memory.store import MemoryStore

LOG = logging.getLogger(__name__)
RETRY_S = 60.0
OUT_OF_REACH = "backups and exports that you made before still hold it: they are files of your own"
RESTORE_WAITS = "a restore is decided and waits for the next start: it brings back what its backup holds"
RESTORE_UNDONE = "the last restore can no longer be undone: what it had replaced held it too"
SHORT_TEXT = f"texts under {quotations.SHORTEST_CHARS} characters are not searched for: they would be found anywhere"


@dataclass(frozen=True)
class _Trace:
    """Everything that one memory's erasure touches."""

    row: rows.MemoryRow
    report: Forgotten
    found: quotations.Quotations
    said: tuple[str, ...]


class Forgetting:
    """`folders` are all of ours; nothing of a forgotten memory's text is left in any file there."""

    def __init__(self, store: MemoryStore, folders: Sequence[Path]) -> None:
        self._store = store
        self._core: Core = store.core
        self._folders = tuple(folders)
        self._scrubbing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.unfinished: str | None = None
        """Why files may still hold something that was forgotten."""
        self.erased: Callable[[], None] = lambda: None
        """Called when rows have gone."""

    async def start(self) -> None:
        """Resumes in the background what has to be."""
        if await self._left():
            self.unfinished = "files are being freed of what was forgotten before the last stop"
            self._task = asyncio.create_task(self._resume(), name="memory-forgetting")

    async def self_test(self) -> str | None:
        """Why memory is not whole, or something forgotten not gone; None when neither is so."""
        return await self._store.self_test() or self.unfinished

    async def close(self) -> None:
        """What is not finished by then is at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _resume(self) -> None:
        while self.unfinished is not None:
            try:
                await self._core.finish(self.resume())
                self.unfinished = None
            except Exception as error:
                LOG.exception("what was forgotten before the last stop is not out of every file yet")
                self.unfinished = f"what was forgotten before the last stop may still stand in files: {error}"
                await asyncio.sleep(RETRY_S)

    async def resume(self) -> None:
        """Finishes what a stop or a crash cut short: the rows had gone, the files had not been written anew."""
        if await self._left():
            await self._scrub()
            note = '{"note": "finished at the next start"}'
            await self._core.database.write(
                lambda cursor: cursor.execute("UPDATE memory_erasures SET receipt = ? WHERE receipt IS NULL", [note])
            )

    async def _left(self) -> bool:
        sql = "SELECT erasure_id FROM memory_erasures WHERE receipt IS NULL"
        return bool(await self._core.database.read(lambda cursor: cursor.execute(sql).fetchall()))

    async def forget(self, owner: str, request: ForgetRequest) -> ForgetReceipt:
        """NotFound where the owner lacks one of the memories: then nothing goes. Everyone's reads and writes wait while
        the database is written anew, about a second for 100,000 memories."""
        memory_ids = list(dict.fromkeys(request.memory_ids))
        if request.query is not None:
            found = await self._store.search(
                owner, SearchRequest(query=request.query, filters=request.filters, limit=request.limit)
            )
            memory_ids = [hit.memory_id for hit in found.results]
        memory_ids = await self._core.database.read(lambda cursor: _with_derived(cursor, owner, memory_ids))
        if request.preview:
            traces = await self._core.database.read(lambda cursor: _traces(cursor, owner, memory_ids))
            memories = [msgspec.structs.replace(each.report, data=each.row.data) for each in traces]
            return ForgetReceipt(None, True, memories, None, [], None, [OUT_OF_REACH])
        return await self._core.finish(self._forget(owner, memory_ids))

    async def _forget(self, owner: str, memory_ids: Sequence[str]) -> ForgetReceipt:
        erasure_id = f"erasure_{secrets.token_hex(8)}"
        core, now = self._core, datetime.now(UTC)

        def erase(cursor: Cursor, numbers: Numbers) -> tuple[list[_Trace], Changed]:
            traces = _traces(cursor, owner, memory_ids)
            erased: dict[int, int] = {}
            for trace in traces:
                sequence = erased[trace.row.row_id] = numbers.sequence()
                quotations.erase(cursor, trace.found, owner, trace.row.memory_id, trace.said)
                rows.delete(cursor, trace.row.row_id, sequence)
                for forgotten in (trace.row.memory_id, *trace.found.quarantined):
                    cursor.execute("INSERT INTO memory_forgotten VALUES (?, ?)", [owner, forgotten])
            cursor.execute("INSERT INTO memory_erasures VALUES (?, ?, ?, NULL)", [erasure_id, owner, rows.naive(now)])
            return traces, Changed(erased=erased)

        traces = await self._core.change(erase, at_most=len(memory_ids))
        self.erased()
        self._core.told(Change("forgotten", owner, memory_ids))
        copies = await self._scrub()
        said = list(dict.fromkeys(passage for trace in traces for passage in trace.said))
        alone = await self._core.database.read(lambda cursor: _said_nowhere_else(cursor, said))
        scan = await asyncio.to_thread(scan_files, self._folders, alone)
        notes = [OUT_OF_REACH]
        if any(name.startswith(FORMER) for name in copies):
            notes.append(RESTORE_UNDONE)
        if await asyncio.to_thread((core.database.path.parent / JOURNAL).exists):
            notes.append(RESTORE_WAITS)
        if len(alone) < len(said):
            notes.append(f"{len(said) - len(alone)} of its passages stand in other memories too, and were left there")
        if any(len(trace.row.origin) < quotations.SHORTEST_CHARS for trace in traces):
            notes.append(SHORT_TEXT)
        receipt = ForgetReceipt(erasure_id, False, [trace.report for trace in traces], now, copies, scan, notes)
        text = msgspec.json.encode(receipt).decode()
        await self._core.database.write(
            lambda cursor: cursor.execute(
                "UPDATE memory_erasures SET receipt = ? WHERE erasure_id = ?", [text, erasure_id]
            )
        )
        return receipt

    async def forget_owner(self, owner: str) -> int:
        """Erases everything that belongs to them, also from the files; gives how many memories that were. Nobody works
        for them any more: what was begun before is waited for."""
        await self._core.settle()
        return await self._core.finish(self._forget_owner(owner))

    async def _forget_owner(self, owner: str) -> int:
        erasure_id = f"erasure_{secrets.token_hex(8)}"
        now = rows.naive(datetime.now(UTC))
        sql = "SELECT row_id FROM memories WHERE owner = ?"
        count = len(await self._core.database.read(lambda cursor: cursor.execute(sql, [owner]).fetchall()))

        def erase(cursor: Cursor, numbers: Numbers) -> tuple[None, Changed]:
            erased: dict[int, int] = {}
            for (row_id,) in cursor.execute(sql, [owner]).fetchall()[:count]:
                erased[row_id] = numbers.sequence()
                rows.delete(cursor, row_id, erased[row_id])
            tables = cursor.execute(
                "SELECT table_name FROM duckdb_columns() WHERE column_name = 'owner' AND table_name <> 'memories'"
            ).fetchall()
            for (table,) in tables:
                cursor.execute(f'DELETE FROM "{table}" WHERE owner = ?', [owner])  # noqa: S608
            cursor.execute("INSERT INTO memory_erasures VALUES (?, ?, ?, NULL)", [erasure_id, owner, now])
            return None, Changed(erased=erased)

        await self._core.change(erase, at_most=max(count, 1))
        self.erased()
        await self._scrub()
        await self._core.database.write(
            lambda cursor: cursor.execute("DELETE FROM memory_erasures WHERE erasure_id = ?", [erasure_id])
        )
        return count

    async def _scrub(self) -> list[str]:
        """Writes the indexes and the database anew; gives the names of the copies that it removed."""
        async with self._scrubbing:
            core = self._core
            await core.purge_indexes()
            await core.database.rewrite()
            return await asyncio.to_thread(_remove_copies, core.database.path)


def scan_files(folders: Iterable[Path], said: Sequence[str]) -> FileScan:
    """Every file under the folders but models' weights, searched for each passage as UTF-8 and as JSON would escape
    it."""
    wanted = {form for passage in said for form in (passage.encode(), msgspec.json.encode(passage)[1:-1])}
    every = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    files = sorted(file for file in every if file.suffix != ".gguf")
    found, size_bytes = [], 0
    for file in files:
        try:
            with file.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
                size_bytes += len(content)
                if any(content.find(form) >= 0 for form in wanted):
                    found.append(str(file))
        except (FileNotFoundError, ValueError):  # an index merged it away meanwhile; an empty file has no map
            continue
    return FileScan(files=len(files), size_bytes=size_bytes, passages=len(said), found_in=found)


def _with_derived(cursor: Cursor, owner: str, memory_ids: Sequence[str]) -> list[str]:
    """And the memories that a consolidation made of any of them: they repeat its words."""
    sql = (
        "SELECT memory_id FROM memories WHERE owner = ? AND json_extract_string(context, '$.derived_by') IS NOT NULL"
        " AND list_has_any(json_extract_string(context, '$.sources[*]'), ?)"
    )
    found = cursor.execute(sql, [owner, [*memory_ids]]).fetchall() if memory_ids else []
    return list(dict.fromkeys([*memory_ids, *(name for (name,) in found)]))


def _traces(cursor: Cursor, owner: str, memory_ids: Sequence[str]) -> list[_Trace]:
    return [_trace(cursor, found_in(cursor, owner, memory_id)) for memory_id in memory_ids]


def _trace(cursor: Cursor, row: rows.MemoryRow) -> _Trace:
    kept = versions.history(cursor, row)
    texts = [row.origin, row.query or "", *(version.data for version in kept)]
    said = tuple(quotations.passages(texts))
    found = quotations.find(cursor, row.owner, row.memory_id, said, quotations.short(texts))
    [(vectors,)] = cursor.execute("SELECT count(*) FROM memory_vectors WHERE row_id = ?", [row.row_id]).fetchall()
    report = Forgotten(
        memory_id=row.memory_id,
        versions=len(kept),
        vectors=int(vectors),
        folds=len(found.folds),
        quotations=len(found.interactions),
        quarantined=len(found.quarantined),
        searches=len(found.searches),
        results=len(found.results),
    )
    return _Trace(row, report, found, said)


def _said_nowhere_else(cursor: Cursor, said: Sequence[str]) -> list[str]:
    tables = {"memories": ("origin", "current", "context"), "memory_versions": ("data",)}
    alone = []
    for passage in said:
        held = 0
        for table, columns in tables.items():
            where = " OR ".join(f"contains({column}, ?)" for column in columns)
            sql = f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608
            held += int(cursor.execute(sql, [passage] * len(columns)).fetchall()[0][0])
        if not held:
            alone.append(passage)
    return alone


def _remove_copies(database: Path) -> list[str]:
    """Of the database, from before an upgrade, of a backup under way, and of what a restore replaced."""
    folder = database.parent
    copies = sorted(folder.glob(f"{database.name}.before-*"))
    former = sorted(folder.glob(f"{FORMER}*"))
    snapshots = sorted((folder / carrier.SNAPSHOT_FOLDER).glob("*.duckdb"))
    for copy in copies:
        copy.unlink()
    for kept in former:
        shutil.rmtree(kept)
    carrier.remove_snapshots(folder)
    return [copy.name for copy in (*copies, *former, *snapshots)]
