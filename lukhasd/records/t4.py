"""The T4/0.01 % report: budgets held against what was served, with no more certainty than the samples give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lukhas_sdk.contract.t4 import Budget, BudgetWindow, T4ReportResponse, T4Verdict
from lukhas_sdk.settings import BudgetsSettings
from lukhasd.records import binomial
from lukhasd.records.metrics import operation_series
from lukhasd.records.performance import MINUTE_S, MINUTES_A_DAY, Performance

WITHOUT_MODEL = "matriz.process"
WITH_MODEL = "matriz.process+model"
"""Answers given while a language model was configured: its time is not the pipeline's."""
SHARE_OVER_P95 = 0.05


@dataclass(frozen=True)
class Promise:
    """At most so large a share of the answers takes longer than `target_ms`; None: fails."""

    name: str
    statement: str
    operations: tuple[str, ...]
    target_ms: float | None
    allowed_share: float


@dataclass(frozen=True)
class Observed:
    samples: int
    worse: int
    timeouts: int
    p95_ms: float | None
    since_s: float


def promises(budgets: BudgetsSettings) -> Iterator[Promise]:
    for name, operations, target_ms in (
        ("process_p95", (WITHOUT_MODEL,), budgets.process_p95_ms),
        ("memory_p95", ("memory.search", "memory.recall", "memory.store"), budgets.memory_p95_ms),
        ("guardian_p95", ("guardian.validate",), budgets.guardian_p95_ms),
        ("auth_p95", ("auth.token", "auth.refresh"), budgets.auth_p95_ms),
    ):
        yield Promise(name, f"95 % of the answers within {target_ms:g} ms", operations, target_ms, SHARE_OVER_P95)
    share = budgets.error_budget
    yield Promise("error_budget", f"no more than {share * 100:g} % of all answers fail (5xx)", (), None, share)


def report(performance: Performance, budgets: BudgetsSettings) -> T4ReportResponse:
    """Takes some milliseconds: not for the event loop. Durations are of the last 24 hours, failures of 30 days."""
    now = datetime.now(UTC)
    rows = [_row(promise, performance, budgets, now=now) for promise in promises(budgets)]
    return T4ReportResponse(overall=_overall([row.verdict for row in rows]), budgets=rows, generated_at=now)


def standing(performance: Performance, budgets: BudgetsSettings) -> tuple[T4Verdict, str]:
    """The report's overall word, and each budget's with its samples; quick."""
    found = {
        promise.name: (_verdict(promise, seen, budgets), seen.samples)
        for promise in promises(budgets)
        for seen in [_observe(promise, performance)]
    }
    figures = ", ".join(f"{name} {verdict} over {samples}" for name, (verdict, samples) in found.items())
    return _overall([verdict for verdict, _ in found.values()]), figures


def _overall(verdicts: list[T4Verdict]) -> T4Verdict:
    return "fail" if "fail" in verdicts else "pass" if set(verdicts) == {"pass"} else "insufficient_data"


def _observe(promise: Promise, performance: Performance) -> Observed:
    if promise.target_ms is None:
        answers, day = performance.answers()
        since_s = (day or 0) * MINUTES_A_DAY * MINUTE_S if day else performance.first_minute() * MINUTE_S
        return Observed(answers.count, answers.failures, answers.timeouts, None, since_s)
    total = performance.total(operation_series(each) for each in promise.operations)
    durations = total.durations
    return Observed(
        durations.count, durations.over(promise.target_ms), total.answers.timeouts, durations.percentile(95),
        performance.first_minute() * MINUTE_S,
    )  # fmt: skip


def _verdict(promise: Promise, seen: Observed, budgets: BudgetsSettings) -> T4Verdict:
    if seen.samples < budgets.least_samples:
        return "insufficient_data"
    if binomial.at_most(seen.worse, seen.samples, promise.allowed_share) <= binomial.LEVEL:
        return "pass"
    if binomial.at_least(seen.worse, seen.samples, promise.allowed_share) <= binomial.LEVEL:
        return "fail"
    return "insufficient_data"


def _row(promise: Promise, performance: Performance, budgets: BudgetsSettings, *, now: datetime) -> Budget:
    seen = _observe(promise, performance)
    verdict = _verdict(promise, seen, budgets)
    needed = max(budgets.least_samples, binomial.needed(seen.worse, promise.allowed_share, have=seen.samples))
    observed = seen.p95_ms if promise.target_ms is not None else seen.worse / seen.samples if seen.samples else None
    reasons: dict[str, str] = {}
    if not seen.samples:
        reasons |= dict.fromkeys(("observed", "lower_bound", "upper_bound"), "nothing of it was served in the window")
    if verdict == "insufficient_data":
        reasons["verdict"] = _why(promise, seen, budgets, needed=needed)
    if promise.operations == (WITHOUT_MODEL,):
        aside = performance.total([operation_series(WITH_MODEL)]).durations.count
        if aside:
            reasons["samples"] = f"{aside} answers given while a language model was configured are not counted"
    return Budget(
        name=promise.name,
        statement=promise.statement,
        target=promise.allowed_share if promise.target_ms is None else promise.target_ms,
        observed=observed,
        unit="share" if promise.target_ms is None else "ms",
        operations=list(promise.operations),
        samples=seen.samples,
        worse=seen.worse,
        timeouts=seen.timeouts,
        allowed_share=promise.allowed_share,
        lower_bound=binomial.lower_bound(seen.worse, seen.samples) if seen.samples else None,
        upper_bound=binomial.upper_bound(seen.worse, seen.samples) if seen.samples else None,
        needed_samples=needed,
        verdict=verdict,
        window=BudgetWindow(datetime.fromtimestamp(seen.since_s, UTC), now),
        reasons=reasons,
    )


def _why(promise: Promise, seen: Observed, budgets: BudgetsSettings, *, needed: int) -> str:
    if seen.samples < budgets.least_samples:
        known = f"{seen.samples} answers; {budgets.least_samples} are needed at least (budgets.least_samples)"
    else:
        bounds = [binomial.lower_bound(seen.worse, seen.samples), binomial.upper_bound(seen.worse, seen.samples)]
        shares = " to ".join(f"{100 * bound:.3g}" for bound in bounds)
        worse = "failures" if promise.target_ms is None else "slower ones"
        known = f"{seen.worse} {worse} among {seen.samples} answers leave {shares} % possible"
    return f"{known}; with none worse from now on, {needed} answers show {100 * promise.allowed_share:g} %"
