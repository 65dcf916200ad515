"""Sentences of English text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

BREAK = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*(?P<gap>\s+)(?=[\"'“‘(\[]?[A-Z0-9À-ÖØ-Þ`])"
    r"|(?P<paragraph>\n\s*\n)"
    r"|(?P<entry>\n)(?=\s*(?:[-*+•>|#]|\d+[.)])\s?)"
)
ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|approx|No|Fig)|\b[A-Z])\.$")
MARKS = re.compile(r"^\s*(?:[-*+•>]|\d+[.)]|#{1,6})\s+")
WORD = re.compile(r"\w")
FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)


def split(text: str) -> list[str]:
    """The sentences of `text` in order, word for word, without list and heading marks. A paragraph's or a list
    entry's end is a sentence's end; a line break inside a paragraph is not. In a code fence each line stands alone."""
    pieces: list[str] = []
    for place, part in enumerate(FENCE.split(text)):
        pieces += part.splitlines() if place % 2 else _prose(part)
    stripped = (" ".join(MARKS.sub("", piece).split()) for piece in pieces)
    return [piece for piece in stripped if WORD.search(piece)]


def _prose(text: str) -> list[str]:
    pieces: list[str] = []
    for piece in _cut(text):
        if pieces and ABBREVIATION.search(pieces[-1]):
            pieces[-1] = f"{pieces[-1]} {piece}"
        else:
            pieces.append(piece)
    return pieces


def _cut(text: str) -> Iterator[str]:
    start = 0
    for match in BREAK.finditer(text):
        if match.lastgroup:
            yield text[start : match.start(match.lastgroup)]
            start = match.end(match.lastgroup)
    yield text[start:]
