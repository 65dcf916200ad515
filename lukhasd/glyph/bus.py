"""Publish and subscribe inside the process. Publishing never waits; a slow subscriber loses, and is told how much."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

from lukhas_sdk.contract.glyph import PRIORITIES, SYMBOLS, Priority, Token
from lukhas_sdk.contract.guardian import Decision
from lukhas_sdk.errors import GuardianRejection, ValidationError

LOG = logging.getLogger(__name__)
QUEUE_TOKENS = 256
"""What a subscriber may be behind before it loses some."""
PASSING: tuple[Decision, ...] = ("APPROVED", "CONDITIONAL")


@dataclass(frozen=True)
class Delivery:
    token: Token
    missed: int
    """Tokens for this subscriber that were lost or ran out of time since the delivery before."""


@dataclass(frozen=True)
class BusFigures:
    """Since the start."""

    published: int
    """Tokens."""
    delivered: int
    """Into subscribers' queues."""
    lost: dict[Priority, int]
    """By subscribers that were behind, or in their queues when their time was over."""
    subscribers: int
    """Now."""


class Bus:
    """`publish` may be called from any thread, `subscribe` on the event loop. `is_known` says which symbols there
    are."""

    def __init__(self, *, is_known: Callable[[str], bool] = SYMBOLS.__contains__) -> None:
        self._is_known = is_known
        self._lock = threading.Lock()
        self._by_key: dict[tuple[str | None, str | None], dict[Subscription, None]] = {}
        self._published = 0
        self._delivered = 0
        self._lost: Counter[Priority] = Counter()
        self._closed = False

    def publish(self, token: Token, *, decision: Decision | None = None) -> int:
        """Hands the token to those who want it, and says how many they are. Nobody is waited for.

        `decision` is the guardian's on this token. GuardianRejection where the token requires one that lets it pass
        and there is none, ValidationError for a symbol that is not known. A token whose time is over reaches nobody.
        """
        self.check(token)
        if token.metadata.requires_guardian and decision not in PASSING:
            raise GuardianRejection(
                f"the token {token.glyph_id} requires the guardian, whose decision is {decision or 'missing'}",
                hint="ask the guardian first, and publish only what it lets pass",
                details={"decision": decision or "REJECTED", "glyph_id": token.glyph_id},
            )
        if token.expires_at <= datetime.now(UTC):
            return 0
        owner, action = token.context.user_id, token.payload.action
        delivered = 0
        waking: list[Subscription] = []
        with self._lock:
            self._published += 1
            for key in ((owner, action), (owner, None), (None, action), (None, None)):
                for subscription in self._by_key.get(key, ()):
                    if subscription.is_wanted(token):
                        delivered += 1
                        if subscription.offer(token):
                            waking.append(subscription)
            self._delivered += delivered
        _wake(waking)
        return delivered

    def check(self, token: Token) -> None:
        """ValidationError for a symbol that is not known."""
        if not self._is_known(token.symbol):
            raise ValidationError(
                f"no symbol is called {token.symbol}", field="$.symbol", hint="see: lukhas glyph symbols"
            )

    def subscribe(
        self,
        wants: Callable[[Token], bool] | None = None,
        *,
        owner: str | None = None,
        action: str | None = None,
        size: int = QUEUE_TOKENS,
    ) -> Subscription:
        """What is published from now on for that `owner` and of that `action`, where they are given, and that `wants`
        says yes to, which runs in the publisher's thread and is quick. Give the first two where they decide: of many
        subscribers, a token then costs those alone that it is for."""
        subscription = Subscription(
            self, wants, key=(owner, action), size=size, lock=self._lock, lost=self._lost,
            loop=asyncio.get_running_loop(),
        )  # fmt: skip
        with self._lock:
            if self._closed:
                subscription.end()
            else:
                self._by_key.setdefault(subscription.key, {})[subscription] = None
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            alike = self._by_key.get(subscription.key, {})
            alike.pop(subscription, None)
            if not alike:
                self._by_key.pop(subscription.key, None)
            waking = subscription.end()
        _wake([subscription] if waking else [])

    def figures(self) -> BusFigures:
        with self._lock:
            return BusFigures(
                self._published, self._delivered, {priority: self._lost[priority] for priority in PRIORITIES},
                sum(len(alike) for alike in self._by_key.values()),
            )  # fmt: skip

    def close(self) -> None:
        """Every subscription ends after what waits for it; what is published later reaches nobody."""
        with self._lock:
            self._closed = True
            every = [subscription for alike in self._by_key.values() for subscription in alike]
            self._by_key.clear()
            waking = [subscription for subscription in every if subscription.end()]
        _wake(waking)


class Subscription:
    """`async with bus.subscribe(…) as deliveries: async for delivery in deliveries`. Of what waits, the high priority
    comes first, and the low is lost first. Methods without `async` are the bus's own, called with its lock held; those
    that give a bool say whether the reader is to be woken."""

    def __init__(
        self,
        bus: Bus,
        wants: Callable[[Token], bool] | None,
        *,
        key: tuple[str | None, str | None],
        size: int,
        lock: threading.Lock,
        lost: Counter[Priority],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.key = key
        self.loop = loop
        self.news = asyncio.Event()
        self._wants = wants
        self._bus = bus
        self._size = size
        self._waiting: dict[Priority, deque[Token]] = {}
        self._count = 0
        self._missed = 0
        self._lost = lost
        self._ended = False
        self._lock = lock
        self._waking = False

    def is_wanted(self, token: Token) -> bool:
        if self._wants is None:
            return True
        try:
            return self._wants(token)
        except Exception:
            LOG.exception("a subscriber could not say whether it wants the token %s", token.glyph_id)
            self._lose(token.metadata.priority)
            return False

    def offer(self, token: Token) -> bool:
        priority = token.metadata.priority
        if self._count >= self._size:
            lowest = next(one for one in reversed(PRIORITIES) if one == priority or self._waiting.get(one))
            self._lose(lowest)
            if not self._waiting.get(lowest):
                return False  # all that waits goes before it
            self._waiting[lowest].popleft()
            self._count -= 1
        self._waiting.setdefault(priority, deque()).append(token)
        self._count += 1
        return self._wakes()

    def end(self) -> bool:
        self._ended = True
        return self._wakes()

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
                self.news.clear()
            await self.news.wait()

    def take_waiting(self) -> list[Delivery]:
        """All that waits, without waiting for more."""
        with self._lock:
            return [*iter(self._take, None)]

    def _take(self) -> Delivery | None:
        now = datetime.now(UTC)
        for priority in PRIORITIES:
            waiting = self._waiting.get(priority)
            while waiting:
                token = waiting.popleft()
                self._count -= 1
                if token.expires_at > now:
                    delivery = Delivery(token, self._missed)
                    self._missed = 0
                    return delivery
                self._lose(priority)
        return None

    def _lose(self, priority: Priority) -> None:
        self._missed += 1
        self._lost[priority] += 1

    def _wakes(self) -> bool:
        """Once, however many tokens come before the reader runs."""
        wakes = not self._waking
        self._waking = True
        return wakes


def _wake(subscriptions: Iterable[Subscription]) -> None:
    """One call for each loop, however many of its subscribers it wakes."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Event]] = {}
    for subscription in subscriptions:
        by_loop.setdefault(subscription.loop, []).append(subscription.news)
    for loop, events in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody reads any more
            loop.call_soon_threadsafe(_set_all, events)


def _set_all(events: Iterable[asyncio.Event]) -> None:
    for event in events:
        event.set()
