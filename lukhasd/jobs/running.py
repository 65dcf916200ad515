"""One run of a job, as its kind sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.errors import InsufficientPermissions, LukhasError
from lukhasd.database import Database
from lukhasd.jobs import table

YIELD_S = 1.0
"""An item waits so long at most for requests that somebody waits for to end."""


@dataclass
class Quiet:
    """Whether a request is being answered that somebody waits for."""

    requests: int = 0
    calm: asyncio.Event = field(default_factory=asyncio.Event)
    _ended_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.calm.set()

    def __enter__(self) -> None:
        self.requests += 1
        self.calm.clear()

    def __exit__(self, *_: object) -> None:
        self.requests -= 1
        self._ended_s = time.monotonic()
        if not self.requests:
            self.calm.set()

    def lasted_s(self) -> float:
        """Since nobody waits; 0 while somebody does."""
        return 0.0 if self.requests else time.monotonic() - self._ended_s


class Running:
    """A kind's coroutine is given one. For each item that is not in `finished` it awaits `turn`, does it, and awaits
    `keep`; it may do several at a time. Cancelled, it just ends: what was kept stays, and the rest is done later."""

    def __init__(
        self,
        begun: table.Begun,
        finished: frozenset[int],
        *,
        database: Database,
        quiet: Quiet,
        standing: Callable[[str], Tier | None],
        pause_s: float,
        kept: Callable[[bool], None],
    ) -> None:
        self.job_id = begun.job_id
        self.caller = begun.caller
        self.request = begun.request
        """JSON of what was submitted."""
        self.finished = finished
        """Numbers of the items that had a result when this run began."""
        self.again = begun.again
        """It had begun before: an item without a result may have been done all the same."""
        self._database = database
        self._quiet = quiet
        self._standing = standing
        self._pause_s = pause_s
        self._next_s = 0.0
        self._kept = kept

    async def turn(self) -> None:
        """Waits until the next item may begin: requests that somebody waits for come first, and a caller whom a limit
        applies to goes on at its pace. InsufficientPermissions where the caller may no longer do this."""
        if self._pause_s:
            now_s = time.monotonic()
            begin_s = self._next_s = max(now_s, self._next_s + self._pause_s)
            await asyncio.sleep(begin_s - now_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.calm.wait(), YIELD_S)
        standing = self._standing(self.caller.identity_id)
        if standing is None or standing < self.caller.tier:
            raise InsufficientPermissions(
                f"{self.caller.lambda_id} no longer has the tier {self.caller.tier.label} that the job was asked with"
            )

    async def keep(self, number: int, result: msgspec.Struct, *, failed: bool, cited: Sequence[str]) -> None:
        """On disk when this returns. `cited` are the memories whose words it may hold."""
        text = await asyncio.to_thread(lambda: msgspec.json.encode(result).decode())
        there = await self._database.write(
            lambda cursor: table.keep(cursor, self.job_id, number, failed=failed, result=text, cited=cited)
        )
        if not there:
            raise LukhasError("the job was removed while it ran")
        self._kept(failed)


Run = Callable[[Running], Awaitable[None]]
