"""`lukhas process`: one input through the six stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_text
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.render.progress import staging
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.trace import show_answer, show_grounds
from lukhas_sdk.contract.feedback import DetailLevel, ResponseStyle
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
from lukhas_sdk.errors import DaemonUnreachable, ValidationError

app = new_app()

EXAMPLES = """lukhas process "How do I undo a repair?"
lukhas process --memory-depth 2 --focus "budget, dates" "What did we agree with Mara?"
echo "Where is the spare key?" | lukhas process - --json | jq -r .data.response
lukhas process --stream "What did we agree with Mara?"
lukhas process --batch questions.jsonl > answers.jsonl
"""


@command(app, examples=EXAMPLES)
def process(
    context: typer.Context,
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|-]", help="What to process; - reads it from stdin.")
    ] = None,
    memory_depth: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=5,
            metavar="N",
            help="0: no memory; 1: search; each one more follows links one hop further. Else 1, or 2 as bio has it.",
        ),
    ] = None,
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
        ResponseStyle | None, typer.Option(help="How the response is written; else as lukhas feedback style says.")
    ] = None,
    detail: Annotated[
        DetailLevel | None, typer.Option(help="How much the response may hold; else as lukhas feedback style says.")
    ] = None,
    verify_intent: Annotated[
        bool,
        typer.Option(
            "--verify-intent/--no-verify-intent",
            help="Classify the intent and check that the draft gives what was asked.",
        ),
    ] = True,
    bio: Annotated[
        bool | None, typer.Option("--bio/--no-bio", help="Let the six signals change the answer: see lukhas bio.")
    ] = None,
    remember: Annotated[bool, typer.Option("--remember", help="Also store the input as an episodic memory.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print the response as it comes; with --json, an event a line.")
    ] = False,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="FILE|-", help="Process each line of a JSON Lines file or stdin.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="With --batch: each line is a text.")] = False,
    parallel: Annotated[
        bool, typer.Option("--parallel/--no-parallel", help="With --batch: a few at a time, or one after another.")
    ] = True,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="JOB", help="Go on with a batch that was stopped.")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="With --batch: print the job's id, and do not wait for it.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", dir_okay=False, help="Write a batch's results here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With --output: replace a file that is there.")] = False,
) -> Outcome | Streamed:
    """Send one input through the six stages.

    They are memory, attention, thought, risk, intent and action. Prints the answer, the memories it cites, and the
    trace of the stages. Where nothing in memory answers, it says so and the exit code is 0; what the guardian stops
    exits with 6 (rejected) or 7 (wants review).

    A batch takes lines such as "Where is the key?" or {"input": "…", "id": "…", "context": {…}}, whose context stands
    in place of the options here, and gives a JSON object for each, in order: its line, id, response, summary,
    confidence, citations, and exit, the code that it alone would have ended with. What cannot be answered has an error
    there, and the rest go on. The exit code is 0 when all were answered and 1 when some were not. It runs as a job:
    Ctrl-C stops it, and --resume goes on where it was. See `lukhas jobs`.
    """
    if batch is None and resume is None:
        if lines or detach or force or output is not None or not parallel:
            raise ValidationError(
                "--lines, --no-parallel, --detach, --output and --force are for a batch", hint="add --batch FILE"
            )
        if text is None:
            raise ValidationError("there is nothing to process", field="TEXT", hint="give some text, or - for stdin")
    elif stream:
        raise ValidationError("--stream is for one input", field="--stream", hint="leave it out")
    elif text is not None or (batch is not None and resume is not None):
        raise ValidationError("TEXT, --batch and --resume go one at a time", field="--batch", hint="leave one out")
    request = ProcessRequest(
        input="" if text is None else read_text(text, field="TEXT"),
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
            bio=bio,
        ),
    )
    own = session_of(context)
    if batch is not None or resume is not None:
        from lukhas_cli import answering

        destination = answering.Destination(output, force)
        if resume is not None:
            return Streamed(answering.resume_batch(own, resume, destination=destination))
        return Streamed(
            answering.start_batch(
                own, batch or "-", request, plain=lines, parallel=parallel, destination=destination, detach=detach
            )
        )
    if stream:
        from lukhas_cli.live_answer import write_answer, write_events

        if own.json:
            write_events(own, request)
        else:
            whole = write_answer(own, request)
            show_grounds(Screen(), whole)
        return Streamed()
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
