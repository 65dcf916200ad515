"""What two texts have in common, token by token, and texts made of tokens of several."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Literal, NamedTuple

from rapidfuzz.distance import Levenshtein

Kind = Literal["same", "removed", "added"]
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts written without spaces (Thai, Lao, Burmese, Khmer, kana, Han): each character is a token."""
SIGNS = (
    r"!-/:-@\[-^`{-~\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u2010-\u2027\u2030-\u205e"
    r"\u20a0-\u20cf\u2190-\u2bff\u3001-\u3004\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
"""Punctuation and symbols: each is a token. All other characters make words."""
TOKEN = re.compile(rf"(\s*)([{UNSPACED}{SIGNS}]|[^\s{UNSPACED}{SIGNS}]+)")
SIGN = re.compile(f"[{SIGNS}]")
NO_SPACE = re.compile(f"[{UNSPACED}]{{2}}")
SENTENCE_ENDS = frozenset(".!?…。！？")
FULL_STOPS = frozenset("。！？")
"""A sentence ends with them whether or not white space follows."""
EXACT_CELLS = 25_000_000
"""Tokens × tokens (5,000 × 5,000 takes 10 ms) up to which an alignment is the shortest."""
DEEPEST = 20


@dataclass(frozen=True)
class Tokens:
    """A text in parts: the white space before each token (the last entry: after all), and the tokens."""

    spaces: Sequence[str]
    words: Sequence[str]

    def __len__(self) -> int:
        return len(self.words)

    def text(self, start: int, end: int) -> str:
        """Tokens `start:end` with the white space between them."""
        body = zip(self.spaces[start:end], self.words[start:end], strict=True)
        return "".join(space + word for space, word in body).removeprefix(self.spaces[start])

    def starts(self) -> list[int]:
        """Of each token in the text, in characters."""
        ends = accumulate(len(space) + len(word) for space, word in zip(self.spaces, self.words, strict=False))
        return [end - len(word) for end, word in zip(ends, self.words, strict=True)]


class Run(NamedTuple):
    """Tokens `i1:i2` of the old text against `j1:j2` of the new: the same, or in place of each other."""

    same: bool
    i1: int
    i2: int
    j1: int
    j2: int


class Piece(NamedTuple):
    """Tokens `start:end` of one text."""

    source: Tokens
    start: int
    end: int


def split(text: str) -> Tokens:
    found = TOKEN.findall(text)
    words = [word for _, word in found]
    spaces = [space for space, _ in found]
    return Tokens([*spaces, text[sum(map(len, spaces)) + sum(map(len, words)) :]], words)


def is_sign(word: str) -> bool:
    return SIGN.fullmatch(word) is not None


def align(old: Sequence[str], new: Sequence[str]) -> list[Run]:
    """Runs that cover both, in order, of least edit distance (Levenshtein, one for a token added, removed or replaced).

    Texts of more than `EXACT_CELLS` are cut first at tokens that each of them has once, in the same order, as often
    as needed (patience diff): not always the shortest then, never shorter than it. A part that is too long and has no
    such token counts as replaced whole.
    """
    numbers: dict[str, int] = {}
    a = [numbers.setdefault(word, len(numbers)) for word in old]
    b = [numbers.setdefault(word, len(numbers)) for word in new]
    return _joined(_align(a, b, 0, 0, DEEPEST))


def distance(runs: Sequence[Run]) -> int:
    """Tokens to add, remove or replace; never more than the longer text has."""
    longer = max(runs[-1].i2, runs[-1].j2) if runs else 0
    return min(sum(max(run.i2 - run.i1, run.j2 - run.j1) for run in runs if not run.same), longer)


def compare(old: str, new: str) -> list[tuple[Kind, str]]:
    """Parts that give the one text without what is added, and the other without what is removed, to the byte."""
    before, after = split(old), split(new)
    parts: list[tuple[Kind, str]] = []

    def put(kind: Kind, text: str) -> None:
        if text:
            parts.append((kind, text))

    def put_space(i: int, j: int) -> None:
        if before.spaces[i] == after.spaces[j]:
            put("same", before.spaces[i])
        else:
            put("removed", before.spaces[i])
            put("added", after.spaces[j])

    for run in align(before.words, after.words):
        if run.same:
            for i, j in zip(range(run.i1, run.i2), range(run.j1, run.j2), strict=True):
                put_space(i, j)
                put("same", before.words[i])
        elif run.i1 < run.i2 and run.j1 < run.j2:
            put_space(run.i1, run.j1)
            put("removed", before.text(run.i1, run.i2))
            put("added", after.text(run.j1, run.j2))
        else:
            put("removed", "".join(before.spaces[run.i1 : run.i1 + (run.i1 < run.i2)]) + before.text(run.i1, run.i2))
            put("added", "".join(after.spaces[run.j1 : run.j1 + (run.j1 < run.j2)]) + after.text(run.j1, run.j2))
    put_space(len(before), len(after))
    return [(kind, "".join(text for _, text in group)) for kind, group in groupby(parts, key=lambda part: part[0])]


def sentences(tokens: Tokens) -> list[tuple[int, int]]:
    """Starts and ends, in tokens: what ends in a full stop or with its line."""
    words, spaces = tokens.words, tokens.spaces
    starts = [
        place
        for place in range(1, len(words))
        if "\n" in spaces[place]
        or words[place - 1] in FULL_STOPS
        or (spaces[place] and words[place - 1] in SENTENCE_ENDS)
    ]
    bounds = [0, *starts, len(words)]
    return [(start, end) for start, end in pairwise(bounds) if start < end]


def join(pieces: Sequence[Piece]) -> str:
    """One text, whose tokens are those of the pieces, with the white space that they have in their own texts. Where
    pieces meet that were apart, and the second brings none, what followed the first, or a space."""
    written: list[str] = []
    before: Piece | None = None
    for piece in pieces:
        if piece.start == piece.end:
            continue
        source, start, end = piece
        written += [_space(before, piece), source.text(start, end)]
        before = piece
    if before is not None and before.end == len(before.source):
        written.append(before.source.spaces[-1])
    return "".join(written)


def _space(before: Piece | None, piece: Piece) -> str:
    source, start, _ = piece
    space = source.spaces[start]
    if before is None:
        return space if start == 0 else ""
    if space or (before.source is source and before.end == start):
        return space
    touching = str(before.source.words[before.end - 1])[-1] + source.words[start][0]
    if (start > 0 and len(TOKEN.findall(touching)) == 2) or NO_SPACE.fullmatch(touching):
        return ""  # as in its own text: a sign, or what follows one
    return before.source.spaces[before.end] or " "


def _align(a: list[int], b: list[int], i: int, j: int, depth: int) -> Iterator[Run]:
    """The runs of a part that begins at `i` and `j`."""
    if len(a) * len(b) <= EXACT_CELLS:
        for op in Levenshtein.opcodes(a, b):
            yield Run(op.tag == "equal", i + op.src_start, i + op.src_end, j + op.dest_start, j + op.dest_end)
        return
    start = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest = zip(reversed(a[start:]), reversed(b[start:]), strict=False)
    end = next((n for n, (x, y) in enumerate(rest) if x != y), min(len(a), len(b)) - start)
    inner_a, inner_b = a[start : len(a) - end], b[start : len(b) - end]
    yield Run(True, i, i + start, j, j + start)
    if start + end and len(inner_a) * len(inner_b) <= EXACT_CELLS:
        yield from _align(inner_a, inner_b, i + start, j + start, depth)
    else:
        yield from _align_at_anchors(inner_a, inner_b, i + start, j + start, depth)
    i, j = i + len(a), j + len(b)
    yield Run(True, i - end, i, j - end, j)


def _align_at_anchors(a: list[int], b: list[int], i: int, j: int, depth: int) -> Iterator[Run]:
    anchors = _anchors(a, b) if depth else []
    if not anchors:
        yield Run(False, i, i + len(a), j, j + len(b))
        return
    x0 = y0 = 0
    for x, y in [*anchors, (len(a), len(b))]:
        yield from _align(a[x0:x], b[y0:y], i + x0, j + y0, depth - 1)
        x0, y0 = x, y


def _anchors(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """The longest rising chain of the places of what both have once."""
    once = {number for number, count in Counter(a).items() if count == 1}
    once &= {number for number, count in Counter(b).items() if count == 1}
    place_in_b = {number: place for place, number in enumerate(b) if number in once}
    pairs = [(place, place_in_b[number]) for place, number in enumerate(a) if number in once]
    ends: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for number, (_, y) in enumerate(pairs):
        length = bisect_left(ends, y)
        ends[length : length + 1] = [y]
        last[length : length + 1] = [number]
        before.append(last[length - 1] if length else None)
    chain: list[tuple[int, int]] = []
    at = last[-1] if last else None
    while at is not None:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _joined(runs: Iterator[Run]) -> list[Run]:
    """Without empty runs; those of one kind that follow each other are one."""
    joined: list[Run] = []
    for run in runs:
        if run.i1 == run.i2 and run.j1 == run.j2:
            continue
        if joined and joined[-1].same == run.same:
            joined[-1] = joined[-1]._replace(i2=run.i2, j2=run.j2)
        else:
            joined.append(run)
    return joined
