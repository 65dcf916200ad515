"""The command tree as plain data: what completions and man pages are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from typer._click.core import Context

from lukhas_cli.app import root


@dataclass(frozen=True)
class Option:
    names: tuple[str, ...]
    """`--limit`, `-n`; a switch's opposite too."""
    value: str
    """How its value is called; empty for a switch."""
    help: str
    choices: tuple[str, ...]
    takes_path: bool
    repeats: bool
    default: str


@dataclass(frozen=True)
class Argument:
    name: str
    help: str
    takes_path: bool
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    path: tuple[str, ...]
    help: tuple[str, ...]
    """Paragraphs; the first is one sentence or two."""
    examples: tuple[str, ...]
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...] = field(default=())

    @property
    def page(self) -> str:
        return "-".join(self.path)

    def walk(self) -> Iterator[Command]:
        yield self
        for command in self.commands:
            yield from command.walk()


def read_tree() -> Command:
    return _read(root(), ("lukhas",), None)


def _read(command: Any, path: tuple[str, ...], parent: Any) -> Command:
    context = Context(command, info_name=path[-1], parent=parent, **command.context_settings)
    names = command.list_commands(context) if hasattr(command, "list_commands") else ()
    params = command.get_params(context)
    return Command(
        path=path,
        help=tuple(" ".join(part.split()) for part in (command.help or "").split("\n\n")),
        examples=tuple((command.epilog or "").splitlines()),
        options=tuple(_option(param) for param in params if param.param_type_name == "option"),
        arguments=tuple(_argument(param, context) for param in params if param.param_type_name == "argument"),
        commands=tuple(_read(command.get_command(context, name), (*path, name), context) for name in names),
    )


def _option(param: Any) -> Option:
    choices = tuple(map(str, getattr(param.type, "choices", ())))
    value = "" if param.is_flag else param.metavar or ("|".join(choices) if choices else param.name.upper())
    shown = param.default is not None and not param.is_flag and param.default not in ((), [])
    return Option(
        names=(*sorted(param.opts, key=lambda name: name.startswith("--")), *param.secondary_opts),
        value=value,
        help=param.help or "",
        choices=choices,
        takes_path=param.type.name in ("path", "file", "filename"),
        repeats=bool(param.multiple),
        default=str(param.default) if shown else "",
    )


def _argument(param: Any, context: Any) -> Argument:
    return Argument(
        name=param.make_metavar(context).strip("{}"),
        help=param.help or "",
        takes_path=param.type.name in ("path", "file", "filename"),
        choices=tuple(map(str, getattr(param.type, "choices", ()))),
    )
