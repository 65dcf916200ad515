"""How much is in work at once. What comes on top waits a little, and is then told to come later.

Without it a crowd would wait inside, where waiting costs: the guardian's time for a verdict runs, and it rejects what
it has not judged in time, however harmless.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from lukhas_sdk.contract.base import AnyOperation, Limit
from lukhas_sdk.contract.ops import Waiting
from lukhas_sdk.errors import RateLimitExceeded
from lukhas_sdk.settings import DaemonSettings

FREE = (Limit.GENERAL, Limit.WEBSOCKET)
"""Not bounded here: operations on the daemon itself, and streams, which have a bound of their own."""
RETRY_AFTER_S = 1.0


@dataclass
class Lane:
    """The requests of one allowance, first come first served."""

    free: asyncio.Semaphore
    in_work: int = 0
    waiting: int = 0
    refused: int = 0


class Slot:
    """Held while a request is in work; without a lane it is nothing. `release` may be called again."""

    def __init__(self, lane: Lane | None) -> None:
        self._lane = lane

    def release(self) -> None:
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.in_work -= 1
            lane.free.release()


class Admission:
    """With `daemon.max_in_work` 0 everything comes in at once."""

    def __init__(self, settings: DaemonSettings) -> None:
        self._settings = settings
        bounded = [limit for limit in Limit if limit not in FREE] if settings.max_in_work else []
        self._lanes = {limit: Lane(asyncio.Semaphore(settings.max_in_work)) for limit in bounded}

    async def take(self, operation: AnyOperation) -> Slot:
        """Waits for a slot. Raises RateLimitExceeded where none is free within `daemon.longest_wait_ms`."""
        lane = self._lanes.get(operation.limit) if operation.limit else None
        if lane is None:
            return Slot(None)
        lane.waiting += 1
        try:
            async with asyncio.timeout(self._settings.longest_wait_ms / 1000):
                await lane.free.acquire()
        except TimeoutError:
            lane.refused += 1
            raise self._too_much(operation) from None
        finally:
            lane.waiting -= 1
        lane.in_work += 1
        return Slot(lane)

    def standing(self) -> dict[str, Waiting]:
        """By the allowance's name."""
        return {
            limit.value[0]: Waiting(lane.in_work, lane.waiting, lane.refused) for limit, lane in self._lanes.items()
        }

    def _too_much(self, operation: AnyOperation) -> RateLimitExceeded:
        most, waited_ms = self._settings.max_in_work, self._settings.longest_wait_ms
        return RateLimitExceeded(
            f"{most} requests like {operation.id} are in work, and none ended within {waited_ms} ms",
            hint=f"try again in {RETRY_AFTER_S:g} s; daemon.max_in_work is the bound",
            details={"max_in_work": most, "waited_ms": waited_ms},
            retry_after_s=RETRY_AFTER_S,
        )
