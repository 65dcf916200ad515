"""The `--json` envelope, and errors for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lukhas_cli.render.text import UNSAFE, printable
from lukhas_sdk.errors import Exit

if TYPE_CHECKING:
    from lukhas_sdk.errors import LukhasError


EXIT_CODES = {
    Exit.FAILURE: "FAILED",
    Exit.UNREACHABLE: "DAEMON_UNREACHABLE",
    Exit.REJECTED: "GUARDIAN_REJECTION",
    Exit.REVIEW: "GUARDIAN_REVIEW",
    Exit.INTERRUPTED: "INTERRUPTED",
}
"""The error code of a command that has data to show and did not succeed."""


class Error(msgspec.Struct, frozen=True):
    code: str
    message: str
    hint: str | None = None
    details: dict[str, Any] = {}
    trace_id: str | None = None


class Envelope(msgspec.Struct, frozen=True):
    schema: str
    command: str
    status: Literal["ok", "error"]
    data: Any
    errors: list[Error]


def envelope(command: str, data: Any, *, exit: Exit = Exit.OK, problem: str = "") -> Envelope:
    """Its status is "ok" where the exit code is 0, and nowhere else; `data` is there all the same."""
    if exit == Exit.OK:
        return Envelope(_schema(command), command, "ok", data, [])
    return Envelope(_schema(command), command, "error", data, [Error(EXIT_CODES[exit], problem or "see data")])


def error_envelope(command: str, *, code: str, message: str, **rest: Any) -> Envelope:
    return Envelope(_schema(command), command, "error", None, [Error(code, message, **rest)])


def print_json(value: Any) -> None:
    sys.stdout.write(encode_json(value))


def encode_json(value: Any) -> str:
    """One line of JSON. What a terminal would obey is escaped, which JSON allows and parsers undo."""
    text = msgspec.json.encode(value).decode()
    if not text.isascii() or "\x7f" in text:
        text = UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
    return text + "\n"


def explain(error: LukhasError) -> None:
    print(f"error: {printable(error.message)}", file=sys.stderr)
    if error.hint:
        print(f"hint: {printable(error.hint)}", file=sys.stderr)
    if error.trace_id and error.code == "INTERNAL_ERROR":
        print(f"trace: {printable(error.trace_id)}", file=sys.stderr)


def _schema(command: str) -> str:
    return f"lukhas.{command.replace(' ', '.') or 'lukhas'}/1"
