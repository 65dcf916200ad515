"""Durations in geometric buckets: percentiles are exact to about 2 %, and two histograms add up."""

from __future__ import annotations

import math

import msgspec

GROWTH = 1.02
"""Ratio of neighbouring bucket bounds, as in HdrHistogram: a fixed relative error at every size."""
SMALLEST_MS = 0.001
SCALE = 1 / math.log(GROWTH)


class Histogram:
    """Counts per bucket. Memory is bounded by the range seen (about 1,150 buckets from 1 µs to 2 h)."""

    __slots__ = ("_counts", "count", "largest_ms", "total_ms")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.total_ms = 0.0
        self.largest_ms = 0.0

    def add(self, duration_ms: float) -> None:
        bucket = max(0, math.ceil(math.log(max(duration_ms, SMALLEST_MS) / SMALLEST_MS) * SCALE))
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.total_ms += duration_ms
        self.largest_ms = max(self.largest_ms, duration_ms)

    def merge(self, other: Histogram) -> None:
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.count += other.count
        self.total_ms += other.total_ms
        self.largest_ms = max(self.largest_ms, other.largest_ms)

    def subtract(self, other: Histogram) -> None:
        """Takes out what was merged before. `largest_ms` stays: it is then an upper bound."""
        for bucket, count in other._counts.items():
            left = self._counts[bucket] - count
            if left:
                self._counts[bucket] = left
            else:
                del self._counts[bucket]
        self.count -= other.count
        self.total_ms -= other.total_ms

    def copy(self) -> Histogram:
        made = Histogram()
        made.merge(self)
        return made

    def mean(self) -> float | None:
        return self.total_ms / self.count if self.count else None

    def percentile(self, percent: float) -> float | None:
        """The upper bound of the bucket that holds the `percent`-th percentile (nearest rank), None without samples."""
        if not self.count:
            return None
        rank = max(1, math.ceil(percent / 100 * self.count))
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= rank:
                return min(SMALLEST_MS * GROWTH**bucket, self.largest_ms)
        return self.largest_ms

    def over(self, limit_ms: float) -> int:
        """How many took longer. Those within 2 % under the limit may be counted among them, none over it is missed."""
        return sum(count for bucket, count in self._counts.items() if SMALLEST_MS * GROWTH**bucket > limit_ms)

    def encode(self) -> bytes:
        return msgspec.msgpack.encode((self.count, self.total_ms, self.largest_ms, self._counts))

    @classmethod
    def decode(cls, encoded: bytes) -> Histogram:
        made = cls()
        made.count, made.total_ms, made.largest_ms, made._counts = msgspec.msgpack.decode(
            encoded, type=tuple[int, float, float, dict[int, int]]
        )
        return made
