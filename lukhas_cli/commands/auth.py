"""`lukhas auth`: who one is, the password, keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lukhas_cli import login as kept_login
from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.inputs import read_secret_input
from lukhas_cli.outcome import Outcome
from lukhas_cli.render.screen import Screen
from lukhas_cli.session import Session
from lukhas_sdk.contract import identity
from lukhas_sdk.contract.base import TierLabel
from lukhas_sdk.errors import InvalidToken

EXAMPLES = """lukhas auth whoami
lukhas auth password
lukhas auth key create "backup script" --tier ΛUSER --expires-in-days 90
"""

app = new_app("Who you are here: password, tokens, API keys.", examples=EXAMPLES)
key = new_app("API keys for programs.", examples='lukhas auth key create "backup script"\nlukhas auth key list')
app.add_typer(key, name="key")

PasswordFile = Annotated[
    Path | None, typer.Option(metavar="PATH", dir_okay=False, help="Read the password from this file's first line.")
]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin's first line.")]


@command(app, examples="lukhas auth status\nlukhas auth status --json | jq -r .data.lambda_id")
def status(context: typer.Context) -> Outcome:
    """Show who you are here: ΛiD, tier, how you are known, until when."""
    own = session_of(context)
    return _whoami(own)


@command(app, examples="lukhas auth whoami\nlukhas auth whoami --json | jq -r .data.lambda_id")
def whoami(context: typer.Context) -> Outcome:
    """Show as whom commands act: by LUKHAS_API_KEY, else by the login kept here, else by this machine's key."""
    return _whoami(session_of(context))


def _whoami(own: Session) -> Outcome:
    answer = own.call(identity.WHOAMI)
    kept = kept_login.name(own.paths)
    rows = [
        ("ΛiD", answer.lambda_id),
        ("name", answer.name),
        ("tier", answer.tier),
        ("known by", {"local_key": "this machine's key", "api_key": "an API key", "jwt": "a token"}[answer.method]),
        ("key", answer.key_name),
        ("expires", answer.expires_at.isoformat() if answer.expires_at else "never"),
        ("password", "set" if answer.password_set else "not set: lukhas auth password"),
        ("login", f"of {kept}; lukhas auth logout ends it" if kept else "none"),
    ]
    return Outcome(answer, lambda screen: screen.pairs(rows))


@command(
    app,
    examples="lukhas auth login\nlukhas auth login --username ana --password-stdin < password.txt",
)
def login(
    context: typer.Context,
    username: Annotated[
        str | None, typer.Option(metavar="NAME", help="A ΛiD or its name; default: this machine's owner.")
    ] = None,
    password_file: PasswordFile = None,
    password_stdin: PasswordStdin = False,
) -> Outcome:
    """Trade the password for tokens. The refresh token is kept in the keyring or a 0600 file.

    From then on commands act as that identity, until `lukhas auth logout`. Without a login they act as this machine's
    owner, by its local key; LUKHAS_API_KEY goes before both.
    """
    own = session_of(context)
    with own.as_machine() as client:
        name = username or client.call(identity.WHOAMI).lambda_id
    password = read_secret_input(prompt=f"Password of {name}", file=password_file, stdin=password_stdin)
    tokens = own.call(identity.TOKEN, body=identity.TokenRequest(username=name, password=password))
    place = kept_login.keep(own.paths, name, tokens)
    data = {"username": name, "expires_in": tokens.expires_in, "refresh_token_kept_in": place}

    def show(screen: Screen) -> None:
        screen.text(f"commands act as {name} now; the refresh token is kept in the {place}")

    return Outcome(data, show)


@command(app, examples="lukhas auth logout\nlukhas auth logout --all")
def logout(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Revoke every token, wherever it is used.")] = False,
) -> Outcome:
    """Revoke the tokens of the login kept here. Keys stay valid."""
    own = session_of(context)
    kept = kept_login.refresh_token(own.paths)
    revoked = 0
    if everything or kept:
        body = identity.LogoutRequest(refresh_token=None if everything else kept)
        try:
            revoked = own.call(identity.LOGOUT, body=body).revoked
        except InvalidToken:
            own.notice("the login had ended already")
        kept_login.forget(own.paths)
    else:
        own.notice("no login is kept here; --all revokes every token")
    return Outcome({"revoked": revoked}, lambda screen: screen.row("revoked", revoked))


@command(app, examples="lukhas auth password\nlukhas auth password --password-stdin < new-password.txt")
def password(
    context: typer.Context,
    password_file: PasswordFile = None,
    password_stdin: PasswordStdin = False,
    current_password_file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", dir_okay=False, help="Read the password in force from this file's first line."),
    ] = None,
) -> Outcome:
    """Set or change your password. Asks for it on a terminal; once one is set, also for the one in force."""
    own = session_of(context)
    current = None
    if own.call(identity.WHOAMI).password_set:
        current = read_secret_input(
            prompt="Password in force", file=current_password_file, stdin=False, hint="use --current-password-file FILE"
        )
    new = read_secret_input(prompt="New password", file=password_file, stdin=password_stdin, confirm=True)
    body = identity.PasswordRequest(new_password=new, current_password=current)
    answer = own.call(identity.PASSWORD, body=body)
    return Outcome(answer, lambda screen: screen.text(f"the password of {answer.lambda_id} is set"))


@command(
    key,
    name="create",
    examples='lukhas auth key create "backup script"\nlukhas auth key create ci --tier ΛUSER --expires-in-days 30',
)
def create_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    tier: Annotated[TierLabel, typer.Option(help="What it may do; at most what you may.")] = "ΛUSER",
    expires_in_days: Annotated[int | None, typer.Option(min=1, max=3650, metavar="N", help="Default: never.")] = None,
) -> Outcome:
    """Create an API key. It is printed this once; only its hash is kept."""
    own = session_of(context)
    body = identity.KeyCreateRequest(name=name, tier=tier, expires_in_days=expires_in_days)
    answer = own.call(identity.KEY_CREATE, body=body)
    own.notice(f"keep it now, it is not shown again ({answer.key.key_id})")
    return Outcome(answer, lambda screen: screen.row(answer.api_key))


@command(key, name="list", examples="lukhas auth key list")
def list_keys(context: typer.Context) -> Outcome:
    """List your API keys, never their secrets."""
    answer = session_of(context).call(identity.KEY_LIST)
    rows = [
        (
            entry.key_id,
            entry.name,
            entry.tier,
            f"{entry.created_at:%Y-%m-%d}",
            f"{entry.expires_at:%Y-%m-%d}" if entry.expires_at else "never",
            entry.last_used_at.isoformat(timespec="minutes") if entry.last_used_at else "never",
        )
        for entry in answer.keys
    ]
    columns = ["id", "name", "tier", "created", "expires", "used"]
    return Outcome(answer, lambda screen: screen.table(columns, rows))


@command(key, name="revoke", examples="lukhas auth key revoke key_abc123")
def revoke_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="A key's id, as `lukhas auth key list` prints it.")],
) -> Outcome:
    """Revoke an API key."""
    answer = session_of(context).call(identity.KEY_REVOKE, params=identity.KeyParams(key_id))
    return Outcome(answer, lambda screen: screen.row("revoked", answer.key_id))
