"""What the shell's own commands do to its variables and its folder."""

from __future__ import annotations

import re

from lukhasd.guardian.shell.expansion import Scope, locate
from lukhasd.guardian.shell.words import Command


def change_folder(command: Command, scope: Scope, texts: list[str]) -> None:
    targets = [text for text in texts if text == "-" or not text.startswith("-")]
    target = targets[0] if targets else "~"
    if target.startswith(("$(", "`")):
        target = "$FOLDER"
    scope.folder = "$OLDPWD" if target == "-" else locate(target, scope.folder)


def go_back(command: Command, scope: Scope, texts: list[str]) -> None:
    scope.folder = None


def read_input(command: Command, scope: Scope, texts: list[str]) -> None:
    line = None if command.fed is None else (command.fed.splitlines() or [""])[0]
    names = [word for word in texts if re.fullmatch(r"[A-Za-z_]\w{0,100}", word)] or ["REPLY"]
    values = [] if line is None else line.split(None, len(names) - 1) if len(names) > 1 else [line.strip()]
    for place, name in enumerate(names):
        if line is None:
            scope.variables.pop(name, None)
        elif command.program == "read":
            scope.variables[name] = (values[place] if place < len(values) else "",)
        else:
            scope.variables[name] = tuple((command.fed or "").splitlines()[:200])


def set_options(command: Command, scope: Scope, texts: list[str]) -> None:
    if "--" in texts:
        scope.positional = tuple(texts[texts.index("--") + 1 :])
    elif texts and not texts[0].startswith(("-", "+")):
        scope.positional = tuple(texts)


def shift(command: Command, scope: Scope, texts: list[str]) -> None:
    if scope.positional is not None:
        scope.positional = scope.positional[int(texts[0]) if texts and texts[0].isdigit() else 1 :]


def unset(command: Command, scope: Scope, texts: list[str]) -> None:
    for name in texts:
        scope.variables.pop(name, None)


SHELL_COMMANDS = {
    "cd": change_folder, "pushd": change_folder, "popd": go_back, "read": read_input, "mapfile": read_input,
    "readarray": read_input, "set": set_options, "shift": shift, "unset": unset,
}  # fmt: skip
