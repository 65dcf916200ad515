"""Commands and groups as ours: examples first in `--help`, the global options everywhere, groups loaded when used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from typing import Any

import typer
from typer._click.exceptions import UsageError
from typer.core import TyperCommand, TyperGroup, TyperOption

from lukhas_cli.session import Session

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def session_of(context: Any) -> Session:
    session = context.find_root().obj
    assert isinstance(session, Session)
    return session


def _set_json(context: Any, _: Any, value: bool) -> None:
    session_of(context).json |= value


def _set_autostart(context: Any, _: Any, value: bool) -> None:
    session_of(context).autostart &= not value


def global_options() -> list[Any]:
    return [
        TyperOption(
            param_decls=["--json"], type=bool, is_flag=True, default=False, expose_value=False, show_default=False,
            callback=_set_json, help="Print one JSON envelope: schema, command, status, data, errors.",
        ),
        TyperOption(
            param_decls=["--no-autostart"], type=bool, is_flag=True, default=False, expose_value=False,
            show_default=False, callback=_set_autostart, help="Fail with exit code 3 rather than start a daemon.",
        ),
    ]  # fmt: skip


class Helpful(TyperCommand):
    """A command. Its `epilog` holds its examples, one a line, which `--help` shows first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["params"] = [*(kwargs.get("params") or []), *global_options()]
        kwargs["context_settings"] = {**CONTEXT, **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        session_of(ctx).command = " ".join(ctx.command_path.split()[1:])
        return super().invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        write_help(self, ctx, formatter)


class Group(TyperGroup):
    """A group of commands. `epilog` as in `Helpful`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["params"] = [*(kwargs.get("params") or []), *global_options()]
        kwargs["context_settings"] = {**CONTEXT, **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        write_help(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each with its whole first sentence."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, first_sentence(each)) for name, each in found if each is not None])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            names = self.list_commands(ctx)
            near = get_close_matches(args[0], names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
            raise UsageError(f"no such command: {ctx.command_path} {args[0]}; {hint}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """The root: a command's module `lukhas_cli.commands.<name>` (its `app`) is imported when the command is used. That
    of a name that Python keeps for itself ends in an underscore."""

    def __init__(self, names: Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._names = tuple(names)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self._names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self._names:
            return None
        if cmd_name not in self.commands:
            module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
            command = typer.main.get_command(import_module(f"lukhas_cli.commands.{module}").app)
            command.name = cmd_name
            self.commands[cmd_name] = command
        return self.commands[cmd_name]


def first_sentence(command: Any) -> str:
    paragraph = " ".join((command.help or "").split("\n\n")[0].split())
    return paragraph.split(". ")[0].removesuffix(".") + "."


def write_help(command: Any, context: Any, formatter: Any) -> None:
    lines = (command.help or "").split("\n\n")
    formatter.write_text(lines[0])
    if command.epilog:
        with formatter.section("Examples"):
            for example in command.epilog.splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
    formatter.write_paragraph()
    command.format_usage(context, formatter)
    for paragraph in lines[1:]:
        formatter.write_paragraph()
        formatter.write_text(paragraph)
    command.format_options(context, formatter)


def new_app(help: str = "", *, examples: str = "") -> typer.Typer:
    """A noun's commands. typer's own rich output and completion are off."""
    return typer.Typer(
        cls=Group,
        help=help,
        epilog=examples.strip(),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def command(
    app: typer.Typer, *, examples: str, name: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return app.command(name, cls=Helpful, epilog=examples.strip())
