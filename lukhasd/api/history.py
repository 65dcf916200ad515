"""What streams tell: numbered for each identity, encoded once, and kept for a while for those who come back.

A reader has a place in that history and no queue of its own. However many read and however slowly, what is held is the
history; who falls behind its oldest event has missed some.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from lukhas_sdk.contract.base import AnyOperation, Response
from lukhas_sdk.contract.glyph import Token
from lukhasd.glyph import Bus, Subscription

logger = logging.getLogger(__name__)

KEPT_EVENTS = 1024
KEPT_BYTES = 524_288
KEPT_HISTORIES = 64
"""Of identities that nobody reads now, each with its endpoint; the one that was quiet longest goes first."""
BURST_TOKENS = 65_536
"""What may be published between two turns of the event loop."""
WOKEN_AT_ONCE = 64
"""Readers in one turn of the event loop, so that a thousand of them do not hold up everything else."""


@dataclass(frozen=True)
class Channel:
    """What an endpoint tells of the tokens on the bus."""

    stream_of: Callable[[Token], str | None]
    """The name of the stream that tells of it; None: the endpoint does not. Called in the publisher's thread."""
    event: Callable[[Token, str], Response]
    """The event, given its id."""


@dataclass(frozen=True)
class Entry:
    number: int
    """In this history, from 1."""
    ordinal: int
    """Among its stream's, from 1."""
    stream: str
    content: bytes
    expires_at: datetime

    def encoded(self, missed: int) -> bytes:
        if not missed:
            return self.content
        return msgspec.json.encode({**msgspec.json.decode(self.content), "missed": missed})


class History:
    """One identity's events of one endpoint."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        """Part of every id: one of another history is not taken for one of this."""
        self.entries: deque[Entry] = deque()
        self.counts: Counter[str] = Counter()
        """Events of each stream, ever."""
        self.newest = 0
        self.readers: dict[Reader, None] = {}
        self._size_bytes = 0

    @property
    def last_id(self) -> str | None:
        return f"{self.epoch}-{self.newest}" if self.newest else None

    @property
    def oldest(self) -> int:
        """The number of the oldest that is kept; of the next, where none is."""
        return self.entries[0].number if self.entries else self.newest + 1

    def append(self, stream: str, token: Token, event: Callable[[Token, str], Response]) -> None:
        content = msgspec.json.encode(event(token, f"{self.epoch}-{self.newest + 1}"))
        self.newest += 1
        self.counts[stream] += 1
        self.entries.append(Entry(self.newest, self.counts[stream], stream, content, token.expires_at))
        self._size_bytes += len(content)
        while len(self.entries) > KEPT_EVENTS or (self._size_bytes > KEPT_BYTES and len(self.entries) > 1):
            self._size_bytes -= len(self.entries.popleft().content)

    def after(self, last_id: str) -> tuple[int, int | None]:
        """Where to go on after that event, and how many since are gone; None where it is of another history."""
        epoch, _, number = last_id.partition("-")
        if epoch != self.epoch or int(number) > self.newest:
            return self.oldest - 1, None
        return int(number), max(0, self.oldest - 1 - int(number))

    def ordinal_after(self, stream: str, number: int) -> int:
        """The ordinal of the stream's last event up to `number`, or of the last that is gone."""
        later = (entry.ordinal - 1 for entry in self.entries if entry.stream == stream and entry.number > number)
        return next(later, self.counts[stream])


class Reader:
    """One connection's place in a history. `news` is set when there may be something to take."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.news = asyncio.Event()
        self.missed = 0
        """In all."""
        self._cursor = history.newest
        self._had: dict[str, tuple[int, int]] = {}
        """Stream → number and ordinal of what it had last."""

    @property
    def streams(self) -> list[str]:
        return sorted(self._had)

    def follow(self, streams: Collection[str], last_id: str | None = None) -> int | None:
        """From now on, or from after that event on; gives how many since then are gone, None where that is unknown."""
        history = self.history
        number, gone = history.after(last_id) if last_id else (history.newest, 0)
        for stream in streams:
            if last_id or stream not in self._had:
                self._had[stream] = (number, history.ordinal_after(stream, number))
        self._cursor = min(self._cursor, number)
        self.news.set()
        return gone

    def leave(self, streams: Collection[str]) -> None:
        for stream in streams:
            self._had.pop(stream, None)

    def take(self) -> bytes | None:
        """The next event; None where it has had them all."""
        entries = self.history.entries
        now = datetime.now(UTC)
        while self._cursor < self.history.newest:
            self._cursor = max(self._cursor + 1, self.history.oldest)
            if self._cursor > self.history.newest:
                break
            entry = entries[self._cursor - self.history.newest - 1]
            number, ordinal = self._had.get(entry.stream, (entry.number, 0))
            if entry.number > number and entry.expires_at > now:
                missed = entry.ordinal - ordinal - 1
                self._had[entry.stream] = (entry.number, entry.ordinal)
                self.missed += missed
                return entry.encoded(missed)
        self.news.clear()
        return None


class Histories:
    """Every identity's, of every endpoint that tells of the bus."""

    def __init__(self, bus: Bus, channels: Mapping[AnyOperation, Channel]) -> None:
        self._bus = bus
        self._channels = channels
        self._histories: OrderedDict[tuple[AnyOperation, str], History] = OrderedDict()

    async def keeping(self) -> AsyncIterator[None]:
        """Keeps what is published until the application ends."""
        channels = self._channels.values()
        subscription = self._bus.subscribe(
            lambda token: any(channel.stream_of(token) for channel in channels), size=BURST_TOKENS
        )
        task = asyncio.create_task(self._keep(subscription), name="stream-histories")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def reading(self, operation: AnyOperation, owner: str) -> AsyncIterator[Reader]:
        history = self._of(operation, owner)
        reader = Reader(history)
        history.readers[reader] = None
        try:
            yield reader
        finally:
            del history.readers[reader]

    def readers(self, operation: AnyOperation) -> int:
        """Connections that are open on the endpoint."""
        return sum(len(history.readers) for (one, _), history in self._histories.items() if one is operation)

    def _of(self, operation: AnyOperation, owner: str) -> History:
        history = self._histories.get((operation, owner))
        if history is None:
            history = self._histories[operation, owner] = History()
        self._histories.move_to_end((operation, owner))
        if len(self._histories) > KEPT_HISTORIES:
            quiet = next(
                (key for key, each in self._histories.items() if not each.readers and each is not history), None
            )
            if quiet:
                del self._histories[quiet]
        return history

    async def _keep(self, subscription: Subscription) -> None:
        async with subscription:
            async for delivery in subscription:
                token = delivery.token
                for operation, channel in self._channels.items():
                    if stream := channel.stream_of(token):
                        history = self._of(operation, token.context.user_id)
                        try:
                            history.append(stream, token, channel.event)
                        except msgspec.ValidationError as error:
                            logger.error("the token %s cannot be told of: %s", token.glyph_id, error)
                        await _wake(history)


async def _wake(history: History) -> None:
    for place, reader in enumerate([*history.readers], 1):
        reader.news.set()
        if place % WOKEN_AT_ONCE == 0:
            await asyncio.sleep(0)
