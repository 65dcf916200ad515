"""A circuit breaker (Nygard, Release It!, 2007): a server that keeps failing is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from lukhasd.models.language import ModelError

State = Literal["closed", "open", "half_open"]

FAILURES = 5
"""So many in a row open it, unless more than `WINDOW_S` passed between the first and the last."""
WINDOW_S = 600.0
OPEN_S = 30.0
"""Then one request is let through: if it succeeds the circuit is closed, if it fails it stays open as long again."""


class Circuit:
    """For use on one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed_at: list[float] = []
        self._last = ""
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._probing or self._left_s() <= 0 else "open"

    @property
    def reason(self) -> str | None:
        """Why it is not closed."""
        if self._opened_at is None:
            return None
        then = f"it is asked again in {self._left_s():.0f} s" if self.state == "open" else "one request tries it"
        return f"it failed {len(self._failed_at)} times in a row, the last time so: {self._last}; {then}"

    @contextmanager
    def guard(self, name: str, counts: Callable[[ModelError], bool]) -> Iterator[None]:
        """Around one request. Raises ModelError("open_circuit") instead of letting it through; a ModelError that
        `counts` says nothing for is a sign of life."""
        probes = self._opened_at is not None
        if probes and (self._probing or self._left_s() > 0):
            raise ModelError("open_circuit", f"{name} is not asked: {self.reason}")
        self._probing |= probes
        try:
            yield
        except ModelError as error:
            if counts(error):
                self._fail(str(error))
            else:
                self._close()
            raise
        else:
            self._close()
        finally:
            self._probing &= not probes

    def _left_s(self) -> float:
        return 0.0 if self._opened_at is None else self._opened_at + OPEN_S - self._clock()

    def _fail(self, why: str) -> None:
        now = self._clock()
        self._failed_at = [at for at in self._failed_at if now - at <= WINDOW_S] + [now]
        self._last = why
        if len(self._failed_at) >= FAILURES or self._opened_at is not None:
            self._opened_at = now

    def _close(self) -> None:
        self._failed_at.clear()
        self._opened_at = None
