"""Forgetting for good."""

from __future__ import annotations

import sys
from typing import Annotated, cast

import typer
from typer._types import TyperChoice

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import KINDS, Tags, app
from lukhas_cli.inputs import ask
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import printable
from lukhas_sdk.contract import forgetting as contract
from lukhas_sdk.contract.memory import DateRange, MemoryType, SearchFilters
from lukhas_sdk.errors import Exit, ValidationError


@command(
    app,
    examples="lukhas memory forget mem_2025_01_31_abcdef --preview\nlukhas memory forget mem_2025_01_31_abcdef --yes\n"
    "lukhas memory forget --query 'old address' --limit 3",
)
def forget(
    context: typer.Context,
    memory_id: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Memories to forget.")] = None,
    query: Annotated[str | None, typer.Option(metavar="TEXT", help="Forget what a search for TEXT finds.")] = None,
    type: Annotated[
        list[str] | None,
        typer.Option("--type", click_type=TyperChoice(KINDS), help="With --query: only memories of this kind."),
    ] = None,
    tag: Tags = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="With --query: not before this date.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="With --query: not after this date.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="With --query: at most so many.")] = 10,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would go, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Outcome:
    """Erase memories for good, and say what went.

    A memory goes with its versions, its index entries and what answers quoted of it; then every file of ours is
    written anew and searched for its words. There is no undo. `lukhas memory delete` only takes it out of the store.
    Exit code 1: a trace was found.

    In a pipe, each line is: forgot, id, versions, folds, quotations; or would forget, …, text; then: searched, files,
    passages; still in, file; removed, copy.
    """
    own = session_of(context)
    if bool(memory_id) == (query is not None):
        raise ValidationError("give either IDs or --query", field="ID", hint="see: lukhas memory forget --help")
    request = contract.ForgetRequest(
        memory_ids=memory_id or [],
        query=query,
        filters=SearchFilters(
            type=cast("list[MemoryType]", type) or None,
            date_range=DateRange(since, until) if (since, until) != (None, None) else None,
            tags=tag or None,
        ),
        limit=limit,
        preview=True,
    )
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    if not (preview or yes or asked):
        raise ValidationError("nobody can be asked here", field="--yes", hint="give --yes to forget, or --preview")
    seen = own.call(contract.FORGET, body=request)
    if preview or not seen.memories:
        return Outcome(seen, lambda screen: _show(screen, seen))
    if not yes:
        for memory in seen.memories:
            own.notice(_line(memory))
        count = len(seen.memories)
        if not ask(f"forget {'this memory' if count == 1 else f'these {count} memories'} for good?"):
            raise typer.Abort
    body = contract.ForgetRequest(memory_ids=[memory.memory_id for memory in seen.memories])
    receipt = own.call(contract.FORGET, body=body)
    left = ", ".join(receipt.scan.found_in) if receipt.scan is not None else ""
    code, problem = (Exit.FAILURE, f"a trace is still in: {left}") if left else (Exit.OK, "")
    return Outcome(receipt, lambda screen: _show(screen, receipt), code, problem)


def _line(memory: contract.Forgotten) -> str:
    text = " ".join((memory.data or "").split())
    return f"{memory.memory_id}  {text[:100]}{'…' if len(text) > 100 else ''}"


def _show(screen: Screen, answer: contract.ForgetReceipt) -> None:
    if not screen.terminal:
        for memory in answer.memories:
            word = "would forget" if answer.preview else "forgot"
            screen.row(word, memory.memory_id, memory.versions, memory.folds, memory.quotations, memory.data or "")
        if answer.scan is not None:
            screen.row("searched", answer.scan.files, answer.scan.passages)
            for name in answer.scan.found_in:
                screen.row("still in", name)
        for copy in answer.copies_removed:
            screen.row("removed", copy)
        for note in answer.notes:
            print(printable(note), file=sys.stderr)
        return
    if not answer.memories:
        screen.text("nothing matches", style="dim")
        return
    rows = [
        (memory.memory_id, str(memory.versions), str(memory.folds), str(memory.quotations),
         (memory.data or "")[:200])
        for memory in answer.memories
    ]  # fmt: skip
    screen.table(["id", "versions", "folds", "quotations", "text"], rows, wide="text", clip=True)
    if answer.scan is not None:
        scan = answer.scan
        where = f"still in: {', '.join(scan.found_in)}" if scan.found_in else "no trace found"
        screen.text(f"searched {scan.files} files for {scan.passages} passages: {where}")
    for copy in answer.copies_removed:
        screen.text(f"removed the copy {copy}")
    for note in answer.notes:
        screen.text(note, style="dim")
