"""`lukhas bio`: the six signals."""

from __future__ import annotations

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract.bio import SHOW

app = new_app()


@command(app, examples="lukhas bio\nlukhas bio --json | jq .data.signals\nlukhas config set matriz.bio off")
def bio(context: typer.Context) -> Outcome:
    """Show the six signals that change answers within bounds.

    Stress, novelty, risk, trust, urgency and ambiguity, from 0 to 1, each with what it was measured from; one that is
    not measured changes nothing, nor does one that is no further than its neutral level. `lukhas process --json` shows
    in metadata.bio what they changed of an answer. In a pipe, each line is: name, level, neutral level, measured from.
    """
    answer = session_of(context).call(SHOW)
    rows = [(each.name, each.level, each.neutral, each.how or each.reason) for each in answer.signals]

    def present(screen: Screen) -> None:
        screen.table(["signal", "level", "neutral", "measured from"], rows, wide="measured from")
        if screen.terminal:
            screen.text(f"bio is {'on' if answer.on else 'off'}: lukhas config set matriz.bio on|off", style="dim")

    return Outcome(answer, present)
