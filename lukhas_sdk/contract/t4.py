"""The T4/0.01 % report: what was promised, what was observed, and what the observations allow to say."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from lukhas_sdk.contract.base import Limit, NoBody, NoParams, Operation, Reasons, Response, Tier

T4Verdict = Literal["pass", "fail", "insufficient_data"]


class BudgetWindow(Response, frozen=True):
    """The time that the samples are of."""

    since: datetime
    until: datetime


class Budget(Response, frozen=True):
    """One promise: at most `allowed_share` of the answers are worse than `target`.

    `pass` where the samples refute, at 95 %, that more are; `fail` where they refute that so few are; else, and below
    budgets.least_samples, `insufficient_data`.
    """

    name: str
    statement: str
    """The promise in words."""
    target: float
    observed: float | None
    """The 95th percentile, or the share of failures; null without a sample."""
    unit: Literal["ms", "share"]
    operations: list[str]
    """Ids of those whose answers are counted; empty: all but the probes."""
    samples: int
    worse: int
    """Answers that took longer than the target, or failed."""
    timeouts: int
    """504 answers, over all answers of these operations."""
    allowed_share: float
    lower_bound: float | None
    """Of the share of worse answers, one-sided at 95 % (Clopper-Pearson)."""
    upper_bound: float | None
    needed_samples: int
    """Samples at which `pass` could be said first if none further were worse."""
    verdict: T4Verdict
    window: BudgetWindow
    reasons: Reasons = {}


class T4ReportResponse(Response, frozen=True):
    """`overall` is fail where one budget fails, pass where all pass."""

    overall: T4Verdict
    budgets: list[Budget]
    generated_at: datetime


REPORT = Operation(
    "t4.report", "GET", "/t4/report", "Hold what was served against the budgets.",
    params=NoParams, body=NoBody, result=T4ReportResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip

OPERATIONS = (REPORT,)
