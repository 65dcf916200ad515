"""`lukhas memory conflicts`: memories that contradict each other, and which of them holds."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from lukhas_cli.command import Group, command, session_of
from lukhas_cli.commands.memory.app import app
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import more
from lukhas_sdk.contract import truth as contract

EXAMPLES = """lukhas memory conflicts
lukhas memory conflicts --state flagged
lukhas memory conflicts resolve conflict_0123456789abcdef --keep newer
"""

conflicts = typer.Typer(
    cls=Group,
    help="""List memories that contradict each other, newest first, and decide which of them hold.

A new memory that makes an older one untrue ends it: search leaves it out, --as-of finds it. Where that is not certain \
the two are flagged and nothing is changed.

In a pipe, each line is: id, state, confidence, older id, newer id, older text, newer text, evidence.""",
    epilog=EXAMPLES.strip(),
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(conflicts, name="conflicts")


@conflicts.callback()
def list_conflicts(
    context: typer.Context,
    state: Annotated[
        contract.ConflictState | None, typer.Option(help=f"Only those {', '.join(get_args(contract.ConflictState))}.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome | None:
    if context.invoked_subcommand is not None:
        return None
    own = session_of(context)
    own.command = "memory conflicts"
    params = contract.ConflictListParams(state=state, limit=limit, cursor=cursor)
    answer = own.call(contract.LIST, params=params)
    return Outcome(answer, lambda screen: _show_list(screen, answer))


@command(conflicts, examples="lukhas memory conflicts resolve conflict_0123456789abcdef --keep both")
def resolve(
    context: typer.Context,
    conflict_id: Annotated[str, typer.Argument(metavar="ID", help="As `lukhas memory conflicts` prints it.")],
    keep: Annotated[
        contract.Kept,
        typer.Option(help="newer: the older ends when the newer begins; older: the newer never held; both: neither."),
    ],
) -> Outcome:
    """Decide which of two memories holds. It can be decided otherwise at any time: nothing is deleted."""
    params = contract.ConflictParams(conflict_id)
    answer = session_of(context).call(contract.RESOLVE, params=params, body=contract.ResolveRequest(keep))
    return Outcome(answer, lambda screen: _show(screen, answer))


def _show_list(screen: Screen, answer: contract.ConflictListResponse) -> None:
    if not screen.terminal:
        for each in answer.conflicts:
            screen.row(
                each.conflict_id, each.state, f"{each.confidence:.3f}", each.older.memory_id, each.newer.memory_id,
                each.older.data, each.newer.data, "; ".join(each.evidence),
            )  # fmt: skip
        return
    for each in answer.conflicts:
        _show(screen, each)
        screen.text()
    counts = answer.counts
    waiting = f", {answer.unjudged} memories not compared yet" if answer.unjudged else ""
    tally = f"{counts.superseded} superseded, {counts.flagged} flagged, {counts.dismissed} dismissed"
    screen.text(f"{tally}, {counts.undone} undone{waiting}{more(answer.next_cursor)}", style="dim")


def _show(screen: Screen, conflict: contract.Conflict) -> None:
    screen.pairs(
        [
            ("id", conflict.conflict_id),
            ("state", conflict.state),
            ("kept", conflict.kept),
            ("confidence", conflict.confidence),
            ("older", _side(conflict.older)),
            ("newer", _side(conflict.newer)),
            *(("because", reason) for reason in conflict.evidence),
        ]
    )


def _side(side: contract.ConflictSide) -> str:
    until = f", true until {side.valid_to:%Y-%m-%d %H:%M} UTC" if side.valid_to is not None else ""
    return f"{side.data[:400]} ({side.memory_id}, {side.event_at:%Y-%m-%d}{until})"
