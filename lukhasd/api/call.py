"""What a route is given, what it is, and what every response carries."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.base import PROTOCOL_VERSION
from lukhasd.api.admission import Admission
from lukhasd.api.history import Histories
from lukhasd.api.in_work import InWork
from lukhasd.identity import Caller
from lukhasd.parts import Parts

Params = TypeVar("Params")
Body = TypeVar("Body")

ALWAYS = {
    "X-Lukhas-Version": __version__,
    "X-Lukhas-Protocol": str(PROTOCOL_VERSION),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Headers of every response."""


@dataclass
class Service:
    """What the API knows about itself since it was built."""

    admission: Admission
    histories: Histories
    in_work: InWork = field(default_factory=InWork)
    phase: Literal["ready", "stopping"] = "ready"
    started_s: float = field(default_factory=time.monotonic)
    cpu_at_start_s: float = field(default_factory=time.process_time)


def _unread(event: Any) -> None:
    """There is no stream."""


async def _at_once() -> None:
    """There is nothing to wait for."""


def _free(count: int) -> None:
    """There is no limit."""


@dataclass(frozen=True)
class Call(Generic[Params, Body]):
    """One request that is who it says it is, may do this, and is of the contract's shape."""

    parts: Parts
    service: Service
    params: Params
    body: Body
    who: Caller | None
    """None on public operations alone."""
    emit: Callable[[Any], None] = _unread
    """Sends an event of a streamed answer; without a stream it goes nowhere."""
    sent: Callable[[], Awaitable[None]] = _at_once
    """Waits until the client has taken what was emitted; without a stream it does not."""
    count: Callable[[int], None] = _free
    """Counts so many requests more against the operation's limit; RateLimitExceeded, and none is counted, where fewer
    are left."""

    @property
    def streams(self) -> bool:
        """Whether what is emitted goes anywhere."""
        return self.emit is not _unread

    @property
    def caller(self) -> Caller:
        if self.who is None:
            raise RuntimeError("a public operation has no caller")
        return self.who


Handler = Callable[[Call[Any, Any]], Awaitable[Any]]
