"""The stars that are built, each active only while its self-test passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

SelfTest = Callable[[], Awaitable[str | None]]
KEPT_S = 5.0
"""How long a result stands before the test is run again."""


@dataclass(frozen=True)
class StarState:
    active: bool
    reason: str | None
    """Why it is inactive."""


class Stars:
    """`tests` maps a star's name to its self-test, which gives None or says what is wrong."""

    def __init__(self, tests: dict[str, SelfTest]) -> None:
        self._tests = tests
        self._known: dict[str, tuple[float, StarState]] = {}
        self._locks = {name: asyncio.Lock() for name in tests}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tests)

    async def state(self, name: str) -> StarState:
        async with self._locks[name]:
            known = self._known.get(name)
            if known and monotonic() - known[0] < KEPT_S:
                return known[1]
            try:
                reason = await self._tests[name]()
            except Exception as error:
                reason = f"its self-test failed: {error}"
            state = StarState(reason is None, reason)
            self._known[name] = (monotonic(), state)
            return state
