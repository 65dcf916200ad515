"""What a person sees while a command works: on stderr, on a terminal only, gone when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[int, str], None]
"""Called with how many items more are done, and what is being worked on."""


@contextmanager
def running(label: str) -> Iterator[None]:
    """A spinner with the time since it began; it claims no progress that is not known."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), TextColumn("[dim]running"),
        TimeElapsedColumn(), console=_console(), transient=True,
    ) as progress:  # fmt: skip
        progress.add_task(label)
        yield


@contextmanager
def staging(stages: Sequence[str]) -> Iterator[Callable[[str, str, float], None]]:
    """The stages as they end, each with what it did and its time; the one that runs has a spinner."""
    if not sys.stderr.isatty():
        yield lambda stage, step, duration_ms: None
        return
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.table import Table
    from rich.text import Text

    from lukhas_cli.render.text import one_line

    done: dict[str, tuple[str, float]] = {}

    def view() -> Table:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0), expand=True)
        table.add_column(width=1)
        table.add_column(no_wrap=True, style="cyan")
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        runs = next((stage for stage in stages if stage not in done), None)
        for stage in stages:
            if stage in done:
                step, duration_ms = done[stage]
                table.add_row(Text("✓", style="green"), stage, Text(one_line(step)), f"{duration_ms:.0f} ms")
            else:
                table.add_row(
                    spinner if stage == runs else "", Text(stage, style="" if stage == runs else "dim"), "", ""
                )
        return table

    spinner = Spinner("dots")
    with Live(view(), console=_console(), transient=True, refresh_per_second=12) as live:

        def advance(stage: str, step: str, duration_ms: float) -> None:
            done[stage] = (step, duration_ms)
            live.update(view())

        yield advance


@contextmanager
def counting(label: str, total: int | None, *, speed: bool = False) -> Iterator[Advance]:
    """A bar over `total` items, or a bare count where the total is not known. `speed`: with items a second and the time
    left."""
    if not sys.stderr.isatty():
        yield lambda count, name: None
        return
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from lukhas_cli.render.text import one_line

    class SpeedColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            measured = task.finished_speed or task.speed
            return Text(f"{measured:.1f}/s" if measured else "–/s", style="dim")

    more: list[ProgressColumn] = [SpeedColumn(), TimeRemainingColumn()] if speed else []
    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), MofNCompleteColumn(),
        TimeElapsedColumn(), *more, TextColumn("[dim]{task.fields[name]}"), console=_console(), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task(label, total=total, name="")

        def advance(count: int, name: str) -> None:
            progress.update(task, advance=count, name=escape(one_line(name)[-40:]))

        yield advance


@contextmanager
def transferring(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar over bytes: called with those that are there, and how many there will be, None where that is not known."""
    if not sys.stderr.isatty():
        yield lambda has, total: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), DownloadColumn(),
        TransferSpeedColumn(), TimeRemainingColumn(), console=_console(), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task(label, total=None)
        yield lambda has, total: progress.update(task, completed=has, total=total)


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)
