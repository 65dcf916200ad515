"""`lukhas star`: the eight stars of the constellation."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract import stars as contract
from lukhas_sdk.errors import Exit

EXAMPLES = """lukhas star list
lukhas star test memory
"""

app = new_app("The eight stars, each active only while its self-test passes.", examples=EXAMPLES)


@command(app, name="list", examples="lukhas star list")
def list_stars(context: typer.Context) -> Outcome:
    """List the eight stars, and why one is inactive.

    In a pipe, each line is: name, status, time of the self-test in ms, why it is inactive.
    """
    answer = session_of(context).call(contract.LIST)
    rows = [(f"{star.symbol} {star.name}", star.status, star.duration_ms, star.reason) for star in answer.stars]

    def present(screen: Screen) -> None:
        if screen.terminal:
            screen.table(["star", "status", "ms", "why"], rows, wide="why")
            screen.text(f"{answer.active_count} of {len(answer.stars)} are active", style="dim")
        else:
            for star in answer.stars:
                screen.row(star.name, star.status, star.duration_ms, star.reason)

    return Outcome(answer, present)


@command(app, examples="lukhas star test memory")
def test(
    context: typer.Context, star: Annotated[contract.StarName, typer.Argument(metavar="STAR", help="A star's name.")]
) -> Outcome:
    """Run a star's self-test now. Exit code 1 when it is inactive."""
    answer = session_of(context).call(contract.TEST, params=contract.StarParams(star))
    rows: list[tuple[str, str | float | None]] = [
        ("star", f"{answer.symbol} {answer.name}"),
        ("status", answer.status),
        ("self-test", answer.self_test),
        ("ms", answer.duration_ms),
        *([("why", answer.reason)] if answer.reason else []),
    ]
    code = Exit.OK if answer.status == "active" else Exit.FAILURE
    return Outcome(answer, lambda screen: screen.pairs(rows), code, answer.reason or "")
