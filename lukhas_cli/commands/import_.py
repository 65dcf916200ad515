"""`lukhas import`: an export back into the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.exports import checked_export, take_in
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import one_line
from lukhas_sdk.errors import Exit

app = new_app()


@command(app, name="import", examples="lukhas import memories.jsonl\nzcat memories.jsonl.gz | lukhas import -")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="What `lukhas export` wrote; - is stdin.")],
) -> Outcome:
    """Take in an export: memories with every version, and what was asked and answered. Ids and times stay the same.

    A file that is not whole, or was altered, is refused before anything is taken in. What is here already is left as it
    is: exit code 1 where it says something else. Notes and other programs' data: `lukhas memory import`.
    """
    own = session_of(context)
    with checked_export(file) as source:
        summary = take_in(own, source)
    code = Exit.REJECTED if summary.rejected else Exit.FAILURE if summary.conflicts else Exit.OK

    def show(screen: Screen) -> None:
        screen.pairs(
            [(f"{kind} added", count) for kind, count in summary.added.items()] + [("skipped", summary.skipped)]
        )
        left_out = (
            ("conflict", summary.conflicts), ("rejected", summary.rejected), ("forgotten", summary.forgotten)
        )  # fmt: skip
        for kind, entries in left_out:
            for entry in entries:
                print(f"{kind}: line {entry.line}: {one_line(entry.id)}: {one_line(entry.reason)}", file=sys.stderr)

    problem = f"{len(summary.conflicts)} say something else here already, {len(summary.rejected)} were rejected"
    return Outcome(summary, show, code, problem)
