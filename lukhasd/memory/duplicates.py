"""Which memory says the same as a new one already, and what the two make when they are merged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import tantivy

from lukhasd.memory import wording
from lukhasd.memory.item import Item
from lukhasd.memory.rows import MemoryRow
from lukhasd.memory.text_index import Sharing, TextIndex
from lukhasd.memory.words import Analyser
from lukhasd.models import minilm

CHARS_READ = 10_000
WORDS_LOOKED_UP = 24
RAREST = 4
CANDIDATES = 12
SHORT_TURN = 4
"""A turn of fewer words of a conversation ("Yes, on Friday") means what stood before it."""
TOLD_AGAIN = 6
"""From so many words on, the same words on one day are the same thing told twice and not two things."""
DAY_CHARS = len("2025-01-31")
RELATIVE_TIMES = re.compile(
    r"\b(?:today|tonight|yesterday|tomorrow|now|currently|this (?:morning|afternoon|evening|week|month|year|weekend)"
    r"|(?:last|next) (?:night|week|month|year|weekend|\w+day)|just|ago|recently|at the moment)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Draft:
    """A memory that asks to be stored, read for the comparison with others."""

    item: Item
    context: Mapping[str, Any]
    wording: wording.Wording


@dataclass(frozen=True)
class Merged:
    """What a memory says after a merge; None of it changed where `changed` is empty."""

    data: str
    context: str
    tags: tuple[str, ...]
    importance: float
    note: str | None
    changed: tuple[str, ...]


class Lookup:
    """Finds candidates by their rarest words. Safe to use from several threads."""

    def __init__(self, index: TextIndex) -> None:
        self._index = index
        self._analyser = Analyser()

    def candidates(self, owner: str, data: str) -> list[int]:
        """Numbers of rows that hold all but one of the rarest words of `data`, of other owners too where the index on
        disk does not hold them yet."""
        words = sorted(self._analyser.query_terms(data[:CHARS_READ]), key=len, reverse=True)[:WORDS_LOOKED_UP]
        found = self._index.sharing([("data", word) for word in words], RAREST)
        if not found.needed or sum(count > 0 for count, _ in found.terms) < found.needed:
            return []
        return [*found.tail[:CANDIDATES], *_on_disk(owner, found)]


def draft(item: Item) -> Draft:
    return Draft(item, msgspec.json.decode(item.context), wording.read(item.data))


def as_row(item: Item) -> MemoryRow:
    """What its row will be, but for the numbers."""
    return MemoryRow(
        row_id=-1, sequence=-1, owner=item.owner, memory_id=item.memory_id, helix_id=item.helix_id, type=item.type,
        data=item.data, context=item.context, query=item.query, tags=item.tags, importance=item.importance,
        event_at=item.event_at, created_at=item.created_at, drift=0.0, origin=item.data, version=1, valid_to=None,
        superseded_by=None, mark=item.mark,
    )  # fmt: skip


def match(new: Draft, rows: Sequence[MemoryRow]) -> MemoryRow | None:
    """The oldest of `rows` that says the same as `new` of the same matter; None where there is none."""
    return next((row for row in sorted(rows, key=lambda row: row.row_id) if says_the_same(new, row)), None)


def says_the_same(new: Draft, row: MemoryRow) -> bool:
    item = new.item
    if (row.owner, row.type, row.query) != (item.owner, item.type, item.query) or row.valid_to is not None:
        return False
    context = msgspec.json.decode(row.context)
    if not compatible(new.context, context):
        return False
    spoken = "speaker" in context or "role" in context
    if spoken and len(new.wording.tokens) < SHORT_TURN and context != dict(new.context):
        return False
    if not _same_time(new, row, context):
        return False
    if item.data == row.data:
        return True
    return wording.same(new.wording, wording.read(row.data), is_word=dictionary())


def compatible(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two contexts can be of one memory: what both name is the same, and so is who speaks."""
    shared = one.keys() & other.keys() - {"timestamp"}
    if any(_folded(one[key]) != _folded(other[key]) for key in shared):
        return False
    return all((key in one) == (key in other) for key in ("speaker", "role", "source", "session", "session_id"))


def merge(new: Draft, row: MemoryRow) -> Merged:
    """The richer of the two texts, and everything that either says beside it; the other text stands in the note."""
    item = new.item
    before = msgspec.json.decode(row.context)
    context = {**before, **{key: value for key, value in new.context.items() if key not in before}}
    tags = tuple(dict.fromkeys([*row.tags, *item.tags]))
    importance = max(row.importance, item.importance)
    richer = wording.telling_chars(item.data) > wording.telling_chars(row.data)
    changed = [
        name
        for name, differs in (
            ("text", item.data != row.data),
            ("context", context != before),
            ("tags", tags != row.tags),
            ("importance", importance != row.importance),
        )
        if differs
    ]
    other = row.data if richer else item.data
    return Merged(
        data=item.data if richer else row.data,
        context=msgspec.json.encode(context).decode(),
        tags=tags,
        importance=importance,
        note=note_of(other) if item.data != row.data else None,
        changed=tuple(changed),
    )


def note_of(text: str) -> str:
    """The note of a merge, by which a text that was merged before is known again."""
    return f"also said as: {text}"


@lru_cache(maxsize=1)
def dictionary() -> frozenset[str]:
    """Common English words: those that the embedding model's vocabulary holds whole."""
    return frozenset(word for word in minilm.vocabulary().split("\n") if word.isalpha())


def _on_disk(owner: str, found: Sharing) -> list[int]:
    if not found.searcher.num_docs:
        return []
    query, occur = tantivy.Query, tantivy.Occur
    words = [(occur.Should, query.term_query(found.schema, field, word, "basic")) for _, (field, word) in found.terms]
    parts = [
        (occur.Must, query.boolean_query(words, minimum_number_should_match=found.needed)),
        (occur.Must, query.term_query(found.schema, "owner", owner, "basic")),
    ]
    hits = found.searcher.search(query.boolean_query(parts), limit=CANDIDATES, count=False).hits
    numbers = found.searcher.fast_field_values("row", [address for _, address in hits])
    return [int(row) for row in numbers if row is not None and int(row) not in found.hidden]


def _same_time(new: Draft, row: MemoryRow, context: Mapping[str, Any]) -> bool:
    stamp, other_stamp = new.context.get("timestamp"), context.get("timestamp")
    same_day = new.item.event_at.date() == row.event_at.date()
    if stamp is not None and other_stamp is not None:
        day_only = len(str(stamp)) <= DAY_CHARS or len(str(other_stamp)) <= DAY_CHARS
        long = len(new.wording.tokens) >= TOLD_AGAIN and RELATIVE_TIMES.search(new.item.data) is None
        return same_day if day_only or long else new.item.event_at == row.event_at
    if stamp is not None or other_stamp is not None or new.item.type == "episodic":
        return same_day
    return same_day or RELATIVE_TIMES.search(new.item.data) is None


def _folded(value: object) -> object:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value
