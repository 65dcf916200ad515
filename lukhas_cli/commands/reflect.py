"""`lukhas reflect`: what recurs, what is preferred, what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.moments import moment
from lukhas_cli.outcome import Outcome
from lukhas_cli.outputs import private_output
from lukhas_cli.render.progress import running
from lukhas_cli.render.reflection import show_reflection
from lukhas_sdk.contract import reflection as contract

app = new_app()


@command(
    app,
    examples="lukhas reflect\nlukhas reflect garden --depth 1\nlukhas reflect --since 2025-01-01 --plot topics.svg\n"
    "lukhas reflect recent_interactions --json | jq '.data.insights[].insight'",
)
def reflect(
    context: typer.Context,
    topic: Annotated[
        str,
        typer.Argument(metavar="[TOPIC]", help="everything, memories, recent_interactions, or what it is to be about."),
    ] = contract.EVERYTHING,
    depth: Annotated[
        int, typer.Option("--depth", min=1, max=3, metavar="N", help="1: topics; 2: preferences too; 3: changes too.")
    ] = 3,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help="Only from this date on.")] = None,
    emotions: Annotated[bool, typer.Option("--emotions/--no-emotions", help="Look at what the words express.")] = True,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="The same seed gives the same answer.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw topics over time: .svg or .png.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace that file where it is there.")] = False,
) -> Outcome:
    """Find topics, preferences and changes in what you stored and asked, with the evidence for each.

    Topics are groups of like entries that stay together when resampled; a preference is given from 8 observations on,
    where it is above one half with a probability of more than 0.9. What is not found is said. Nothing is stored.

    In a pipe, each line is: kind, confidence, how many entries support it, what it says, their ids with commas.
    """
    paint = None
    if plot is not None:
        from lukhas_cli.render.topic_chart import painter

        paint = painter(plot)
    body = contract.ReflectRequest(topic, depth, emotions, moment(since, "--since"), seed)
    with running("reflecting"):
        answer = session_of(context).call(contract.REFLECT, body=body)
    if plot is not None and paint is not None:
        with private_output(plot, replace=force) as output:
            output.write(paint(answer))
    return Outcome(answer, lambda screen: show_reflection(screen, answer))
