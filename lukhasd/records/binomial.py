"""What a count of bad answers says about the share of bad answers: exact binomial bounds (Clopper and Pearson 1934)."""

from __future__ import annotations

import math
from collections.abc import Callable

LEVEL = 0.05
"""A bound is wrong in so many cases at most."""
TINY = 1e-300


def at_most(bad: int, count: int, share: float) -> float:
    """Probability of `bad` or fewer among `count` where each is bad with probability `share` (0 < share < 1)."""
    return 1.0 if bad >= count else regularised_beta(1 - share, count - bad, bad + 1)


def at_least(bad: int, count: int, share: float) -> float:
    return 1.0 if bad <= 0 else regularised_beta(share, bad, count - bad + 1)


def upper_bound(bad: int, count: int) -> float:
    """The share that a greater one than which is refuted at `LEVEL`: 1 without any sample."""
    if bad >= count:
        return 1.0
    if bad == 0:
        return float(-math.expm1(math.log(LEVEL) / count))
    return _where(lambda share: at_most(bad, count, share) > LEVEL)


def lower_bound(bad: int, count: int) -> float:
    """The share that a smaller one than which is refuted at `LEVEL`."""
    if bad == 0:
        return 0.0
    return _where(lambda share: at_least(bad, count, share) < LEVEL)


def needed(bad: int, share: float, *, have: int) -> int:
    """How many samples it takes, `have` at least, until `bad` among them show that no more than `share` are bad."""
    low, high = have, max(have, 1)
    while at_most(bad, high, share) > LEVEL:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at_most(bad, middle, share) > LEVEL else (low, middle)
    return high


def _where(holds: Callable[[float], bool]) -> float:
    """The share up to which `holds` is true, to 12 digits."""
    low, high = 0.0, 1.0
    while high - low > 1e-12 and high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b) by its continued fraction (Abramowitz and Stegun 26.5.8), summed by Lentz's method."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - regularised_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    result = d
    for step in range(1, 10_000):
        twice = 2 * step
        even = step * (b - step) * x / ((a + twice - 1) * (a + twice))
        odd = -(a + step) * (a + b + step) * x / ((a + twice) * (a + twice + 1))
        d, c = 1 / _away(1 + even * d), _away(1 + even / c)
        result *= d * c
        d, c = 1 / _away(1 + odd * d), _away(1 + odd / c)
        result *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return front * result


def _away(value: float) -> float:
    return value if abs(value) > TINY else TINY
