"""Notes in pieces: what was made of a note before, against what it says now."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from lukhas_sdk.contract.memory import StoreRequest


class Section(msgspec.Struct, frozen=True):
    """A piece of a note and its memory. `whole` is the hash of all that it says, `body` that of its text alone."""

    whole: str
    body: str
    heading: str
    memory_id: str | None
    """None where it was not let in."""
    shared: bool = False
    """Its memory was there before and says the same: it is not ours to change."""


class Note(msgspec.Struct, frozen=True):
    size_bytes: int
    changed_ns: int
    inode: int
    sections: tuple[Section, ...] = ()
    gone: tuple[Section, ...] = ()
    """Pieces that were taken out of the note; their memories are kept."""


class State(msgspec.Struct, frozen=True):
    folder: str
    notes: dict[str, Note] = {}
    """By path below the folder."""
    gone: tuple[Section, ...] = ()
    """Of notes that are gone."""


@dataclass(frozen=True)
class Step:
    """What to do about one piece: keep `old` as it is, edit it into `item`, store `item`, drop `old`."""

    action: Literal["same", "edit", "store", "drop"]
    old: Section | None = None
    item: StoreRequest | None = None


def plan(old: Sequence[Section], items: Sequence[StoreRequest]) -> list[Step]:
    """Pieces matched to what they were: first those that say the same, then those with the same text elsewhere in the
    note, then those under the same heading, where it has as many as before. In the order of `items`, the dropped last.
    """
    steps: list[Step | None] = [None] * len(items)
    left = list(old)

    def take(found: Section, place: int, action: Literal["same", "edit"]) -> None:
        left.remove(found)
        steps[place] = Step(action, found, items[place])

    new = [section_of(item) for item in items]
    ways: tuple[tuple[Callable[[Section], str], Literal["same", "edit"]], ...] = ((_whole, "same"), (_body, "edit"))
    for key, action in ways:
        for place, section in enumerate(new):
            found = next((each for each in left if key(each) == key(section)), None)
            if steps[place] is None and found is not None:
                take(found, place, action)
    before: dict[str, list[Section]] = defaultdict(list)
    for section in left:
        before[section.heading].append(section)
    now: dict[str, list[int]] = defaultdict(list)
    for place, section in enumerate(new):
        if steps[place] is None:
            now[section.heading].append(place)
    for heading, places in now.items():
        if len(before[heading]) == len(places):
            for found, place in zip(before[heading], places, strict=True):
                take(found, place, "edit")
    done = [step or Step("store", item=item) for step, item in zip(steps, items, strict=True)]
    return done + [Step("drop", section) for section in left]


def section_of(item: StoreRequest, memory_id: str | None = None, *, shared: bool = False) -> Section:
    content = item.content
    about = {key: value for key, value in content.context.items() if key != "source"}
    whole = msgspec.json.encode([content.type, content.data, about, sorted(item.tags)], order="deterministic")
    return Section(hash_of(whole), hash_of(content.data.encode()), str(about.get("heading", "")), memory_id, shared)


def _whole(section: Section) -> str:
    return section.whole


def _body(section: Section) -> str:
    return section.body


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
