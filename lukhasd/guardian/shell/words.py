"""The pieces that a command line is read into, and what they come to when it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property


class Unparsable(Exception):
    """The text is no command that can be read with certainty; the message says why."""


@dataclass(frozen=True)
class Literal:
    text: str
    quoted: bool


@dataclass(frozen=True)
class Parameter:
    """`$name` or `${name operator argument}`; `index` is what stands in `[…]`, `source` the text itself."""

    name: str
    quoted: bool
    source: str
    index: str | None = None
    operator: str = ""
    argument: Template | None = None


@dataclass(frozen=True)
class Substitution:
    """`$(…)`, backticks, or `<(…)` where `file`."""

    body: Script
    source: str
    quoted: bool
    file: bool = False


@dataclass(frozen=True)
class Template:
    """A word as written; `start`, `end` bound it in the content as given."""

    parts: tuple[Literal | Parameter | Substitution, ...]
    start: int
    end: int

    @property
    def keyword(self) -> str | None:
        """The word where it is one unquoted literal."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only.text if isinstance(only, Literal) and not only.quoted else None


@dataclass
class Redirection:
    """`body` is a here-document's, set when the lines that hold it are reached."""

    operator: str
    target: Template
    body: Template | None = None


@dataclass(frozen=True)
class Array:
    """`name=(…)`."""

    name: str
    values: tuple[Template, ...]


@dataclass(frozen=True)
class Simple:
    words: tuple[Template, ...]
    redirects: tuple[Redirection, ...]
    arrays: tuple[Array, ...] = ()
    inside: Script = ()
    """Commands in parentheses among the words, which other shells than POSIX ones run."""


@dataclass(frozen=True)
class Pipeline:
    stages: tuple[Node, ...]


@dataclass(frozen=True)
class Group:
    body: Script
    subshell: bool
    redirects: tuple[Redirection, ...] = ()


@dataclass(frozen=True)
class Loop:
    """`for name in values` where `values` is not None, else `while` or `until`."""

    name: str
    values: tuple[Template, ...] | None
    condition: Script
    body: Script
    redirects: tuple[Redirection, ...] = ()


@dataclass(frozen=True)
class Branches:
    """`if` and `case`: what always runs first, then the ways it may go."""

    first: Script
    ways: tuple[Script, ...]
    redirects: tuple[Redirection, ...] = ()


@dataclass(frozen=True)
class Chain:
    """Commands joined by `&&` and `||`: the first runs, the others may. `doubtful` where one may well not."""

    nodes: tuple[Node, ...]
    doubtful: bool


@dataclass(frozen=True)
class Function:
    name: str
    body: Node


Node = Simple | Pipeline | Group | Loop | Branches | Chain | Function
Script = tuple[Node, ...]


@dataclass(frozen=True)
class Word:
    """A word as a program is given it. `start`, `end` bound it in the content as given.

    `bare` means that no part was quoted; `dynamic` that a part is known only when it runs;
    `runs` names the programs inside its substitutions.
    """

    text: str
    start: int
    end: int
    bare: bool = True
    dynamic: bool = False
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Redirect:
    """`operator` such as `>`, `>>`, `<<`; `body` is a here-document's or here-string's text."""

    operator: str
    target: Word
    body: str | None = None


@dataclass(frozen=True)
class Command:
    """One simple command. `pipes` lists (pipeline, stage) for it and the groups around it."""

    words: tuple[Word, ...]
    assignments: tuple[Word, ...]
    redirects: tuple[Redirect, ...]
    pipes: tuple[tuple[int, int], ...]
    start: int
    end: int
    via: tuple[str, ...] = field(default=())
    """Programs that run this one: sudo, xargs, find …"""
    folder: str | None = None
    """Where it runs: absolute, relative to where the text began, or `$NAME/…`; None: where the text began."""
    fed: str | None = None
    """What it reads from its standard input, where that is known."""

    @cached_property
    def program(self) -> str:
        """The program's name without its folder; empty for bare assignments and redirections."""
        return self.words[0].text.rsplit("/", 1)[-1] if self.words else ""

    @property
    def arguments(self) -> tuple[Word, ...]:
        return self.words[1:]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in (*self.assignments, *self.words))

    def reads_from(self, other: Command) -> bool:
        """Whether `other`'s output flows into this one through a pipe."""
        theirs = dict(other.pipes)
        return any(pipeline in theirs and theirs[pipeline] < stage for pipeline, stage in self.pipes)
