"""Man pages in the man macros, plain ASCII: everything else is written as groff's `\\[uXXXX]`."""

from __future__ import annotations

from collections.abc import Iterable

from docs_tree import Command, Option

from lukhas_sdk._version import __version__
from lukhas_sdk.settings import table

EXITS = (
    ("0", "ok"),
    ("1", "failure"),
    ("2", "usage: an option, an argument or a field is wrong"),
    ("3", "the daemon cannot be reached"),
    ("4", "not authenticated, or not permitted"),
    ("5", "not found"),
    ("6", "the guardian rejects it"),
    ("7", "the guardian wants a person to review it"),
    ("8", "rate limited"),
    ("130", "interrupted"),
)
ENVIRONMENT = (
    ("LUKHAS_HOME", "One folder for everything, instead of the platform's own places."),
    ("LUKHAS_PORT", "The daemon's TCP port on 127.0.0.1; 0 serves the unix socket alone."),
    ("LUKHAS_NO_AUTOSTART", "Where it is 1, no command starts a daemon."),
    ("LUKHAS_DEBUG", "Where it is 1, errors come with their traceback."),
    ("NO_COLOR", "Where it is set, nothing is coloured."),
)
FILES = (
    ("~/.config/lukhas/config.toml", "Settings; see lukhas-config(1)."),
    ("~/.config/lukhas/policies/", "Policy packs of your own."),
    ("~/.local/share/lukhas/lukhas.duckdb", "The memories; back this folder up."),
    ("~/.local/state/lukhas/lukhasd.log", "The daemon's log, one JSON object a line."),
    ("~/.local/state/lukhas/local.key", "The owner's key, where no keyring keeps it."),
    ("$XDG_RUNTIME_DIR/lukhas/lukhasd.sock", "The socket that commands talk to the daemon on."),
)


def page(command: Command) -> str:
    lines = [*_head(command.page), ".SH NAME", f"{_text(command.page)} \\- {_text(_brief(command))}"]
    lines += [".SH SYNOPSIS", *_synopsis(command), ".SH DESCRIPTION"]
    for number, paragraph in enumerate(command.help):
        if not paragraph.startswith(("Exit codes:", "Environment:")):
            lines += [".PP"] * (number > 0) + [_text(paragraph)]
    if command.commands:
        lines += [".SH COMMANDS"]
        for child in command.commands:
            lines += [".TP", f".BR {_text(child.page)} (1)", _text(child.help[0])]
    if command.arguments:
        lines += [".SH ARGUMENTS"]
        for argument in command.arguments:
            lines += [".TP", f".I {_text(argument.name)}", _text(argument.help)]
    lines += [".SH OPTIONS"]
    for option in command.options:
        lines += [".TP", _option_head(option), _text(_option_help(option))]
    root = len(command.path) == 1
    lines += _exits(EXITS if root else None)
    lines += _pairs("ENVIRONMENT", ENVIRONMENT if root else ENVIRONMENT[:3])
    if root:
        lines += _pairs("FILES", FILES)
    if command.examples:
        lines += [".SH EXAMPLES", ".nf", *(_text(example) for example in command.examples), ".fi"]
    others = [child.page for child in command.commands]
    parents = ["-".join(command.path[:end]) for end in range(1, len(command.path))]
    lines += _see_also([*parents, *others, "lukhasd"])
    return _joined(lines)


def daemon_page() -> str:
    levels = ", ".join(table()["daemon.log_level"].choices)
    lines = [
        *_head("lukhasd"),
        ".SH NAME",
        "lukhasd \\- the LUKHAS daemon",
        ".SH SYNOPSIS",
        ".B lukhasd",
        "[\\fB\\-\\-port\\fR \\fIN\\fR] [\\fB\\-\\-log\\-level\\fR \\fILEVEL\\fR]",
        ".br",
        ".B lukhasd",
        "\\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR",
        ".SH DESCRIPTION",
        _text(
            "lukhasd keeps the memories, runs the six stages and judges what the guardian is asked. It serves HTTP "
            "on a unix socket that only its owner can open and on 127.0.0.1, and stays in the foreground. Commands "
            "start one in the background by themselves; lukhas daemon start does the same."
        ),
        ".PP",
        _text(
            "One daemon runs on a data folder. SIGTERM and SIGINT end it: open requests are finished and the "
            "database is closed. What it acknowledged is on disk, also after a kill."
        ),
        ".SH OPTIONS",
        ".TP", "\\fB\\-h\\fR, \\fB\\-\\-help\\fR", "Show the options and exit.",
        ".TP", "\\fB\\-\\-version\\fR", "Print the version and exit.",
        ".TP", "\\fB\\-\\-port\\fR \\fIN\\fR", "TCP port on 127.0.0.1; 0 serves the unix socket alone.",
        ".TP", "\\fB\\-\\-log\\-level\\fR \\fILEVEL\\fR", _text(f"Least severe level that is logged: {levels}."),
        *_exits((EXITS[0], EXITS[1], EXITS[2])),
    ]  # fmt: skip
    settings = [(row.env, f"{row.help}. Setting {row.key}, default {_shown(row.default)}.") for row in table().values()]
    lines += _pairs("ENVIRONMENT", [ENVIRONMENT[0], *settings])
    lines += _pairs("FILES", FILES)
    lines += [
        ".SH EXAMPLES",
        ".nf",
        "lukhasd \\-\\-port 0",
        "LUKHAS_HOME=/tmp/trial lukhasd \\-\\-log\\-level debug",
        ".fi",
    ]
    lines += _see_also(["lukhas", "lukhas-daemon", "lukhas-config"])
    return _joined(lines)


def _head(title: str) -> list[str]:
    return [f'.TH {_text(title.upper())} 1 "" "LUKHAS {__version__}" "LUKHAS manual"', ".nh", ".ad l"]


def _synopsis(command: Command) -> list[str]:
    lines = [f".B {_text(' '.join(command.path))}"]
    for option in command.options:
        value = f" \\fI{_value(option.value)}\\fR" if option.value else ""
        names = "|".join(f"\\fB{_text(name)}\\fR" for name in option.names)
        lines.append(f"[{names}{value}]{'...' if option.repeats else ''}")
    if command.commands:
        lines.append("\\fICOMMAND\\fR ...")
    lines += [f"\\fI{_text(argument.name)}\\fR" for argument in command.arguments]
    return lines


def _option_head(option: Option) -> str:
    names = ", ".join(f"\\fB{_text(name)}\\fR" for name in option.names)
    return f"{names} \\fI{_value(option.value)}\\fR" if option.value else names


def _option_help(option: Option) -> str:
    return f"{option.help} Default: {option.default}." if option.default else option.help


def _exits(codes: Iterable[tuple[str, str]] | None) -> list[str]:
    if codes is None:
        return [".SH EXIT STATUS", "0 when it did what was asked; else as in", ".BR lukhas (1)."]
    return _pairs("EXIT STATUS", [(code, f"{meaning[0].upper()}{meaning[1:]}.") for code, meaning in codes])


def _pairs(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f".SH {title}"]
    for name, meaning in rows:
        lines += [".TP", f".B {_text(name)}", _text(meaning)]
    return lines


def _see_also(pages: list[str]) -> list[str]:
    return [".SH SEE ALSO", *(f".BR {_text(page)} (1){'' if page == pages[-1] else ','}" for page in pages)]


def _brief(command: Command) -> str:
    return command.help[0].rstrip(".").split(": ")[0]


def _shown(value: object) -> str:
    return "empty" if value in ("", []) else str(value)


def _value(text: str) -> str:
    """A line may break between choices."""
    return _text(text).replace("|", "|\\:")


def _text(text: str) -> str:
    """One line of text in which groff finds no request, no hyphenation and no character it does not know."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in escaped)
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def _joined(lines: Iterable[str]) -> str:
    return '.\\" Generated by scripts/generate_docs.py from the command tree; change that, not this.\n' + "".join(
        f"{line}\n" for line in lines
    )
