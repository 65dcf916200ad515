"""Minutes, their sums, what is dropped, and what a restart finds."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from lukhasd.database import Database
from lukhasd.records.histogram import Histogram
from lukhasd.records.performance import LIMIT_BYTES, MINUTES_KEPT, Answers, Performance
from lukhasd.records.performance_keeper import PerformanceKeeper

SEARCH = "operation.memory.search"


class Clock:
    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def test_percentiles_are_within_two_percent_of_the_samples() -> None:
    generator = random.Random(5)
    durations = [generator.lognormvariate(3, 1) for _ in range(20_000)]
    histogram = Histogram()
    for each in durations:
        histogram.add(each)
    for percent in (50, 95, 99, 99.9):
        exact = sorted(durations)[math.ceil(percent / 100 * len(durations)) - 1]
        assert exact <= (histogram.percentile(percent) or 0) <= exact * 1.0201
    over = sum(each > 50 for each in durations)
    assert over <= histogram.over(50) <= sum(each > 50 / 1.0201 for each in durations)


def test_adding_and_taking_out_leaves_what_was() -> None:
    generator = random.Random(6)
    first, second = Histogram(), Histogram()
    for _ in range(500):
        first.add(generator.expovariate(0.1))
        second.add(generator.expovariate(0.01))
    both = Histogram.decode(first.encode())
    both.merge(second)
    assert both.count == 1000
    both.subtract(second)
    assert both.count == 500
    assert both.percentile(95) == first.percentile(95)
    assert both.mean() == pytest.approx(first.mean())


def test_steps_hold_each_minutes_samples() -> None:
    clock = Clock()
    performance = Performance(clock=clock)
    for minute in range(10):
        for _ in range(minute):
            performance.answered(SEARCH, 200, 1.0 + minute)
        clock.now_s += 60
    performance.answered(SEARCH, 504, 99.0)
    by_minute = [tally.durations.count for _, tally in performance.steps(SEARCH, minutes=11, step=1)]
    assert by_minute == [*range(10), 1]
    steps = performance.steps(SEARCH, minutes=10, step=5)
    assert all(start % 5 == 0 for start, _ in steps)
    assert [tally.durations.largest_ms for _, tally in steps][-1] == 99.0
    assert sum(tally.answers.failures for _, tally in steps) == 1
    total = performance.total([SEARCH])
    assert (total.durations.count, total.answers.count, total.answers.timeouts) == (46, 46, 1)


def test_what_was_turned_away_has_no_duration() -> None:
    performance = Performance(clock=Clock())
    performance.answered(SEARCH, 401, None)
    total = performance.total([SEARCH])
    assert (total.answers.count, total.durations.count) == (1, 0)


def test_a_day_later_nothing_is_left_but_the_days() -> None:
    clock = Clock()
    performance = Performance(clock=clock)
    performance.answered(SEARCH, 500, 5.0)
    performance.record("stage.memory", 5.0)
    clock.now_s += 60 * (MINUTES_KEPT - 1)
    assert performance.counts() == {SEARCH: 1, "stage.memory": 1}
    clock.now_s += 60
    assert performance.counts() == {}
    assert performance.total([SEARCH]).durations.count == 0
    assert performance.answers()[0].failures == 1
    clock.now_s += 86_400 * 30
    assert performance.answers() == (Answers(), None)


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    clock = Clock()
    performance = Performance(clock=clock, limit_bytes=50_000)
    generator = random.Random(7)
    for _ in range(200):
        for _ in range(100):
            performance.record(SEARCH, generator.lognormvariate(3, 2))
        clock.now_s += 60
    kept = [tally.durations.count for _, tally in performance.steps(SEARCH, minutes=200, step=1)]
    assert kept[0] == 0 and kept[-2] == 100
    assert performance.total([SEARCH]).durations.count == sum(kept) < 20_000
    assert LIMIT_BYTES <= 32_000_000


def test_a_clock_set_back_or_far_forward() -> None:
    clock = Clock()
    performance = Performance(clock=clock)
    performance.record(SEARCH, 1.0)
    clock.now_s -= 7200
    performance.record(SEARCH, 1.0)
    assert performance.counts() == {SEARCH: 2}
    clock.now_s += 10 * 86_400
    performance.record(SEARCH, 1.0)
    assert performance.counts() == {SEARCH: 1}


async def test_a_restart_in_the_same_minute_keeps_both(tmp_path: Path) -> None:
    clock = Clock()
    for run in range(1, 4):
        database = Database.open(tmp_path / "lukhas.duckdb")
        performance = Performance(clock=clock)
        keeper = await PerformanceKeeper.open(database, performance)
        performance.answered(SEARCH, 200, 7.0)
        performance.answered(SEARCH, 503, 7.0)
        assert performance.total([SEARCH]).durations.count == 2 * run
        assert performance.answers()[0] == Answers(2 * run, run, 0)
        await keeper.close()
        database.close()
    clock.now_s += 60
    database = Database.open(tmp_path / "lukhas.duckdb")
    later = Performance(clock=clock)
    await (await PerformanceKeeper.open(database, later)).close()
    database.close()
    assert [tally.durations.count for _, tally in later.steps(SEARCH, minutes=2, step=1)] == [6, 0]


async def test_what_is_old_is_removed_from_the_database(tmp_path: Path) -> None:
    clock = Clock(1_600_000_000.0)
    database = Database.open(tmp_path / "lukhas.duckdb")
    performance = Performance(clock=clock)
    keeper = await PerformanceKeeper.open(database, performance)
    performance.answered(SEARCH, 200, 7.0)
    await keeper.close()
    counts = "SELECT (SELECT count(*) FROM performance_minutes), (SELECT count(*) FROM performance_days)"
    assert await database.read(lambda cursor: cursor.execute(counts).fetchone()) == (0, 0)
    database.close()
