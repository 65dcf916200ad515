"""Where a command's data is shown: a terminal (rich: colour, tables) or a pipe (plain, tabs, nothing shortened)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from lukhas_cli.render.text import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console

Cell = str | int | float | None


class Screen:
    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()

    @cached_property
    def console(self) -> Console:
        from rich.console import Console

        return Console(highlight=False, markup=False, emoji=False)

    def text(self, text: str = "", *, style: str = "") -> None:
        """Text that may have several lines; `style` (rich's words) is for terminals."""
        if self.terminal:
            self.console.print(printable(text), style=style or None, soft_wrap=False)
        else:
            print(printable(text))

    def row(self, *cells: Cell) -> None:
        """One tab-separated line, on a pipe and on a terminal."""
        print("\t".join(show(cell) for cell in cells))

    def pairs(self, rows: Iterable[tuple[str, Cell]]) -> None:
        """Names and values: aligned on a terminal, tab-separated in a pipe."""
        if not self.terminal:
            for row in rows:
                self.row(*row)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(Text(one_line(name), style="dim"), Text(show(value)))
        self.console.print(table)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, wide: str = "", clip: bool = False
    ) -> None:
        """Columns: bare lines in a pipe; on a terminal with a head, where `wide` is the column that takes the room,
        and `clip` keeps it to one line."""
        if not self.terminal:
            for row in rows:
                self.row(*row)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=bool(wide))
        for column in columns:
            if column == wide:
                table.add_column(column, ratio=1, overflow="ellipsis" if clip else "fold", no_wrap=clip)
            else:
                table.add_column(column, no_wrap=True)
        for row in rows:
            table.add_row(*(Text(show(cell)) for cell in row))
        self.console.print(table)


def size(count_bytes: int) -> str:
    """Bytes in the unit that keeps the number short."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count_bytes >= factor:
            return f"{count_bytes / factor:.1f} {unit}"
    return f"{count_bytes} bytes"


def show(cell: Cell) -> str:
    """A cell's text; what is not known is a dash."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.0f}"
    return one_line(str(cell))
