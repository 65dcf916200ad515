"""`lukhas stream`: what happens, as it happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Annotated, Any

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Streamed
from lukhas_cli.render.envelope import print_json
from lukhas_cli.render.screen import show
from lukhas_cli.render.text import one_line
from lukhas_cli.session import Session
from lukhas_sdk.contract import streams as contract
from lukhas_sdk.contract.base import Stream
from lukhas_sdk.errors import Exit

EXAMPLES = """lukhas stream consciousness --only awareness --only stages
lukhas stream memory-drift --json | jq -c 'select(.level > 0.3)'
"""

app = new_app("Follow what happens, a line for each event, until Ctrl-C.", examples=EXAMPLES)

LastId = Annotated[
    str | None, typer.Option("--last-id", metavar="ID", help="Begin with what came after this event, as far as held.")
]
Count = Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="End after so many events.")]


@command(
    app,
    examples="lukhas stream consciousness\nlukhas stream consciousness --only stages --json\n"
    "lukhas stream consciousness --last-id 9f86d081-42",
)
def consciousness(
    context: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="STREAM", help="awareness, reflection or stages; again for more."),
    ] = None,
    last_id: LastId = None,
    count: Count = None,
) -> Streamed:
    """Follow awareness, reflection and the stages of the pipeline.

    Each line is: id, time, stream, then state, level and what attention has gone over to; or stage, confidence, ms and
    step; or the reflection, how many insights it gave, and its topic. A connection that breaks is made again and goes
    on after the last event; how many are gone then is said on stderr.
    """
    params = contract.FollowParams(streams=",".join(only or contract.CONSCIOUSNESS.streams), last_id=last_id)
    return _follow(session_of(context), contract.CONSCIOUSNESS, params, row=_consciousness_row, count=count)


@command(
    app, name="memory-drift",
    examples="lukhas stream memory-drift\nlukhas stream memory-drift --count 1 --json",
)  # fmt: skip
def memory_drift(context: typer.Context, last_id: LastId = None, count: Count = None) -> Streamed:
    """Follow the drift of memories as it changes.

    Each line is: id, time, memory, drift, state, the repair that is suggested.
    """
    params = contract.FollowParams(last_id=last_id)
    return _follow(session_of(context), contract.MEMORY_DRIFT, params, row=_drift_row, count=count)


def _follow(
    session: Session,
    stream: Stream[contract.FollowParams, Any],
    params: contract.FollowParams,
    *,
    row: Callable[[Any], list[Any]],
    count: int | None,
) -> Streamed:
    left = count
    try:
        events: Iterator[Any] = session.client.follow(stream, params=params, told=_tell)
        with closing(events):  # type: ignore[type-var]  # a generator
            for event in events:
                if session.json:
                    print_json(event)
                else:
                    print("\t".join(show(cell) for cell in row(event)))
                    if event.missed:
                        print(f"{event.missed} events before this one were missed", file=sys.stderr)
                sys.stdout.flush()
                left = None if left is None else left - 1
                if left == 0:
                    break
    except KeyboardInterrupt:
        if session.json:
            print_json({"type": "end"})
        return Streamed(Exit.INTERRUPTED)
    if session.json:
        print_json({"type": "end"})
    return Streamed()


def _tell(said: contract.Subscribed) -> None:
    if said.missed is None:
        print(f"some events may be gone: {one_line(said.reason or '')}", file=sys.stderr)


def _consciousness_row(event: contract.ConsciousnessEvent) -> list[Any]:
    head = [event.id, event.timestamp.isoformat(timespec="milliseconds")]
    match event:
        case contract.AwarenessEvent(data=data):
            return [*head, "awareness", data.state, data.level, data.attention_shift]
        case contract.StageEvent(data=stage):
            return [*head, "stages", stage.stage, stage.confidence, stage.processing_time_ms, stage.step]
        case contract.ReflectionEvent(data=reflection):
            return [*head, "reflection", reflection.reflection_id, reflection.insights, reflection.topic]


def _drift_row(event: contract.MemoryDriftEvent) -> list[Any]:
    return [
        event.id, event.timestamp.isoformat(timespec="milliseconds"), event.memory_id, event.level, event.state,
        event.suggested_method,
    ]  # fmt: skip
