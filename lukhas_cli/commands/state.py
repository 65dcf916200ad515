"""`lukhas state`: what is attended to on the caller's behalf."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Cell, Screen
from lukhas_cli.session import Session
from lukhas_sdk.contract.consciousness import STATE, ConsciousnessState
from lukhas_sdk.errors import ValidationError

REFRESH_S = 2.0
SHARES = 5
"""Of attention that a terminal shows, the greatest."""

app = new_app()


@command(app, examples="lukhas state\nlukhas state --watch\nlukhas state --json | jq .data.consciousness_state")
def state(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
) -> Outcome:
    """Show what the daemon does for you now, how aware it is of it, and what the last answer attended to.

    Operational words only: the level is the share of active stars × 2^(−idle time / 5 min) × (0.5 + 0.5 × the last
    attention's concentration). What nothing was measured for yet is a dash, with its reason below. To follow every
    change instead: lukhas stream consciousness.
    """
    session = session_of(context)
    if watch and (session.json or not sys.stdout.isatty()):
        raise ValidationError("--watch needs a terminal", field="--watch", hint="use: lukhas stream consciousness")
    while True:
        outcome = _one(session)
        if not watch:
            return outcome
        screen = Screen()
        screen.console.clear()
        outcome.show(screen)
        time.sleep(REFRESH_S)


def _one(session: Session) -> Outcome:
    answer = session.call(STATE)
    return Outcome(answer, lambda screen: _show(screen, answer))


def _show(screen: Screen, answer: ConsciousnessState) -> None:
    now, context = answer.consciousness_state, answer.matriz_context
    shares = sorted(answer.attention_distribution, key=lambda share: -share.attention_weight)
    rows: list[tuple[str, Cell]] = [
        ("mode", now.current_mode),
        ("for", f"{answer.state_duration_seconds:.0f} s"),
        ("stage", now.active_pipeline_stage),
        ("awareness", f"{answer.awareness.state} ({now.awareness_level:.2f})"),
        ("stars", now.constellation_alignment),
        ("memory active", _word(context.memory_active)),
        ("attention focused", _word(context.attention_focused)),
        ("risk", context.risk_assessment),
        ("intent verified", _word(context.intent_verified)),
        ("ready to act", _word(context.action_ready)),
        *[
            (f"attention on {share.target}", share.attention_weight)
            for share in shares[: SHARES if screen.terminal else None]
        ],
        ("nodes", ", ".join(answer.registry_nodes_active) or None),
    ]
    screen.pairs(rows)
    if screen.terminal:
        for why in dict.fromkeys(answer.reasons.values()):
            screen.text(why, style="dim")


def _word(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"
