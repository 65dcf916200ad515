"""`lukhas process`: one input through the six stages."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_text
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.progress import staging
from lukhas_cli.render.trace import show_answer
from lukhas_sdk.contract.matriz import (
    PROCESS,
    STAGES,
    Context,
    PipelineOptions,
    Preferences,
    ProcessRequest,
    ProcessResponse,
    ThoughtMode,
)
from lukhas_sdk.errors import DaemonUnreachable

app = new_app()

EXAMPLES = """lukhas process "How do I undo a repair?"
lukhas process --memory-depth 2 --focus "budget, dates" "What did we agree with Mara?"
echo "Where is the spare key?" | lukhas process - --json | jq -r .data.response
"""


@command(app, examples=EXAMPLES)
def process(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT|-", help="What to process; - reads it from stdin.")],
    memory_depth: Annotated[
        int,
        typer.Option(
            min=0, max=5, metavar="N", help="0: no memory; 1: search; each one more follows links one hop further."
        ),
    ] = 1,
    focus: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What to favour among the memories found, in words.")
    ] = None,
    mode: Annotated[ThoughtMode, typer.Option(help="How to think about it.")] = "analytical",
    risk_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="X", help="Stop when the measured risk is above this.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="Inputs with one session id are one conversation.")
    ] = None,
    previous: Annotated[
        str | None, typer.Option(metavar="ID", help="The interaction that this one follows up on.")
    ] = None,
    style: Annotated[
        Literal["plain", "educational", "conversational", "concise", "technical"],
        typer.Option(help="How the response is written."),
    ] = "plain",
    detail: Annotated[
        Literal["brief", "moderate", "detailed"], typer.Option(help="How much the response may hold.")
    ] = "moderate",
    verify_intent: Annotated[
        bool,
        typer.Option(
            "--verify-intent/--no-verify-intent",
            help="Classify the intent and check that the draft gives what was asked.",
        ),
    ] = True,
    remember: Annotated[bool, typer.Option("--remember", help="Also store the input as an episodic memory.")] = False,
) -> Outcome:
    """Send one input through the six stages.

    They are memory, attention, thought, risk, intent and action. Prints the answer, the memories it cites, and the
    trace of the stages. Where nothing in memory answers, it says so and the exit code is 0; what the guardian stops
    exits with 6 (rejected) or 7 (wants review).
    """
    request = ProcessRequest(
        input=read_text(text, field="TEXT"),
        context=Context(
            session_id=session,
            previous_interaction_id=previous,
            preferences=Preferences(response_style=style, detail_level=detail),
        ),
        pipeline_options=PipelineOptions(
            memory_depth=memory_depth,
            attention_focus=focus,
            thought_mode=mode,
            risk_threshold=risk_threshold,
            intent_verification=verify_intent,
            action_type="remember" if remember else "cognitive_response",
        ),
    )
    own = session_of(context)
    answer: ProcessResponse | None = None
    client = own.client
    with staging(STAGES) as advance:
        for event in client.events(PROCESS, body=request):
            if event.row is not None:
                advance(event.row.stage, event.row.step, event.row.processing_time_ms)
            answer = event.result or answer
    if answer is None:
        raise DaemonUnreachable("the answer broke off", hint="see: lukhas daemon logs")
    return Outcome(answer, lambda screen: show_answer(screen, answer))
