"""The last 24 hours of what was served, minute by minute, and the answers of the last 30 days.

A series is a name of ours with the durations that were recorded under it: an operation of the API, a stage, a piece of
work. Minutes that are over are kept packed, oldest dropped first once they hold `LIMIT_BYTES`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

from lukhasd.records.histogram import Histogram

MINUTE_S = 60
MINUTES_KEPT = 24 * 60
MINUTES_A_DAY = 24 * 60
DAYS_KEPT = 30
LIMIT_BYTES = 16_000_000
OVERHEAD_BYTES = 120
"""Of one packed minute of one series, beside its bytes."""


@dataclass
class Answers:
    count: int = 0
    failures: int = 0
    """5xx, time-outs among them."""
    timeouts: int = 0

    def add(self, status: int) -> None:
        self.count += 1
        self.failures += status >= 500
        self.timeouts += status == 504

    def merge(self, other: Answers, *, times: int = 1) -> None:
        self.count += times * other.count
        self.failures += times * other.failures
        self.timeouts += times * other.timeouts


@dataclass
class Tally:
    """What some time saw of one series."""

    durations: Histogram = field(default_factory=Histogram)
    answers: Answers = field(default_factory=Answers)

    def merge(self, other: Tally) -> None:
        self.durations.merge(other.durations)
        self.answers.merge(other.answers)

    def subtract(self, other: Tally) -> None:
        self.durations.subtract(other.durations)
        self.answers.merge(other.answers, times=-1)

    def encode(self) -> bytes:
        seen = self.answers
        return msgspec.msgpack.encode((self.durations.encode(), seen.count, seen.failures, seen.timeouts))

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        durations, *counts = msgspec.msgpack.decode(encoded, type=tuple[bytes, int, int, int])
        return cls(Histogram.decode(durations), Answers(*counts))


Packed = dict[str, bytes]
"""Series → its encoded tally."""


class Performance:
    """Safe to use from any thread. `clock` gives Unix time in seconds; when it is set back, what comes meanwhile counts
    as of the newest minute."""

    def __init__(self, *, clock: Callable[[], float] = time.time, limit_bytes: int = LIMIT_BYTES) -> None:
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._minute = int(clock() // MINUTE_S)
        self._open: dict[str, Tally] = {}
        self._closed: OrderedDict[int, Packed] = OrderedDict()
        self._totals: dict[str, Tally] = {}
        """Of each series over all minutes that are kept, the open one too."""
        self._days: dict[int, Answers] = {}
        self._size_bytes = 0
        self._unsaved: set[int] = set()

    def record(self, series: str, duration_ms: float) -> None:
        with self._lock:
            self._roll()
            for tally in self._tallies(series):
                tally.durations.add(duration_ms)

    def answered(self, series: str, status: int, duration_ms: float | None) -> None:
        with self._lock:
            self._roll()
            for tally in self._tallies(series):
                tally.answers.add(status)
                if duration_ms is not None:
                    tally.durations.add(duration_ms)
            self._days.setdefault(self._minute // MINUTES_A_DAY, Answers()).add(status)

    def total(self, series: Iterable[str]) -> Tally:
        """Of these together, over the minutes that are kept."""
        whole = Tally()
        with self._lock:
            self._roll()
            for name in series:
                if name in self._totals:
                    whole.merge(self._totals[name])
        return whole

    def answers(self) -> tuple[Answers, int | None]:
        """All answers of the days that are kept, and the first of these days (days since 1970)."""
        whole = Answers()
        with self._lock:
            self._roll()
            for seen in self._days.values():
                whole.merge(seen)
            return whole, min(self._days, default=None)

    def counts(self) -> dict[str, int]:
        """Series → samples in the minutes that are kept."""
        with self._lock:
            self._roll()
            return {name: tally.durations.count for name, tally in self._totals.items()}

    def first_minute(self) -> int:
        """The oldest that is kept, in minutes since 1970."""
        with self._lock:
            return next(iter(self._closed), self._minute)

    def steps(self, series: str, *, minutes: int, step: int) -> list[tuple[int, Tally]]:
        """(first minute, tally) of each step up to now. Steps begin at whole multiples of their length."""
        with self._lock:
            self._roll()
            first = (self._minute - minutes + step) // step * step
            made = {start: Tally() for start in range(first, self._minute + 1, step)}
            kept = [(minute, packed[series]) for minute, packed in self._closed.items() if series in packed]
            if series in self._open:
                made[self._minute // step * step].merge(self._open[series])
        for minute, encoded in kept:
            if minute >= first:
                made[minute // step * step].merge(Tally.decode(encoded))
        return list(made.items())

    def take_unsaved(self, *, ending: bool = False) -> tuple[dict[int, Packed], dict[int, Answers]]:
        """The minutes that are over and were not taken before (with `ending` the open one too), and all days."""
        with self._lock:
            self._roll()
            if ending:
                self._close()
            taken = {minute: self._closed[minute] for minute in sorted(self._unsaved)}
            self._unsaved.clear()
            return taken, {day: Answers(seen.count, seen.failures, seen.timeouts) for day, seen in self._days.items()}

    def restore(self, minutes: Iterable[tuple[int, Packed]], days: Mapping[int, Answers]) -> None:
        """What an earlier run kept, oldest minute first; before anything is recorded."""
        with self._lock:
            for minute, packed in minutes:
                if minute <= self._minute:
                    self._keep(minute, packed)
                    for name, encoded in packed.items():
                        self._totals.setdefault(name, Tally()).merge(Tally.decode(encoded))
            self._days.update(days)
            self._drop()

    def _tallies(self, series: str) -> tuple[Tally, Tally]:
        if series not in self._open:
            self._open[series] = Tally()
            self._totals.setdefault(series, Tally())
        return self._open[series], self._totals[series]

    def _roll(self) -> None:
        now = int(self._clock() // MINUTE_S)
        if now > self._minute:
            self._close()
            self._minute = now
            self._drop()

    def _close(self) -> None:
        if self._open:
            self._unsaved.add(self._minute)
            self._keep(self._minute, {name: tally.encode() for name, tally in self._open.items()})
            self._open = {}

    def _keep(self, minute: int, packed: Packed) -> None:
        """Adds to a minute that is there already: a restart may fall into it."""
        there = self._closed.setdefault(minute, {})
        for name, encoded in packed.items():
            if name in there:
                both = Tally.decode(there[name])
                both.merge(Tally.decode(encoded))
                self._size_bytes -= len(there[name]) + OVERHEAD_BYTES
                encoded = both.encode()
            there[name] = encoded
            self._size_bytes += len(encoded) + OVERHEAD_BYTES

    def _drop(self) -> None:
        oldest = self._minute - MINUTES_KEPT
        while self._closed and (next(iter(self._closed)) <= oldest or self._size_bytes > self._limit_bytes):
            minute, packed = self._closed.popitem(last=False)
            self._unsaved.discard(minute)
            for name, encoded in packed.items():
                self._size_bytes -= len(encoded) + OVERHEAD_BYTES
                total = self._totals[name]
                total.subtract(Tally.decode(encoded))
                if not total.durations.count and not total.answers.count and name not in self._open:
                    del self._totals[name]
        for day in [day for day in self._days if day <= self._minute // MINUTES_A_DAY - DAYS_KEPT]:
            del self._days[day]
