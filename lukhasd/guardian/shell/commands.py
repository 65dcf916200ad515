"""Every command that a text would run, with the programs that only run others (sudo, xargs, sh -c …) seen through."""

from __future__ import annotations

from collections.abc import Callable

from lukhasd.guardian.shell.expansion import Scope
from lukhasd.guardian.shell.machine import Machine
from lukhasd.guardian.shell.reader import Reader
from lukhasd.guardian.shell.runners import code_runs, unwrap
from lukhasd.guardian.shell.words import Command, Redirect, Unparsable, Word

__all__ = ["Command", "Redirect", "Unparsable", "Word", "read_code", "read_commands"]

MAX_CHARS = 100_000


def read_commands(
    text: str, check: Callable[[], None] = lambda: None, *, fixed: tuple[int, int] | None = None
) -> tuple[list[Command], set[str]]:
    """The commands that `text` runs, wrapped and unwrapped alike, and the functions it defines.

    `check` is called as work goes on and may raise to stop it. `fixed`: the place of the whole text in the
    content, which every span then is. Raises Unparsable where the text cannot be read.
    """
    if len(text) > MAX_CHARS:
        raise Unparsable(f"it is longer than {MAX_CHARS} characters")
    if "\x00" in text:
        raise Unparsable("it holds a NUL character")
    machine = Machine(check, unwrap)
    machine.run_all(Reader(text, check, fixed=fixed).read())
    return machine.commands, set(machine.functions)


def read_code(text: str, check: Callable[[], None], *, fixed: tuple[int, int]) -> list[Command]:
    """The commands and deletions of a script in another language than a shell's."""
    if len(text) > MAX_CHARS:
        raise Unparsable(f"it is longer than {MAX_CHARS} characters")
    machine = Machine(check, unwrap)
    words = tuple(Word(word, *fixed) for word in ("python", "-c", text))
    command = Command(words, (), (), (), *fixed)
    machine.commands.append(command)
    code_runs(machine, text, command, Scope())
    return machine.commands
