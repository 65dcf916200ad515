"""Reads shell text into simple commands: quotes, substitutions, pipes, lists, groups, here-documents, comments.

Follows POSIX.1-2024 XCU chapter 2 (token recognition, quoting, redirection) with bash's `$'…'`, `<(…)`, `<<<`, `&>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lukhasd.guardian.shell.words import Command, Redirect, Unparsable, Word

MAX_DEPTH = 12
MAX_COMMANDS = 3000

PLAIN = re.compile(r"[^ \t\r\n;|&<>()'\"\\$`]+")
IN_DOUBLE = re.compile(r'[^"\\$`]+')
REDIRECT = re.compile(r"(\d{0,3}|\{\w{1,40}\})(&>>|&>|<<<|<<-|<<|<>|<&|>&|>>|>\||>|<)")
VARIABLE = re.compile(r"\$(?:(\w{1,100}|[@*#?$!-])|\{(\w{1,100})\})")
ASSIGNMENT = re.compile(r"([A-Za-z_]\w{0,100})(?:\[[^\]]{0,100}\])?\+?=", re.S)
BRACES = re.compile(r"([^{}$]{0,200})\{([^{}]{0,2000},[^{}]{0,2000})\}([^{}]{0,200})")
KEYWORDS = {"if", "then", "else", "elif", "fi", "while", "until", "do", "done", "!", "esac", "coproc"}
DECLARERS = {"export", "readonly", "local", "declare", "typeset"}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}
ANSI_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|([0-7]{1,3})|(.))", re.S)
SPLIT = "\x00"
"""Stands for an unquoted $IFS until the word is split there."""


class Shell:
    """What is known across the commands of one text: variables with a literal value, functions, pipelines."""

    def __init__(self, check: Callable[[], None]) -> None:
        self.commands: list[Command] = []
        self.functions: set[str] = set()
        self.variables: dict[str, str] = {}
        self.pipelines = 0
        self.check = check

    def new_pipeline(self) -> int:
        self.pipelines += 1
        return self.pipelines

    def add(self, command: Command) -> None:
        if len(self.commands) >= MAX_COMMANDS:
            raise Unparsable(f"it runs more than {MAX_COMMANDS} commands")
        self.check()
        self.commands.append(command)


class Reader:
    """Reads `source`. Spans are offsets into it, or `fixed` where the text came out of a quoted word."""

    def __init__(
        self,
        source: str,
        shell: Shell,
        *,
        depth: int = 0,
        fixed: tuple[int, int] | None = None,
        pipes: tuple[tuple[int, int], ...] = (),
        via: tuple[str, ...] = (),
    ) -> None:
        if depth > MAX_DEPTH:
            raise Unparsable(f"it is nested more than {MAX_DEPTH} deep")
        self.source = source
        self.shell = shell
        self.depth = depth
        self.fixed = fixed
        self.via = via
        self.at = 0
        self.pipes = pipes
        self.pipeline = shell.new_pipeline()
        self.stage = 0
        self.words: list[Word] = []
        self.redirects: list[Redirect] = []
        self.waiting: list[tuple[int, str, bool]] = []

    def read(self) -> None:
        self.commands(closing=None)

    def commands(self, closing: str | None) -> None:
        """Reads commands up to and past `closing`."""
        source = self.source
        while self.at < len(source):
            character = source[self.at]
            if character == closing and (closing != "}" or not self.words):
                self.finish()
                self.at += 1
                return
            if character in " \t\r":
                self.at += 1
            elif source.startswith("\\\n", self.at):
                self.at += 2
            elif character == "#":
                line_end = source.find("\n", self.at)
                self.at = len(source) if line_end < 0 else line_end
            elif character == "\n":
                self.end_pipeline(1)
                self.here_documents()
            elif match := REDIRECT.match(source, self.at):
                if source.startswith("(", match.end()) and match.group(2) in "<>":
                    self.words.extend(self.word())
                else:
                    self.redirect(match)
            elif character in ";&":
                self.end_pipeline(2 if source[self.at : self.at + 2] in (";;", "&&", ";&") else 1)
            elif character == "|":
                if source.startswith("||", self.at):
                    self.end_pipeline(2)
                else:
                    self.finish()
                    self.stage += 1
                    self.at += 2 if source.startswith("|&", self.at) else 1
            elif character == "(":
                self.parenthesis()
            elif character == ")":
                # The end of a case pattern, or a stray one: what stands before it is no command.
                self.words.clear()
                self.at += 1
            elif character == "{" and self.opens_group():
                self.finish()
                self.group("}")
            else:
                self.words.extend(self.word())
        if closing is not None:
            raise Unparsable(f"a closing {closing} is missing")
        self.finish()

    def opens_group(self) -> bool:
        heads = not self.words or self.words[0].text == "function"
        return heads and self.source[self.at + 1 : self.at + 2] in (" ", "\n", "\t")

    def end_pipeline(self, width: int) -> None:
        self.finish()
        self.at += width
        self.pipeline = self.shell.new_pipeline()
        self.stage = 0

    def group(self, closing: str) -> None:
        """Reads a subshell or brace group, whose commands share this pipeline's stage."""
        self.at += 1
        inner = Reader(
            self.source,
            self.shell,
            depth=self.depth + 1,
            fixed=self.fixed,
            pipes=(*self.pipes, (self.pipeline, self.stage)),
            via=self.via,
        )
        inner.at = self.at
        inner.commands(closing)
        self.at = inner.at

    def parenthesis(self) -> None:
        source = self.source
        if source.startswith("((", self.at):
            end = source.find("))", self.at)
            if end >= 0:
                self.at = end + 2
                return
        if source.startswith("()", self.at) and len(self.words) == 1:
            self.shell.functions.add(self.words.pop().text)
            self.at += 2
        elif self.words and self.words[-1].text.endswith("="):
            self.at += 1
            while self.at < len(source) and source[self.at] != ")":
                if source[self.at] in " \t\r\n;|&<>(":
                    self.at += 1
                else:
                    self.word()
            self.at += 1
        else:
            self.group(")")

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self.fixed or (start, end)

    def redirect(self, match: re.Match[str]) -> None:
        operator = match.group(2)
        self.at = match.end()
        while self.source[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        raw_start = self.at
        words = self.word()
        if not words:
            raise Unparsable(f"a redirection {operator} has no target")
        target = words[0]
        if operator in ("<<", "<<-"):
            self.waiting.append((len(self.redirects), target.text, self.source[raw_start] not in "'\"\\"))
        body = target.text if operator == "<<<" else None
        self.redirects.append(Redirect(operator, target, body))

    def here_documents(self) -> None:
        """Reads the bodies that the line before announced; they belong to commands that are already kept."""
        for place, delimiter, expands in self.waiting:
            lines: list[str] = []
            while self.at < len(self.source):
                line_end = self.source.find("\n", self.at)
                line_end = len(self.source) if line_end < 0 else line_end
                line = self.source[self.at : line_end]
                self.at = min(line_end + 1, len(self.source))
                if line.strip("\t ") == delimiter:
                    break
                lines.append(line)
            body = "\n".join(lines)
            if expands and ("$(" in body or "`" in body):
                self.nested('"' + body.replace('"', '\\"') + '"', via="cat")
            self.give_body(place, delimiter, body)
        self.waiting.clear()

    def give_body(self, place: int, delimiter: str, body: str) -> None:
        for index in range(len(self.shell.commands) - 1, -1, -1):
            command = self.shell.commands[index]
            if place < len(command.redirects) and command.redirects[place].target.text == delimiter:
                redirects = list(command.redirects)
                redirects[place] = Redirect(redirects[place].operator, redirects[place].target, body)
                self.shell.commands[index] = Command(
                    command.words, command.assignments, tuple(redirects), command.pipes, command.start, command.end,
                    command.via,
                )  # fmt: skip
                return

    def nested(self, text: str, *, via: str) -> tuple[str, ...]:
        """Reads a substitution's text; the names of the programs it runs."""
        before = len(self.shell.commands)
        Reader(
            text, self.shell, depth=self.depth + 1, fixed=self.fixed or (self.at, self.at), via=(*self.via, via)
        ).read()
        return tuple(command.program for command in self.shell.commands[before:])

    def substitution(self, opening: int) -> tuple[str, ...]:
        """Reads `(…)` from `self.at` on; the names of the programs it runs."""
        before = len(self.shell.commands)
        inner = Reader(self.source, self.shell, depth=self.depth + 1, fixed=self.fixed, via=(*self.via, "$()"))
        inner.at = opening
        inner.commands(")")
        self.at = inner.at
        return tuple(command.program for command in self.shell.commands[before:])

    def word(self) -> list[Word]:
        """The word at `self.at`; several where braces or $IFS split it, none where there is none."""
        source, start = self.source, self.at
        parts: list[str] = []
        runs: list[str] = []
        bare, dynamic = True, False
        while self.at < len(source):
            character = source[self.at]
            if match := PLAIN.match(source, self.at):
                parts.append(match.group())
                self.at = match.end()
            elif character == "'":
                close = source.find("'", self.at + 1)
                if close < 0:
                    raise Unparsable("a single quote is not closed")
                parts.append(source[self.at + 1 : close])
                self.at, bare = close + 1, False
            elif character == '"':
                dynamic = self.double_quoted(parts, runs) or dynamic
                bare = False
            elif character == "\\":
                if not source.startswith("\n", self.at + 1):
                    parts.append(source[self.at + 1 : self.at + 2])
                self.at += 2
            elif character in "$`":
                if source.startswith("$'", self.at):
                    self.ansi_c(parts)
                    bare = False
                else:
                    dynamic = self.expansion(parts, runs, quoted=False) or dynamic
            elif character in "<>" and source.startswith("(", self.at + 1):
                runs.extend(self.substitution(self.at + 2))
                parts.append("/dev/fd/63")
                dynamic = True
            else:
                break
        if self.at == start:
            return []
        self.at = min(self.at, len(source))
        left, right = self.span(start, self.at)
        text = "".join(parts)
        pieces = [text]
        if SPLIT in text:
            pieces = [piece for piece in text.split(SPLIT) if piece]
        elif bare and (match := BRACES.fullmatch(text)):
            pieces = [f"{match[1]}{piece}{match[3]}" for piece in match[2].split(",")]
        return [Word(piece, left, right, bare, dynamic, tuple(runs)) for piece in pieces]

    def double_quoted(self, parts: list[str], runs: list[str]) -> bool:
        source = self.source
        dynamic = False
        self.at += 1
        while self.at < len(source):
            character = source[self.at]
            if match := IN_DOUBLE.match(source, self.at):
                parts.append(match.group())
                self.at = match.end()
            elif character == '"':
                self.at += 1
                return dynamic
            elif character == "\\":
                escaped = source[self.at + 1 : self.at + 2]
                parts.append("" if escaped == "\n" else escaped if escaped in '"\\$`' else f"\\{escaped}")
                self.at += 2
            else:
                dynamic = self.expansion(parts, runs, quoted=True) or dynamic
        raise Unparsable("a double quote is not closed")

    def ansi_c(self, parts: list[str]) -> None:
        close = self.at + 2
        while close < len(self.source) and self.source[close] != "'":
            close += 2 if self.source[close] == "\\" else 1
        if close >= len(self.source):
            raise Unparsable("a $'…' is not closed")
        parts.append(ANSI_CODE.sub(_ansi_character, self.source[self.at + 2 : close]))
        self.at = close + 1

    def expansion(self, parts: list[str], runs: list[str], *, quoted: bool) -> bool:
        """Reads `$…` or a backtick; whether its value is known only when it runs."""
        source, start = self.source, self.at
        if source[start] == "`":
            close = start + 1
            while close < len(source) and source[close] != "`":
                close += 2 if source[close] == "\\" else 1
            if close >= len(source):
                raise Unparsable("a backtick is not closed")
            self.at = close + 1
            runs.extend(self.nested(source[start + 1 : close].replace("\\`", "`"), via="$()"))
            parts.append(source[start : close + 1])
            return True
        if source.startswith("$((", start) and (close := source.find("))", start)) >= 0:
            self.at = close + 2
            parts.append("0")
            return True
        if source.startswith("$(", start):
            runs.extend(self.substitution(start + 2))
            parts.append(source[start : self.at])
            return True
        if match := VARIABLE.match(source, start):
            self.at = match.end()
            name = match.group(1) or match.group(2)
            if name == "IFS" and not quoted:
                parts.append(SPLIT)
                return False
            if name in self.shell.variables:
                parts.append(self.shell.variables[name])
                return False
            parts.append("~" if name == "HOME" else f"${name}")
            return True
        if source.startswith("${", start):
            close = source.find("}", start)
            if close < 0:
                raise Unparsable("a ${ is not closed")
            self.at = close + 1
            inside = source[start + 2 : close]
            if "$(" in inside or "`" in inside:
                runs.extend(self.nested('"' + inside.replace('"', "") + '"', via="$()"))
            parts.append(source[start : close + 1])
            return True
        parts.append("$")
        self.at = start + 1
        return False

    def finish(self) -> None:
        """Keeps the command that the words so far make."""
        words, redirects = self.words, self.redirects
        self.words, self.redirects = [], []
        while words and words[0].bare and words[0].text in KEYWORDS:
            words.pop(0)
        if words and words[0].bare and words[0].text in ("for", "select", "case"):
            return
        if len(words) >= 2 and words[0].bare and words[0].text == "function":
            self.shell.functions.add(words[1].text)
            return
        split = 0
        while split < len(words) and ASSIGNMENT.match(words[split].text):
            split += 1
        assignments, words = words[:split], words[split:]
        if not words or words[0].text in DECLARERS:
            for word in (*assignments, *words[1:]):
                if (match := ASSIGNMENT.match(word.text)) and not word.dynamic:
                    self.shell.variables[match.group(1)] = word.text[match.end() :]
        parts = (*assignments, *words, *(redirect.target for redirect in redirects))
        if not parts:
            return
        if words and words[0].bare and " " in words[0].text and not words[0].dynamic:
            # The program came out of a variable: a shell splits it at its spaces.
            head = words[0]
            words = [*(Word(t, head.start, head.end) for t in head.text.split()), *words[1:]]
        pipes = (*self.pipes, (self.pipeline, self.stage))
        start, end = min(p.start for p in parts), max(p.end for p in parts)
        self.shell.add(Command(tuple(words), tuple(assignments), tuple(redirects), pipes, start, end, self.via))


def _ansi_character(match: re.Match[str]) -> str:
    two, four, octal, other = match.groups()
    if two or four:
        return chr(int(two or four, 16))
    return chr(int(octal, 8) & 0xFF) if octal else ESCAPES.get(other, other)
