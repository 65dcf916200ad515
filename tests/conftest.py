"""What tests of the whole need: a place of its own for a daemon, and the command line in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest


@dataclass(frozen=True)
class Home:
    """A fresh LUKHAS_HOME with a TCP port of its own."""

    path: Path
    env: dict[str, str]

    def run(
        self, *args: str, input: str | bytes | None = None, check: bool = False, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """`lukhas ARGS` as a process of its own, in pipes. Without `input` its stdin is empty."""
        encoded = input.encode() if isinstance(input, str) else input or b""
        done = subprocess.run(
            [sys.executable, "-m", "lukhas_cli", *args],
            input=encoded,
            capture_output=True,
            env=self.env,
            timeout=timeout_s,
        )
        told = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
        assert not check or told.returncode == 0, f"lukhas {args}: {told.returncode}\n{told.stdout}\n{told.stderr}"
        return told

    def stop(self) -> None:
        """Stops the daemon, and ends whatever still runs in this home."""
        for end, within_s in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 1.0)):
            left = self.pids()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, end)
            deadline_s = monotonic() + within_s
            while any(_runs(pid) for pid in left) and monotonic() < deadline_s:
                sleep(0.01)

    def pids(self) -> list[int]:
        """Daemons of this home, by the environment and the arguments that the kernel keeps of them."""
        mark = f"LUKHAS_HOME={self.path}".encode()
        found: list[int] = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    if any(word == b"lukhasd" or word.endswith(b"/lukhasd") for word in words):
                        found.append(int(process.name))
        return found


def _runs(pid: int) -> bool:
    """One that ended and that nobody has asked after has no arguments any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where spawned processes keep their bytecode: compiled once, as in an installation, and not in the source."""
    root = tmp_path_factory.getbasetemp()
    return (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "bytecode"


@pytest.fixture
def home(bytecode: Path) -> Iterator[Home]:
    with _new_home(bytecode) as home:
        yield home


@pytest.fixture(scope="session")
def warm_home(bytecode: Path) -> Iterator[Home]:
    """One home with a running daemon for every test that leaves it as good as it was."""
    with _new_home(bytecode) as home:
        home.run("daemon", "start", check=True)
        yield home


@pytest.fixture(scope="module")
def unlimited_home(bytecode: Path) -> Iterator[Home]:
    """A home of the module's own whose daemon sets no rate limits."""
    with _new_home(bytecode) as home:
        for name in ("PROCESS", "MEMORY", "GUARDIAN", "GENERAL", "DREAM"):
            home.env[f"LUKHAS_LIMITS_{name}"] = "0"
        home.env["LUKHAS_LIMITS_AUTH"] = "100000"
        home.env["LUKHAS_WEBHOOKS_ALLOW_LOOPBACK"] = "on"
        home.run("daemon", "start", check=True)
        yield home


@contextlib.contextmanager
def _new_home(bytecode: Path) -> Iterator[Home]:
    path = Path(tempfile.mkdtemp(prefix="lk", dir="/tmp"))
    env = {
        name: value
        for name, value in os.environ.items()
        if "proxy" not in name.lower() and not name.startswith("LUKHAS_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    env |= {
        "LUKHAS_HOME": str(path),
        "LUKHAS_PORT": str(_free_port()),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "NO_COLOR": "1",
    }
    home = Home(path, env)
    try:
        yield home
    finally:
        home.stop()
        shutil.rmtree(path, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
