"""Text and secrets that a command is given: as an argument, on stdin, from a file, by a prompt."""

from __future__ import annotations

import sys
from pathlib import Path

from lukhas_sdk.errors import NotFound, ValidationError

LONGEST_TEXT = 1_000_000
LONGEST_QUERY = 10_000
"""Characters, as the contract has them."""


def read_text(argument: str, *, field: str, longest: int = LONGEST_TEXT) -> str:
    """`argument`, or all of stdin but the newline at its end where it is `-`. Never empty."""
    text = read_stdin().removesuffix("\n").removesuffix("\r") if argument == "-" else argument
    if not text.strip():
        raise ValidationError(f"{field} is empty", field=field, hint="give some text, or - to read it from stdin")
    if len(text) > longest:
        raise ValidationError(
            f"{field} is {len(text)} characters long, and {longest} at most are taken",
            field=field,
            hint="make it shorter; lukhas memory import takes a long text in pieces",
        )
    return text


def read_stdin() -> str:
    return _decode(sys.stdin.buffer.read(), "stdin")


def read_file(file: Path) -> str:
    try:
        return _decode(file.read_bytes(), str(file))
    except FileNotFoundError:
        raise NotFound(f"no such file: {file}", hint="check the path") from None
    except OSError as error:
        raise ValidationError(f"{file} cannot be read: {error.strerror}", field=str(file)) from None


def read_snippet(name: str) -> str:
    """A file that this package carries, for people to make their own."""
    from importlib import resources

    return resources.files("lukhas_cli").joinpath("snippets", name).read_text("utf-8")


def read_secret_input(
    *, prompt: str, file: Path | None, stdin: bool, confirm: bool = False, name: str = "password", hint: str = ""
) -> str:
    """A secret from `file`, from stdin's first line, or asked for on the terminal; never from the arguments. `name` is
    what its options begin with; `hint`, where they are others."""
    if file is not None and stdin:
        raise ValidationError("a secret comes from one place", hint="give a file or stdin, not both")
    if file is not None:
        return _first_line(read_file(file), str(file))
    if stdin:
        return _first_line(sys.stdin.readline(), "stdin")
    if not sys.stdin.isatty():
        raise ValidationError(
            f"{prompt.lower()} cannot be asked for: stdin is not a terminal",
            hint=hint or f"use --{name}-stdin or --{name}-file FILE",
        )
    from getpass import getpass

    secret = getpass(f"{prompt}: ")
    if confirm and getpass(f"{prompt}, again: ") != secret:
        raise ValidationError("the two do not match", hint="try again")
    return _first_line(secret, "the prompt")


def ask(question: str) -> bool:
    """Yes or no on the terminal; no is the default."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ask_terminal(question: str) -> bool:
    """One key on the controlling terminal, wherever stdin comes from: only y is yes; no terminal is no.

    What was typed or pasted before is no answer. It works while a shell's line editor holds the terminal.
    """
    import os
    import termios
    import tty

    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSAFLUSH)
        os.write(terminal, f"{question} [y/N] ".encode())
        answer = os.read(terminal, 1)
        os.write(terminal, (answer if answer.isalnum() else b"") + b"\r\n")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.close(terminal)
    return answer in (b"y", b"Y")


def _first_line(text: str, source: str) -> str:
    secret = text.split("\n", 1)[0].rstrip("\r")
    if not secret:
        raise ValidationError(f"the secret from {source} is empty", hint="put it on the first line")
    return secret


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationError(
            f"{source} is not UTF-8 text (byte {error.start})", field=source, hint="convert it with iconv"
        ) from None
