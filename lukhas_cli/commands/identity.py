"""`lukhas identity`: who has memories on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import ask
from lukhas_cli.outcome import Outcome
from lukhas_sdk.contract import identity
from lukhas_sdk.contract.base import TierLabel
from lukhas_sdk.errors import ValidationError

EXAMPLES = """lukhas identity add ana
lukhas identity list
lukhas identity remove ana --with-memories
"""

app = new_app(
    "Identities besides this machine's owner.\n\nEach has memories of its own, which no other identity sees.",
    examples=EXAMPLES,
)


@command(app, examples='lukhas identity add ana\nLUKHAS_API_KEY=$(lukhas identity add "notes app") lukhas memory list')
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the person or program is called.")],
    tier: Annotated[TierLabel, typer.Option(help="What it may do.")] = "ΛUSER",
) -> Outcome:
    """Make an identity. Its first API key is printed this once; only its hash is kept.

    The key goes into LUKHAS_API_KEY or a client's api_key. With it, `lukhas auth password` sets a password, and then
    `lukhas auth login --username NAME` works too.
    """
    own = session_of(context)
    answer = own.call(identity.IDENTITY_ADD, body=identity.IdentityAddRequest(name=name, tier=tier))
    own.notice(f"{answer.person.lambda_id}: keep its key now, it is not shown again")
    return Outcome(answer, lambda screen: screen.row(answer.api_key))


@command(app, name="list", examples="lukhas identity list")
def list_identities(context: typer.Context) -> Outcome:
    """List the identities of this machine, its owner first."""
    answer = session_of(context).call(identity.IDENTITY_LIST)
    rows = [
        (
            person.lambda_id,
            person.name or "",
            person.tier,
            "owner" if person.owner else "",
            "set" if person.password_set else "none",
            f"{person.created_at:%Y-%m-%d}",
        )
        for person in answer.identities
    ]
    columns = ["ΛiD", "name", "tier", "role", "password", "created"]
    return Outcome(answer, lambda screen: screen.table(columns, rows))


@command(app, examples="lukhas identity remove ana\nlukhas identity remove ana --with-memories --yes")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name or ΛiD.")],
    with_memories: Annotated[
        bool, typer.Option("--with-memories", help="Forget everything that belongs to it; there is no way back.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> Outcome:
    """Remove an identity and its keys. One that has memories stays, unless they are to be forgotten with it."""
    if not yes:
        if not sys.stdin.isatty():
            raise ValidationError("nobody can be asked: stdin is not a terminal", field="--yes", hint="give --yes")
        if not ask(f"Remove {name}{', and forget all of its memories' if with_memories else ''}?"):
            return Outcome({"name": name, "removed": False}, lambda screen: screen.text("nothing was removed"))
    answer = session_of(context).call(
        identity.IDENTITY_REMOVE,
        params=identity.IdentityParams(name),
        body=identity.IdentityRemoveRequest(with_memories=with_memories),
    )
    return Outcome(
        answer,
        lambda screen: screen.row("removed", answer.lambda_id, f"{answer.memories_forgotten} memories forgotten"),
    )
