"""`lukhas status`: what the daemon measured of itself."""

from __future__ import annotations

import msgspec
import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_sdk.contract.system import HEALTH, STATUS

app = new_app()


@command(app, examples="lukhas status\nlukhas status --json | jq .data.performance")
def status(context: typer.Context) -> Outcome:
    """Show the figures the daemon measured since it started.

    A figure that nothing was measured for yet is a dash, with its reason below. `--json` prints the figures alone,
    without the modules' health.
    """
    session = session_of(context)
    if session.json:
        content = session.client.call_raw(STATUS)
        return Outcome(msgspec.Raw(content), lambda screen: None)
    from lukhas_cli.render.system import show_status

    figures, health = session.call(STATUS), session.call(HEALTH)
    return Outcome(figures, lambda screen: show_status(screen, figures, health))
