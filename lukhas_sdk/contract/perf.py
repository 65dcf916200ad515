"""What was served, over time, and as Prometheus reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, NoParams, Operation, Request, Response, Tier

SeriesKind = Literal["operation", "stage", "work"]
Duration = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,4}[mh]$")]


class PerfMetric(Response, frozen=True):
    name: str
    kind: SeriesKind
    """An operation of the API, a stage of the pipeline, or a piece of work inside, as a search."""
    samples: int
    """Durations in the last 24 hours."""
    answers: int | None
    """Of an operation: with those that were turned away before it was run. Null for the others."""
    failures: int | None
    p95_ms: float | None


class PerfMetricsResponse(Response, frozen=True):
    metrics: list[PerfMetric]


class PerfSeriesParams(Request, frozen=True):
    metric: Name
    """A name that GET /perf/metrics lists."""
    window: Duration = "1h"
    """Back from now, as 30m or 24h; 24 hours at most."""
    step: Duration = "1m"
    """Length of a point, as 1m or 1h."""


class PerfPoint(Response, frozen=True):
    """Figures are null where `count` is 0."""

    start: datetime
    count: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    answers: int
    failures: int


class PerfSeriesResponse(Response, frozen=True):
    """Oldest point first; the last one is not over yet."""

    metric: str
    window_s: int
    step_s: int
    points: list[PerfPoint]


class MetricsText(Response, frozen=True):
    """Prometheus text exposition format 0.0.4."""

    text: str


METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

NAMES = Operation(
    "perf.metrics", "GET", "/perf/metrics", "List what there are figures of.",
    params=NoParams, body=NoBody, result=PerfMetricsResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
)  # fmt: skip
SERIES = Operation(
    "perf.series", "GET", "/perf/series", "Get one metric over time.",
    params=PerfSeriesParams, body=NoBody, result=PerfSeriesResponse, tier=Tier.ULTRA, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip
METRICS = Operation(
    "perf.prometheus", "GET", "/metrics", "Get counters and histograms as Prometheus reads them.",
    params=NoParams, body=NoBody, result=MetricsText, tier=Tier.ULTRA, limit=Limit.GENERAL,
    media_type=METRICS_MEDIA_TYPE,
)  # fmt: skip

OPERATIONS = (NAMES, SERIES, METRICS)
