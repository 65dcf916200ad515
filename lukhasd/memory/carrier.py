"""Exports, imports of exports, and snapshots while the daemon works."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path

import msgspec

from lukhas_sdk.contract.transfer import Closing, SnapshotResponse
from lukhas_sdk.errors import Conflict
from lukhas_sdk.paths import make_private
from lukhasd.database.connection import Cursor
from lukhasd.memory import transfer
from lukhasd.memory.core import Changed, Core, Numbers

CHUNK_WAIT_S = 60.0
"""A client that takes a page no sooner is given up: a reader of the database waits for it."""
SNAPSHOT_FOLDER = "snapshot"


class Carrier:
    """`folder` is where snapshots are written. One export runs at a time: it keeps a reader of the database."""

    def __init__(self, core: Core, folder: Path) -> None:
        self._core = core
        self._folder = folder
        self._exporting = asyncio.Lock()

    async def export(self, owner: str, send: Callable[[str], Awaitable[None]]) -> Closing:
        """Sends whole lines, as they were at one moment. Conflict while another export runs."""
        if self._exporting.locked():
            raise Conflict("an export runs already", hint="try again when it is done")
        async with self._exporting:
            pump = _Pump(send)
            try:
                return await self._core.database.read(lambda cursor: transfer.export(cursor, owner, pump.push))
            finally:
                pump.stop()

    async def take_in(self, owner: str, records: Sequence[msgspec.Struct]) -> list[transfer.Taken]:
        """What became of each record, in order. New memories are found by search when it returns."""

        def work(cursor: Cursor, numbers: Numbers) -> tuple[list[transfer.Taken], Changed]:
            return transfer.take_in(cursor, owner, records, numbers)

        return await self._core.finish(self._core.change(work, at_most=transfer.NUMBERS_EACH * len(records)))

    async def snapshot(self) -> SnapshotResponse:
        """Copies the database on the thread of its writes, so that none is cut in two; writes wait meanwhile."""
        folder = self._folder / SNAPSHOT_FOLDER
        await asyncio.to_thread(remove_snapshots, self._folder)
        await asyncio.to_thread(make_private, folder)
        source = self._core.database.path
        target = folder / f"{secrets.token_hex(8)}.duckdb"
        wal_source, wal_target = (path.with_name(path.name + ".wal") for path in (source, target))

        def copy(cursor: Cursor) -> int:
            with _removed_on_error(target, wal_target):
                copy_private(source, target)
                if wal_source.exists():
                    copy_private(wal_source, wal_target)
                # All: an open result would bar the writes that share the transaction.
                (row,) = cursor.execute("SELECT max(number) FROM schema_migrations").fetchall()
                return int(row[0])

        schema = await self._core.database.write(copy)
        has_wal = await asyncio.to_thread(wal_target.exists)
        size_bytes = await asyncio.to_thread(lambda: target.stat().st_size)
        return SnapshotResponse(str(target), str(wal_target) if has_wal else None, size_bytes, schema)


class _Pump:
    """Takes pages from a thread to the event loop, one at a time, so that no more than one waits in memory."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._sending: Future[None] | None = None

    def push(self, lines: bytes) -> None:
        """Called on the thread. ConnectionError once nobody takes the pages any more."""
        if self._stopped.is_set():
            raise ConnectionError("the export was given up")
        self._sending = asyncio.run_coroutine_threadsafe(self._sent(lines.decode()), self._loop)
        try:
            self._sending.result(CHUNK_WAIT_S)
        except (CancelledError, TimeoutError) as error:
            self._sending.cancel()
            raise ConnectionError("the export was not taken") from error

    def stop(self) -> None:
        self._stopped.set()
        if self._sending is not None:
            self._sending.cancel()

    async def _sent(self, lines: str) -> None:
        await self._send(lines)


def remove_snapshots(folder: Path) -> None:
    """Those that a backup which was cut short left behind."""
    shutil.rmtree(folder / SNAPSHOT_FOLDER, ignore_errors=True)


def copy_private(source: Path, target: Path) -> None:
    """A copy that nobody else can read from its first byte on."""
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with source.open("rb") as reader, os.fdopen(descriptor, "wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


@contextlib.contextmanager
def _removed_on_error(*files: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise
