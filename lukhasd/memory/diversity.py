"""What the results leave out: hits that say the same as a better one, and what the query rules out.

Only what has the same words counts as the same: two memories that differ in a name, a number or a "not" may be both
sides of a contradiction, and stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lukhasd.memory.item import leaves
from lukhasd.memory.rows import MemoryRow
from lukhasd.memory.words import FUNCTION_WORDS, Analyser

EMPTY_WORDS = frozenset(
    {"a", "an", "the", "and", "also", "just", "so", "then", "very", "really", "please", "well", "oh"}
)
STAND_INS = frozenset({"one", "ones", "anything", "anyone", "those", "that"})
CHARS_READ = 2_000
"""Longer memories are the same only when their whole text is."""


@dataclass(frozen=True)
class LeftOut:
    row_id: int
    reason: str


def left_out(found: Sequence[MemoryRow], *, excluded: Sequence[str], analyser: Analyser) -> list[LeftOut]:
    """Of the hits, best first."""
    phrases = [(phrase, _telling(phrase, analyser)) for phrase in excluded]
    first: dict[object, str] = {}
    out = []
    for row in found:
        said = _ruled_out(row, phrases, analyser)
        if said is not None:
            out.append(LeftOut(row.row_id, f"the query rules out “{said}”"))
            continue
        same = first.setdefault(_key(row, analyser), row.memory_id)
        if same != row.memory_id:
            out.append(LeftOut(row.row_id, f"says the same as {same}"))
    return out


def _key(row: MemoryRow, analyser: Analyser) -> object:
    """Equal for what one speaker said on one day in the same words, in any order."""
    speaker = row.speaker
    if len(row.data) > CHARS_READ:
        return speaker, row.event_at.date(), row.data
    words = [word for word in analyser.words(row.data) if word not in EMPTY_WORDS]
    return speaker, row.event_at.date(), tuple(sorted(set(words)))


def _telling(phrase: str, analyser: Analyser) -> frozenset[str]:
    """Stems of "Lyon" in "the one in Lyon"."""
    words = [word for word in analyser.words(phrase) if word not in FUNCTION_WORDS | STAND_INS]
    return frozenset(analyser.terms(" ".join(words)))


def _ruled_out(row: MemoryRow, phrases: Sequence[tuple[str, frozenset[str]]], analyser: Analyser) -> str | None:
    """The first of the phrases whose telling words the memory has, all of them."""
    if not phrases:
        return None
    terms = frozenset(analyser.terms(" ".join([row.data, *leaves(row.content().context), *row.tags])))
    return next((phrase for phrase, wanted in phrases if wanted and wanted <= terms), None)
