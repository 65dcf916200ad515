"""`lukhas memory drift`: how far memories are from what they first said."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import app
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.render.envelope import print_json
from lukhas_cli.render.helix import show_drift
from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract.helix import DRIFT, DriftParams
from lukhas_sdk.contract.streams import MEMORY_DRIFT
from lukhas_sdk.errors import Exit


@command(
    app, examples="lukhas memory drift\nlukhas memory drift --follow\nlukhas memory drift --follow --json | jq .level"
)
def drift(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print each change of a memory's drift, until Ctrl-C.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="At most so many memories.")] = 20,
) -> Outcome | Streamed:
    """Show how far memories are from what they first said: 0 is unchanged, from 0.3 on repair is recommended.

    The most drifted are listed first; in a pipe each line is: id, drift, state, suggested method, version, text.

    With --follow, each line is: time, id, drift, state, suggested method. With --json it is one object a line, and
    Ctrl-C ends the stream with {"type":"end"}. A daemon that was away is found again.
    """
    own = session_of(context)
    if not follow:
        answer = own.call(DRIFT, params=DriftParams(limit))
        return Outcome(answer, lambda screen: show_drift(screen, answer))
    screen = Screen()
    try:
        client = own.client
        own.notice("following; Ctrl-C ends it")
        for event in client.events(MEMORY_DRIFT):
            if event.missed:
                print(f"{event.missed} changes were missed", file=sys.stderr)
            if own.json:
                print_json(event)
            else:
                screen.row(
                    event.timestamp.isoformat(), event.memory_id, event.drift_level, event.state, event.suggested_method
                )
            sys.stdout.flush()
    except KeyboardInterrupt:
        if own.json:
            print_json({"type": "end"})
    return Streamed(Exit.INTERRUPTED)
