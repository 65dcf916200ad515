"""Finds destructive commands: the packs' shell rules on what the parser read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from itertools import pairwise

from lukhasd.guardian.detectors.text import shorten
from lukhasd.guardian.findings import Match, Subject
from lukhasd.guardian.policy import Policy, Rule, ShellRule
from lukhasd.guardian.shell import Command, Unparsable, read_commands
from lukhasd.guardian.shell.commands import CODE, PRINTERS, SHELLS

WRITES = {">", ">>", ">|", "&>", "&>>", ">&", "<>"}
TRUNCATES = {">", ">|", "&>", ">&"}
LONG_FLAG_CHARS = 4
LOCATORS = {"which", "command", "type", "whence"}


class ShellDetector:
    """Applies the shell rules of a policy to shell commands."""

    def __init__(self, policy: Policy) -> None:
        self._patterns = policy.patterns
        self._rules: list[tuple[Rule, ShellRule, frozenset[str]]] = []
        self._value_flags: dict[str, frozenset[str]] = {}
        for pack in policy.packs:
            harmless = frozenset(pack.file.harmless_flags)
            self._rules += [(rule, shell, harmless) for rule in pack.rules for shell in rule.shell]
            for program, flags in pack.file.value_flags.items():
                self._value_flags[program] = self._value_flags.get(program, frozenset()) | frozenset(flags)

    def find(self, subject: Subject) -> Iterator[Match]:
        rules = [entry for entry in self._rules if subject.type in entry[0].applies_to]
        if not rules:
            return
        content = subject.views.content
        try:
            commands, functions = read_commands(content, subject.check)
        except (Unparsable, RecursionError) as error:
            why = str(error) if isinstance(error, Unparsable) else "it is nested too deep"
            for rule, shell, _ in rules:
                if shell.structure == "unparsable":
                    yield Match(rule, 0, len(content), shorten(content), rule.severity, note=why)
            return
        fired: set[tuple[str, int, int]] = set()
        for command in commands:
            subject.check()
            for rule, shell, harmless in rules:
                key = (rule.name, command.start, command.end)
                if key not in fired and self._fires(shell, command, commands, functions, harmless):
                    fired.add(key)
                    excerpt = shorten(content[command.start : command.end])
                    note = f"run by {' → '.join(command.via)}" if command.via else None
                    yield Match(rule, command.start, command.end, excerpt, rule.severity, note=note)

    def _whole(self, pattern: str, text: str) -> bool:
        return self._patterns[pattern].fullmatch(text) is not None

    def _in(self, pattern: str, text: str) -> bool:
        return self._patterns[pattern].search(text) is not None

    def _fires(
        self, rule: ShellRule, command: Command, commands: list[Command], functions: set[str], harmless: frozenset[str]
    ) -> bool:
        if rule.structure == "unparsable":
            return False
        if rule.structure is not None:
            return STRUCTURES[rule.structure](command, commands, functions)
        if rule.program is not None and not (command.words and self._whole(rule.program, command.program)):
            return False
        flags, operands = self._split(command)
        if (
            rule.program is not None
            and has_flag(flags, harmless, whole=True)
            and not rule.writes
            and not rule.truncates
        ):
            return False
        if rule.without and has_flag(flags, frozenset(rule.without), whole=True):
            return False
        if not all(has_flag(flags, frozenset(group)) for group in rule.flags):
            return False
        if len(operands) < len(rule.words) or not all(map(self._whole, rule.words, operands)):
            return False
        if rule.argument is not None and not any(
            self._in(rule.argument, form) for operand in operands[len(rule.words) :] for form in forms(operand)
        ):
            return False
        if rule.text is not None and not self._in(rule.text, whole_text(command, commands)):
            return False
        if rule.environment is not None and not any(self._in(rule.environment, w.text) for w in command.assignments):
            return False
        if not self._redirects(rule, command):
            return False
        if rule.piped_from is not None and not any(
            command.reads_from(other) and other.words and self._whole(rule.piped_from, other.program)
            for other in commands
        ):
            return False
        return rule.substitutes is None or any(
            self._whole(rule.substitutes, name) for word in command.words for name in word.runs
        )

    def _redirects(self, rule: ShellRule, command: Command) -> bool:
        for pattern, operators in ((rule.writes, WRITES), (rule.truncates, TRUNCATES)):
            if pattern is not None and not any(
                redirect.operator in operators and any(self._in(pattern, form) for form in forms(redirect.target.text))
                for redirect in command.redirects
            ):
                return False
        return True

    def _split(self, command: Command) -> tuple[list[str], list[str]]:
        """The command's flags and operands. A value that a flag takes is neither."""
        valued = self._value_flags.get(command.program, frozenset())
        flags: list[str] = []
        operands: list[str] = []
        words = iter(command.arguments)
        for word in words:
            if word.text == "--" and command.program != "git":
                operands += [rest.text for rest in words]
            elif word.text.startswith("-") and len(word.text) > 1:
                flags.append(word.text)
                if word.text in valued:
                    next(words, None)
            else:
                operands.append(word.text)
        return flags, operands


def has_flag(given: list[str], wanted: frozenset[str], *, whole: bool = False) -> bool:
    """Whether one of `wanted` is given: `-f` alone or in a cluster, `--force`, `--force=x` or, unless `whole`, an
    abbreviation of it. What spares a command must be `whole`: `--force` is no `--force-with-lease`."""
    for flag in given:
        name = flag.split("=", 1)[0]
        if flag in wanted or name in wanted:
            return True
        if name.startswith("--"):
            if (
                not whole
                and len(name) > LONG_FLAG_CHARS
                and any(w.startswith(name) for w in wanted if w.startswith("--"))
            ):
                return True
        elif re.fullmatch(r"-[A-Za-z0-9]{1,8}", flag) and any(len(w) == 2 and w[1] in flag[1:] for w in wanted):
            return True
    return False


def forms(operand: str) -> tuple[str, ...]:
    """An operand as written and, where it is a path, with `//`, `/./` and `/../` resolved."""
    if "/" not in operand or "://" in operand:
        return (operand,)
    path = posixpath.normpath(operand)
    return operand, "/" + path.lstrip("/") if path.startswith("//") else path


def whole_text(command: Command, commands: list[Command]) -> str:
    """The command's words, and what a here-document or an echo upstream feeds it."""
    bodies = [redirect.body for redirect in command.redirects if redirect.body]
    fed = [other.text for other in commands if other.program in PRINTERS and command.reads_from(other)]
    return "\n".join((command.text, *bodies, *fed))


def fork_bomb(command: Command, commands: list[Command], functions: set[str]) -> bool:
    """A function that pipes itself into itself."""
    return command.program in functions and any(
        other is not command and other.program == command.program and command.reads_from(other) for other in commands
    )


def computed_program(command: Command, commands: list[Command], functions: set[str]) -> bool:
    """A program whose name another program prints; asking where a program is does not count."""
    return bool(command.words and command.words[0].runs and set(command.words[0].runs) - LOCATORS)


def downloaded_code(command: Command, commands: list[Command], functions: set[str]) -> bool:
    """A file that an earlier command of the same text fetches, and this one runs."""
    fetched: set[str] = set()
    for other in commands[: commands.index(command)]:
        if other.program in ("curl", "wget"):
            words = [word.text for word in other.arguments]
            fetched |= {after for flag, after in pairwise(words) if flag.startswith("-") and flag[-1:] in "oO"}
            fetched |= {after for flag, after in pairwise(words) if flag in ("--output", "--output-document")}
            fetched |= {word.rsplit("/", 1)[-1] for word in words if "://" in word}
            fetched |= {redirect.target.text for redirect in other.redirects if redirect.operator in TRUNCATES}
    if not fetched or not command.words:
        return False
    run = command.words if command.program in (*SHELLS, "source", ".", *CODE) else command.words[:1]
    return any(word.text.removeprefix("./") in fetched or word.text in fetched for word in run)


STRUCTURES = {"fork_bomb": fork_bomb, "computed_program": computed_program, "downloaded_code": downloaded_code}
