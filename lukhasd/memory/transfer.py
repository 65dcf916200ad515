"""Everything that is one owner's as lines of an export, and such lines back into the store.

`TABLES` says what an export holds: a table that joins is one row there. A line stands for a row and for the rows of
other tables that hang on it, so that each is taken in whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import msgspec

from lukhas_sdk.contract.memory import MemoryType
from lukhas_sdk.contract.transfer import HEADER, Closing
from lukhas_sdk.errors import ValidationError
from lukhasd.database import insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.memory import arrivals, conflicts, quarantine, record_check
from lukhasd.memory.core import Changed, Numbers
from lukhasd.memory.rows import aware, naive

PAGE_ROWS = 500
NUMBERS_EACH = 3
"""Row numbers and sequences that a record may take: its own, and those of two memories that it ends."""
SELF = "owner"
"""Stands for the owner's own id, which is another one elsewhere."""

Kind = Literal["text", "json", "integer", "number", "moment", "actor", "memory_type"]
TYPES: dict[Kind, Any] = {
    "text": str, "json": msgspec.Raw, "integer": int, "number": float, "moment": datetime, "actor": str,
    "memory_type": MemoryType,
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind = "text"
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """`key` identifies a row for its owner (for all owners where it is a primary key). `order` never changes once a
    row is written. `children` hang on `row_id`; those with `compared` False may differ between two that are the same.
    """

    kind: str
    name: str
    key: str
    order: tuple[str, ...]
    columns: tuple[Column, ...]
    children: tuple[Table, ...] = ()
    compared: bool = True
    where: str = "true"
    """Which rows are exported."""
    links: tuple[tuple[str, str], ...] = ()
    """Columns with the row number of the memory whose id is in another: the number is found anew."""
    shared: bool = True
    """Whether a key that another owner has is taken."""

    @cached_property
    def struct(self) -> type[msgspec.Struct]:
        fields: list[Any] = [(each.name, TYPES[each.kind] | None if each.optional else TYPES[each.kind])
                             for each in self.columns]  # fmt: skip
        fields += [(child.kind, list[child.struct]) for child in self.children]  # type: ignore[name-defined]
        return msgspec.defstruct(
            self.kind, fields, frozen=True, forbid_unknown_fields=True, kw_only=True,
            tag_field="kind" if self.order else None, tag=self.kind if self.order else None,
        )  # fmt: skip

    @property
    def selected(self) -> str:
        return ", ".join(each.name for each in self.columns)


MEMORY = Table(
    "memory", "memories", key="memory_id", order=("row_id",),
    columns=(
        Column("memory_id"), Column("helix_id"), Column("type", "memory_type"), Column("origin"), Column("current"),
        Column("drift", "number", optional=True), Column("context", "json"), Column("query", optional=True),
        Column("tags", "json"), Column("importance", "number"), Column("event_at", "moment"),
        Column("created_at", "moment"), Column("content_hash"), Column("version", "integer"),
        Column("valid_to", "moment", optional=True), Column("superseded_by", optional=True),
        Column("mark", optional=True), Column("suggested_method", optional=True),
    ),
    children=(
        Table(
            "versions", "memory_versions", key="version", order=(),
            columns=(
                Column("version", "integer"), Column("data"), Column("context", "json"), Column("tags", "json"),
                Column("importance", "number"), Column("drift", "number", optional=True), Column("cause"),
                Column("actor", "actor"), Column("note", optional=True), Column("created_at", "moment"),
            ),
        ),
        Table(
            "access", "memory_access", key="row_id", order=(), compared=False,
            columns=(Column("access_count", "integer"), Column("last_accessed", "moment")),
        ),
    ),
)  # fmt: skip
INTERACTION = Table(
    "interaction", "interactions", key="interaction_id", order=("created_at", "interaction_id"),
    columns=(
        Column("interaction_id"), Column("user_id", optional=True), Column("session_id", optional=True),
        Column("previous_id", optional=True), Column("input"), Column("response"), Column("intent"),
        Column("answer_source"), Column("cited", "json"), Column("decision"), Column("duration_ms", "number"),
        Column("created_at", "moment"),
    ),
)  # fmt: skip
FOLD = Table(
    "fold", "folds", key="fold_id", order=("created_at", "fold_id"),
    columns=(
        Column("fold_id"), Column("interaction_id"), Column("parents", "json"), Column("importance", "number"),
        Column("valence", "number", optional=True), Column("state"), Column("reason", optional=True),
        Column("created_at", "moment"),
    ),
)  # fmt: skip
CONFLICT = Table(
    "conflict", "memory_conflicts", key="conflict_id", order=("created_at", "conflict_id"),
    columns=(
        Column("conflict_id"), Column("older_id"), Column("older_version", "integer"), Column("newer_id"),
        Column("newer_version", "integer"), Column("state"), Column("kept"), Column("confidence", "number"),
        Column("evidence", "json"), Column("created_at", "moment"), Column("decided_at", "moment", optional=True),
        Column("actor", "actor"),
    ),
    where="state <> 'released'",
    links=(("older_row", "older_id"), ("newer_row", "newer_id")),
)  # fmt: skip
QUARANTINE = Table(
    "quarantine", "memory_quarantine", key="quarantine_id", order=("created_at", "quarantine_id"),
    columns=(
        Column("quarantine_id"), Column("request", "json"), Column("shown"), Column("findings", "json"),
        Column("content_hash"), Column("created_at", "moment"),
    ),
)  # fmt: skip
SAVED_SEARCH = Table(
    "saved_search", "saved_searches", key="name", order=("created_at", "name"),
    columns=(Column("name"), Column("request", "json"), Column("created_at", "moment")),
    shared=False,
)  # fmt: skip
TABLES = (MEMORY, CONFLICT, INTERACTION, FOLD, QUARANTINE, SAVED_SEARCH)
"""In the order that they stand in an export: what is referred to comes first."""


@dataclass(frozen=True)
class Taken:
    """What became of one record: `added`, `skipped` (it is here and says the same), `conflict`, or `forgotten`: it is,
    or names, a memory that was forgotten here."""

    kind: str
    id: str
    outcome: Literal["added", "skipped", "conflict", "forgotten"]


def export(cursor: Cursor, owner: str, send: Callable[[bytes], None]) -> Closing:
    """Hands the lines over, a page at a time, as they were at one moment; the closing line is not among them."""
    digest = hashlib.sha256(HEADER)
    counts = dict.fromkeys((table.kind for table in TABLES), 0)
    send(HEADER)
    cursor.begin()
    try:
        ends = conflicts.coming_ends(cursor, owner)
        for table in TABLES:
            for page in _pages(cursor, table, owner):
                if table is MEMORY and ends:
                    page = [_ended(record, ends) for record in page]
                lines = b"".join(msgspec.json.encode(record) + b"\n" for record in page)
                digest.update(lines)
                counts[table.kind] += len(page)
                send(lines)
    finally:
        cursor.rollback()
    return Closing(format="lukhas-export-end", counts=counts, sha256=digest.hexdigest())


def _ended(record: msgspec.Struct, ends: Mapping[str, tuple[datetime | None, str | None]]) -> msgspec.Struct:
    end = ends.get(str(getattr(record, MEMORY.key)))
    return record if end is None else msgspec.structs.replace(record, valid_to=end[0], superseded_by=end[1])


def read_record(raw: bytes, *, path: str) -> msgspec.Struct:
    """A line as its table's record. ValidationError names the field below `path`."""
    try:
        record: msgspec.Struct = _decoder().decode(raw)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValidationError(
            f"{path} is no record of an export: {error}", field=path, hint="was it written by a newer LUKHAS?"
        ) from None
    return record_check.checked(table_of(record), record, path=path)


def table_of(record: msgspec.Struct) -> Table:
    return next(table for table in TABLES if table.struct is type(record))


def take_in(
    cursor: Cursor, owner: str, records: Sequence[msgspec.Struct], numbers: Numbers
) -> tuple[list[Taken], Changed]:
    """Inserts the records that are not there, with NUMBERS_EACH numbers for each at most. Gives what became of each."""
    taken: list[Taken] = []
    rows: list[int] = []
    forgotten = arrivals.forgotten(cursor, owner)
    decided = arrivals.decided(cursor, owner)
    found = [record for record in records if table_of(record) is CONFLICT]
    ids = [str(getattr(record, CONFLICT.key)) for record in found]
    arrivals.make_way(cursor, owner, ids)
    known = {table.kind: _find(cursor, table, owner, records) for table in TABLES}
    new: dict[str, list[tuple[msgspec.Struct, dict[str, Any]]]] = {table.kind: [] for table in TABLES}
    for record in records:
        table = table_of(record)
        key = str(getattr(record, table.key))
        if key in known[table.kind]:
            there = known[table.kind][key]
            same = there is not None and _compared(table, there) == _compared(table, record)
            taken.append(Taken(table.kind, key, "skipped" if same else "conflict"))
            continue
        if not forgotten.isdisjoint(arrivals.named(record)):
            taken.append(Taken(table.kind, key, "forgotten"))
            continue
        if table is CONFLICT and arrivals.sides(record) in decided:
            taken.append(Taken(table.kind, key, "conflict"))
            continue
        fixed: dict[str, Any] = {"owner": owner}
        if table.children:
            fixed["row_id"] = numbers.row()
            fixed["sequence"] = fixed["taken_in"] = numbers.sequence()
            rows.append(fixed["row_id"])
        known[table.kind][key] = record
        new[table.kind].append((record, fixed))
        taken.append(Taken(table.kind, key, "added"))
    for table in TABLES:
        _insert(cursor, table, new[table.kind], owner)
    outcomes = {each.id: each.outcome for each in taken if each.kind == CONFLICT.kind}
    came = [key for key in ids if outcomes[key] == "added"]
    left_out = [
        side for key, record in zip(ids, found, strict=True)
        if outcomes[key] in ("conflict", "forgotten") for side in arrivals.sides(record)
    ]  # fmt: skip
    touched = arrivals.settle(cursor, owner, came, left_out, numbers) if found else []
    return taken, Changed(rewritten=rows, touched=touched)


def texts(record: msgspec.Struct) -> Iterator[str]:
    """Everything in a record that may be read again as a memory."""
    if type(record) is MEMORY.struct:
        for part in (record, *record.versions):  # type: ignore[attr-defined]
            yield from (getattr(part, name) for name in ("origin", "current", "data", "query") if _has(part, name))
            yield from quarantine.texts(msgspec.json.decode(part.context))
            yield from quarantine.texts(msgspec.json.decode(part.tags))


def _pages(cursor: Cursor, table: Table, owner: str) -> Iterator[list[msgspec.Struct]]:
    order = ", ".join(table.order)
    marks = ", ".join("?" for _ in table.order)
    after: tuple[Any, ...] = ()
    while True:
        beyond = f" AND ({order}) > ({marks})" if after else ""
        found = cursor.execute(
            f"SELECT {order}, {table.selected} FROM {table.name} WHERE owner = ? AND {table.where}{beyond}"  # noqa: S608
            f" ORDER BY {order} LIMIT ?",
            [owner, *after, PAGE_ROWS],
        ).fetchall()
        if found:
            yield _records(cursor, table, owner, [row[len(table.order) :] for row in found], [row[0] for row in found])
        if len(found) < PAGE_ROWS:
            return
        after = found[-1][: len(table.order)]


def _find(
    cursor: Cursor, table: Table, owner: str, records: Sequence[msgspec.Struct]
) -> dict[str, msgspec.Struct | None]:
    """Those of the records' keys that are taken: by the owner's own record, or by somebody else's (None)."""
    keys = [str(getattr(record, table.key)) for record in records if type(record) is table.struct]
    found = cursor.execute(
        f"SELECT owner, {table.order[0]}, {table.selected} FROM {table.name}"  # noqa: S608
        f" WHERE list_contains(?, {table.key}) AND (owner = ? OR ?)",
        [keys, owner, table.shared],
    ).fetchall()
    place = next(place for place, column in enumerate(table.columns) if column.name == table.key)
    own = [row for row in found if row[0] == owner]
    held = _records(cursor, table, owner, [row[2:] for row in own], [row[1] for row in own])
    taken: dict[str, msgspec.Struct | None] = {row[2 + place]: None for row in found}
    return taken | {row[2 + place]: record for row, record in zip(own, held, strict=True)}


def _records(
    cursor: Cursor, table: Table, owner: str, found: Sequence[tuple[Any, ...]], row_ids: Sequence[int]
) -> list[msgspec.Struct]:
    """`row_ids` count only for a table with children."""
    hanging: list[dict[str, list[msgspec.Struct]]] = [{child.kind: [] for child in table.children} for _ in found]
    place_of = {row_id: place for place, row_id in enumerate(row_ids)}
    for child in table.children:
        numbers = ", ".join(str(int(row_id)) for row_id in row_ids) or "NULL"
        sql = f"SELECT row_id, {child.selected} FROM {child.name} WHERE row_id IN ({numbers}) ORDER BY row_id, {child.key}"  # noqa: S608, E501
        for row_id, *values in cursor.execute(sql).fetchall():
            record = child.struct(**_outward(child, values, owner))
            hanging[place_of[row_id]][child.kind].append(record)
    return [table.struct(**_outward(table, values, owner), **more) for values, more in zip(found, hanging, strict=True)]


def _outward(table: Table, values: Sequence[Any], owner: str) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for column, value in zip(table.columns, values, strict=True):
        if value is not None:
            if column.kind == "moment":
                value = aware(value)
            elif column.kind == "json":
                value = msgspec.Raw(value.replace("\n", " ").encode())  # a line of an export is one line
            elif column.kind == "actor" and value == owner:
                value = SELF
        named[column.name] = value
    return named


def _inward(table: Table, record: msgspec.Struct, owner: str) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for column in table.columns:
        value = getattr(record, column.name)
        if value is not None:
            if column.kind == "moment":
                value = naive(value)
            elif column.kind == "json":
                value = bytes(value).decode()
            elif column.kind == "number":
                value = float(value)
            elif column.kind == "actor" and value == SELF:
                value = owner
        named[column.name] = value
    return named


def _insert(cursor: Cursor, table: Table, new: Sequence[tuple[msgspec.Struct, dict[str, Any]]], owner: str) -> None:
    """In one statement a table; each record comes with its columns that are not in an export."""
    if not new:
        return
    values = [{**_inward(table, record, owner), **fixed} for record, fixed in new]
    for column, link in table.links:
        row_of = _row_numbers(cursor, owner, [row[link] for row in values])
        for row in values:
            row[column] = row_of.get(row[link], arrivals.NOWHERE)
    insert_rows(cursor, table.name, {name: [row[name] for row in values] for name in values[0]})
    for child in table.children:
        hanging = [(part, {"row_id": fixed["row_id"]}) for record, fixed in new for part in getattr(record, child.kind)]
        _insert(cursor, child, hanging, owner)


def _row_numbers(cursor: Cursor, owner: str, memory_ids: Sequence[str]) -> dict[str, int]:
    sql = "SELECT memory_id, row_id FROM memories WHERE owner = ? AND list_contains(?, memory_id)"
    return dict(cursor.execute(sql, [owner, [*memory_ids]]).fetchall())


def _compared(table: Table, record: msgspec.Struct) -> bytes:
    """What must be equal for two records to say the same."""
    passed_over: dict[str, Any] = {child.kind: [] for child in table.children if not child.compared}
    return msgspec.json.encode(msgspec.structs.replace(record, **passed_over))


def _decoder() -> msgspec.json.Decoder[Any]:
    union: Any = TABLES[0].struct
    for table in TABLES[1:]:
        union = union | table.struct
    return msgspec.json.Decoder(union)


def _has(part: msgspec.Struct, name: str) -> bool:
    return getattr(part, name, None) is not None
