"""The guard of a prompt, in real shells on a real terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHELLS = {
    "bash": ["bash", "--noprofile", "--rcfile", "RC", "-i"],
    "zsh": ["zsh", "-d", "-i"],
    "fish": ["fish", "--no-config", "--init-command", "source RC"],
}
PROMPT = {"bash": "PS1='ready> '; PS2='more> '", "zsh": "PROMPT='ready> '; PROMPT2='more> '", "fish": ""}
INSTALL = {
    "bash": 'eval "$(lukhas guardian shell-init bash)"',
    "zsh": 'eval "$(lukhas guardian shell-init zsh)"',
    "fish": "lukhas guardian shell-init fish | source",
}
DEADLINE_S = 20.0


class Terminal:
    """A shell on a terminal of its own: what is typed, and what it shows."""

    def __init__(self, words: list[str], *, env: dict[str, str], cwd: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))

        def lead() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=cwd, preexec_fn=lead
        )
        os.close(theirs)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, pattern: str) -> str:
        """What is shown up to the pattern's end, which is then behind us."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self.shown)):
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} is not in {self.shown!r}"
            if select.select([self._ours], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    raw = os.read(self._ours, 65536).decode(errors="replace")
                    if "\x1b[c" in raw:  # fish asks the terminal what it is
                        self.type("\x1b[?62c")
                    self.shown += re.sub(
                        r"\x1b(\[[0-9;?>=]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-B0]|[=>])", "", raw
                    )
        before, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return before

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._ours)


@pytest.fixture(params=[name for name in SHELLS if shutil.which(name)])
def shell(request: pytest.FixtureRequest, warm_home: Any, tmp_path: Path) -> Iterator[Terminal]:
    with started(request.param, warm_home.env, tmp_path) as terminal:
        yield terminal


@contextlib.contextmanager
def started(name: str, env: dict[str, str], folder: Path, **more: str) -> Iterator[Terminal]:
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "lukhas"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lukhas_cli "$@"\n')
    program.chmod(0o755)
    remover = programs / "rm"  # if the guard fails, nothing is lost but the test
    remover.write_text('#!/bin/sh\necho "$@" >> "$HOME/rm-ran"\n')
    remover.chmod(0o755)
    rc = folder / ".zshrc"
    rc.write_text(f"{PROMPT[name]}\n{INSTALL[name]}\n")
    env = {
        **env, **more, "PATH": f"{programs}:{os.environ['PATH']}", "TERM": "xterm", "HOME": str(folder),
        "ZDOTDIR": str(folder), "HISTFILE": str(folder / "history"), "fish_greeting": "",
    }  # fmt: skip
    words = [word.replace("RC", str(rc)) for word in SHELLS[name]]
    terminal = Terminal(words, env=env, cwd=folder)
    try:
        terminal.type("echo ready-to-begin\r")
        terminal.wait_for(r"\n\r?ready-to-begin")
        yield terminal
    finally:
        terminal.close()


def finish(terminal: Terminal, mark: str) -> str:
    """All that was shown until a harmless line after it has run."""
    terminal.type(f"\x15echo {mark}\r")
    return terminal.wait_for(rf"\n\r?{mark}")


def test_an_approved_line_runs(shell: Terminal, tmp_path: Path) -> None:
    shell.type("cat /dev/null > made && echo did-run\r")
    shell.wait_for(r"\n\r?did-run")
    assert (tmp_path / "made").exists()


def test_a_rejected_line_does_not_run(shell: Terminal, tmp_path: Path) -> None:
    shell.type("rm kept; rm -rf /\r")
    assert "REJECTED" in shell.wait_for("what would change it")
    shell.wait_for(r"rm kept; rm -rf /")  # it is there to be edited
    finish(shell, "over-now")
    assert not (tmp_path / "rm-ran").exists()


@pytest.mark.parametrize(("answer", "runs"), [("y", True), ("n", False), ("\r", False)])
def test_a_line_to_review_is_asked_about(shell: Terminal, tmp_path: Path, answer: str, runs: bool) -> None:
    shell.type("echo '' >> .profile; echo it-ran\r")
    shown = shell.wait_for(r"\[y/N\]")
    assert "REVIEW" in shown
    shell.type(answer)
    if runs:
        shell.wait_for(r"\n\r?it-ran")
    else:
        shell.wait_for(r"echo '' >> \.profile")
        finish(shell, "over-now")
    assert (tmp_path / ".profile").exists() is runs


def test_a_pasted_answer_is_none(shell: Terminal, tmp_path: Path) -> None:
    shell.type("echo '' >> .profile\ryyyy")
    shell.wait_for(r"\[y/N\]")
    shell.type("n")
    shell.wait_for(r"echo '' >> \.profile")
    finish(shell, "over-now")
    assert not (tmp_path / ".profile").exists()


def test_lines_that_belong_together_are_judged_together(shell: Terminal, tmp_path: Path) -> None:
    """And the last of them can be typed anew."""
    shell.type("echo joined && rm -rf \\\r")
    shell.type("/\r")
    assert "REJECTED" in shell.wait_for("what would change it")
    shell.wait_for(r"(more> |\\\s*)/")
    shell.type("\x7fscratch && echo it''-ran\r")
    shell.wait_for("it-ran")
    assert (tmp_path / "rm-ran").read_text() == "-rf scratch\n"


def test_it_can_be_switched_off_in_sight(shell: Terminal, tmp_path: Path) -> None:
    shell.type("lukhas_guard off\r")
    shell.wait_for(r"lukhas guard: off in this shell")
    shell.type("echo '' >> .profile; echo it-ran\r")
    shell.wait_for(r"\n\r?it-ran")
    shell.type("lukhas_guard on\r")
    shell.wait_for(r"lukhas guard: on in this shell")
    shell.type("echo '' >> .profile\r")
    shell.wait_for(r"\[y/N\]")


@pytest.mark.parametrize("name", [name for name in SHELLS if shutil.which(name)])
def test_without_a_daemon_lines_run_and_it_is_said_once(name: str, home: Any, tmp_path: Path) -> None:
    with started(name, home.env, tmp_path) as shell:
        shell.type("touch one; echo one-ran\r")
        assert "cannot be asked" in shell.wait_for(r"\n\r?one-ran")
        shell.type("touch two; echo two-ran\r")
        assert "cannot be asked" not in shell.wait_for(r"\n\r?two-ran")
        assert not home.pids()


@pytest.mark.parametrize("name", [name for name in SHELLS if shutil.which(name)])
def test_without_a_daemon_lines_can_be_held(name: str, home: Any, tmp_path: Path) -> None:
    with started(name, home.env, tmp_path, LUKHAS_GUARD_ON_ERROR="block") as shell:
        shell.type("touch one\r")
        shell.wait_for("not run, because")
        shell.wait_for("touch one")
        finish(shell, "over-now")
        assert not (tmp_path / "one").exists()
