"""`lukhas config`: the settings, without a daemon."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.outcome import Outcome
from lukhas_sdk import settings

if TYPE_CHECKING:
    from lukhas_cli.render.screen import Screen

EXAMPLES = """lukhas config list --resolved
lukhas config set guardian.ethics_level BALANCED
lukhas config get daemon.port
"""

app = new_app("Read and change the settings in config.toml. Flags > environment > file > default.", examples=EXAMPLES)

Key = Annotated[str, typer.Argument(metavar="KEY", help="A setting, as `lukhas config list` names it.")]


class Row(msgspec.Struct, frozen=True):
    key: str
    value: Any
    origin: str
    default: Any
    env: str
    help: str


@command(app, examples="lukhas config get daemon.port")
def get(context: typer.Context, key: Key) -> Outcome:
    """Print the value in force: of the environment, the file, or the default."""
    settings.known(settings.table(), key)
    row = _row(settings.resolve(session_of(context).paths)[key])
    return Outcome(row, lambda screen: screen.row(_text(row.value)))


@command(
    app,
    name="set",
    examples="lukhas config set guardian.ethics_level BALANCED\n"
    "lukhas config set daemon.allowed_origins http://localhost:5173,http://localhost:3000",
)
def set_(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its value; a list is comma-separated.")],
) -> Outcome:
    """Write a setting to config.toml. A daemon that runs takes it at its next start."""
    own = session_of(context)
    setting = settings.known(settings.table(), key)
    settings.save(own.paths, {key: settings.parse(setting, value)})
    return _changed(context, key)


@command(app, examples="lukhas config unset guardian.ethics_level")
def unset(context: typer.Context, key: Key) -> Outcome:
    """Take a setting out of config.toml: its default holds again."""
    settings.known(settings.table(), key)
    settings.save(session_of(context).paths, {key: None})
    return _changed(context, key)


@command(app, examples='lukhas config path\n$EDITOR "$(lukhas config path)"')
def path(context: typer.Context) -> Outcome:
    """Print where config.toml is, or will be."""
    file = str(session_of(context).paths.config_file)
    return Outcome({"path": file}, lambda screen: print(file))


@command(app, name="list", examples="lukhas config list\nlukhas config list --resolved")
def list_settings(
    context: typer.Context,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Show the value in force and where it comes from.")
    ] = False,
) -> Outcome:
    """List every setting with its default and what it does.

    In a pipe, each line is: key, default, what it does; with --resolved: key, value, origin, environment variable.
    """
    rows = [_row(entry) for entry in settings.resolve(session_of(context).paths).values()]

    def show(screen: Screen) -> None:
        if not resolved:
            cells = [(row.key, _text(row.default), row.help) for row in rows]
            screen.table(["setting", "default", "what it does"], cells, wide="what it does")
        elif screen.terminal:
            screen.table(["setting", "value", "from"], [(row.key, _text(row.value), row.origin) for row in rows])
        else:
            for row in rows:
                screen.row(row.key, _text(row.value), row.origin, row.env)

    return Outcome(rows, show)


def _changed(context: typer.Context, key: str) -> Outcome:
    own = session_of(context)
    row = _row(settings.resolve(own.paths)[key])
    if row.origin == "environment":
        print(f"hint: {row.env} is set, and wins over the file", file=sys.stderr)
    from lukhas_cli.daemon_control import is_running

    if is_running(own.paths):
        print("hint: the daemon takes it at its next start: lukhas daemon restart", file=sys.stderr)
    return Outcome(row, lambda screen: screen.row(key, _text(row.value)))


def _row(entry: settings.Resolved) -> Row:
    setting = entry.setting
    choices = f" ({', '.join(setting.choices)})" if setting.choices else ""
    return Row(setting.key, entry.value, entry.origin, setting.default, setting.env, setting.help + choices)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
