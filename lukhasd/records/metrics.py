"""Durations of what was served, kept as histograms whose percentiles are exact to about 2 %."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

GROWTH = 1.02
"""Ratio of neighbouring bucket bounds, as in HdrHistogram: a fixed relative error at every size."""
SMALLEST_MS = 0.001


class Histogram:
    """Counts per geometric bucket. Memory is bounded by the range seen (about 1,150 buckets from 1 µs to 2 h)."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.total_ms = 0.0
        self.largest_ms = 0.0

    def add(self, duration_ms: float) -> None:
        bucket = max(0, math.ceil(math.log(max(duration_ms, SMALLEST_MS) / SMALLEST_MS, GROWTH)))
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.total_ms += duration_ms
        self.largest_ms = max(self.largest_ms, duration_ms)

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


class Metrics:
    """Histograms and counters by name; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._histograms: dict[str, Histogram] = {}
        self._counters: dict[str, int] = {}

    def record(self, name: str, duration_ms: float) -> None:
        with self._lock:
            self._histograms.setdefault(name, Histogram()).add(duration_ms)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.record(name, (perf_counter() - started) * 1000)

    def increment(self, name: str, by: int = 1) -> None:
        with self._lock:
            self._counters[name] = self._counters.get(name, 0) + by

    def counter(self, name: str) -> int:
        return self._counters.get(name, 0)

    def samples(self, name: str) -> int:
        histogram = self._histograms.get(name)
        return histogram.count if histogram else 0

    def mean_ms(self, name: str) -> float | None:
        with self._lock:
            histogram = self._histograms.get(name)
            return histogram.mean() if histogram else None

    def percentile_ms(self, name: str, percent: float) -> float | None:
        with self._lock:
            histogram = self._histograms.get(name)
            return histogram.percentile(percent) if histogram else None
