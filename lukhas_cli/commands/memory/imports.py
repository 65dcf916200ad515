"""`lukhas memory import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import Tags, TypeOption, app
from lukhas_cli.importing import Format, ImportOptions, Split, import_all, show_summary
from lukhas_cli.outcome import Outcome
from lukhas_cli.outputs import private_output


@command(
    app,
    name="import",
    examples="lukhas memory import README.md notes/\n"
    "lukhas memory import chatgpt-export.zip mail.mbox ~/.zsh_history\n"
    "lukhas memory import chat.jsonl --tag chat --report import.json\n"
    "git log --format='%h %ad %s' | lukhas memory import - --source git",
)
def import_(
    context: typer.Context,
    path: Annotated[list[Path], typer.Argument(metavar="PATH…|-", help="Files and folders; - reads stdin.")],
    split: Annotated[
        Split | None, typer.Option(help="What one memory is; default: a section of Markdown, a paragraph of text.")
    ] = None,
    format: Annotated[Format, typer.Option(help="What the files are; auto looks into each of them.")] = "auto",
    tag: Tags = None,
    type: TypeOption = None,
    importance: Annotated[float | None, typer.Option(min=0, max=1, metavar="X", help="How much it matters.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Say that it comes from NAME.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Keep, marked, also what the gate would not; no rejection is overridden.")
    ] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Do not go on where an interrupted import ended.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what --json prints of the import to FILE.")
    ] = None,
) -> Outcome:
    """Import notes, texts and other programs' data: a file, a folder of them, or stdin. Again, it changes nothing.

    Known by their content: Markdown (Obsidian's too; a memory a section), text (a paragraph), JSON Lines (a row), the
    exports of ChatGPT and Claude as .zip or conversations.json (a message), mem0's get_all or history.db, basic-memory
    notes, mbox mail, and the history of bash, zsh and fish (a command).

    What memory says already is merged into it; junk is declined, secrets and instructions are put in quarantine: each
    is named with its reason.

    An import that was cut short goes on where it ended. Exit code 1: something could not be read, or a file that was
    named holds nothing; what could be read is stored all the same.

    A line of JSON Lines is an object with the text in `text`, `data` or `content`, and what is known of it in
    `speaker`, `timestamp`, `tags`, `importance` and any other name.
    """
    options = ImportOptions(
        split=split,
        format=format,
        tags=tuple(tag or ()),
        type=type,
        importance=importance,
        source=source,
        force=force,
        from_start=from_start,
    )
    summary = import_all(session_of(context), path, options)
    if report is not None:
        with private_output(report, replace=True) as output:
            output.write(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
    return Outcome(summary, lambda screen: show_summary(screen, summary), summary.exit, summary.problem)
