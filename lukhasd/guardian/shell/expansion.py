"""What a word comes to: parameters with known values, substitutions whose output is known, braces, field splitting."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import translate
from itertools import pairwise

from lukhasd.guardian.shell.words import Literal, Parameter, Substitution, Template, Unparsable, Word

MAX_ALTERNATIVES = 256
MAX_TEXT_CHARS = 100_000
ASSIGNMENT = re.compile(r"([A-Za-z_]\w{0,100})(?:\[[^\]]{0,100}\])?(\+?)=", re.S)
RANGE = re.compile(r"(-?\d{1,6}|[A-Za-z])\.\.(-?\d{1,6}|[A-Za-z])(?:\.\.-?\d{1,4})?")
FIXED = {"HOME": "~", "TMPDIR": "/tmp", "TMP": "/tmp", "TEMP": "/tmp", "RANDOM": "0", "?": "0", "!": "0", "$": "0"}  # noqa: S108
QUOTED, PLAIN, SPLIT, VALUE = "q", "u", "s", "v"
"""How each character of a word came about: quoted, as written, white space that splits, out of a variable."""


@dataclass
class Scope:
    """What a shell process knows. A variable has one value, an array's, or those of several ways to here."""

    variables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    positional: tuple[str, ...] | None = None
    folder: str | None = None

    def copy(self) -> Scope:
        return Scope(dict(self.variables), self.positional, self.folder)

    def merge(self, others: list[Scope]) -> None:
        """Takes in what holds at the ends of the ways `others`."""
        for other in others:
            for name, values in other.variables.items():
                known = self.variables.get(name, ())
                self.variables[name] = tuple(dict.fromkeys((*known, *values)))[:MAX_ALTERNATIVES]
            self.folder = other.folder
            self.positional = other.positional


Substitute = Callable[[Substitution], tuple[str | None, tuple[str, ...]]]
"""The output of a substitution where it is known, and the programs in it."""


@dataclass(frozen=True)
class Expander:
    scope: Scope
    substitute: Substitute

    def words(self, template: Template) -> list[Word]:
        """The words that `template` becomes; several values of one variable give several words."""
        found: list[Word] = []
        alternatives, dynamic, runs = self._alternatives(template)
        bare = all(not part.quoted for part in template.parts)
        for text, marks in alternatives:
            for piece in braces(text, marks):
                for field_text in fields(*piece):
                    found.append(Word(field_text, template.start, template.end, bare, dynamic, runs))
                    if len(found) > MAX_ALTERNATIVES:
                        raise Unparsable(f"a word stands for more than {MAX_ALTERNATIVES}")
        return found

    def values(self, template: Template) -> tuple[list[str], bool, tuple[str, ...]]:
        """What `template` comes to without splitting, whether part of it is unknown, and the programs in it."""
        alternatives, dynamic, runs = self._alternatives(template)
        return [text for text, _ in alternatives], dynamic, runs

    def _alternatives(self, template: Template) -> tuple[list[tuple[str, str]], bool, tuple[str, ...]]:
        found = [("", "")]
        dynamic = False
        runs: list[str] = []
        for part in template.parts:
            known: list[str] | None = None
            unknown = ""
            if isinstance(part, Substitution):
                output, programs = self.substitute(part)
                runs += programs
                known = None if output is None else [output.rstrip("\n")]
                unknown = part.source
            elif isinstance(part, Parameter):
                known = self._parameter(part)
                name = "@" if part.name == "*" else part.name
                unknown = f"${{{name}:?}}" if part.operator in (":?", "?") else f"${name}"
            if isinstance(part, Literal):
                options = [(part.text, (QUOTED if part.quoted else PLAIN) * len(part.text))]
            elif known is None:
                dynamic = True
                options = [(unknown, VALUE * len(unknown))]
            else:
                separators = self.scope.variables.get("IFS", (" ",))[0] + " \t\n"
                options = [mark(value, part.quoted, separators) for value in known] or [("", "")]
            found = [(text + more, marks + kinds) for text, marks in found for more, kinds in options]
            if len(found) > MAX_ALTERNATIVES or sum(len(text) for text, _ in found) > MAX_TEXT_CHARS:
                raise Unparsable(f"a word stands for more than {MAX_ALTERNATIVES}, or a very long one")
        return found, dynamic, tuple(runs)

    def _parameter(self, part: Parameter) -> list[str] | None:
        """The values of a parameter with its operator applied, or None where it is unknown."""
        known = self._known(part)
        argument = self.values(part.argument)[0] if part.argument is not None else [""]
        kind = part.operator
        if kind in (":-", "-", ":=", "="):
            if known is None or (kind[0] == ":" and known == [""]):
                return argument
        elif kind in (":+", "+"):
            return argument if known is None or known != [""] else [""]
        elif kind == "!":
            return None
        if known is None:
            return None
        if kind in ("%", "%%", "#", "##"):
            return [trim(value, argument[0], kind) for value in known]
        if kind in ("/", "//"):
            old, _, new = argument[0].partition("/")
            return [value.replace(old, new, -1 if kind == "//" else 1) if old else value for value in known]
        if kind == ":":
            return [cut(value, argument[0]) for value in known]
        if kind.startswith("^"):
            return [value.upper() if kind == "^^" else value[:1].upper() + value[1:] for value in known]
        if kind.startswith(","):
            return [value.lower() for value in known]
        return known

    def _known(self, part: Parameter) -> list[str] | None:
        name, scope = part.name, self.scope
        if name in ("@", "*"):
            return None if scope.positional is None else list(scope.positional)
        if name.isdigit():
            number = int(name)
            if scope.positional is None or number == 0:
                return None
            return [scope.positional[number - 1]] if number <= len(scope.positional) else [""]
        if name in scope.variables:
            values = scope.variables[name]
            if part.index is not None and part.index.isdigit() and int(part.index) < len(values):
                return [values[int(part.index)]]
            return list(values)
        if name == "IFS":
            return [" "]
        if name == "PWD":
            return [scope.folder or "."]
        return [FIXED[name]] if name in FIXED else None


def mark(value: str, quoted: bool, separators: str) -> tuple[str, str]:
    if quoted:
        return value, QUOTED * len(value)
    return value, "".join(SPLIT if character in separators else VALUE for character in value)


def fields(text: str, marks: str) -> list[str]:
    """`text` parted where unquoted values hold white space; nothing where nothing is left of a value."""
    if SPLIT not in marks:
        return [text]
    pieces: list[str] = []
    current: list[str] = []
    for character, kind in zip(text, marks, strict=True):
        if kind == SPLIT:
            if current:
                pieces.append("".join(current))
            current = []
        else:
            current.append(character)
    if current:
        pieces.append("".join(current))
    return pieces


def braces(text: str, marks: str) -> list[tuple[str, str]]:
    """Brace expansion of `{a,b}` and `{1..3}`, the innermost first."""
    if "{" not in text or PLAIN not in marks:
        return [(text, marks)]
    done: list[tuple[str, str]] = []
    waiting = [(text, marks)]
    while waiting:
        text, marks = waiting.pop()
        found = innermost(text, marks)
        if found is None:
            done.append((text, marks))
        else:
            start, end, choices = found
            waiting += [
                (text[:start] + choice + text[end:], marks[:start] + kinds + marks[end:])
                for choice, kinds in reversed(choices)
            ]
        if len(done) + len(waiting) > MAX_ALTERNATIVES:
            raise Unparsable(f"braces stand for more than {MAX_ALTERNATIVES} words")
    return done


def innermost(text: str, marks: str) -> tuple[int, int, list[tuple[str, str]]] | None:
    """The first brace pair without braces in it that holds a choice: its place and what may stand there."""
    opening = -1
    for at, character in enumerate(text):
        if marks[at] != PLAIN:
            continue
        if character == "{":
            opening = at
        elif character == "}" and opening >= 0:
            inside, kinds = text[opening + 1 : at], marks[opening + 1 : at]
            cuts = [i for i, c in enumerate(inside) if c == "," and kinds[i] == PLAIN]
            if cuts:
                edges = [-1, *cuts, len(inside)]
                pairs = pairwise(edges)
                return opening, at + 1, [(inside[a + 1 : b], kinds[a + 1 : b]) for a, b in pairs]
            if match := RANGE.fullmatch(inside):
                return opening, at + 1, [(value, VALUE * len(value)) for value in between(match[1], match[2])]
            opening = -1
    return None


def between(first: str, last: str) -> list[str]:
    """`{1..3}` or `{a..e}`; of a very long range only the ends, which differ in nothing that matters here."""
    numbers = first.lstrip("-").isdigit() and last.lstrip("-").isdigit()
    low, high = (int(first), int(last)) if numbers else (ord(first[0]), ord(last[0]))
    steps = range(low, high + 1) if low <= high else range(low, high - 1, -1)
    kept = [*steps[:8], *steps[-8:]] if len(steps) > 16 else list(steps)
    return [str(step) if numbers else chr(step) for step in kept]


def trim(value: str, pattern: str, kind: str) -> str:
    """`${value%pattern}` and its kin."""
    if len(pattern) > 200 or len(value) > 2000:
        return value
    matches = re.compile(translate(pattern)).match
    places = range(len(value) + 1)
    if kind[0] == "%":
        order = places if kind == "%%" else reversed(places)
        return next((value[:i] for i in order if matches(value[i:])), value)
    order = reversed(places) if kind == "##" else places
    return next((value[i:] for i in order if matches(value[:i])), value)


def cut(value: str, argument: str) -> str:
    """`${value:start:length}`."""
    match = re.fullmatch(r"\s{0,4}(-?\d{1,6})(?::(\d{1,6}))?", argument)
    if not match:
        return value
    start = int(match[1])
    rest = value[start:] if start >= 0 or -start <= len(value) else ""
    return rest[: int(match[2])] if match[2] else rest


def locate(path: str, folder: str | None) -> str:
    """`path` as seen from where the text began, after `cd folder`."""
    if not path.startswith(("/", "~", "$")) and folder is not None:
        path = f"{folder}/{path}"
    normal = posixpath.normpath(path) if path else "."
    return "/" + normal.lstrip("/") if normal.startswith("//") else normal
