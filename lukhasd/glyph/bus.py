"""Publish and subscribe inside the process. Publishing never waits; a slow subscriber loses, and is told how much."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from lukhas_sdk.contract.glyph import Token
from lukhas_sdk.contract.guardian import Decision
from lukhas_sdk.errors import GuardianRejection

QUEUE_TOKENS = 256
"""What a subscriber may be behind before it loses the oldest."""
PASSING: tuple[Decision, ...] = ("APPROVED", "CONDITIONAL")


@dataclass(frozen=True)
class Delivery:
    token: Token
    missed: int
    """Tokens for this subscriber that were lost or ran out of time since the delivery before."""


class Bus:
    """`publish` may be called from any thread, `subscribe` on the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def publish(self, token: Token, *, decision: Decision | None = None) -> int:
        """Hands the token to those who want it, and says how many they are. Nobody is waited for.

        `decision` is the guardian's on this token. GuardianRejection where the token requires one that lets it pass
        and there is none. A token whose time is over reaches nobody.
        """
        if token.metadata.requires_guardian and decision not in PASSING:
            raise GuardianRejection(
                f"the token {token.glyph_id} requires the guardian, whose decision is {decision or 'missing'}",
                hint="ask the guardian first, and publish only what it lets pass",
                details={"decision": decision or "REJECTED", "glyph_id": token.glyph_id},
            )
        if token.expires_at <= datetime.now(UTC):
            return 0
        with self._lock:
            wanting = [subscription for subscription in self._subscriptions if subscription.wants(token)]
            for subscription in wanting:
                subscription.offer(token)
        return len(wanting)

    def subscribe(self, wants: Callable[[Token], bool], *, size: int = QUEUE_TOKENS) -> Subscription:
        """What is published from now on and `wants` says yes to, which runs in the publisher's thread and is quick."""
        subscription = Subscription(self, wants, size=size, lock=self._lock, loop=asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                subscription.end()
            else:
                self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)
            subscription.end()

    def close(self) -> None:
        """Every subscription ends after what waits for it; what is published later reaches nobody."""
        with self._lock:
            self._closed = True
            for subscription in self._subscriptions:
                subscription.end()
            self._subscriptions.clear()


class Subscription:
    """`async with bus.subscribe(…) as deliveries: async for delivery in deliveries`. Methods without `async` are the
    bus's own, called with its lock held."""

    def __init__(
        self,
        bus: Bus,
        wants: Callable[[Token], bool],
        *,
        size: int,
        lock: threading.Lock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.wants = wants
        self._bus = bus
        self._waiting: deque[Token] = deque(maxlen=size)
        self._missed = 0
        self._ended = False
        self._lock = lock
        self._loop = loop
        self._news = asyncio.Event()
        self._waking = False

    def offer(self, token: Token) -> None:
        if len(self._waiting) == self._waiting.maxlen:
            self._missed += 1
        self._waiting.append(token)
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus.unsubscribe(self)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Delivery:
        while True:
            with self._lock:
                if delivery := self._take():
                    return delivery
                if self._ended:
                    raise StopAsyncIteration
                self._waking = False
                self._news.clear()
            await self._news.wait()

    def _take(self) -> Delivery | None:
        now = datetime.now(UTC)
        while self._waiting:
            token = self._waiting.popleft()
            if token.expires_at > now:
                delivery = Delivery(token, self._missed)
                self._missed = 0
                return delivery
            self._missed += 1
        return None

    def _wake(self) -> None:
        """One call on the loop however many tokens come before it runs."""
        if not self._waking:
            self._waking = True
            with suppress(RuntimeError):  # the loop is closed: nobody reads any more
                self._loop.call_soon_threadsafe(self._news.set)
