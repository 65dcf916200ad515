"""Edit, history, diff, revert, undo, repair: a memory's versions."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import MemoryId, Tags, app
from lukhas_cli.editor import edit_text
from lukhas_cli.inputs import read_text
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.helix import show_change, show_diff, show_history, show_repair
from lukhas_cli.session import Session
from lukhas_sdk.contract import helix as contract
from lukhas_sdk.contract.memory import RECALL, MemoryParams, RecallParams
from lukhas_sdk.contract.streams import RepairMethod
from lukhas_sdk.errors import ValidationError

IfVersion = Annotated[
    int | None, typer.Option("--if-version", min=1, metavar="N", help="Only if it is at version N; else fail.")
]
NoteOption = Annotated[str | None, typer.Option("--note", metavar="WHY", help="Kept with the version.")]


@command(
    app,
    examples='lukhas memory edit mem_2025_01_31_abcdef "The spare key is with Jonas."\n'
    "lukhas memory edit mem_2025_01_31_abcdef --importance 0.9 --context location=attic\n"
    "lukhas memory edit mem_2025_01_31_abcdef",
)
def edit(
    context: typer.Context,
    memory_id: MemoryId,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|-]", help="What it is to say; - reads it from stdin.")
    ] = None,
    tag: Tags = None,
    importance: Annotated[float | None, typer.Option(min=0, max=1, metavar="X", help="How much it matters.")] = None,
    about: Annotated[
        list[str] | None,
        typer.Option("--context", metavar="KEY=VALUE", help="Set this; KEY= takes it out. Repeatable."),
    ] = None,
    note: NoteOption = None,
    if_version: IfVersion = None,
) -> Outcome:
    """Change what a memory says. The version before stays: see history, diff, undo.

    With nothing to change on a terminal, your editor opens ($VISUAL or $EDITOR). --tag replaces all tags.
    """
    own = session_of(context)
    data = read_text(text, field="TEXT") if text is not None else None
    if data is None and tag is None and importance is None and about is None:
        data, if_version = _ask_editor(own, memory_id, if_version)
    body = contract.EditRequest(
        data=data,
        tags=tag,
        importance=importance,
        context=dict(_pair(entry) for entry in about) if about is not None else None,
        note=note,
        expected_version=if_version,
    )
    answer = own.call(contract.EDIT, params=MemoryParams(memory_id), body=body)
    return Outcome(answer, lambda screen: show_change(screen, answer))


@command(app, examples="lukhas memory history mem_2025_01_31_abcdef")
def history(
    context: typer.Context,
    memory_id: MemoryId,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="At most so many.")] = 100,
    before: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only versions older than N.")] = None,
) -> Outcome:
    """List a memory's versions, newest first. Version 1 is the origin, which never changes.

    In a pipe, each line is: version, time, cause, actor, drift, note, text.
    """
    answer = session_of(context).call(contract.HISTORY, params=contract.HistoryParams(memory_id, limit, before))
    return Outcome(answer, lambda screen: show_history(screen, answer))


@command(
    app,
    examples="lukhas memory diff mem_2025_01_31_abcdef\nlukhas memory diff mem_2025_01_31_abcdef --from 2 --to 3",
)
def diff(
    context: typer.Context,
    memory_id: MemoryId,
    from_: Annotated[int, typer.Option("--from", min=1, metavar="N", help="The version before; 1 is the origin.")] = 1,
    to: Annotated[int | None, typer.Option("--to", min=1, metavar="N", help="Default: what it says now.")] = None,
) -> Outcome:
    """Compare two versions: by words on a terminal, as a unified diff in a pipe."""
    answer = session_of(context).call(contract.DIFF, params=contract.DiffParams(memory_id, from_, to))
    return Outcome(answer, lambda screen: show_diff(screen, answer))


@command(app, examples="lukhas memory revert mem_2025_01_31_abcdef --to 1")
def revert(
    context: typer.Context,
    memory_id: MemoryId,
    to: Annotated[int, typer.Option("--to", min=1, metavar="N", help="The version to go back to.")],
    note: NoteOption = None,
    if_version: IfVersion = None,
) -> Outcome:
    """Write a new version that says the same as an earlier one: text, context, tags, importance."""
    body = contract.RevertRequest(to, note, if_version)
    answer = session_of(context).call(contract.REVERT, params=MemoryParams(memory_id), body=body)
    return Outcome(answer, lambda screen: show_change(screen, answer))


@command(app, examples="lukhas memory undo mem_2025_01_31_abcdef")
def undo(context: typer.Context, memory_id: MemoryId, note: NoteOption = None, if_version: IfVersion = None) -> Outcome:
    """Take the last change back: a new version, exactly as the one before. Done twice, it undoes the undoing."""
    body = contract.UndoRequest(note, if_version)
    answer = session_of(context).call(contract.UNDO, params=MemoryParams(memory_id), body=body)
    return Outcome(answer, lambda screen: show_change(screen, answer))


@command(
    app,
    examples="lukhas memory repair mem_2025_01_31_abcdef --preview\n"
    "lukhas memory repair mem_2025_01_31_abcdef --method partial_heal\n"
    'lukhas memory repair mem_2025_01_31_abcdef --span "under the blue pot"\n'
    "lukhas memory repair mem_2025_01_31_abcdef --undo",
)
def repair(
    context: typer.Context,
    memory_id: MemoryId,
    method: Annotated[RepairMethod | None, typer.Option(help="Default: the one that trying them out suggests.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what it would say; write nothing.")] = False,
    span: Annotated[
        list[str] | None,
        typer.Option("--span", metavar="TEXT", help="selective: what to put back, or what to take out. Repeatable."),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT|-", help="guided: what it is to say; - reads stdin.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last change back, as undo does.")] = False,
    note: NoteOption = None,
    if_version: IfVersion = None,
) -> Outcome:
    """Bring a memory that has drifted nearer to its origin. What it said before stays a version.

    partial_heal puts back what was lost and keeps what was added; consensus keeps what most versions agree on;
    selective puts named parts back; guided writes your text; full_reset writes the origin.
    """
    own = session_of(context)
    if undo:
        if method is not None or preview or span or text is not None:
            raise ValidationError("--undo goes with no other way of repairing", field="--undo", hint="give it alone")
        undone = own.call(contract.UNDO, params=MemoryParams(memory_id), body=contract.UndoRequest(note, if_version))
        return Outcome(undone, lambda screen: show_change(screen, undone))
    if method == "selective" and not span:
        raise ValidationError("selective needs a span", field="--span", hint='as --span "the words to put back"')
    if method == "guided" and text is None:
        raise ValidationError("guided needs a text", field="--text", hint="--text TEXT, or --text - for stdin")
    body = contract.RepairRequest(
        memory_id,
        method,
        preview,
        span or [],
        read_text(text, field="--text") if text is not None else None,
        note,
        if_version,
    )
    answer = own.call(contract.REPAIR, body=body)
    return Outcome(answer, lambda screen: show_repair(screen, answer))


def _ask_editor(own: Session, memory_id: str, if_version: int | None) -> tuple[str, int]:
    """The text from the person's editor, and the version that it was made from."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ValidationError("nothing is to be changed", field="TEXT", hint="give the new text, or - to read it")
    found = own.call(RECALL, params=RecallParams(memory_id))
    return edit_text(found.content.data), if_version or found.metadata.version


def _pair(entry: str) -> tuple[str, Any]:
    key, found, value = entry.partition("=")
    if not key or not found:
        raise ValidationError(f"not KEY=VALUE: {entry}", field="--context", hint="as --context speaker=Ana")
    return key, value or None
