"""What a reading of a content is, and the words that show that a disguise was one."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Literal

FoundIn = Literal[
    "plain", "normalised", "base64", "hex", "url", "rot13", "base32", "ascii85", "codes", "morse", "selectors",
    "escaped", "markup", "joined", "spaced", "leet", "reversed",
]  # fmt: skip

STEMS = (
    "ignore", "disregard", "instruct", "previous", "prior ", "forget", "override", "bypass", "prompt", "jailbreak",
    "guideline", "restrict", "reveal", "secret", "password", "assistant", "unfiltered", "uncensored", "system",
    "bomb", "explosive", "weapon", "murder", "suicide", "poison", "kill", "hack", "malware", "ransom", "keylog",
    "phish", "cocaine", "heroin", "methamph", "fentanyl", "terroris", "launder", "counterfeit",
)  # fmt: skip
"""Beginnings of words that somebody would disguise. A guess at a disguise becomes a view only if it brings one out."""


@dataclass(frozen=True)
class View:
    """One reading of the content. `starts[i]` is the original character that gave `text[i]`; it never decreases.

    Without `starts` the view's offsets are the original's; `whole` maps every character to one stretch.
    """

    found_in: FoundIn
    text: str
    starts: array[int] | None = None
    whole: tuple[int, int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original characters behind `text[start:end]`, which is not empty."""
        if self.whole is not None:
            return self.whole
        if self.starts is None:
            return start, end
        return self.starts[start], self.starts[end - 1] + 1


@dataclass(frozen=True)
class Views:
    """The content as given comes first. `truncated`: it holds more encoded stretches than were decoded."""

    views: tuple[View, ...]
    truncated: bool = False

    @property
    def content(self) -> str:
        return self.views[0].text


class Rewriting:
    """A new view of `base` in the making: stretches are copied or replaced from left to right."""

    def __init__(self, base: View) -> None:
        self._base = base
        self._pieces: list[str] = []
        self._starts: array[int] = array("I")
        self._at = 0

    def replace(self, start: int, end: int, text: str, places: list[int] | None = None) -> None:
        """`text` in the place of `base.text[start:end]`; `places`: the character of `base` behind each of its own."""
        self._copy(start)
        self._pieces.append(text)
        self._place(places if places is not None else [start] * len(text))
        self._at = end

    def view(self, found_in: FoundIn) -> View:
        self._copy(len(self._base.text))
        return View(found_in, "".join(self._pieces), self._starts)

    def _copy(self, end: int) -> None:
        self._pieces.append(self._base.text[self._at : end])
        self._place(range(self._at, end))

    def _place(self, places: range | list[int]) -> None:
        starts = self._base.starts
        if starts is None:
            self._starts.extend(places)
        elif isinstance(places, range):
            self._starts.extend(starts[places.start : places.stop])
        else:
            self._starts.extend(starts[place] for place in places)


def brings_out(text: str, base: str) -> bool:
    """Whether one of the stems stands in `text` more often than in `base`; both are lower case."""
    return any(stem in text and text.count(stem) > base.count(stem) for stem in STEMS)
