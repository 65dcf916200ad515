"""Shell history: bash (with HISTTIMEFORMAT's `#1700000000` lines or without), zsh (plain or extended), fish.

A command is kept once, at the first time it was given: importing again after it was repeated stores nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Literal

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.importers.base import Source, memories, moment

Shell = Literal["bash", "zsh", "fish"]
Entry = tuple[str, int | None]
"""A command and when it was given, in Unix time."""

BASH_STAMP = re.compile(r"#(\d{9,11})$")
ZSH_ENTRY = re.compile(r": (\d{9,11}):\d+;(.*)$", re.DOTALL)
FISH_COMMAND = re.compile(r"- cmd: (.*)$")
FISH_WHEN = re.compile(r"\s+when: (\d+)$")
ZSH_META = 0x83
NAMES = {
    ".bash_history": "bash", "bash_history": "bash", ".zsh_history": "zsh", "zsh_history": "zsh",
    ".histfile": "zsh", ".zhistory": "zsh", "fish_history": "fish",
}  # fmt: skip


def recognises(name: str, head: bytes) -> bool:
    return PurePath(name).name in NAMES or _shell_of(head.decode("utf-8", "replace")) is not None


def read(source: Source) -> Iterator[StoreRequest]:
    """A procedural memory a command."""
    raw = source.path.read_bytes()
    first = raw[:4096].decode("utf-8", "replace")
    shell = _shell_of(first) or NAMES.get(PurePath(source.name).name, "bash")
    text = (_unmetafy(raw) if shell == "zsh" else raw).decode("utf-8", "replace").replace("\r\n", "\n")
    seen: set[str] = set()
    for command, given_at in READERS[shell](text.split("\n")):
        command = command.strip()
        if command and command not in seen:
            seen.add(command)
            context = {"source": "shell history", "shell": shell, "timestamp": moment(given_at)}
            yield from memories(command, type="procedural", context=context, tags=["shell"])


def _shell_of(head: str) -> str | None:
    """The shell whose history begins like this, None where that does not show."""
    first, _, rest = head.partition("\n")
    if ZSH_ENTRY.match(first):
        return "zsh"
    if FISH_COMMAND.match(first) and FISH_WHEN.match(rest.partition("\n")[0]):
        return "fish"
    return "bash" if BASH_STAMP.match(first) and rest else None


def _read_bash(lines: list[str]) -> Iterator[Entry]:
    """With times, a command goes on to the next time; without, it is a line."""
    given_at: int | None = None
    held: list[str] = []
    for line in lines:
        stamp = BASH_STAMP.match(line)
        if stamp or given_at is None:
            if held:
                yield "\n".join(held), given_at
            held = []
        if stamp:
            given_at = int(stamp[1])
        else:
            held.append(line)
    yield "\n".join(held), given_at


def _read_zsh(lines: list[str]) -> Iterator[Entry]:
    """A line that ends in a backslash goes on."""
    held: list[str] = []
    for line in [*lines, ""]:
        if line.endswith("\\") and not line.endswith("\\\\"):
            held.append(line[:-1])
            continue
        command = "\n".join([*held, line])
        extended = ZSH_ENTRY.match(command)
        yield (extended[2], int(extended[1])) if extended else (command, None)
        held = []


def _read_fish(lines: list[str]) -> Iterator[Entry]:
    command = ""
    for line in lines:
        if found := FISH_COMMAND.match(line):
            yield command, None
            command = re.sub(r"\\(n|\\)", lambda mark: "\n" if mark[1] == "n" else "\\", found[1])
        elif command and (when := FISH_WHEN.match(line)):
            yield command, int(when[1])
            command = ""
    yield command, None


def _unmetafy(raw: bytes) -> bytes:
    """zsh writes some bytes of UTF-8 as 0x83 and the byte with bit 5 turned."""
    plain = bytearray()
    turned = False
    for byte in raw:
        if byte == ZSH_META and not turned:
            turned = True
            continue
        plain.append(byte ^ 0x20 if turned else byte)
        turned = False
    return bytes(plain)


READERS = {"bash": _read_bash, "zsh": _read_zsh, "fish": _read_fish}
