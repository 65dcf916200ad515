"""`lukhas audit`: what happened inside."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.glyph import (
    ActionOption,
    Cursor,
    LimitOption,
    ModuleOption,
    Since,
    SymbolOption,
    Until,
    show_tokens,
)  # fmt: skip
from lukhas_cli.moments import moment
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Cell, Screen
from lukhas_sdk.contract import audit as contract

EXAMPLES = """lukhas audit list --action identity_login_failed
lukhas audit list --user ana --since yesterday
lukhas audit status
"""

app = new_app(
    "What happened inside, as the machine's owner sees it: ids and figures, no content.\n\nIt is kept for 90 days and "
    "1,000,000 events unless audit.keep_days and audit.keep_rows say otherwise.",
    examples=EXAMPLES,
)


@command(app, name="list", examples="lukhas audit list --user ana --action 'memory_*'")
def list_events(
    context: typer.Context,
    symbol: SymbolOption = None,
    action: ActionOption = None,
    module: ModuleOption = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only what concerns this ΛiD or name.")] = None,
    since: Since = None,
    until: Until = None,
    limit: LimitOption = 50,
    cursor: Cursor = None,
) -> Outcome:
    """List what happened inside, newest first. Needs ΛPRIME.

    In a pipe, each line is: time, symbol, module, action, id, session.
    """
    params = contract.AuditParams(
        symbol, action, module, moment(since, "--since"), moment(until, "--until"), limit, cursor, user
    )
    answer = session_of(context).call(contract.LIST, params=params)

    def present(screen: Screen) -> None:
        show_tokens(screen, answer.entries, answer.next_cursor)
        if screen.terminal:
            standing = answer.standing
            screen.text(f"{standing.kept} are kept; {standing.lost} were lost since the start", style="dim")

    return Outcome(answer, present)


@command(app, examples="lukhas audit status")
def status(context: typer.Context) -> Outcome:
    """Show whether everything since the daemon's start was written down, and how much is kept. Needs ΛPRIME."""
    standing = session_of(context).call(contract.LIST, params=contract.AuditParams(limit=1)).standing
    rows: list[tuple[str, Cell]] = [
        ("ready", "yes" if standing.ready else f"no: {standing.reasons['ready']}"),
        ("kept", standing.kept),
        ("written", standing.written),
        ("lost", standing.lost),
        ("kept for", f"{standing.keep_days} days, {standing.keep_rows} at most"),
    ]
    return Outcome(standing, lambda screen: screen.pairs(rows))
