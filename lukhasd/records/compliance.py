"""Whether the performance budget was met over the requests served so far."""

from __future__ import annotations

from typing import Literal

from lukhasd.records.metrics import Metrics

PROCESS_P95_BUDGET_MS = 250.0
LEAST_SAMPLES = 100


def compliance(metrics: Metrics) -> tuple[Literal["met", "not_met", "insufficient_data"], str]:
    """The standing, and the figures that it follows from."""
    samples = metrics.samples("process")
    if samples < LEAST_SAMPLES:
        return "insufficient_data", f"{samples} interactions served since start; {LEAST_SAMPLES} are needed"
    p95_ms = metrics.percentile_ms("process", 95)
    met = p95_ms is not None and p95_ms <= PROCESS_P95_BUDGET_MS
    return "met" if met else "not_met", f"p95 {p95_ms:.0f} ms over {samples}, budget {PROCESS_P95_BUDGET_MS:.0f} ms"
