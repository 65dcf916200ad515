"""`t4_compliance` wherever an answer has it: the T4 report's word."""

from __future__ import annotations

from typing import Literal

from lukhasd.records import t4
from lukhasd.records.metrics import Metrics

Standing = Literal["met", "not_met", "insufficient_data"]


def compliance(metrics: Metrics) -> tuple[Standing, str]:
    """The standing, and the figures that it follows from."""
    verdict, figures = t4.standing(metrics.performance, metrics.budgets)
    words: dict[str, Standing] = {"pass": "met", "fail": "not_met"}
    return words.get(verdict, "insufficient_data"), f"{figures}; see GET /t4/report"
