"""What a person sees while a command works: on stderr, on a terminal only, gone when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
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
def counting(label: str, total: int | None) -> Iterator[Advance]:
    """A bar over `total` items, or a bare count where the total is not known."""
    if not sys.stderr.isatty():
        yield lambda count, name: None
        return
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from lukhas_cli.render.text import one_line

    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("[dim]{task.fields[name]}"), console=_console(), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task(label, total=total, name="")

        def advance(count: int, name: str) -> None:
            progress.update(task, advance=count, name=escape(one_line(name)[-40:]))

        yield advance


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)
