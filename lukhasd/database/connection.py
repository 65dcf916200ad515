"""One DuckDB file, one process. Reads run in a bounded pool; writes go through one thread that groups what waits.

Timestamps are kept as naive UTC (`TIMESTAMP`): DuckDB's `TIMESTAMPTZ` needs pytz to come back to Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from lukhas_sdk.errors import LukhasError
from lukhasd.database import migrations, rewriting

Result = TypeVar("Result")
Cursor = duckdb.DuckDBPyConnection
Columns = Mapping[str, Sequence[Any]]

OPTIONS: migrations.Options = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
READERS = 4
BOUND_ROWS = 4
"""So many rows are inserted as bound parameters; from eight on, arrays are cheaper."""
GROUP_LIMIT = 1024
"""Jobs that share one transaction at most."""


@dataclass(frozen=True)
class Append:
    table: str
    columns: Columns
    done: Future[None]


@dataclass(frozen=True)
class Call:
    run: Callable[[Cursor], Any]
    done: Future[Any]


@dataclass(frozen=True)
class Rewrite:
    done: Future[None]


Job = Append | Call


def _way_out(path: Path) -> str:
    copies = sorted(path.parent.glob(f"{path.name}.before-*"))
    if copies:
        return f"is another daemon using it, or the disk full? A copy from before the last upgrade: {copies[-1]}"
    return f"is another daemon using it, or the disk full? If it is damaged, move it away and restore it: {path}"


def insert_rows(cursor: Cursor, table: str, columns: Columns) -> None:
    """Inserts rows given as columns (name → one value per row) in one statement, whatever their number.

    Columns go to DuckDB as numpy arrays: for 1,000 rows about 60 times cheaper than as many INSERTs. A few rows are
    bound as parameters: for a single one that takes half the time.
    """
    count = len(next(iter(columns.values())))
    if count <= BOUND_ROWS:
        marks = f"({', '.join('?' * len(columns))})"
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([marks] * count)}",  # noqa: S608
            [values[row] for row in range(count) for values in columns.values()],
        )
        return
    cursor.execute("SELECT 1").fetchall()  # a result that somebody left unread would bar the registering
    cursor.register("lukhas_batch", {name: _array(values) for name, values in columns.items()})
    try:
        names = ", ".join(columns)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM lukhas_batch")  # noqa: S608
    finally:
        with contextlib.suppress(duckdb.Error):  # an aborted transaction refuses it, and must not hide its cause
            cursor.unregister("lukhas_batch")


def _array(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, datetime):
        return np.array(values, dtype="datetime64[us]")
    if type(first) in (int, float, bool) and not any(value is None for value in values):
        return np.array(values)
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        column[row] = value
    return column


class Database:
    """Open with `Database.open`; `close` waits for queued writes and checkpoints."""

    def __init__(self, connection: Cursor, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._jobs: queue.SimpleQueue[Job | Rewrite | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="database-read")
        self._writer = threading.Thread(target=self._write_loop, name="database-write", daemon=True)
        self._writer.start()
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> Database:
        """Opens or makes the file and brings it to this schema. LukhasError if it is newer or damaged."""
        path.parent.mkdir(parents=True, exist_ok=True)
        rewriting.clean(path)
        try:
            connection = duckdb.connect(str(path), config=OPTIONS)
        except duckdb.Error as error:
            raise LukhasError(
                f"the database {path} cannot be opened: {error}",
                hint=_way_out(path),
            ) from error
        path.chmod(0o600)
        connection = migrations.apply(connection, path, OPTIONS)
        connection.execute("SET enable_external_access = false")
        return cls(connection, path)

    async def read(self, run: Callable[[Cursor], Result]) -> Result:
        """`run` on a cursor of a reader thread; it must not write."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: run(self._cursor()))

    async def write(self, run: Callable[[Cursor], Result]) -> Result:
        """`run` inside a transaction that is on disk when this returns. It may share it, and may be run again alone
        if a job of its group failed, so it must change nothing but the database."""
        done: Future[Result] = Future()
        self._put(Call(run, done))
        return await asyncio.wrap_future(done)

    async def append(self, table: str, columns: Columns) -> None:
        """Inserts rows, on disk when this returns; appends that wait together become one statement."""
        done: Future[None] = Future()
        self._put(Append(table, columns, done))
        await asyncio.wrap_future(done)

    def call(self, run: Callable[[Cursor], Result]) -> Result:
        """Like `write`, for start-up and threads without an event loop."""
        done: Future[Result] = Future()
        self._put(Call(run, done))
        return done.result()

    async def rewrite(self) -> None:
        """Writes the whole file anew, so that it holds no byte of what was deleted; reads and writes wait meanwhile."""
        done: Future[None] = Future()
        self._put(Rewrite(done))
        await asyncio.wrap_future(done)

    @property
    def size_bytes(self) -> int:
        files = (self.path, self.path.with_name(self.path.name + ".wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    @property
    def pending_writes(self) -> int:
        """Jobs that the writing thread has not taken yet."""
        return self._jobs.qsize()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._connection.close()

    def _put(self, job: Job | Rewrite) -> None:
        if self._closed:
            raise LukhasError("the database is closed", code="MODULE_TIMEOUT", hint="the daemon is stopping; try again")
        self._jobs.put(job)

    def _cursor(self) -> Cursor:
        cursor = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self._connection.cursor()
        return cursor

    def _write_loop(self) -> None:
        cursor = self._connection.cursor()
        while True:
            group, last = self._gather()
            if group:
                self._commit(cursor, group)
            if isinstance(last, Rewrite):
                cursor.close()
                self._rewrite(last.done)
                cursor = self._connection.cursor()
            elif last is None:
                break
        cursor.close()

    def _gather(self) -> tuple[list[Job], Job | Rewrite | None]:
        """The jobs that wait, and what was taken last: one of them, a rewriting to follow them, or None at the end."""
        group: list[Job] = []
        job = self._jobs.get()
        while isinstance(job, Append | Call):
            if job.done.set_running_or_notify_cancel():
                group.append(job)
            if len(group) >= GROUP_LIMIT or self._jobs.empty():
                break
            job = self._jobs.get()
        return group, job

    def _rewrite(self, done: Future[None]) -> None:
        """With every reader parked and every cursor closed."""
        parked, go_on = threading.Barrier(READERS + 1), threading.Event()
        for _ in range(READERS):
            self._readers.submit(self._park, parked, go_on)
        parked.wait()
        try:
            self._connection.close()
            try:
                rewriting.rewrite(self.path)
            finally:
                self._connection = duckdb.connect(str(self.path), config=OPTIONS)
                self._connection.execute("SET enable_external_access = false")
        except BaseException as error:
            done.set_exception(_explained(error))
        else:
            done.set_result(None)
        finally:
            go_on.set()

    def _park(self, parked: threading.Barrier, go_on: threading.Event) -> None:
        self._cursor().close()
        del self._local.cursor
        parked.wait()
        go_on.wait()

    def _commit(self, cursor: Cursor, group: list[Job]) -> None:
        try:
            results = _run(cursor, group)
        except BaseException as error:
            if len(group) == 1:
                group[0].done.set_exception(_explained(error))
                return
            for job in group:
                self._commit(cursor, [job])
            return
        for job, result in zip(group, results, strict=True):
            job.done.set_result(result)


def _explained(error: BaseException) -> BaseException:
    """A write that the disk refused as an error that says so; any other as it is."""
    if isinstance(error, duckdb.Error) and "Could not write file" in str(error):
        full = LukhasError(
            "the database cannot be written: is the disk full?",
            status=507,
            hint="free some space and try again; nothing that was stored before is lost. See: lukhas doctor",
        )
        full.__cause__ = error
        return full
    return error


def _run(cursor: Cursor, group: list[Job]) -> list[Any]:
    cursor.begin()
    try:
        results: list[Any] = []
        waiting: dict[str, dict[str, list[Any]]] = {}
        for job in group:
            if isinstance(job, Append):
                _merge(waiting.setdefault(job.table, {}), job.columns)
                results.append(None)
            else:
                _flush(cursor, waiting)
                results.append(job.run(cursor))
        _flush(cursor, waiting)
        cursor.commit()
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # a failed COMMIT has ended the transaction already
            cursor.rollback()
        raise
    return results


def _merge(into: dict[str, list[Any]], columns: Columns) -> None:
    if not into:
        into.update({name: list(values) for name, values in columns.items()})
        return
    if into.keys() != columns.keys():
        raise ValueError("appends to one table must give the same columns")
    for name, values in columns.items():
        into[name].extend(values)


def _flush(cursor: Cursor, waiting: dict[str, dict[str, list[Any]]]) -> None:
    for table, columns in waiting.items():
        insert_rows(cursor, table, columns)
    waiting.clear()
