"""The eight stars, and the pillar that is none of them; each active only while its self-test passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import get_args

from lukhas_sdk.contract import stars as contract
from lukhas_sdk.contract.stars import SYMBOLS, StarName

SelfTest = Callable[[], Awaitable[str | None]]
KEPT_S = 5.0
"""How long a result stands before the test is run again."""
TIMEOUT_S = 10.0
TRIED: dict[StarName, str] = {
    "identity": "the local key is known and another is not",
    "memory": "the database answers, and what was forgotten is gone",
    "vision": "a model that sees images is there to be asked",
    "bio": "signals stay in [0, 1] and what they change stays within its bounds",
    "dream": "a known sample is put together as its seed says, and the unlike is farther apart than the like",
    "ethics": "a known sample fires a rule of each framework that the packs hold",
    "guardian": "known-bad and known-good actions are told apart",
    "quantum": "the collapse picks the known best of several drafts",
}
PILLARS = {"consciousness": "🧠"}
"""Those that are not stars."""


NO_VISION = "no input of this version carries an image, so no model that sees is asked for"


@dataclass(frozen=True)
class StarState:
    active: bool
    reason: str | None
    """Why it is inactive."""
    tested_at: datetime
    duration_ms: float


class SelfTests:
    """`tests` maps a name to its self-test, which gives None or says what is wrong."""

    def __init__(self, tests: Mapping[str, SelfTest]) -> None:
        self._tests = dict(tests)
        self._known: dict[str, tuple[float, StarState]] = {}
        self._locks = {name: asyncio.Lock() for name in tests}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tests)

    def add(self, name: str, test: SelfTest) -> None:
        self._tests[name] = test
        self._locks[name] = asyncio.Lock()

    async def state(self, name: str, *, fresh: bool = False) -> StarState:
        """What the test came to, at most 5 seconds ago; `fresh`: now."""
        async with self._locks[name]:
            known = self._known.get(name)
            if known and not fresh and monotonic() - known[0] < KEPT_S:
                return known[1]
            tested_at, started = datetime.now(UTC), perf_counter()
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    reason = await self._tests[name]()
            except Exception as error:
                reason = f"its self-test failed: {error or type(error).__name__}"
            state = StarState(reason is None, reason, tested_at, (perf_counter() - started) * 1000)
            self._known[name] = (monotonic(), state)
            return state


class Stars(SelfTests):
    """The stars, as far as this daemon has a test for them, and the pillars."""

    async def list(self) -> contract.StarListResponse:
        names = [name for name in get_args(StarName) if name in self.names]
        states = await asyncio.gather(*(self.state(name) for name in names))
        stars = [_star(name, state) for name, state in zip(names, states, strict=True)]
        active = [star for star in stars if star.status == "active"]
        return contract.StarListResponse(stars, len(active), alignment([star.name for star in active]))

    async def test(self, name: StarName) -> contract.Star:
        return _star(name, await self.state(name, fresh=True))


def alignment(active: list[StarName]) -> str:
    """As "⚛️ Identity · ✦ Memory"."""
    return " · ".join(f"{SYMBOLS[name]} {name.capitalize()}" for name in active)


def never(reason: str) -> SelfTest:
    """For what is not there at all."""

    async def test() -> str | None:
        return reason

    return test


def named(pillar: str) -> str | None:
    """The star or pillar that a name or a symbol means; None where it means none. ⚛️ is Identity's: Quantum, which has
    the same, goes by its name."""
    wanted = pillar.strip().casefold().replace("\ufe0f", "")
    known: list[tuple[str, str]] = [*SYMBOLS.items(), *PILLARS.items()]
    return next((name for name, symbol in known if wanted in (name, symbol.replace("\ufe0f", ""))), None)


def _star(name: StarName, state: StarState) -> contract.Star:
    return contract.Star(
        name, SYMBOLS[name], "active" if state.active else "inactive", TRIED[name], state.reason, state.tested_at,
        state.duration_ms,
    )  # fmt: skip
