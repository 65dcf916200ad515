"""`lukhas export`: everything that is yours, as JSON Lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.exports import write_export
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.outputs import private_output
from lukhas_cli.render.screen import Screen
from lukhas_sdk.errors import ValidationError

app = new_app()


@command(app, examples="lukhas export memories.jsonl\nlukhas export - | gzip > memories.jsonl.gz")
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="Where to write it; - is stdout.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> Outcome | Streamed:
    """Write everything that is yours to a file that any program can read: memories with every version, and what was
    asked and answered.

    One JSON object a line, in an order that does not change; the last line holds counts and a sha256. It is plain text:
    `lukhas backup` encrypts. `lukhas import` reads it back.
    """
    own = session_of(context)
    if file == Path("-"):
        if own.json:
            raise ValidationError("the export and --json both want stdout", field="--json", hint="leave --json out")
        write_export(own, sys.stdout.buffer)
        sys.stdout.flush()
        return Streamed()
    with private_output(file, replace=force) as output:
        closing = write_export(own, output)
        size_bytes = output.tell()
    data = {"file": str(file), "size_bytes": size_bytes, "counts": closing.counts, "sha256": closing.sha256}

    def show(screen: Screen) -> None:
        screen.pairs([*closing.counts.items(), ("bytes", size_bytes), ("sha256", closing.sha256)])

    return Outcome(data, show)
