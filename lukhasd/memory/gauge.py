"""The drift of memories: told when one changes, measured later where it could not be at once, and summed up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from lukhas_sdk.contract import helix as contract
from lukhas_sdk.contract.streams import (
    DRIFT_EXCESSIVE,
    DRIFT_REPAIR,
    DRIFT_WATCH,
    DriftState,
    RepairMethod,
    drift_state,
)  # fmt: skip
from lukhas_sdk.errors import LukhasError
from lukhasd.database.connection import Cursor
from lukhasd.memory import drift, repair, rows, versions
from lukhasd.memory.core import Core

LOG = logging.getLogger(__name__)
BATCH = 16
RETRY_S = 60.0
"""After a failure of the embedding model or the disk."""
BOUNDS: tuple[tuple[DriftState, float, float], ...] = (
    ("healthy", 0.0, DRIFT_WATCH),
    ("watch", DRIFT_WATCH, DRIFT_REPAIR),
    ("repair_recommended", DRIFT_REPAIR, DRIFT_EXCESSIVE),
    ("excessive", DRIFT_EXCESSIVE, 2.0),
)


@dataclass(frozen=True)
class Drifted:
    """A memory has changed, and this is how far it is from its origin now."""

    owner: str
    memory_id: str
    drift: float
    suggested: RepairMethod | None


@dataclass(frozen=True)
class _Unmeasured:
    row_id: int
    version: int
    data: str
    owner: str
    memory_id: str
    origin: str
    is_current: bool


class Gauge:
    """`drifted` is told of every change, once its drift is known."""

    def __init__(self, core: Core, drifted: Callable[[Drifted], object] | None) -> None:
        self._core = core
        self._drifted = drifted
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._core.rewritten.set()
        self._task = asyncio.create_task(self._keep(), name="memory-drift")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, change: Drifted) -> None:
        if self._drifted is not None:
            self._drifted(change)

    async def sum_up(self, owner: str, limit: int) -> contract.DriftResponse:
        """The owner's memories, `limit` of the most drifted by name."""

        def read(cursor: Cursor) -> contract.DriftResponse:
            mean, p95 = rows.drift_figures(cursor, owner)
            states, unmeasured = _count(cursor, owner)
            return contract.DriftResponse(mean, p95, states, unmeasured, _most_drifted(cursor, owner, limit))

        return await self._core.database.read(read)

    async def _keep(self) -> None:
        while True:
            await self._core.rewritten.wait()
            self._core.rewritten.clear()
            try:
                while left := await self._core.database.read(_unmeasured):
                    for each in left:
                        await self._measure(each)
            except Exception as error:
                known = isinstance(error, LukhasError)
                LOG.warning("the drift of memories cannot be measured: %s", error, exc_info=None if known else error)
                self._core.rewritten.set()
                await asyncio.sleep(RETRY_S)

    async def _measure(self, each: _Unmeasured) -> None:
        level = await self._core.run(drift.measure, self._core.embedder, each.origin, each.data)
        suggested = None
        if each.is_current and level >= DRIFT_REPAIR:
            row = await self._core.database.read(lambda cursor: rows.find(cursor, each.owner, each.memory_id))
            if row is not None:
                kept = await self._core.database.read(lambda cursor: versions.history(cursor, row))
                strands = repair.Strands(each.origin, [version.data for version in kept])
                suggested = await self._core.run(repair.suggest, self._core.embedder, strands)

        def save(cursor: Cursor) -> bool:
            key = [each.row_id, each.version]
            cursor.execute("UPDATE memory_versions SET drift = ? WHERE row_id = ? AND version = ?", [level, *key])
            changed = cursor.execute(
                "UPDATE memories SET drift = ?, suggested_method = ? WHERE row_id = ? AND version = ? RETURNING row_id",
                [level, suggested, *key],
            )
            return bool(changed.fetchall())

        if await self._core.database.write(save):
            self._core.kept.drop([each.row_id])
            self.tell(Drifted(each.owner, each.memory_id, level, suggested))


def _unmeasured(cursor: Cursor) -> list[_Unmeasured]:
    """Versions without a drift, and memories that have drifted and have no repair suggested."""
    found = cursor.execute(
        "SELECT v.row_id, v.version, v.data, m.owner, m.memory_id, m.origin, v.version = m.version"
        " FROM memory_versions v JOIN memories m USING (row_id) WHERE v.drift IS NULL"
        " OR (v.version = m.version AND m.drift >= ? AND m.suggested_method IS NULL)"
        " ORDER BY ALL LIMIT ?",
        [DRIFT_REPAIR, BATCH],
    ).fetchall()
    return [_Unmeasured(*each) for each in found]


def _count(cursor: Cursor, owner: str) -> tuple[dict[DriftState, int], int]:
    """Memories by state, and those whose drift is not known."""
    counts = ", ".join(f"count(*) FILTER (drift >= {low} AND drift < {high})" for _, low, high in BOUNDS)
    found = cursor.execute(
        f"SELECT {counts}, count(*) FILTER (drift IS NULL) FROM"  # noqa: S608
        f" (SELECT {rows.DRIFT} AS drift FROM memories WHERE owner = ?)",
        [owner],
    ).fetchone()
    *numbers, unmeasured = found or [0] * (len(BOUNDS) + 1)
    return {state: number for (state, _, _), number in zip(BOUNDS, numbers, strict=True)}, unmeasured


def _most_drifted(cursor: Cursor, owner: str, limit: int) -> list[contract.DriftedMemory]:
    found = cursor.execute(
        f"SELECT m.memory_id, {rows.DRIFT.replace('drift', 'm.drift')} AS level, m.suggested_method, m.version,"  # noqa: S608
        " v.created_at, m.current FROM memories m JOIN memory_versions v USING (row_id, version)"
        " WHERE m.owner = ? AND level > 0 ORDER BY level DESC, m.row_id LIMIT ?",
        [owner, limit],
    ).fetchall()
    return [
        contract.DriftedMemory(
            memory_id=memory_id,
            drift_score=level,
            state=drift_state(level),
            suggested_method=suggested if level >= DRIFT_REPAIR else None,
            version=version,
            changed_at=rows.aware(changed_at),
            data=data,
        )
        for memory_id, level, suggested, version, changed_at, data in found
    ]
