"""Finds destructive commands: the packs' shell rules on what the parser read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from lukhasd.guardian.detectors.shapes import STRUCTURES, TRUNCATES
from lukhasd.guardian.detectors.text import shorten
from lukhasd.guardian.findings import SEVERITIES, Match, Subject
from lukhasd.guardian.policy import Policy, Rule, ShellRule
from lukhasd.guardian.shell import Command, Unparsable, looks_windows, pieces, read_code, read_commands, read_windows
from lukhasd.guardian.shell.expansion import locate
from lukhasd.guardian.shell.words import Word

WRITES = {">", ">>", ">|", "&>", "&>>", ">&", "<>"}
LONG_FLAG_CHARS = 4
MAX_FED_CHARS = 20_000
SYSTEM = (
    "etc",
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib64",
    "home",
    "root",
    "boot",
    "opt",
    "srv",
    "sys",
    "dev",
    "proc",
    "var",
)
NAMES = re.compile(r"[\w.+\\-]+(?:\|[\w.+\\-]+)*")
Entry = tuple[Rule, ShellRule, frozenset[str]]


class Parts:
    """A command's flags, its operands and the forms of these, which are made when a rule first asks for them."""

    def __init__(self, flags: list[str], operands: list[str], folder: str | None) -> None:
        self.flags = flags
        self.operands = operands
        self.folder = folder

    @cached_property
    def forms(self) -> list[tuple[str, ...]]:
        return [forms(operand, self.folder) for operand in self.operands]


@dataclass(frozen=True)
class Reading:
    """The commands of one text; `why` it could not be read, if so."""

    commands: list[Command]
    functions: set[str]
    why: str | None = None


class ShellDetector:
    """Applies the shell rules of a policy to shell commands and to tool calls that hold some."""

    def __init__(self, policy: Policy) -> None:
        self._patterns = policy.patterns
        self._named: dict[str, list[Entry]] = {}
        self._other: list[Entry] = []
        self._types: set[str] = set()
        self._packs: dict[str, str] = {}
        self._value_flags: dict[str, frozenset[str]] = {}
        for pack in policy.packs:
            harmless = frozenset(pack.file.harmless_flags)
            for rule in pack.rules:
                if pack.origin == "built-in":
                    self._packs[rule.name] = pack.name
                for shell in rule.shell:
                    self._types.update(rule.applies_to)
                    self._keep((rule, shell, harmless))
            for program, flags in pack.file.value_flags.items():
                self._value_flags[program] = self._value_flags.get(program, frozenset()) | frozenset(flags)

    def _keep(self, entry: Entry) -> None:
        """Files a rule under the programs that it names, where it names them plainly."""
        program = entry[1].program
        if program is None or not NAMES.fullmatch(program) or re.search(r"\\[^.]|(?<!\\)\.|\+", program):
            self._other.append(entry)
            return
        for name in program.split("|"):
            self._named.setdefault(name.replace("\\.", ".").lower(), []).append(entry)

    def find(self, subject: Subject) -> Iterator[Match]:
        if subject.type not in self._types:
            return
        content = subject.views.content
        fired: set[tuple[str, int, int]] = set()
        for reading in readings(subject):
            for match in self._matches(reading, subject, content):
                key = (match.rule.name, match.start, match.end)
                if key not in fired:
                    fired.add(key)
                    yield match

    def _matches(self, reading: Reading, subject: Subject, content: str) -> Iterator[Match]:
        if reading.why is not None:
            for rule, shell, _ in self._other:
                if shell.structure == "unparsable" and subject.type in rule.applies_to:
                    yield Match(rule, 0, len(content), shorten(content), rule.severity, note=reading.why)
        for command in reading.commands:
            subject.check()
            parts = self._split(command)
            name = plain_name(command)
            fired = [
                rule
                for rule, shell, harmless in (*self._named.get(name, ()), *self._other)
                if subject.type in rule.applies_to and self._fires(shell, command, name, reading, parts, harmless)
            ]
            for rule in self._heaviest(fired) if fired else ():
                excerpt = shorten(content[command.start : command.end])
                note = f"run by {' → '.join(command.via)}" if command.via else None
                yield Match(rule, command.start, command.end, excerpt, rule.severity, note=note)

    def _heaviest(self, fired: list[Rule]) -> list[Rule]:
        """Without what a heavier rule of the same built-in pack says of the same command."""
        most: dict[str, int] = {}
        for rule in fired:
            pack = self._packs.get(rule.name, rule.name)
            most[pack] = max(most.get(pack, 0), SEVERITIES.index(rule.severity))
        return [
            rule for rule in fired if SEVERITIES.index(rule.severity) == most[self._packs.get(rule.name, rule.name)]
        ]

    def _whole(self, pattern: str, text: str) -> bool:
        return self._patterns[pattern].fullmatch(text) is not None

    def _in(self, pattern: str, text: str) -> bool:
        return self._patterns[pattern].search(text) is not None

    def _fires(
        self,
        rule: ShellRule,
        command: Command,
        name: str,
        reading: Reading,
        parts: Parts,
        harmless: frozenset[str],
    ) -> bool:
        if rule.structure == "unparsable":
            return False
        if rule.structure is not None:
            return STRUCTURES[rule.structure](command, reading.commands, reading.functions)
        if rule.program is not None and not (command.words and self._whole(rule.program, name)):
            return False
        flags, operands = parts.flags, parts.operands
        spared = rule.program is not None and not rule.writes and not rule.truncates
        if spared and has_flag(flags, harmless, whole=True):
            return False
        if rule.without and has_flag(flags, frozenset(rule.without), whole=True):
            return False
        if not all(has_flag(flags, frozenset(group)) for group in rule.flags):
            return False
        if len(operands) < len(rule.words) or not all(map(self._whole, rule.words, operands)):
            return False
        if rule.argument is not None and not any(
            self._in(rule.argument, form) for some in parts.forms[len(rule.words) :] for form in some
        ):
            return False
        if rule.text is not None and not self._in(rule.text, whole_text(command)):
            return False
        if rule.environment is not None and not any(self._in(rule.environment, w.text) for w in command.assignments):
            return False
        if not self._redirects(rule, command):
            return False
        if rule.piped_from is not None and not any(
            command.pipes
            and command.reads_from(other)
            and other.words
            and (self._whole(rule.piped_from, other.program) or self._whole(rule.piped_from, other.text))
            for other in reading.commands
        ):
            return False
        return rule.substitutes is None or any(
            self._whole(rule.substitutes, name)
            for word in (*command.words, *(redirect.target for redirect in command.redirects))
            for name in word.runs
        )

    def _redirects(self, rule: ShellRule, command: Command) -> bool:
        for pattern, operators in ((rule.writes, WRITES), (rule.truncates, TRUNCATES)):
            if pattern is not None and not any(
                redirect.operator in operators
                and any(self._in(pattern, form) for form in forms(redirect.target.text, command.folder))
                for redirect in command.redirects
            ):
                return False
        return True

    def _split(self, command: Command) -> Parts:
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
        return Parts(flags, operands, command.folder)


def readings(subject: Subject) -> Iterator[Reading]:
    """What the content would run, text by text."""
    content = subject.views.content
    if subject.type != "tool_call":
        yield from read_shell(content, subject, None, certain=True)
        return
    for piece in pieces(content):
        span = (piece.start, piece.end)
        if piece.kind == "sql":
            words = tuple(Word(text, *span) for text in ("sql", piece.text))
            yield Reading([Command(words, (), (), (), *span)], set())
        elif piece.kind == "code":
            yield Reading(read_code(piece.text, subject.check, fixed=span), set())
            yield from read_shell(piece.text, subject, span, certain=False)
        else:
            yield from read_shell(piece.text, subject, span, certain=piece.kind == "shell")


def read_shell(text: str, subject: Subject, span: tuple[int, int] | None, *, certain: bool) -> Iterator[Reading]:
    """`text` as a POSIX shell and, where it looks like it, as PowerShell or cmd.exe would read it."""
    why: str | None = None
    commands: list[Command] = []
    functions: set[str] = set()
    try:
        commands, functions = read_commands(text, subject.check, fixed=span)
    except (Unparsable, RecursionError) as error:
        why = str(error) if isinstance(error, Unparsable) else "it is nested too deep"
    launched = any(c.program.lower().removesuffix(".exe") in ("powershell", "pwsh", "cmd") for c in commands)
    if launched or looks_windows(text):
        try:
            commands += read_windows(text, subject.check, fixed=span)
            why = None
        except Unparsable as error:
            why = why or (str(error) if launched else None)
    yield Reading(commands, functions, why if certain else None)


def plain_name(command: Command) -> str:
    return command.program.removesuffix(".exe").lower()


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


def forms(operand: str, folder: str | None) -> tuple[str, ...]:
    """An operand as written and, where it may be a path, as seen from where the text began, with `//`, `/./` and
    `/../` resolved and a pattern that takes in a system folder replaced by that folder."""
    if "://" in operand or (folder is None and "/" not in operand):
        return (operand,)
    place = locate(operand, folder)
    found = [place]
    if folder is None or operand[:1] in ("/", "~", "$") or not (operand[:1] == "." or "*" in operand):
        found.insert(0, operand)
    if place.startswith("/") and re.search(r"[*?\[]", place):
        first, slash, rest = place[1:].partition("/")
        if re.search(r"[*?\[]", first):
            found += [f"/{name}{slash}{rest}" for name in SYSTEM if fnmatchcase(name, first)][:1]
    return tuple(found)


def whole_text(command: Command) -> str:
    """The command's words, the files it reads, and what a here-document or a pipe feeds it, where that is known."""
    files = [f"< {redirect.target.text}" for redirect in command.redirects if redirect.operator == "<"]
    bodies = [redirect.body for redirect in command.redirects if redirect.body]
    fed = [command.fed[:MAX_FED_CHARS]] if command.fed and command.fed not in bodies else []
    return "\n".join((command.text, *files, *bodies, *fed))
