"""One webhook at work: it takes its events from the bus into the database, and posts from there what is due."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec

from lukhas_sdk.contract.glyph import KeptToken, Token
from lukhas_sdk.contract.webhooks import DeliveryState
from lukhas_sdk.settings import WebhooksSettings
from lukhasd.database import Database
from lukhasd.glyph import Bus, Delivery
from lukhasd.records.audit import kept_token
from lukhasd.records.metrics import Metrics
from lukhasd.webhooks import table
from lukhasd.webhooks.posting import Attempt, Parcel

logger = logging.getLogger(__name__)

MODULE = "webhooks"
"""Tokens that come from it are for no webhook: one that tells of a failure would cause the next."""
QUEUE = 2000
"""Events that may wait to be written down."""
AT_ONCE = 4
"""Deliveries of one webhook that are on their way together."""
GROWTH = 4.0
LONGEST_RETRY_S = 6 * 3600.0
JITTER = 0.25
LONGEST_PAUSE_S = 10.0
"""Of a webhook that nobody answers for."""
TIDY_S = 3600.0
TIDY_ENDED = 1000
"""Deliveries after whose end it is tidied up sooner."""
DISK_RETRY_S = 5.0
AGAIN_S = 30.0
"""After a failure of the disk: what could not be noted down is posted again."""

Post = Callable[[table.Hook, Sequence[Parcel]], Awaitable[list[Attempt]]]
Told = Callable[[str, str, str], None]
"""Given an owner's id, a webhook's, and what became of it."""


@dataclass(frozen=True)
class Means:
    """What all workers share. `numbers` gives each delivery its place in the list."""

    database: Database
    bus: Bus
    settings: WebhooksSettings
    metrics: Metrics
    numbers: count[int]
    is_signable: Callable[[table.Hook], bool]
    post: Post
    told: Told


class Worker:
    """Works from its making until `close`. `hook` may be replaced by one with other secrets."""

    def __init__(self, hook: table.Hook, means: Means) -> None:
        self.hook = hook
        self.tried_at: datetime | None = None
        self.last_error: str | None = None
        self._means = means
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._silences = 0
        self._is_dying = False
        self._ended = 0
        self._subscription = means.bus.subscribe(wanted(hook), owner=hook.owner, size=QUEUE)
        self._closing = asyncio.Event()
        self._intake = asyncio.create_task(self._take_in(), name=f"{hook.webhook_id} intake")
        self._sender = asyncio.create_task(self._send(), name=f"{hook.webhook_id} sender")

    def hurry(self) -> None:
        """Something is due now, whatever the failures before."""
        self._hurry.set()
        self._news.set()

    async def close(self) -> None:
        """Writes down what waits. What is on its way is posted again at the next start."""
        self._closing.set()
        self._means.bus.unsubscribe(self._subscription)
        self._sender.cancel()
        await asyncio.gather(self._intake, self._sender, return_exceptions=True)

    async def _take_in(self) -> None:
        async with self._subscription as deliveries:
            async for first in deliveries:
                await self._accept([first, *deliveries.take_waiting()])

    async def _accept(self, batch: Sequence[Delivery]) -> None:
        """Until it succeeds, or the daemon stops: what comes meanwhile waits in the queue."""
        hook, means = self.hook, self._means
        events = [
            table.New(next(means.numbers), new_delivery_id(), self._shown(each.token), each.missed) for each in batch
        ]
        missed = sum(each.missed for each in batch)
        while True:
            try:
                dropped = await means.database.write(
                    lambda cursor: table.accept(cursor, hook, events, table.now_naive())
                )
            except Exception as error:
                logger.warning("events of %s cannot be written down: %s", hook.webhook_id, error)
                if self._closing.is_set():
                    means.metrics.increment("webhooks.dropped", len(events) + missed)
                    return
                await _wait(self._closing, DISK_RETRY_S)
                continue
            if dropped + missed:
                means.metrics.increment("webhooks.dropped", dropped + missed)
                logger.warning("%d events of %s were dropped: too many wait", dropped + missed, hook.webhook_id)
            self._news.set()
            return

    def _shown(self, token: Token) -> KeptToken:
        kept = kept_token(token)
        return msgspec.structs.replace(kept, context=msgspec.structs.replace(kept.context, user_id=self.hook.lambda_id))

    async def _send(self) -> None:
        tidied_s = -TIDY_S
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            self._hurry.clear()
            try:
                if loop.time() - tidied_s >= TIDY_S or self._ended >= TIDY_ENDED:
                    tidied_s, self._ended = loop.time(), 0
                    await self._tidy()
                soonest = await self._send_due()
            except Exception:
                logger.exception("deliveries of %s cannot be read or written; again in a while", self.hook.webhook_id)
                await asyncio.sleep(AGAIN_S)
                continue
            if soonest is None:
                await self._pause()
            else:
                await _wait(self._news, soonest)

    async def _tidy(self) -> None:
        name, kept_days = self.hook.webhook_id, self._means.settings.kept_days
        dropped = await self._means.database.write(lambda cursor: table.remove_old(cursor, name, kept_days))
        if dropped:
            self._means.metrics.increment("webhooks.dropped", dropped)
            logger.warning("%d dead deliveries of %s were not replayed, and are gone", dropped, name)

    async def _send_due(self) -> float | None:
        """Posts what is due now; None where that was something, else in how many seconds something will be."""
        hook, means = self.hook, self._means
        if not means.is_signable(hook):
            return TIDY_S
        due, soonest = await means.database.read(
            lambda cursor: table.due(cursor, hook.webhook_id, table.now_naive(), AT_ONCE)
        )
        if not due:
            wait_s = (soonest - table.now_naive()).total_seconds() if soonest else TIDY_S
            return min(max(wait_s, 0.0), TIDY_S)
        attempts = await means.post(hook, [each.parcel for each in due])
        self._silences = self._silences + 1 if all(attempt.down for attempt in attempts) else 0
        self.tried_at = datetime.now(UTC)
        self.last_error = attempts[-1].error
        await asyncio.gather(*(self._note(each, attempt) for each, attempt in zip(due, attempts, strict=True)))
        return None

    async def _note(self, due: table.Due, attempt: Attempt) -> None:
        settings, metrics = self._means.settings, self._means.metrics
        made = due.attempts + 1
        state: DeliveryState = "pending"
        due_at = None
        if attempt.error is None:
            state = "delivered"
            self._is_dying = False
        elif made >= settings.attempts:
            state = "dead"
        else:
            due_at = table.now_naive() + timedelta(seconds=retry_after_s(made, settings.retry_s))
        await self._means.database.write(
            lambda cursor: table.note(cursor, due.parcel.delivery_id, attempt, state, due_at)
        )
        self._ended += state != "pending"
        metrics.increment(f"webhooks.{'failed' if state == 'pending' else state}")
        if state == "dead" and not self._is_dying:
            self._is_dying = True  # told once, until one is taken again
            logger.warning("a delivery of %s is given up after %d attempts", self.hook.webhook_id, made)
            self._means.told(self.hook.owner, self.hook.webhook_id, "delivery_dead")

    async def _pause(self) -> None:
        """After attempts that nobody answered, so that a dead receiver is not asked for each delivery in turn."""
        if self._silences:
            pause_s = min(self._means.settings.retry_s * 2 ** min(self._silences - 1, 16), LONGEST_PAUSE_S)
            await _wait(self._hurry, pause_s)


def wanted(hook: table.Hook) -> Callable[[Token], bool]:
    """Whether an event of its owner's is for the webhook."""
    exact = frozenset(event for event in hook.events if not event.endswith("*"))
    begins = tuple(event.removesuffix("*") for event in hook.events if event.endswith("*"))
    symbols = frozenset(hook.symbols)

    def is_wanted(token: Token) -> bool:
        action = token.payload.action
        return (
            token.source.module != MODULE
            and (not hook.events or action in exact or action.startswith(begins))
            and (not symbols or token.symbol in symbols)
        )

    return is_wanted


def retry_after_s(attempts: int, first_s: float) -> float:
    """Four times as long after each, at most six hours, and up to a quarter more or less by chance."""
    plain_s = min(first_s * GROWTH ** (attempts - 1), LONGEST_RETRY_S)
    return plain_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


def new_delivery_id() -> str:
    return f"delivery_{datetime.now(UTC):%Y_%m_%d}_{secrets.token_hex(8)}"


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
