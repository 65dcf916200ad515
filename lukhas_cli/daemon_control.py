"""The daemon's life as seen from outside: probe it, start it, stop it, and see that it speaks our version."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.base import API_PREFIX, PROTOCOL_VERSION
from lukhas_sdk.contract.system import LIVE, READY, ProbeResponse
from lukhas_sdk.errors import Conflict, DaemonUnreachable, LukhasError
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.transport import Transport

PROBE_TIMEOUT_S = 5.0
READY_TIMEOUT_S = 60.0
"""Two seconds do on a quiet machine; one that is busy takes long to load the models. A daemon that dies is noticed
at once."""
STOP_TIMEOUT_S = 20.0
POLL_S = 0.03
OUTPUT_NAME = "lukhasd.out"
"""In `paths.state`: what the daemon prints outside its log, as when it cannot start."""

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Started:
    pid: int
    already: bool
    """It ran before."""


def ensure(paths: Paths, *, autostart: bool, notice: Notice) -> ProbeResponse:
    """A daemon that is ready and of our version.

    None runs: it is started, or DaemonUnreachable without `autostart`. An older one is restarted; a newer one is a
    Conflict.
    """
    answer = probe(paths)
    if answer is None or answer.status != "ready":
        if not autostart and answer is None:
            raise DaemonUnreachable(f"no daemon answers at {paths.socket}", hint="start it: lukhas daemon start")
        started = start(paths)
        if not started.already:
            notice(f"started lukhasd (pid {started.pid})")
        answer = _serving(paths)
    age = compare(answer)
    if age == "newer":
        raise Conflict(
            f"the daemon is lukhas {answer.version} (protocol {answer.protocol}), newer than this command line, "
            f"{__version__} (protocol {PROTOCOL_VERSION})",
            hint="use its own command line, update this one, or stop that daemon with: lukhas daemon stop",
        )
    if age == "older":
        if not autostart:
            raise Conflict(
                f"the daemon is lukhas {answer.version}, older than this command line, {__version__}",
                hint="restart it: lukhas daemon restart",
            )
        stop(paths)
        started = start(paths)
        notice(f"restarted lukhasd (pid {started.pid}): {answer.version} was older than {__version__}")
        answer = _serving(paths)
    return answer


def probe(paths: Paths, *, live: bool = False, timeout_s: float = PROBE_TIMEOUT_S) -> ProbeResponse | None:
    """What the daemon says of itself, None where nobody answers. `live` asks only whether the process runs."""
    transport = Transport(paths.socket, prefix=API_PREFIX, timeout_s=timeout_s)
    try:
        answer = transport.send("GET", (LIVE if live else READY).path, headers={}, body=None)
        return msgspec.json.decode(answer.body, type=ProbeResponse)
    except DaemonUnreachable:
        return None
    except msgspec.MsgspecError:
        raise Conflict(
            f"what answers at {paths.socket} is not this lukhasd",
            hint="update this command line, or stop that program",
        ) from None
    finally:
        transport.close()


def compare(answer: ProbeResponse) -> Literal["same", "older", "newer"]:
    """The daemon's age against ours: the protocol decides, then the version."""
    theirs, ours = (answer.protocol, release(answer.version)), (PROTOCOL_VERSION, release(__version__))
    return "same" if theirs == ours else "newer" if theirs > ours else "older"


def release(version: str) -> tuple[list[int], bool, str]:
    """A version to compare by: its numbers, then a final release after its previews (`1.2rc1` before `1.2`)."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    head = numbers.group() if numbers else ""
    rest = version[len(head) :]
    return [int(part) for part in head.split(".") if part], not rest, rest


def start(paths: Paths, *, timeout_s: float = READY_TIMEOUT_S) -> Started:
    """Starts a daemon in the background and waits until it is ready; one that runs already is left alone.

    However many ask at once, one daemon is started. Raises DaemonUnreachable with the log's last lines on failure.
    """
    with startup_lock(paths):
        answer = probe(paths)
        if answer is not None and answer.status == "ready":
            return Started(answer.pid, already=True)
        if answer is not None and answer.status == "stopping":
            _wait(lambda: not is_running(paths), STOP_TIMEOUT_S)
            answer = None
        output = paths.state / OUTPUT_NAME
        before = output.stat().st_size if output.exists() else 0
        process = None if answer is not None or is_running(paths) else _spawn(output)
        ready: list[ProbeResponse] = []

        def settled() -> bool:
            said = probe(paths)
            if said is not None and said.status == "ready":
                ready.append(said)
            return bool(ready) or (process is not None and process.poll() is not None and not is_running(paths))

        _wait(settled, timeout_s)
        if ready:
            return Started(ready[0].pid, already=process is None)
    said = tail(output, from_byte=before)
    state = f"ended with code {process.poll()}" if process and process.poll() is not None else "is not ready"
    raise DaemonUnreachable(
        f"the daemon {state} after {timeout_s:g} s at most" + (f":\n{said}" if said else ""),
        hint=f"read {paths.log_file} and {output}, or run it in the foreground: lukhasd",
    )


def stop(paths: Paths, *, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
    """Asks the daemon to end and waits until it has. Its pid, or None where none ran."""
    import signal

    if not paths.state.exists():
        return None
    with startup_lock(paths):
        pid = _own_pid(paths)
        if pid is None:
            return None
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return None
        except PermissionError:
            raise LukhasError(f"the daemon (pid {pid}) belongs to another user", hint="ask that user") from None
        if not _wait(lambda: not is_running(paths) and not _is_alive(pid), timeout_s):
            raise LukhasError(
                f"the daemon (pid {pid}) still runs after {timeout_s:g} s",
                hint=f"give it longer with --timeout, or end it: kill -9 {pid} (what it acknowledged is on disk)",
            )
        return pid


def is_running(paths: Paths) -> bool:
    """Whether a daemon holds the data folder's lock, which the kernel frees when its process dies."""
    import fcntl

    try:
        descriptor = os.open(paths.lock_file, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def startup_lock(paths: Paths, *, timeout_s: float = READY_TIMEOUT_S + STOP_TIMEOUT_S) -> Iterator[None]:
    """Only one command at a time starts or stops the daemon."""
    import fcntl

    make_private(paths.state)
    descriptor = os.open(paths.startup_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def locked() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        if not _wait(locked, timeout_s):
            raise DaemonUnreachable(
                f"another command has been starting or stopping the daemon for {timeout_s:g} s",
                hint=f"see who holds {paths.startup_lock}",
            )
        yield
    finally:
        os.close(descriptor)


def tail(file: Path, *, lines: int = 10, from_byte: int = 0) -> str:
    """The last lines of a file that may not exist, beginning no earlier than `from_byte`."""
    try:
        with file.open("rb") as source:
            size = source.seek(0, os.SEEK_END)
            source.seek(max(from_byte, size - 64 * 1024 - lines * 500))
            text = source.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:]) if lines else ""


def _spawn(output: Path) -> subprocess.Popen[bytes]:
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    environment = dict(os.environ)
    environment.pop("LUKHAS_API_KEY", None)  # of the command that starts it
    if home := environment.get("LUKHAS_HOME"):
        environment["LUKHAS_HOME"] = str(Path(home).expanduser().absolute())
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "lukhasd"],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            # `-m` looks for modules in the working directory first, which may be anybody's.
            cwd="/",
            env=environment,
        )
    finally:
        os.close(descriptor)


def _own_pid(paths: Paths) -> int | None:
    """The pid as told over our own socket; of a daemon that does not answer, as written in the lock it still holds."""
    with contextlib.suppress(LukhasError):
        answer = probe(paths, live=True)
        if answer is not None:
            return answer.pid
    if not is_running(paths):
        return None
    text = paths.lock_file.read_text(encoding="ascii", errors="replace").strip()
    if not text.isdigit():
        raise LukhasError("a daemon runs, and does not say which process it is", hint=f"see: fuser {paths.lock_file}")
    return int(text)


def _is_alive(pid: int) -> bool:
    """Whether the process runs still; one that ended and waits for its parent to notice does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return not Path("/proc/self/stat").exists()
    return state not in ("Z", "X")


def _serving(paths: Paths) -> ProbeResponse:
    answer = probe(paths)
    if answer is None:
        raise DaemonUnreachable("the daemon ended right after its start", hint=f"read {paths.log_file}")
    return answer


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
