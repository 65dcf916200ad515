"""Rate limits: so many requests per identity and allowance in each window, which begins with its first request."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from lukhas_sdk.contract.base import Limit
from lukhas_sdk.errors import RateLimitExceeded
from lukhas_sdk.settings import LimitsSettings

WINDOWS_KEPT = 10_000


@dataclass(frozen=True)
class Allowance:
    """What is left to somebody in the window that is open."""

    limit: Limit
    requests: int
    """In all."""
    used: int
    ends_at_s: float
    """Unix time."""
    left_s: float

    @property
    def left(self) -> int:
        return max(0, self.requests - self.used)

    @property
    def exceeded(self) -> bool:
        return self.used > self.requests

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.requests),
            "X-RateLimit-Remaining": str(self.left),
            "X-RateLimit-Reset": str(math.ceil(self.ends_at_s)),
            "X-RateLimit-Reset-After": str(max(1, math.ceil(self.left_s))),
        }

    def error(self) -> RateLimitExceeded:
        (name, _, window_s), requests = self.limit.value, self.requests
        return RateLimitExceeded(
            f"more than {requests} requests in {window_s} s to the {name} operations",
            hint=f"try again in {max(1, math.ceil(self.left_s))} s",
            details={"limit": requests, "window_s": window_s},
            retry_after_s=self.left_s,
        )


class Limiter:
    """Counts in memory. The table is bounded: the window that was touched least recently goes first."""

    def __init__(self, clock: Callable[[], float] = time.time, *, settings: LimitsSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or LimitsSettings()
        self._windows: OrderedDict[tuple[str, Limit], tuple[int, float]] = OrderedDict()

    def take(self, who: str, limit: Limit, *, count: int = 1) -> Allowance | None:
        """Counts `count` requests of `who`, allowed or not; None where the settings set no limit."""
        requests: int = getattr(self._settings, limit.value[0])
        if not requests:
            return None
        now = self._clock()
        used, ends_at_s = self._windows.get((who, limit), (0, 0.0))
        if now >= ends_at_s or ends_at_s - now > limit.window_s:  # the second: the machine's clock was set back
            used, ends_at_s = 0, now + limit.window_s
        used += count
        self._windows[who, limit] = used, ends_at_s
        self._windows.move_to_end((who, limit))
        if len(self._windows) > WINDOWS_KEPT:
            self._windows.popitem(last=False)
        return Allowance(limit, requests, used, ends_at_s, ends_at_s - now)

    def take_all(self, who: str, allowance: Allowance, count: int) -> Allowance:
        """Counts `count` requests on top of those of `allowance`, which `who` was given just now. Raises
        RateLimitExceeded, and counts none, where fewer are left."""
        if count > allowance.left:
            (name, _, window_s) = allowance.limit.value
            raise RateLimitExceeded(
                f"this counts as {count + 1} requests to the {name} operations, and of {allowance.requests} in"
                f" {window_s} s {allowance.left + 1} were left",
                hint=f"try again in {max(1, math.ceil(allowance.left_s))} s, or send fewer at a time",
                details={"limit": allowance.requests, "window_s": window_s, "left": allowance.left},
                retry_after_s=allowance.left_s,
            )
        return self.take(who, allowance.limit, count=count) or allowance
