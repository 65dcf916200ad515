"""A plan written in one transaction, with what puts it back; and putting it back, to the byte."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import msgspec

from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.contract.truth import Kept
from lukhasd.database.connection import Cursor, insert_rows
from lukhasd.dream.planning import DERIVED, Cluster, Fade, Group, Plan
from lukhasd.memory import conflicts, item, quotations, rows, versions
from lukhasd.memory.core import Changed, Numbers
from lukhasd.memory.repair import Assessed
from lukhasd.memory.rows import MemoryRow, NumberedItem
from lukhasd.memory.truth import moment

ACTOR = "dream"
TAG = "consolidated"
CHANGED_MEANWHILE = "it changed meanwhile"
CHANGED_SINCE = "it was changed since: it stays as it is now"
RESTORED = ("current", "context", "tags", "importance", "drift", "suggested_method", "event_at", "version")


class Rewritten(msgspec.Struct, frozen=True, tag=True):
    """`before` are the columns RESTORED; `was_first`: it had no versions written."""

    memory_id: str
    row_id: int
    version: int
    was_first: bool
    before: dict[str, Any]


class Superseded(msgspec.Struct, frozen=True, tag=True):
    memory_id: str
    conflict_id: str
    row_ids: list[int]


class Derived(msgspec.Struct, frozen=True, tag=True):
    memory_id: str


Step = Rewritten | Superseded | Derived


@dataclass(frozen=True)
class Written:
    """`derived` are the new memories' ids, cluster by cluster, None where one was left out."""

    steps: tuple[Step, ...]
    derived: tuple[str | None, ...]
    left_alone: Mapping[str, str]
    changed: Changed


def numbers_for(plan: Plan) -> int:
    return max(sum(1 + len(group.merged) for group in plan.groups) + len(plan.clusters) + len(plan.fades), 1)


def write(
    cursor: Cursor, numbers: Numbers, plan: Plan, assessed: Mapping[int, Assessed], *, owner: str, now: datetime
) -> Written:
    """`assessed` is the drift of what each rewritten memory is going to say, by row number. What changed since the plan
    was made is left alone."""
    wanted = {row.row_id for group in plan.groups for row in (group.kept, *group.merged)}
    wanted |= {row.row_id for cluster in plan.clusters for row in cluster.rows}
    wanted |= {fade.row.row_id for fade in plan.fades}
    there = rows.fetch(cursor, wanted)
    steps: list[Step] = []
    left_alone: dict[str, str] = {}
    rewritten: list[int] = []
    touched: list[int] = []

    def is_same(every: Sequence[MemoryRow]) -> bool:
        same = all(row.row_id in there and there[row.row_id].sequence == row.sequence for row in every)
        if not same:
            left_alone.update((row.memory_id, CHANGED_MEANWHILE) for row in every)
        return same

    for group in plan.groups:
        if is_same([group.kept, *group.merged]):
            steps += _merge(cursor, numbers, group, assessed, now=now)
            rewritten += [group.kept.row_id] if group.after else []
            touched += conflicts.settle(cursor, [row.row_id for row in group.merged], numbers)
    for fade in plan.fades:
        if is_same([fade.row]):
            steps.append(_fade(cursor, numbers, fade, now=now))
            rewritten.append(fade.row.row_id)
    derived: list[str | None] = []
    for cluster in plan.clusters:
        derived.append(None)
        if is_same(cluster.rows):
            new = _abstract(cursor, numbers, cluster, owner=owner, now=now)
            steps.append(Derived(new.item.memory_id))
            rewritten.append(new.row_id)
            derived[-1] = new.item.memory_id
    return Written(tuple(steps), tuple(derived), left_alone, Changed(rewritten=rewritten, touched=touched))


def put_back(
    cursor: Cursor, numbers: Numbers, steps: Sequence[Step], *, owner: str, since: datetime
) -> tuple[dict[str, str], Changed]:
    """Gives what was left as it is, with why. What was found of contradictions in what this wrote goes too, and what is
    put back is not compared again: it was before."""
    left: dict[str, str] = {}
    all_compared = _uncompared(cursor) <= _rows_of(cursor, steps, owner)
    rewritten: list[int] = []
    touched: list[int] = []
    erased: dict[int, int] = {}
    for step in reversed(steps):
        match step:
            case Derived(memory_id):
                row = rows.find(cursor, owner, memory_id)
                if row is not None and row.version == 1:
                    erased[row.row_id] = numbers.sequence()
                    rows.delete(cursor, row.row_id, erased[row.row_id])
                    quotations.unlink(cursor, owner, memory_id)
                elif row is not None:
                    left[memory_id] = CHANGED_SINCE
            case Superseded(memory_id, conflict_id, row_ids):
                found = conflicts.find(cursor, owner, conflict_id)
                if found is not None and found.actor == ACTOR:
                    conflicts.remove(cursor, [conflict_id])
                    touched += conflicts.settle(cursor, row_ids, numbers)
                elif found is not None:
                    left[memory_id] = "somebody has decided about it since: lukhas memory conflicts"
            case Rewritten(memory_id, row_id):
                row = rows.fetch(cursor, [row_id]).get(row_id)
                if row is None or row.version != step.version:
                    left |= {memory_id: CHANGED_SINCE} if row is not None else {}
                    continue
                touched += _without_findings(cursor, numbers, row_id, since)
                _restore(cursor, step, numbers.sequence())
                rewritten.append(row_id)
    alive = [row_id for row_id in dict.fromkeys(touched) if row_id not in rewritten]
    if all_compared:
        [(newest,)] = cursor.execute("SELECT max(sequence) FROM memories").fetchall()
        conflicts.mark_judged(cursor, newest or 0)
    return left, Changed(rewritten=rewritten, touched=alive, erased=erased)


def _uncompared(cursor: Cursor) -> set[int]:
    """Rows whose last change was not compared with the rest yet."""
    sql = "SELECT row_id FROM memories WHERE sequence > ?"
    return {row_id for (row_id,) in cursor.execute(sql, [conflicts.judged(cursor)]).fetchall()}


def _rows_of(cursor: Cursor, steps: Sequence[Step], owner: str) -> set[int]:
    found: set[int] = set()
    for step in steps:
        match step:
            case Derived(memory_id):
                row = rows.find(cursor, owner, memory_id)
                found |= {row.row_id} if row is not None else set()
            case Superseded():
                found |= set(step.row_ids)
            case Rewritten():
                found.add(step.row_id)
    return found


def _merge(
    cursor: Cursor, numbers: Numbers, group: Group, assessed: Mapping[int, Assessed], *, now: datetime
) -> list[Step]:
    steps: list[Step] = []
    if group.after is not None:
        drift = assessed[group.kept.row_id]
        after = group.after
        revision = versions.Revision(
            after.data, after.context, after.tags, after.importance, drift.drift, "consolidate", ACTOR, after.note,
            drift.suggested,
        )  # fmt: skip
        steps.append(_rewrite(cursor, group.kept, revision, sequence=numbers.sequence(), now=now))
    kept_version = group.kept.version + (group.after is not None)
    for row in group.merged:
        older, newer = sorted((row, group.kept), key=moment)
        kept: Kept = "older" if older is group.kept else "newer"
        version = {row.row_id: row.version, group.kept.row_id: kept_version}
        found = conflicts.Conflict(
            conflict_id=f"conflict_{secrets.token_hex(8)}", owner=row.owner, older_row=older.row_id,
            older_id=older.memory_id, older_version=version[older.row_id], newer_row=newer.row_id,
            newer_id=newer.memory_id, newer_version=version[newer.row_id], state="superseded", kept=kept,
            confidence=1.0, evidence=(f"it says the same as {group.kept.memory_id}, which stands for it",),
            created_at=now, decided_at=now, actor=ACTOR,
        )  # fmt: skip
        conflicts.insert(cursor, [found])
        steps.append(Superseded(row.memory_id, found.conflict_id, [row.row_id, group.kept.row_id]))
    return steps


def _fade(cursor: Cursor, numbers: Numbers, fade: Fade, *, now: datetime) -> Step:
    row = fade.row
    revision = versions.Revision(
        row.data, row.context, row.tags, fade.after, row.drift, "consolidate", ACTOR,
        f"not used for {fade.unused_days} days", versions.suggested(cursor, row),
    )  # fmt: skip
    return _rewrite(cursor, row, revision, sequence=numbers.sequence(), now=now)


def _rewrite(cursor: Cursor, row: MemoryRow, revision: versions.Revision, *, sequence: int, now: datetime) -> Rewritten:
    columns = ", ".join(RESTORED)
    [values] = cursor.execute(f"SELECT {columns} FROM memories WHERE row_id = ?", [row.row_id]).fetchall()  # noqa: S608
    before = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in zip(RESTORED, values, strict=True)
    }
    version = versions.rewrite(cursor, row, revision, sequence=sequence, now=now)
    return Rewritten(row.memory_id, row.row_id, version, row.version == 1, before)


def _restore(cursor: Cursor, step: Rewritten, sequence: int) -> None:
    first = 1 if step.was_first else step.version
    cursor.execute("DELETE FROM memory_versions WHERE row_id = ? AND version >= ?", [step.row_id, first])
    values = dict(step.before)
    values["event_at"] = datetime.fromisoformat(cast("str", values["event_at"]))
    given = ", ".join(f"{name} = ?" for name in RESTORED)
    cursor.execute(
        f"UPDATE memories SET {given}, sequence = ? WHERE row_id = ?",  # noqa: S608
        [*(values[name] for name in RESTORED), sequence, step.row_id],
    )
    rows.drop_computed(cursor, step.row_id)


def _without_findings(cursor: Cursor, numbers: Numbers, row_id: int, since: datetime) -> list[int]:
    found = [
        each for each in conflicts.of_row(cursor, row_id) if each.actor == conflicts.TRUTH and each.created_at >= since
    ]
    conflicts.remove(cursor, [each.conflict_id for each in found])
    sides = {number for each in found for number in each.rows}
    return conflicts.settle(cursor, sides, numbers)


def _abstract(cursor: Cursor, numbers: Numbers, cluster: Cluster, *, owner: str, now: datetime) -> NumberedItem:
    content = MemoryContent(
        "semantic", cluster.data, {"derived_by": DERIVED, "sources": [row.memory_id for row in cluster.rows]}
    )
    importance = sum(row.importance for row in cluster.rows) / len(cluster.rows)
    prepared = item.prepare(owner, StoreRequest(content, [TAG], importance), now=now)
    new = NumberedItem(numbers.row(), numbers.sequence(), prepared)
    insert_rows(cursor, "memories", rows.item_columns([new]))
    return new
