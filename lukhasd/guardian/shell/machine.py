"""Walks through what a shell would run without running it: keeps values, folders, files written and functions.

Every way through a text is taken: all branches, each value of a loop. What a program prints is known for a few
(`outputs`), unknown for the rest. Work is bounded by the number of commands and of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lukhasd.guardian.shell.expansion import ASSIGNMENT, Expander, Scope, locate
from lukhasd.guardian.shell.lexer import MAX_DEPTH
from lukhasd.guardian.shell.outputs import printed
from lukhasd.guardian.shell.reader import Reader
from lukhasd.guardian.shell.words import (
    Array,
    Branches,
    Chain,
    Command,
    Function,
    Group,
    Literal,
    Loop,
    Node,
    Pipeline,
    Redirect,
    Redirection,
    Script,
    Simple,
    Substitution,
    Template,
    Unparsable,
    Word,
)

MAX_COMMANDS = 3000
MAX_STEPS = 20_000
MAX_WORDS = 5000
MAX_LINES = 200
MAX_FILE_CHARS = 100_000
DECLARERS = {"export", "readonly", "local", "declare", "typeset"}
WRITES = {">", ">>", ">|", "&>", "&>>"}
Pipes = tuple[tuple[int, int], ...]
Unwrap = Callable[["Machine", Command, Scope], "str | None"]


class Machine:
    """`unwrap` looks into programs that run others; it returns what they print, where that is known."""

    def __init__(self, check: Callable[[], None], unwrap: Unwrap) -> None:
        self.check = check
        self.unwrap = unwrap
        self.commands: list[Command] = []
        self.functions: dict[str, Node] = {}
        self.called: set[str] = set()
        self.files: dict[str, str] = {}
        self.pipelines = 0
        self.steps = 0
        self.calls: tuple[str, ...] = ()
        self.fed: str | None = None
        self.pipes: Pipes = ()
        self.via: tuple[str, ...] = ()

    def run_all(self, script: Script) -> None:
        """Runs `script`, then the functions that nothing has called."""
        self.run(script, Scope())
        for name, body in list(self.functions.items()):
            if name not in self.called:
                self.calls = (name,)
                self.run((body,), Scope())
        self.calls = ()

    def run(self, script: Script, scope: Scope) -> str | None:
        """The output of all of `script`, or None where a part of it is unknown."""
        outputs = [self.node(node, scope) for node in script]
        known = [output for output in outputs if output is not None]
        return "".join(known) if len(known) == len(outputs) else None

    def within(self, script: Script, scope: Scope, *, fed: str | None, pipes: Pipes) -> str | None:
        before = self.fed, self.pipes
        self.fed, self.pipes = fed, pipes
        try:
            return self.run(script, scope)
        finally:
            self.fed, self.pipes = before

    def node(self, node: Node, scope: Scope) -> str | None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unparsable(f"it takes more than {MAX_STEPS} steps")
        self.check()
        if isinstance(node, Simple):
            return self.simple(node, scope)
        if isinstance(node, Pipeline):
            return self.pipeline(node, scope)
        if isinstance(node, Chain):
            return self.chain(node, scope)
        if isinstance(node, Function):
            self.functions[node.name] = node.body
            return ""
        if isinstance(node, Group):
            inner = scope.copy() if node.subshell else scope
            redirects = self.redirects(node.redirects, scope)
            output = self.within(node.body, inner, fed=self.input(redirects, scope), pipes=self.pipes)
            return self.redirected(redirects, output, scope)
        redirects = self.redirects(node.redirects, scope)
        before = self.fed
        self.fed = self.input(redirects, scope)
        try:
            output = self.branches(node, scope) if isinstance(node, Branches) else self.loop(node, scope)
        finally:
            self.fed = before
        return self.redirected(redirects, output, scope)

    def pipeline(self, node: Pipeline, scope: Scope) -> str | None:
        self.pipelines += 1
        number, output = self.pipelines, self.fed
        for stage, inner in enumerate(node.stages):
            output = self.within((inner,), scope.copy(), fed=output, pipes=(*self.pipes, (number, stage)))
        return output

    def chain(self, node: Chain, scope: Scope) -> str | None:
        outputs = [self.node(node.nodes[0], scope)]
        folder, inner = scope.folder, scope.copy()
        outputs += [self.node(other, inner) for other in node.nodes[1:]]
        scope.merge([inner])
        if node.doubtful:
            scope.folder = folder
        return None if None in outputs else "".join(text for text in outputs if text)

    def branches(self, node: Branches, scope: Scope) -> str | None:
        outputs = [self.run(node.first, scope)]
        ends: list[Scope] = []
        for way in node.ways:
            ends.append(scope.copy())
            outputs.append(self.run(way, ends[-1]))
        scope.merge(ends)
        return None if None in outputs else "".join(text for text in outputs if text)

    def loop(self, node: Loop, outer: Scope) -> str | None:
        outputs: list[str | None] = []
        scope = outer.copy()
        if node.values is not None:
            for word in [word for template in node.values for word in self.expander(scope).words(template)]:
                if word.dynamic:
                    scope.variables.pop(node.name, None)
                else:
                    scope.variables[node.name] = (word.text,)
                outputs.append(self.run(node.body, scope))
        else:
            lines: list[str | None] = [None]
            if self.fed is not None and reads(node.condition):
                lines = [*self.fed.replace("\0", "\n").splitlines()]
                if len(lines) > MAX_LINES:
                    raise Unparsable(f"it reads more than {MAX_LINES} lines")
            for line in lines or [None]:
                self.within(node.condition, scope, fed=line, pipes=self.pipes)
                outputs.append(self.run(node.body, scope))
        outer.merge([scope])
        return None if None in outputs else "".join(text for text in outputs if text)

    def simple(self, node: Simple, scope: Scope) -> str | None:
        if node.inside:
            self.run(node.inside, scope.copy())
        expander = self.expander(scope)
        for array in node.arrays:
            self.assign_array(array, scope)
        split = 0
        while split < len(node.words) and assigns(node.words[split]):
            split += 1
        assignments = [self.assignment(word, scope, keep=split == len(node.words)) for word in node.words[:split]]
        head = node.words[split] if split < len(node.words) else None
        words = expander.words(head) if head else []
        heads = len(words)
        declares = head is not None and head.keyword in DECLARERS
        for template in node.words[split + 1 :]:
            if declares and assigns(template):
                words.append(self.assignment(template, scope, keep=True))
            else:
                words += expander.words(template)
        redirects = self.redirects(node.redirects, scope)
        parts = [*assignments, *words, *(redirect.target for redirect in redirects)]
        if not parts:
            return ""
        spans = min(part.start for part in parts), max(part.end for part in parts)
        command = Command(
            tuple(words), tuple(assignments), redirects, self.pipes, *spans, self.via, scope.folder,
            self.input(redirects, scope),
        )  # fmt: skip
        output = self.execute(command, scope)
        if head is not None and head.keyword is None and heads > 1:
            # The first word has several values: each may be the program.
            for place in range(1, heads):
                self.execute(replace(command, words=tuple(words[place:])), scope.copy())
        return self.redirected(redirects, output, scope)

    def execute(self, command: Command, scope: Scope) -> str | None:
        """Keeps `command`, looks into it, and returns what it prints where that is known."""
        if len(self.commands) >= MAX_COMMANDS:
            raise Unparsable(f"it runs more than {MAX_COMMANDS} commands")
        if len(command.words) + len(command.redirects) > MAX_WORDS:
            raise Unparsable(f"a command has more than {MAX_WORDS} words")
        if len(command.via) > MAX_DEPTH:
            raise Unparsable(f"it is nested more than {MAX_DEPTH} deep")
        self.check()
        self.commands.append(command)
        if not command.words:
            return ""
        name = command.words[0].text
        if name in self.functions:
            return self.call(name, command, scope)
        output = self.unwrap(self, command, scope)
        return output if output is not None else printed(command, scope, self.files)

    def call(self, name: str, command: Command, scope: Scope) -> str | None:
        self.called.add(name)
        if name in self.calls:
            return None
        if len(self.calls) >= MAX_DEPTH:
            raise Unparsable(f"functions call each other more than {MAX_DEPTH} deep")
        before = self.calls, scope.positional
        self.calls = (*self.calls, name)
        scope.positional = tuple(word.text for word in command.arguments)
        try:
            return self.within((self.functions[name],), scope, fed=command.fed, pipes=command.pipes)
        finally:
            self.calls, scope.positional = before

    def read_text(self, text: str, command: Command, scope: Scope, *, fed: str | None = None) -> str | None:
        """Runs shell text that `command` was given; spans are the command's."""
        via = (*command.via, command.program)
        script = Reader(text, self.check, depth=len(via), fixed=(command.start, command.end)).read()
        before = self.via
        self.via = via
        try:
            return self.within(script, scope, fed=fed, pipes=command.pipes)
        finally:
            self.via = before

    def expander(self, scope: Scope) -> Expander:
        def substitute(part: Substitution) -> tuple[str | None, tuple[str, ...]]:
            before, via = len(self.commands), self.via
            self.via = (*via, "$()")
            try:
                output = self.within(part.body, scope.copy(), fed=None, pipes=())
            finally:
                self.via = via
            return None if part.file else output, tuple(command.program for command in self.commands[before:])

        return Expander(scope, substitute)

    def assignment(self, template: Template, scope: Scope, *, keep: bool) -> Word:
        """The assignment as a word; where `keep`, the variable has that value from now on."""
        values, dynamic, runs = self.expander(scope).values(template)
        match = ASSIGNMENT.match(values[0])
        if match and keep:
            known = tuple(value[match.end() :] for value in values)
            if dynamic:
                scope.variables.pop(match[1], None)
            elif match[2]:
                scope.variables[match[1]] = tuple(
                    old + new for old in scope.variables.get(match[1], ("",)) for new in known
                )
            else:
                scope.variables[match[1]] = known
        return Word(values[0], template.start, template.end, False, dynamic, runs)

    def assign_array(self, array: Array, scope: Scope) -> None:
        words = [word for template in array.values for word in self.expander(scope).words(template)]
        if words and not any(word.dynamic for word in words):
            scope.variables[array.name] = tuple(word.text for word in words)
        else:
            scope.variables.pop(array.name, None)

    def redirects(self, redirections: tuple[Redirection, ...], scope: Scope) -> tuple[Redirect, ...]:
        made: list[Redirect] = []
        for redirection in redirections:
            body = None
            if redirection.operator in ("<<", "<<-"):
                target = Word("", redirection.target.start, redirection.target.end)
            else:
                values, dynamic, runs = self.expander(scope).values(redirection.target)
                target = Word(values[0], redirection.target.start, redirection.target.end, False, dynamic, runs)
            if redirection.body is not None:
                body = "\n".join(self.expander(scope).values(redirection.body)[0]) + "\n"
            made.append(Redirect(redirection.operator, target, body))
        return tuple(made)

    def input(self, redirects: tuple[Redirect, ...], scope: Scope) -> str | None:
        """What comes in: a here-document, a file written before, or what the pipe brings."""
        for redirect in reversed(redirects):
            if redirect.body is not None:
                return redirect.body
            if redirect.operator == "<":
                return self.files.get(locate(redirect.target.text, scope.folder))
        return self.fed

    def redirected(self, redirects: tuple[Redirect, ...], output: str | None, scope: Scope) -> str | None:
        """Keeps `output` as the file's that it goes to; what is left for the pipe."""
        for redirect in redirects:
            if redirect.operator in WRITES and not redirect.target.text.startswith("/dev/"):
                self.write(redirect.target.text, output, scope, append=">>" in redirect.operator)
                return ""
        return output

    def write(self, path: str, text: str | None, scope: Scope, *, append: bool) -> None:
        place = locate(path, scope.folder)
        if text is None:
            self.files.pop(place, None)
        else:
            self.files[place] = ((self.files.get(place, "") if append else "") + text)[:MAX_FILE_CHARS]


def assigns(template: Template) -> bool:
    first = template.parts[0] if template.parts else None
    return isinstance(first, Literal) and not first.quoted and ASSIGNMENT.match(first.text) is not None


def reads(script: Script) -> bool:
    return any(
        isinstance(node, Simple) and any(word.keyword in ("read", "mapfile") for word in node.words) for node in script
    )
