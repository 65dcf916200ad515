"""Durations of what was served, kept as histograms whose percentiles are exact to about 2 %."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from lukhas_sdk.settings import BudgetsSettings
from lukhasd.records.histogram import Histogram
from lukhasd.records.performance import Performance


class Metrics:
    """Histograms and counters by name since start, and the last day of them minute by minute; safe to use from any
    thread."""

    def __init__(self, *, budgets: BudgetsSettings | None = None, performance: Performance | None = None) -> None:
        self.budgets = budgets or BudgetsSettings()
        """What `performance` is held against."""
        self.performance = performance or Performance()
        self._lock = threading.Lock()
        self._histograms: dict[str, Histogram] = {}
        self._counters: dict[str, int] = {}

    def record(self, name: str, duration_ms: float) -> None:
        with self._lock:
            self._histograms.setdefault(name, Histogram()).add(duration_ms)
        self.performance.record(name, duration_ms)

    def answered(self, operation_id: str, status: int, duration_ms: float | None) -> None:
        """One answer to a request; `duration_ms` where the operation itself was run for it, None where the request was
        turned away before."""
        self.increment(f"answers.{operation_id}.{status // 100}xx")
        name = operation_series(operation_id)
        if duration_ms is not None:
            with self._lock:
                self._histograms.setdefault(name, Histogram()).add(duration_ms)
        self.performance.answered(name, status, duration_ms)

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

    def counters(self, prefix: str) -> dict[str, int]:
        """Those whose names begin so, without it."""
        with self._lock:
            return {name[len(prefix) :]: count for name, count in self._counters.items() if name.startswith(prefix)}

    def histograms(self, prefix: str) -> dict[str, Histogram]:
        """Copies of those whose names begin so, by the rest of the name."""
        with self._lock:
            return {
                name[len(prefix) :]: found.copy() for name, found in self._histograms.items() if name.startswith(prefix)
            }

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


def operation_series(operation_id: str) -> str:
    return f"operation.{operation_id}"
