"""Folds: what was asked and answered, and which memories caused it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import app
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import more
from lukhas_sdk.contract import folds as contract


@command(
    app,
    examples="lukhas memory folds\nlukhas memory folds --query 'spare key' --state archived\n"
    "lukhas memory folds --state quarantined --json",
)
def folds(
    context: typer.Context,
    state: Annotated[
        Literal["active", "archived", "quarantined"] | None, typer.Option(help="Default: active and archived.")
    ] = None,
    query: Annotated[str | None, typer.Option(metavar="WORDS", help="Only folds that hold each word.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List folds, newest first: each is one question, its answer and the memories that caused it.

    The newest are active, a thousand at most; older ones are archived, and found all the same. In a pipe, each line is:
    id, date, state, input, answer.
    """
    params = contract.FoldListParams(state=state, query=query, limit=limit, cursor=cursor)
    answer = session_of(context).call(contract.LIST, params=params)
    return Outcome(answer, lambda screen: _show_list(screen, answer))


@command(app, examples="lukhas memory fold fold_2025_01_31_spare_key_a1b2c3")
def fold(
    context: typer.Context,
    fold_id: Annotated[str, typer.Argument(metavar="ID", help="A fold's id, as `lukhas memory folds` prints it.")],
) -> Outcome:
    """Show one fold whole."""
    answer = session_of(context).call(contract.SHOW, params=contract.FoldParams(fold_id))
    return Outcome(answer, lambda screen: _show(screen, answer))


def _show_list(screen: Screen, answer: contract.FoldListResponse) -> None:
    if not screen.terminal:
        for each in answer.folds:
            screen.row(each.fold_id, each.created_at.isoformat(), each.state, each.input, each.response)
        return
    rows = [
        (each.fold_id, f"{each.created_at:%Y-%m-%d %H:%M}", each.reason or each.state, each.input[:200])
        for each in answer.folds
    ]
    if rows:
        screen.table(["id", "date", "state", "input"], rows, wide="input", clip=True)
    counts = answer.counts
    tally = f"{counts.active} active, {counts.archived} archived, {counts.quarantined} quarantined"
    screen.text(f"{tally}{more(answer.next_cursor)}", style="dim")


def _show(screen: Screen, fold: contract.Fold) -> None:
    screen.pairs(
        [
            ("id", fold.fold_id),
            ("happened", fold.created_at.isoformat()),
            ("state", fold.state),
            ("quarantined because", fold.reason),
            ("caused by", ", ".join(fold.parents)),
            ("importance", fold.importance),
            ("valence", fold.valence),
            ("input", fold.input),
        ]
    )
    screen.text()
    screen.text(fold.response)
