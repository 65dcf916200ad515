"""Keeps what was served across restarts: written every hour and at the end, read at the start."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, date, datetime, timedelta

import duckdb
import msgspec

from lukhas_sdk.errors import LukhasError
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.records.performance import DAYS_KEPT, MINUTE_S, MINUTES_KEPT, Answers, Packed, Performance

logger = logging.getLogger(__name__)

EVERY_S = 3600.0
EPOCH = date(1970, 1, 1)


class PerformanceKeeper:
    """A daemon that is killed loses the figures since they were last written."""

    def __init__(self, database: Database, performance: Performance) -> None:
        self._database = database
        self._performance = performance
        self._task = asyncio.create_task(self._write_hourly())

    @classmethod
    async def open(cls, database: Database, performance: Performance) -> PerformanceKeeper:
        minutes, days = await database.read(_read)
        await asyncio.to_thread(performance.restore, minutes, days)
        return cls(database, performance)

    async def close(self) -> None:
        self._task.cancel()
        await self._write(ending=True)

    async def _write_hourly(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._write()

    async def _write(self, *, ending: bool = False) -> None:
        minutes, days = self._performance.take_unsaved(ending=ending)
        try:
            await self._database.write(lambda cursor: _replace(cursor, minutes, days))
        except (LukhasError, duckdb.Error):
            logger.warning("the figures of what was served could not be written", exc_info=True)


def _read(cursor: Cursor) -> tuple[list[tuple[int, Packed]], dict[int, Answers]]:
    rows = cursor.execute("SELECT minute, tallies FROM performance_minutes ORDER BY minute").fetchall()
    minutes = [
        (int(minute.replace(tzinfo=UTC).timestamp()) // MINUTE_S, msgspec.msgpack.decode(packed, type=Packed))
        for minute, packed in rows
    ]
    days = cursor.execute("SELECT day, answers, failures, timeouts FROM performance_days").fetchall()
    return minutes, {(day - EPOCH).days: Answers(*counts) for day, *counts in days}


def _replace(cursor: Cursor, minutes: dict[int, Packed], days: dict[int, Answers]) -> None:
    """Writes these, and removes what is too old to be shown."""
    for minute, packed in minutes.items():
        at = datetime.fromtimestamp(minute * MINUTE_S, UTC).replace(tzinfo=None)
        cursor.execute("INSERT OR REPLACE INTO performance_minutes VALUES (?, ?)", [at, msgspec.msgpack.encode(packed)])
    for day, seen in days.items():
        row = [EPOCH + timedelta(days=day), seen.count, seen.failures, seen.timeouts]
        cursor.execute("INSERT OR REPLACE INTO performance_days VALUES (?, ?, ?, ?)", row)
    now = datetime.now(UTC).replace(tzinfo=None)
    cursor.execute("DELETE FROM performance_minutes WHERE minute < ?", [now - timedelta(minutes=MINUTES_KEPT)])
    cursor.execute("DELETE FROM performance_days WHERE day < ?", [now.date() - timedelta(days=DAYS_KEPT)])
