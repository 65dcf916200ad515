"""What was recorded, as the API shows it: names, and points over time."""

from __future__ import annotations

from datetime import UTC, datetime

from lukhas_sdk.contract import perf
from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.records.performance import MINUTE_S, MINUTES_KEPT, Performance, Tally

UNITS_S = {"m": 60, "h": 3600}


def names(performance: Performance) -> perf.PerfMetricsResponse:
    return perf.PerfMetricsResponse([_metric(performance, name) for name in sorted(performance.counts())])


def series(performance: Performance, params: perf.PerfSeriesParams) -> perf.PerfSeriesResponse:
    """NotFound for a metric that nothing was recorded of; ValidationError for a window or step that is not served."""
    window_s, step_s = _seconds(params.window), _seconds(params.step)
    if window_s > MINUTES_KEPT * MINUTE_S:
        raise ValidationError(f"window is {params.window}, more than 24h", field="$.window", hint="24h at most")
    if step_s > window_s:
        raise ValidationError(
            f"step is {params.step}, more than the window, {params.window}", field="$.step", hint="a shorter step"
        )
    if params.metric not in performance.counts():
        raise NotFound(
            f"nothing was recorded as {params.metric} in the last 24 hours", hint="GET /perf/metrics lists what was"
        )
    steps = performance.steps(params.metric, minutes=window_s // MINUTE_S, step=step_s // MINUTE_S)
    return perf.PerfSeriesResponse(params.metric, window_s, step_s, [_point(minute, tally) for minute, tally in steps])


def _metric(performance: Performance, name: str) -> perf.PerfMetric:
    tally = performance.total([name])
    prefix = name.split(".")[0]
    kind: perf.SeriesKind = "operation" if prefix == "operation" else "stage" if prefix == "stage" else "work"
    served = kind == "operation"
    return perf.PerfMetric(
        name=name,
        kind=kind,
        samples=tally.durations.count,
        answers=tally.answers.count if served else None,
        failures=tally.answers.failures if served else None,
        p95_ms=tally.durations.percentile(95),
    )


def _point(minute: int, tally: Tally) -> perf.PerfPoint:
    durations = tally.durations
    return perf.PerfPoint(
        start=datetime.fromtimestamp(minute * MINUTE_S, UTC),
        count=durations.count,
        mean_ms=durations.mean(),
        p50_ms=durations.percentile(50),
        p95_ms=durations.percentile(95),
        p99_ms=durations.percentile(99),
        max_ms=durations.largest_ms if durations.count else None,
        answers=tally.answers.count,
        failures=tally.answers.failures,
    )


def _seconds(text: str) -> int:
    return int(text[:-1]) * UNITS_S[text[-1]]
