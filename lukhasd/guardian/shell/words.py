"""The pieces that a command line is read into."""

from __future__ import annotations

from dataclasses import dataclass, field


class Unparsable(Exception):
    """The text is no command that can be read with certainty; the message says why."""


@dataclass(frozen=True)
class Word:
    """A word after quoting was taken off. `start`, `end` bound it in the content as given.

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

    @property
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
