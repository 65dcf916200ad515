"""Pass and fail only where the samples show it."""

from __future__ import annotations

import pytest

from lukhas_sdk.contract.t4 import Budget
from lukhas_sdk.settings import BudgetsSettings
from lukhasd.records import t4
from lukhasd.records.compliance import compliance
from lukhasd.records.metrics import Metrics


def row(metrics: Metrics, name: str) -> Budget:
    return next(each for each in t4.report(metrics.performance, metrics.budgets).budgets if each.name == name)


def serve(metrics: Metrics, operation: str, *, fast: int = 0, slow: int = 0) -> None:
    for count, duration_ms in ((fast, 1.0), (slow, 10_000.0)):
        for _ in range(count):
            metrics.answered(operation, 200, duration_ms)


@pytest.mark.parametrize(
    ("fast", "slow", "verdict"),
    [
        (0, 0, "insufficient_data"),
        (99, 0, "insufficient_data"),  # fewer than least_samples
        (100, 0, "pass"),
        (97, 3, "insufficient_data"),  # within the budget as observed, and not shown
        (980, 20, "pass"),
        (940, 60, "insufficient_data"),
        (900, 100, "fail"),
        (0, 100, "fail"),
    ],
)
def test_a_percentile_is_judged_by_its_bounds(fast: int, slow: int, verdict: str) -> None:
    metrics = Metrics()
    serve(metrics, "guardian.validate", fast=fast, slow=slow)
    budget = row(metrics, "guardian_p95")
    assert (budget.verdict, budget.samples, budget.worse) == (verdict, fast + slow, slow)
    assert ("verdict" in budget.reasons) == (verdict == "insufficient_data")
    if fast + slow == 0:
        assert budget.observed is None and budget.upper_bound is None and "observed" in budget.reasons
    else:
        assert budget.lower_bound is not None and budget.upper_bound is not None
        assert budget.lower_bound <= slow / (fast + slow) <= budget.upper_bound


def test_what_is_needed_is_enough() -> None:
    metrics = Metrics()
    serve(metrics, "memory.recall", fast=97, slow=3)
    needed = row(metrics, "memory_p95").needed_samples
    serve(metrics, "memory.recall", fast=needed - 101)
    assert row(metrics, "memory_p95").verdict == "insufficient_data"
    serve(metrics, "memory.recall", fast=1)
    assert row(metrics, "memory_p95").verdict == "pass"


def test_the_error_budget_needs_thirty_thousand_answers() -> None:
    metrics = Metrics()
    serve(metrics, "memory.search", fast=29_955)
    assert row(metrics, "error_budget").verdict == "insufficient_data"
    assert "29956" in row(metrics, "error_budget").reasons["verdict"]
    metrics.answered("memory.search", 401, None)  # an answer too
    assert row(metrics, "error_budget").verdict == "pass"
    metrics.answered("memory.search", 504, 10.0)
    budget = row(metrics, "error_budget")
    assert (budget.verdict, budget.worse, budget.timeouts) == ("insufficient_data", 1, 1)
    for _ in range(9):
        metrics.answered("memory.search", 500, 10.0)
    assert row(metrics, "error_budget").verdict == "fail"


def test_answers_with_a_model_are_not_held_against_the_pipeline() -> None:
    metrics = Metrics()
    serve(metrics, "matriz.process", fast=200)
    serve(metrics, t4.WITH_MODEL, slow=50)
    budget = row(metrics, "process_p95")
    assert (budget.samples, budget.verdict) == (200, "pass")
    assert budget.reasons["samples"].startswith("50 answers")


def test_the_overall_word() -> None:
    metrics = Metrics(budgets=BudgetsSettings(error_budget=0.01, guardian_p95_ms=5.0))
    assert compliance(metrics)[0] == "insufficient_data"
    for operation in ("matriz.process", "memory.search", "guardian.validate"):
        serve(metrics, operation, fast=200)
    assert compliance(metrics)[0] == "insufficient_data"
    serve(metrics, "auth.refresh", fast=100)
    assert compliance(metrics)[0] == "met"
    assert t4.report(metrics.performance, metrics.budgets).overall == "pass"
    for _ in range(100):
        metrics.answered("guardian.validate", 200, 5.2)
    word, why = compliance(metrics)
    assert word == "not_met" and "guardian_p95 fail over 300" in why
