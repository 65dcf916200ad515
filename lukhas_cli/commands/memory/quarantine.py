"""What the guardian kept from being stored."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.memory.app import app
from lukhas_cli.inputs import ask
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.memories import show_stored, stored_exit
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import more, one_line
from lukhas_sdk.contract import quarantine as contract
from lukhas_sdk.errors import ValidationError

EXAMPLES = """lukhas memory quarantine list
lukhas memory quarantine show quar_2025_01_31_0a1b2c3d4e
lukhas memory quarantine release quar_2025_01_31_0a1b2c3d4e
"""

quarantine = new_app(
    "Texts that hold a secret, or an instruction to whoever reads them.\n\nThey are kept aside: no search finds them, "
    "and their secrets are masked wherever they are shown.",
    examples=EXAMPLES,
)
app.add_typer(quarantine, name="quarantine")

EntryId = Annotated[str, typer.Argument(metavar="ID", help="An entry's id, as quar_2025_01_31_0a1b2c3d4e.")]


@command(quarantine, name="list", examples="lukhas memory quarantine list --limit 50")
def list_entries(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List what is in quarantine, newest first.

    In a pipe, each line is: id, date, rules, text with its secrets masked.
    """
    params = contract.QuarantineListParams(limit=limit, cursor=cursor)
    answer = session_of(context).call(contract.LIST, params=params)
    return Outcome(answer, lambda screen: _show_list(screen, answer))


@command(quarantine, examples="lukhas memory quarantine show quar_2025_01_31_0a1b2c3d4e")
def show(context: typer.Context, entry_id: EntryId) -> Outcome:
    """Show one entry: why it is there, then its text with every secret masked."""
    answer = session_of(context).call(contract.SHOW, params=contract.QuarantineParams(entry_id))
    return Outcome(answer, lambda screen: _show(screen, answer))


@command(quarantine, examples="lukhas memory quarantine release quar_2025_01_31_0a1b2c3d4e --yes")
def release(
    context: typer.Context,
    entry_id: EntryId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Outcome:
    """Store one entry as a memory, as it came and marked with why it was held. Its secrets are shown from then on.

    Asks first on a terminal; elsewhere --yes is needed.
    """
    if not yes:
        _confirm(f"store {entry_id} with all that it holds?")
    answer = session_of(context).call(contract.RELEASE, params=contract.QuarantineParams(entry_id))
    return Outcome(answer, lambda screen: show_stored(screen, answer), stored_exit(answer), answer.reason or "")


@command(quarantine, examples="lukhas memory quarantine drop quar_2025_01_31_0a1b2c3d4e --yes")
def drop(
    context: typer.Context,
    entry_id: EntryId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Outcome:
    """Delete one entry. Asks first on a terminal; elsewhere --yes is needed."""
    if not yes:
        _confirm(f"delete {entry_id}?")
    answer = session_of(context).call(contract.DROP, params=contract.QuarantineParams(entry_id))
    return Outcome(answer, lambda screen: screen.row("dropped", answer.quarantine_id))


def _confirm(question: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ValidationError("nobody can be asked here", field="--yes", hint="give --yes to do it")
    if not ask(question):
        raise typer.Abort


def _show_list(screen: Screen, answer: contract.QuarantineListResponse) -> None:
    if not screen.terminal:
        for each in answer.entries:
            screen.row(each.quarantine_id, each.created_at.isoformat(), _rules(each), each.text)
        return
    for each in answer.entries:
        screen.text(f"{each.quarantine_id}  {each.created_at:%Y-%m-%d}  {_rules(each)}", style="yellow")
        screen.text(f"    {one_line(each.text[:200])}")
    screen.text(f"{len(answer.entries)} of {answer.total_count} entries{more(answer.next_cursor)}", style="dim")


def _show(screen: Screen, entry: contract.Quarantined) -> None:
    screen.pairs(
        [
            ("id", entry.quarantine_id),
            ("held", entry.created_at.isoformat()),
            ("type", entry.type),
            *((each.rule, one_line(f"{each.text} ({each.excerpt})")) for each in entry.findings),
        ]
    )
    screen.text()
    screen.text(entry.text)


def _rules(entry: contract.Quarantined) -> str:
    return ", ".join(dict.fromkeys(each.rule for each in entry.findings))
