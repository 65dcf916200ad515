"""`lukhas memory watch`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from lukhas_cli.command import command, session_of
from lukhas_cli.commands.memory.app import Tags, TypeOption, app
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.render.envelope import print_json
from lukhas_cli.render.text import one_line
from lukhas_cli.session import Session
from lukhas_cli.watching import Event, Watcher, WatchOptions, watching
from lukhas_sdk.errors import DaemonUnreachable, Exit, RateLimitExceeded

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
SHARE = 20
"""A look may take one part in so many of the time."""


class WatchSummary(msgspec.Struct):
    notes: int
    memories: int
    actions: dict[str, int]
    events: list[Event]


@command(
    app,
    examples="lukhas memory watch ~/notes\nlukhas memory watch ~/notes --once --prune\n"
    "lukhas memory watch ~/vault --tag vault --json",
)
def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of notes.")],
    once: Annotated[bool, typer.Option("--once", help="Bring memory in step, and end.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the memories of what is taken out of the notes.")
    ] = False,
    tag: Tags = None,
    type: TypeOption = None,
) -> Outcome | Streamed:
    """Keep a folder of notes in step with memory, until Ctrl-C.

    A note's piece that changes becomes a new version of the same memory; a note that is renamed stays the same. What is
    taken out of a note stays in memory and is said, unless --prune. In a pipe, each line is: what was done, note,
    memory, reason; with --json, one object each, ending in {"type":"end"}.
    """
    own = session_of(context)
    options = WatchOptions(prune=prune, tags=tuple(tag or ()), type=type)
    with watching(own, folder, options) as watcher:
        if once:
            events = [*watcher.look(settled=False)]
            counts = Counter(event.action for event in events)
            summary = WatchSummary(
                watcher.notes, watcher.memories, {str(key): count for key, count in counts.items()}, events
            )
            refused = any(event.action in ("rejected", "unreadable") for event in events)
            code, problem = (Exit.FAILURE, "not all could be stored") if refused else (Exit.OK, "")
            return Outcome(summary, lambda screen: _show(events), code, problem)
        try:
            _follow(own, watcher)
        except KeyboardInterrupt:
            _status("")
            if own.json:
                print_json({"type": "end"})
    return Streamed(Exit.INTERRUPTED)


def _follow(own: Session, watcher: Watcher) -> None:
    settled = False
    while True:
        started_s = time.monotonic()
        try:
            for event in watcher.look(settled=settled):
                _status("")
                print_json(event) if own.json else _show([event])
                sys.stdout.flush()
            settled = True
            _status(f"{watcher.notes} notes, {watcher.memories} memories, in step; Ctrl-C ends")
        except (DaemonUnreachable, RateLimitExceeded) as error:
            _status(f"waiting for the daemon: {error.message}")
            own.close()
            own.__dict__.pop("client", None)
        spent_s = time.monotonic() - started_s
        time.sleep(min(max(FIRST_PAUSE_S, SHARE * spent_s), LONGEST_PAUSE_S))


def _show(events: list[Event]) -> None:
    for event in events:
        print(
            "\t".join(
                one_line(str(cell)) for cell in (event.action, event.note, event.memory_id or "", event.reason or "")
            )
        )


def _status(text: str) -> None:
    """The live line, on a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
