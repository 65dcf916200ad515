"""`lukhas daemon`: start, stop, look at the daemon and its log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from lukhas_cli import daemon_control
from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.render.envelope import print_json
from lukhas_cli.render.text import one_line, printable
from lukhas_sdk.errors import Exit, NotFound

if TYPE_CHECKING:
    from lukhas_cli.render.screen import Screen

EXAMPLES = """lukhas daemon status
lukhas daemon restart
lukhas daemon logs --follow
"""
FOLLOW_POLL_S = 0.2

app = new_app("Start and stop the daemon, read its log.", examples=EXAMPLES)

Timeout = Annotated[float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="How long to wait.")]


class DaemonState(msgspec.Struct, frozen=True):
    running: bool
    status: str
    """live, ready, starting, stopping; `unresponsive` where one runs and does not answer; `stopped`."""
    pid: int | None
    version: str | None
    protocol: int | None
    socket: str
    log: str


@command(app, examples="lukhas daemon start")
def start(context: typer.Context, timeout: Timeout = daemon_control.READY_TIMEOUT_S) -> Outcome:
    """Start the daemon in the background and wait until it is ready. One that runs already is left alone."""
    started = daemon_control.start(session_of(context).paths, timeout_s=timeout)
    word = "runs already" if started.already else "started"
    return Outcome(
        {"pid": started.pid, "already_running": started.already},
        lambda screen: screen.text(f"lukhasd {word} (pid {started.pid})"),
    )


@command(app, examples="lukhas daemon stop")
def stop(context: typer.Context, timeout: Timeout = daemon_control.STOP_TIMEOUT_S) -> Outcome:
    """Ask the daemon to finish its open requests and end, and wait until it has."""
    pid = daemon_control.stop(session_of(context).paths, timeout_s=timeout)
    text = "no lukhasd runs" if pid is None else f"lukhasd stopped (pid {pid})"
    return Outcome({"pid": pid, "stopped": pid is not None}, lambda screen: screen.text(text))


@command(app, examples="lukhas daemon restart")
def restart(context: typer.Context, timeout: Timeout = daemon_control.STOP_TIMEOUT_S) -> Outcome:
    """Stop the daemon, if one runs, and start it."""
    paths = session_of(context).paths
    daemon_control.stop(paths, timeout_s=timeout)
    started = daemon_control.start(paths)
    return Outcome({"pid": started.pid}, lambda screen: screen.text(f"lukhasd started (pid {started.pid})"))


@command(app, examples="lukhas daemon status\nlukhas daemon status --json | jq .data.pid")
def status(context: typer.Context) -> Outcome:
    """Show whether the daemon runs. Starts none; exit code 3 when none runs."""
    paths = session_of(context).paths
    answer = daemon_control.probe(paths)
    held = daemon_control.is_running(paths)
    state = DaemonState(
        running=answer is not None or held,
        status=answer.status if answer else "unresponsive" if held else "stopped",
        pid=answer.pid if answer else None,
        version=answer.version if answer else None,
        protocol=answer.protocol if answer else None,
        socket=str(paths.socket),
        log=str(paths.log_file),
    )
    rows = [("lukhasd", state.status), ("pid", state.pid), ("version", state.version), ("socket", state.socket),
            ("log", state.log)]  # fmt: skip
    code = Exit.OK if answer is not None and answer.status == "ready" else Exit.UNREACHABLE
    return Outcome(state, lambda screen: screen.pairs(rows), code, f"lukhasd is {state.status}")


@command(app, examples="lukhas daemon logs -n 100\nlukhas daemon logs --follow")
def logs(
    context: typer.Context,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, metavar="N", help="The last N lines.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> Outcome | Streamed:
    """Show the daemon's log: one JSON object a line in a pipe, in words on a terminal.

    With --follow --json, each line is printed as it comes, and Ctrl-C ends the stream with {"type":"end"}.
    """
    own = session_of(context)
    file = own.paths.log_file
    if not file.exists():
        raise NotFound(f"there is no log yet: {file}", hint="a daemon that could not start left its words in "
                       f"{own.paths.state / daemon_control.OUTPUT_NAME}")  # fmt: skip
    if follow:
        try:
            for line in _follow(file, lines):
                _print_line(line, json=own.json)
                sys.stdout.flush()
        except KeyboardInterrupt:
            if own.json:
                print_json({"type": "end"})
        return Streamed(Exit.INTERRUPTED)
    found = daemon_control.tail(file, lines=lines).splitlines()

    def show(_: Screen) -> None:
        for line in found:
            _print_line(line)

    return Outcome({"path": str(file), "lines": [_decode(line) for line in found]}, show)


def _follow(file: Path, lines: int) -> Iterator[str]:
    """The last lines, then each as it is written, also after the log was rotated."""
    source = file.open("rb")
    *earlier, rest = source.read().split(b"\n")
    yield from (line.decode("utf-8", errors="replace") for line in earlier[-lines or len(earlier) :])
    try:
        while True:
            if content := source.read():
                *whole, rest = (rest + content).split(b"\n")
                yield from (line.decode("utf-8", errors="replace") for line in whole)
            elif file.exists() and not os.path.samestat(file.stat(), os.fstat(source.fileno())):
                source.close()
                source = file.open("rb")
            else:
                time.sleep(FOLLOW_POLL_S)
    finally:
        source.close()


def _print_line(line: str, *, json: bool = False) -> None:
    """As JSON, in words on a terminal, else as it stands in the log."""
    entry = _decode(line)
    if json:
        print_json(entry)
    elif sys.stdout.isatty() and isinstance(entry, dict) and "message" in entry:
        head = [str(entry.pop(name, "")) for name in ("time", "level", "message")]
        rest = " ".join(f"{name}={value}" for name, value in entry.items() if name != "logger")
        print(one_line(f"{head[0]:.23} {head[1].lower():7}") + " " + printable(f"{head[2]} {rest}".rstrip()))
    else:
        print(printable(line))


def _decode(line: str) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {"message": line}
