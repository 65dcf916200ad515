"""What a consolidation would do, worked out and not written. Blocks: call it in a thread.

Who says the same is decided by the gate on writes (`lukhasd.memory.duplicates`), which everything that is stored goes
through anyway: what it would have merged is here because it was stored past it, came from elsewhere, or was edited.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.memory import duplicates, wording
from lukhasd.memory.duplicates import Draft, Lookup, Merged
from lukhasd.memory.item import Item
from lukhasd.memory.rows import MemoryRow

ALIKE = 0.7
"""Least cosine between any two episodes of one abstraction."""
EPISODES_LEAST = 3
DAYS_LEAST = 3
EPISODES_MOST = 2_000
"""The newest, that are compared with each other."""
UNUSED = timedelta(days=90)
IMPORTANCE_LEAST = 0.05
QUOTE_CHARS = 300
IN_CONFLICT = "it stands in a contradiction: lukhas memory conflicts"
NUMBER = re.compile(r"\d+")
DERIVED = "consolidation"
"""`context.derived_by` of an abstraction."""


@dataclass(frozen=True)
class Group:
    """Memories that say the same; `merged` go into `kept`, which says `after` from then on. None: it stays as it is."""

    kept: MemoryRow
    merged: tuple[MemoryRow, ...]
    after: Merged | None


@dataclass(frozen=True)
class Cluster:
    """Episodes that say alike, the oldest first, and the one that is nearest to all of them."""

    rows: tuple[MemoryRow, ...]
    medoid: MemoryRow
    lowest_cosine: float

    @property
    def data(self) -> str:
        text = " ".join(self.medoid.data.split())
        quoted = text if len(text) <= QUOTE_CHARS else text[: QUOTE_CHARS - 1].rpartition(" ")[0] + "…"
        first, last = self.rows[0].event_at, self.rows[-1].event_at
        return f"{len(self.rows)} notes from {first:%Y-%m-%d} to {last:%Y-%m-%d} say alike: “{quoted}”"


@dataclass(frozen=True)
class Fade:
    row: MemoryRow
    after: float
    unused_days: int


@dataclass(frozen=True)
class Plan:
    groups: tuple[Group, ...]
    clusters: tuple[Cluster, ...]
    fades: tuple[Fade, ...]
    left_alone: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.groups or self.clusters or self.fades)


@dataclass(frozen=True)
class Known:
    """What planning needs of one owner: current memories by row number, those in a recorded contradiction, those that
    were recalled, when each was last changed, and vectors by row number."""

    rows: Mapping[int, MemoryRow]
    contradicted: Collection[int]
    recalled: Collection[int]
    changed_at: Mapping[int, datetime]
    vectors: Mapping[int, NDArray[np.float32]]


def plan(known: Known, lookup: Lookup, *, now: datetime) -> Plan:
    left_alone: dict[str, str] = {}
    groups = _groups(known, lookup, left_alone)
    gone = {row.row_id for group in groups for row in group.merged}
    fades = [each for row in known.rows.values() if row.row_id not in gone and (each := _fade(row, known, now))]
    kept = {group.kept.row_id for group in groups}
    return Plan(
        tuple(groups),
        tuple(_clusters(known, gone)),
        tuple(each for each in fades if each.row.row_id not in kept),
        left_alone,
    )


def _groups(known: Known, lookup: Lookup, left_alone: dict[str, str]) -> list[Group]:
    found: dict[int, list[MemoryRow]] = {}
    leader_of: dict[int, int] = {}
    near = _near(known, lookup)
    for row_id, row in sorted(known.rows.items()):
        leaders = {leader_of.get(number, number) for number in near[row_id] if number < row_id}
        same = duplicates.match(_draft(row), [known.rows[number] for number in leaders])
        if same is None:
            continue
        for each in (row, same):
            if each.row_id in known.contradicted:
                left_alone[each.memory_id] = IN_CONFLICT
        if row_id in known.contradicted or same.row_id in known.contradicted:
            continue
        leader_of[row_id] = same.row_id
        found.setdefault(same.row_id, []).append(row)
    return [_group(known.rows[leader], members) for leader, members in found.items()]


def _near(known: Known, lookup: Lookup) -> Mapping[int, Collection[int]]:
    """Rows that may say the same, found from either side: the one that says more is found by the other's words."""
    near: dict[int, set[int]] = {row_id: set() for row_id in known.rows}
    for row_id, row in known.rows.items():
        for number in lookup.candidates(row.owner, row.data):
            if number in near and number != row_id:
                near[row_id].add(number)
                near[number].add(row_id)
    return near


def _group(leader: MemoryRow, members: Sequence[MemoryRow]) -> Group:
    if leader.type == "episodic":  # none of them is rewritten
        every = [leader, *members]
        kept = max(every, key=lambda row: (wording.telling_chars(row.data), -row.row_id))
        return Group(kept, tuple(row for row in every if row is not kept), None)
    current, changed, notes = leader, False, []
    for member in members:
        merged = duplicates.merge(_draft(member), current)
        changed |= bool(merged.changed)
        notes += [merged.note] if merged.note else []
        current = replace(
            current, data=merged.data, context=merged.context, tags=merged.tags, importance=merged.importance
        )
    after = Merged(current.data, current.context, current.tags, current.importance, "; ".join(notes) or None, ("text",))
    return Group(leader, tuple(members), after if changed else None)


def _clusters(known: Known, gone: Collection[int]) -> list[Cluster]:
    used = {name for row in known.rows.values() for name in _sources(row)}
    rows = [
        row
        for row_id, row in sorted(known.rows.items())
        if row.type == "episodic" and row_id not in gone and row_id in known.vectors and row.memory_id not in used
    ][-EPISODES_MOST:]
    if len(rows) < EPISODES_LEAST:
        return []
    matrix = np.array([known.vectors[row.row_id] for row in rows])
    among = matrix @ matrix.T
    keys = [(_speaker(row), tuple(NUMBER.findall(row.data))) for row in rows]
    members: list[list[int]] = []
    for place in range(len(rows)):
        fits = [group for group in members if keys[group[0]] == keys[place] and among[place, group].min() >= ALIKE]
        if fits:
            max(fits, key=lambda group: float(among[place, group].mean())).append(place)
        else:
            members.append([place])
    return [
        _cluster([rows[place] for place in group], among[np.ix_(group, group)])
        for group in members
        if len(group) >= EPISODES_LEAST and len({rows[place].event_at.date() for place in group}) >= DAYS_LEAST
    ]


def _cluster(rows: list[MemoryRow], among: NDArray[np.float32]) -> Cluster:
    medoid = rows[int(among.sum(axis=1).argmax())]
    ordered = sorted(rows, key=lambda row: (row.event_at, row.row_id))
    return Cluster(tuple(ordered), medoid, float(among.min()))


def _fade(row: MemoryRow, known: Known, now: datetime) -> Fade | None:
    unused = now - known.changed_at.get(row.row_id, row.created_at)
    spared = row.type == "episodic" or row.row_id in known.recalled or row.row_id in known.contradicted
    if spared or unused < UNUSED or row.importance <= IMPORTANCE_LEAST:
        return None
    after = max(row.importance * 0.5 ** (unused // UNUSED), IMPORTANCE_LEAST)
    return Fade(row, after, unused.days)


def _draft(row: MemoryRow) -> Draft:
    item = Item(
        memory_id=row.memory_id, helix_id=row.helix_id, owner=row.owner, type=row.type, data=row.data,
        context=row.context, query=row.query, tags=row.tags, importance=row.importance, event_at=row.event_at,
        created_at=row.created_at, content_hash="",
    )  # fmt: skip
    return duplicates.draft(item)


def _speaker(row: MemoryRow) -> str:
    return row.text.speaker


def _sources(row: MemoryRow) -> list[str]:
    context = msgspec.json.decode(row.context)
    return list(context.get("sources", [])) if context.get("derived_by") == DERIVED else []
