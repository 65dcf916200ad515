"""`lukhas perf`: how long things took, over time."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.moments import local
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Cell, Screen
from lukhas_cli.session import Session
from lukhas_sdk.contract.perf import NAMES, SERIES, PerfMetricsResponse, PerfSeriesParams, PerfSeriesResponse
from lukhas_sdk.errors import ValidationError

BARS = "▁▂▃▄▅▆▇█"
DRAWN = 20
"""Metrics whose course is drawn, those with the most samples."""
POINTS = 30
"""Of a course beside others, the newest."""
REFRESH_S = 2.0

app = new_app()


@command(
    app,
    examples="lukhas perf\nlukhas perf --metric operation.memory.search --window 24h --step 1h\nlukhas perf --watch",
)
def perf(
    context: typer.Context,
    metric: Annotated[str | None, typer.Option(metavar="NAME", help="This one alone, point by point.")] = None,
    window: Annotated[str, typer.Option(metavar="TIME", help="Back from now, as 30m; 24h at most.")] = "1h",
    step: Annotated[str, typer.Option(metavar="TIME", help="Length of a point, as 5m.")] = "1m",
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
) -> Outcome:
    """Show how long operations, stages and work inside took in the last 24 hours.

    In a pipe, each line is: name, samples, 95th percentile in ms, failures; of one metric: start of the point, samples,
    mean, 50th, 95th and 99th percentile and the longest in ms, failures. On a terminal the 95th percentile's course is
    drawn beside, from 0 to its highest.
    """
    session = session_of(context)
    if watch and (session.json or not sys.stdout.isatty()):
        raise ValidationError("--watch needs a terminal", field="--watch", hint="leave it out, or ask again in a loop")
    while True:
        outcome = _one(session, metric, window, step) if metric else _all(session, window, step)
        if not watch:
            return outcome
        screen = Screen()
        screen.console.clear()
        outcome.show(screen)
        time.sleep(REFRESH_S)


def _all(session: Session, window: str, step: str) -> Outcome:
    answer = session.call(NAMES)

    def show(screen: Screen) -> None:
        columns = ["name", "samples", "p95 ms", "failures"]
        rows: list[list[Cell]] = [[each.name, each.samples, each.p95_ms, each.failures] for each in answer.metrics]
        if screen.terminal:
            columns.append(f"p95, the last {POINTS} × {step}")
            drawn = _courses(session, answer, window, step)
            rows = [[*row, drawn.get(each.name, "")] for row, each in zip(rows, answer.metrics, strict=True)]
        screen.table(columns, rows, wide=columns[-1] if screen.terminal else "", clip=True)

    return Outcome(answer, show)


def _courses(session: Session, answer: PerfMetricsResponse, window: str, step: str) -> dict[str, str]:
    most = sorted(answer.metrics, key=lambda each: -each.samples)[:DRAWN]
    courses = {each.name: session.call(SERIES, params=PerfSeriesParams(each.name, window, step)) for each in most}
    return {name: course(series)[-POINTS:] for name, series in courses.items()}


def _one(session: Session, metric: str, window: str, step: str) -> Outcome:
    series = session.call(SERIES, params=PerfSeriesParams(metric, window, step))
    rows = [
        (local(point.start), point.count, point.mean_ms, point.p50_ms, point.p95_ms, point.p99_ms, point.max_ms,
         point.failures)
        for point in series.points
    ]  # fmt: skip

    def show(screen: Screen) -> None:
        kept = [row for row in rows if row[1] or row[-1]] if screen.terminal else rows
        screen.table(["from", "samples", "mean ms", "p50", "p95", "p99", "max", "failures"], kept)
        if screen.terminal:
            screen.text(course(series))

    return Outcome(series, show)


def course(series: PerfSeriesResponse) -> str:
    return bars([point.p95_ms for point in series.points])


def bars(values: Sequence[float | None]) -> str:
    """One character for each value, its height from 0 to the highest; a space where there is none."""
    highest = max((value for value in values if value is not None), default=0.0) or 1.0
    return "".join(" " if value is None else BARS[min(7, int(value / highest * 8))] for value in values)
