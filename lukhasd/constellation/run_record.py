"""How a node has fared since the daemon's start, and whether it may run: it is suspended when it fails in a row."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic

from lukhas_sdk.contract.nodes import Availability, NodeReport

SUSPENDED_AFTER = 3
"""Failures in a row."""
FIRST_PAUSE_S = 30.0
LONGEST_PAUSE_S = 600.0
"""The pause doubles with each trial that fails."""
BUDGET_P95_MS = 250.0
"""That of the pipeline as a whole: a node runs inside it."""
ERROR_BUDGET = 0.0001
LEAST_RUNS = 20
"""For a statement on T4."""
KEPT = 512


@dataclass
class RunRecord:
    runs: int = 0
    failures: int = 0
    in_a_row: int = 0
    last_error: str | None = None
    retry_s: float | None = None
    """By `monotonic`, while suspended."""
    trying: bool = False
    """The one run that a suspended node is given is under way."""
    durations_ms: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def begin(self) -> bool:
        """Whether it may run now. After a suspension's pause one run is let through, until it has ended."""
        if self.retry_s is None:
            return True
        if self.trying or monotonic() < self.retry_s:
            return False
        self.trying = True
        return True

    def end(self, report: NodeReport | None) -> None:
        """`report` None: the run was broken off from outside and says nothing about the node."""
        self.trying = False
        if report is None:
            return
        self.runs += 1
        self.durations_ms.append(report.processing_time_ms)
        if report.status == "ok":
            self.in_a_row, self.retry_s = 0, None
            return
        self.failures += 1
        self.in_a_row += 1
        self.last_error = report.error
        if self.in_a_row >= SUSPENDED_AFTER:
            pause_s = FIRST_PAUSE_S * 2 ** min(self.in_a_row - SUSPENDED_AFTER, 10)
            self.retry_s = monotonic() + min(pause_s, LONGEST_PAUSE_S)

    @property
    def availability(self) -> Availability:
        if self.retry_s is not None:
            return "suspended"
        return "degraded" if self.in_a_row else "active"

    @property
    def retry_at(self) -> datetime | None:
        if self.retry_s is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=max(0.0, self.retry_s - monotonic()))

    @property
    def p95_ms(self) -> float | None:
        ordered = sorted(self.durations_ms)
        return ordered[int(0.95 * (len(ordered) - 1))] if ordered else None

    def t4(self) -> tuple[bool | None, str]:
        """Whether its runs keep to the budgets, and the figures that it follows from."""
        if self.runs < LEAST_RUNS or self.p95_ms is None:
            return None, f"{self.runs} runs since start; {LEAST_RUNS} are needed"
        met = self.p95_ms <= BUDGET_P95_MS and self.failures <= ERROR_BUDGET * self.runs
        figures = f"p95 {self.p95_ms:.0f} ms of {BUDGET_P95_MS:.0f}, {self.failures} failures in {self.runs} runs"
        return met, figures
