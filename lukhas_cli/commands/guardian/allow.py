"""`lukhas guardian allow`: values that someone looked at and lets pass for a while."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.commands.guardian.app import app
from lukhas_cli.inputs import read_file, read_stdin
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_sdk.contract.allow import ADD, LIST, REMOVE, Allowed, AllowParams, AllowRequest
from lukhas_sdk.errors import ValidationError

EXAMPLES = """lukhas guardian allow list
lukhas guardian allow add secrets.password --reason "the demonstration's" --days 90 < password.txt
"""

allow = new_app("Let a secret or personal datum pass that is none, for a while.", examples=EXAMPLES)
app.add_typer(allow, name="allow")


@command(allow, name="list", examples="lukhas guardian allow list")
def list_allowed(context: typer.Context) -> Outcome:
    """List the values that may pass: by rule, digest, last day and reason."""
    answer = session_of(context).call(LIST)
    return Outcome(answer, lambda screen: _show(screen, answer.entries))


@command(
    allow,
    examples='lukhas guardian allow add secrets.password --reason "the demonstration\'s" < password.txt\n'
    'lukhas guardian allow add personal.email --reason "our public address" --days 365 --file address.txt',
)
def add(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="RULE", help="As a verdict names it, or PACK.* for all of a pack.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it may pass, in one line.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="For how long.")] = 90,
    file: Annotated[Path | None, typer.Option(metavar="PATH", dir_okay=False, help="Where the value stands.")] = None,
    path: Annotated[str | None, typer.Option("--path", metavar="GLOB", help="Only in content of such files.")] = None,
) -> Outcome:
    """Let one value pass, read from stdin or a file: the exact text that the rule fires on.

    Only its digest leaves this command. Rules on secrets and personal data can be silenced so, and no others; what is
    found is still listed, as a note. When the days are over it is reported again.
    """
    import hashlib
    from datetime import UTC, datetime, timedelta

    if file is None and sys.stdin.isatty():
        raise ValidationError("no value was given", field="--file", hint="give it on stdin, or --file PATH")
    value = (read_stdin() if file is None else read_file(file)).rstrip("\r\n")
    if not value:
        raise ValidationError("the value is empty", field="--file", hint="give the text that the rule fires on")
    expires = datetime.now(UTC).date() + timedelta(days=days)
    digest = hashlib.sha256(value.encode()).hexdigest()
    added = session_of(context).call(ADD, body=AllowRequest(rule, digest, reason, expires, path))
    return Outcome(added, lambda screen: _show(screen, [added]))


@command(allow, examples="lukhas guardian allow remove allow_0123456789ab")
def remove(
    context: typer.Context,
    allow_id: Annotated[str, typer.Argument(metavar="ID", help="As `lukhas guardian allow list` prints it.")],
) -> Outcome:
    """Let a value pass no longer."""
    answer = session_of(context).call(REMOVE, params=AllowParams(allow_id))
    return Outcome(answer, lambda screen: screen.row("removed", allow_id))


def _show(screen: Screen, entries: list[Allowed]) -> None:
    rows = [
        (
            entry.id, entry.rule, f"{entry.expires}{' (over)' if entry.expired else ''}",
            entry.pattern or (entry.sha256 or "")[:12], entry.path_glob, entry.reason,
        )
        for entry in entries
    ]  # fmt: skip
    screen.table(["id", "rule", "until", "value", "files", "reason"], rows, wide="reason")
