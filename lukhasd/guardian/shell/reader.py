"""Reads shell text: quotes, substitutions, pipes, lists, groups, loops, functions, here-documents, comments.

Follows POSIX.1-2024 XCU chapter 2 (token recognition, quoting, redirection, compound commands) with bash's `$'…'`,
`<(…)`, `<<<`, `&>`, arrays and `[[ … ]]`. Nothing is expanded here. Keywords out of place are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lukhasd.guardian.shell.lexer import Lexer
from lukhasd.guardian.shell.words import (
    Array,
    Branches,
    Chain,
    Function,
    Group,
    Literal,
    Loop,
    Node,
    Parameter,
    Pipeline,
    Redirection,
    Script,
    Simple,
    Template,
    Unparsable,
)

MAX_NODES = 6000

REDIRECT = re.compile(r"(\d{0,3}|\{\w{1,40}\})(&>>|&>|<<<|<<-|<<|<>|<&|>&|>>|>\||>|<)")
KEYWORD = re.compile(r"([a-z]{2,8}|!|\[\[)(?=[\s;&|(]|$)")
STRAY = {"then", "do", "done", "fi", "else", "elif", "esac", "coproc", "!"}
COMPOUND = {"for", "select", "while", "until", "if", "case", "function", "[["}
TESTS = {"false", "test", "[", "[["}
BLANK = " \t\r"


class Reader(Lexer):
    """Reads `source` into commands."""

    def __init__(
        self, source: str, check: Callable[[], None], *, depth: int = 0, fixed: tuple[int, int] | None = None
    ) -> None:
        super().__init__(source, check, depth=depth, fixed=fixed)
        self.nodes = 0
        self.waiting: list[tuple[Redirection, str, bool]] = []

    def read(self) -> Script:
        return self.script(closing=None)

    def script(self, closing: str | None, until: frozenset[str] = frozenset()) -> Script:
        """Commands up to and past `closing`, or up to a keyword of `until`, or to the end."""
        nodes: list[Node] = []
        joined = ""
        while self.at < len(self.source):
            character = self.source[self.at]
            if character == closing:
                self.at += 1
                return tuple(nodes)
            if character in BLANK:
                self.at += 1
            elif self.source.startswith("\\\n", self.at):
                self.at += 2
            elif character == "#":
                line_end = self.source.find("\n", self.at)
                self.at = len(self.source) if line_end < 0 else line_end
            elif character == "\n":
                self.at += 1
                self.here_documents()
            elif character in ";&|)":
                if character == ";" and "esac" in until and self.source.startswith(";;", self.at):
                    return tuple(nodes)
                joined = self.source[self.at : self.at + 2]
                joined = joined if joined in ("&&", "||") else ""
                self.at += len(joined) or 1
            else:
                if until and (match := KEYWORD.match(self.source, self.at)) and match[1] in until:
                    return tuple(nodes)
                if (node := self.pipeline()) is not None:
                    nodes.append(chain(nodes.pop(), node, joined) if joined and nodes else node)
                    joined = ""
        if closing is not None:
            raise Unparsable(f"a closing {closing} is missing")
        self.here_documents()
        return tuple(nodes)

    def pipeline(self) -> Node | None:
        stages: list[Node] = []
        while True:
            node = self.command()
            if node is not None:
                stages.append(node)
            self.blanks()
            if not self.source.startswith("|", self.at) or self.source.startswith("||", self.at):
                break
            self.at += 2 if self.source.startswith("|&", self.at) else 1
            while self.source[self.at : self.at + 1] in (" ", "\t", "\r", "\n", "\\") and self.at < len(self.source):
                if self.source[self.at] == "\\" and not self.source.startswith("\\\n", self.at):
                    break
                self.at += 1
        return Pipeline(tuple(stages)) if len(stages) > 1 else stages[0] if stages else None

    def blanks(self, *, lines: bool = False) -> None:
        while self.at < len(self.source):
            if self.source[self.at] in BLANK or (lines and self.source[self.at] == "\n"):
                self.at += 1
            elif self.source.startswith("\\\n", self.at):
                self.at += 2
            else:
                return

    def command(self) -> Node | None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Unparsable(f"it runs more than {MAX_NODES} commands")
        self.check()
        source = self.source
        while match := KEYWORD.match(source, self.at):
            if match[1] in COMPOUND:
                return self.compound(match[1], match.end())
            if match[1] not in STRAY:
                break
            self.at = match.end()
            self.blanks()
        if source.startswith("((", self.at) and (end := source.find("))", self.at)) >= 0:
            self.at = end + 2
            return None
        if source.startswith("(", self.at):
            return self.group(")")
        if source.startswith("{", self.at) and source[self.at + 1 : self.at + 2] in (" ", "\n", "\t"):
            return self.group("}")
        return self.simple()

    def inside(self, closing: str | None, until: frozenset[str] = frozenset()) -> Script:
        """Commands of a nested construct, read at the next depth."""
        inner = Reader(self.source, self.check, depth=self.depth + 1, fixed=self.fixed)
        inner.at, inner.nodes, inner.waiting = self.at, self.nodes, self.waiting
        body = inner.script(closing, until)
        self.at, self.nodes = inner.at, inner.nodes
        return body

    def group(self, closing: str) -> Group:
        self.at += 1
        body = self.inside(closing)
        return Group(body, closing == ")", self.redirects())

    def redirects(self) -> tuple[Redirection, ...]:
        found: list[Redirection] = []
        while True:
            self.blanks()
            match = REDIRECT.match(self.source, self.at)
            if not match:
                return tuple(found)
            found.append(self.redirection(match))

    def take(self, keyword: str) -> bool:
        """Passes over `keyword` where it stands next."""
        self.blanks(lines=True)
        while self.source[self.at : self.at + 1] in (";", "\n", " "):
            self.at += 1
        match = KEYWORD.match(self.source, self.at)
        if match and match[1] == keyword:
            self.at = match.end()
            return True
        return False

    def compound(self, keyword: str, end: int) -> Node | None:
        self.at = end
        if keyword in ("for", "select"):
            return self.for_loop()
        if keyword in ("while", "until"):
            condition = self.inside(None, frozenset({"do"}))
            self.take("do")
            body = self.inside(None, frozenset({"done"}))
            self.take("done")
            return Loop("", None, condition, body, self.redirects())
        if keyword == "if":
            return self.condition()
        if keyword == "case":
            return self.case()
        if keyword == "function":
            self.blanks()
            name = self.word()
            self.blanks()
            if self.source.startswith("()", self.at):
                self.at += 2
            self.blanks(lines=True)
            function = self.command()
            return Function(name.keyword or "", function) if name and function else None
        words: list[Template] = []
        while self.at < len(self.source):
            word = self.word()
            if word is None:
                if self.source[self.at] == "\n" and words and words[-1].keyword == "]]":
                    break
                self.at += 1
            else:
                words.append(word)
                if word.keyword == "]]":
                    break
        return Simple((Template((Literal("[[", False),), *self.span(end - 2, end)), *words), ())

    def for_loop(self) -> Node | None:
        self.blanks()
        if self.source.startswith("((", self.at):
            end = self.source.find("))", self.at)
            self.at = len(self.source) if end < 0 else end + 2
            name, values = None, None
        else:
            name, values = self.word(), None
            if self.take("in"):
                values = []
                while True:
                    self.blanks()
                    word = self.word()
                    if word is None:
                        break
                    values.append(word)
        braces = not self.take("do") and self.source.startswith("{", self.at)
        if braces:
            self.at += 1
        body = self.inside("}" if braces else None, frozenset() if braces else frozenset({"done"}))
        self.take("done")
        given = (Template((Parameter("@", True, "$@"),), *self.span(self.at, self.at)),)
        known = tuple(values) if values is not None else given if name else None
        return Loop((name.keyword or "") if name else "", known, (), body, self.redirects())

    def condition(self) -> Branches:
        first = list(self.inside(None, frozenset({"then"})))
        ways: list[Script] = []
        ends = frozenset({"elif", "else", "fi"})
        while self.take("then") or self.take("else"):
            ways.append(self.inside(None, ends))
            if self.take("elif"):
                first += self.inside(None, frozenset({"then"}))
        self.take("fi")
        return Branches(tuple(first), tuple(ways), self.redirects())

    def case(self) -> Branches:
        self.blanks()
        subject = self.word()
        self.take("in")
        ways: list[Script] = []
        while self.at < len(self.source) and not self.take("esac"):
            if self.source.startswith("(", self.at):
                self.at += 1
            while self.at < len(self.source) and self.source[self.at] != ")":
                if self.word() is None:
                    self.at += 1
            self.at += 1
            ways.append(self.inside(None, frozenset({"esac"})))
            while self.source[self.at : self.at + 1] in (";", "&"):
                self.at += 1
            self.blanks(lines=True)
        first: Script = (Simple((Template((Literal("case", True),), subject.start, subject.end), subject), ()),) if (
            subject) else ()  # fmt: skip
        return Branches(first, tuple(ways), self.redirects())

    def simple(self) -> Node | None:
        source = self.source
        words: list[Template] = []
        redirects: list[Redirection] = []
        arrays: list[Array] = []
        inside: list[Node] = []
        while self.at < len(source):
            self.blanks()
            if self.at >= len(source):
                break
            character = source[self.at]
            if match := REDIRECT.match(source, self.at):
                if source.startswith("(", match.end()) and match[2] in "<>":
                    if word := self.word():
                        words.append(word)
                else:
                    redirects.append(self.redirection(match))
            elif character in ";&|\n)":
                break
            elif character == "(":
                if source.startswith("()", self.at) and len(words) == 1 and words[0].keyword:
                    self.at += 2
                    self.blanks(lines=True)
                    called = self.command()
                    return Function(words[0].keyword, called) if called else None
                if words and words[-1].end == self.place and (name := array_name(words[-1])):
                    words.pop()
                    arrays.append(Array(name, self.array()))
                else:
                    self.at += 1
                    inside += self.inside(")")
            elif character == "#":
                line_end = source.find("\n", self.at)
                self.at = len(source) if line_end < 0 else line_end
            elif word := self.word():
                words.append(word)
        if not (words or redirects or arrays or inside):
            return None
        return Simple(tuple(words), tuple(redirects), tuple(arrays), tuple(inside))

    @property
    def place(self) -> int:
        return self.fixed[1] if self.fixed else self.at

    def array(self) -> tuple[Template, ...]:
        self.at += 1
        values: list[Template] = []
        while self.at < len(self.source) and self.source[self.at] != ")":
            word = self.word()
            if word is None:
                self.at += 1
            else:
                values.append(word)
        self.at += 1
        return tuple(values)

    def redirection(self, match: re.Match[str]) -> Redirection:
        operator = match[2]
        self.at = match.end()
        self.blanks()
        raw_start = self.at
        target = self.word()
        if target is None:
            raise Unparsable(f"a redirection {operator} has no target")
        made = Redirection(operator, target)
        if operator in ("<<", "<<-"):
            delimiter = "".join(part.text for part in target.parts if isinstance(part, Literal))
            self.waiting.append((made, delimiter, self.source[raw_start] not in "'\"\\"))
        elif operator == "<<<":
            made.body = target
        return made

    def here_documents(self) -> None:
        """Reads the bodies that the line before announced."""
        for redirection, delimiter, expands in self.waiting:
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
            span = (redirection.target.start, redirection.target.end)
            if expands and ("$" in body or "`" in body):
                quoted = Reader('"' + body.replace('"', '\\"') + '"', self.check, depth=self.depth + 1, fixed=span)
                redirection.body = quoted.word()
            else:
                redirection.body = Template((Literal(body, True),), *span)
        self.waiting.clear()


def chain(before: Node, node: Node, joined: str) -> Chain:
    """`before` with `node` after it; what follows a test or stands after `||` may well not run."""
    nodes = before.nodes if isinstance(before, Chain) else (before,)
    head = nodes[0]
    tests = isinstance(head, Simple) and bool(head.words) and head.words[0].keyword in TESTS
    doubtful = joined == "||" or tests or (isinstance(before, Chain) and before.doubtful)
    return Chain((*nodes, node), doubtful)


def array_name(word: Template) -> str | None:
    """The name where the word is `name=` or `name+=`."""
    match = re.fullmatch(r"([A-Za-z_]\w{0,100})\+?=", word.keyword or "")
    return match[1] if match else None
