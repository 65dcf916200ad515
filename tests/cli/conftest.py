"""A stand-in for the daemon, and a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from stand_in import StandIn, serving


@pytest.fixture
def stand_in(home: Any) -> Iterator[StandIn]:
    """Listens on the socket of `home`, which has a local key."""
    root: Path = home.path
    for name in ("run", "state", "data"):
        (root / name).mkdir(mode=0o700)
    key = root / "state" / "local.key"
    key.touch(0o600)
    key.write_text("a-local-key")
    with serving(root / "run" / "lukhasd.sock") as known:
        yield known


class OnTerminal(Protocol):
    def __call__(self, env: dict[str, str], *args: str, typed: str = ..., columns: int = ...) -> tuple[int, str]: ...


@pytest.fixture
def on_terminal() -> OnTerminal:
    """`lukhas ARGS` with a terminal as stdin, stdout and stderr: its exit code and all it wrote."""

    def run(env: dict[str, str], *args: str, typed: str = "", columns: int = 100) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        env = {**env, "TERM": "xterm-256color"}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):  # of the terminal that the tests run in
            env.pop(name, None)
        process = subprocess.Popen(
            [sys.executable, "-m", "lukhas_cli", *args], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, typed.encode())
        written = b""
        while True:
            try:
                content = os.read(ours, 65536)
            except OSError:
                break
            if not content:
                break
            written += content
        os.close(ours)
        return process.wait(timeout=30), written.decode().replace("\r\n", "\n")

    return run
