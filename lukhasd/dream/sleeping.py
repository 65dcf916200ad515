"""Begins a consolidation of the owner's memories once nobody has asked for anything for long enough."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.consolidation import ConsolidateRequest
from lukhas_sdk.errors import LukhasError
from lukhas_sdk.settings import DreamSettings
from lukhasd.database.connection import Cursor
from lukhasd.identity import Identity
from lukhasd.identity.caller import Caller
from lukhasd.jobs import Jobs
from lukhasd.memory import MemoryStore

logger = logging.getLogger(__name__)
LOOKS_MOST_S = 60.0


class Sleeping:
    """Idle is: no input processed, nothing dreamt, no memory changed. `start` does nothing where it is off."""

    def __init__(self, jobs: Jobs, identity: Identity, store: MemoryStore, settings: DreamSettings) -> None:
        self._jobs = jobs
        self._identity = identity
        self._store = store
        self._settings = settings
        self._changed_s = monotonic()
        self._begun_row = -1
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._settings.consolidate != "off":
            self._store.core.after_publishing.append(self._change)
            self._task = asyncio.create_task(self._look(), name="dream-sleeping")

    async def close(self) -> None:
        if self._task is not None:
            self._store.core.after_publishing.remove(self._change)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _change(self) -> None:
        self._changed_s = monotonic()

    async def _look(self) -> None:
        idle_s = self._settings.idle_minutes * 60
        while True:
            await asyncio.sleep(min(idle_s, LOOKS_MOST_S))
            if min(self._jobs.interactive().lasted_s(), monotonic() - self._changed_s) < idle_s:
                continue
            try:
                await self._begin()
            except LukhasError as error:
                logger.warning("no consolidation was begun: %s", error.message)
            except Exception:
                logger.exception("no consolidation was begun")

    async def _begin(self) -> None:
        owner = self._identity.owner_id

        def read(cursor: Cursor) -> tuple[int, int]:
            sql = (
                "SELECT count(*), coalesce(max(row_id), -1) FROM memories WHERE owner = ? AND row_id > ? AND created_at"
                " > (SELECT coalesce(max(created_at), '1970-01-01'::TIMESTAMP) FROM consolidations WHERE owner = ?)"
            )
            [(count, last)] = cursor.execute(sql, [owner, self._begun_row, owner]).fetchall()
            return int(count), int(last)

        count, last = await self._store.core.database.read(read)
        if count < self._settings.new_memories:
            return
        self._begun_row = last
        caller = Caller(owner, self._identity.shown_names()[owner], Tier.PRIME, "local_key", unlimited=True)
        request = ConsolidateRequest(apply=self._settings.consolidate == "apply")
        job = await self._jobs.submit(caller, "consolidate", request, total=1)
        logger.info("nobody asks for anything: memories are consolidated", extra={"job_id": job.job_id})
