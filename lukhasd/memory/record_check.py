"""What a line of an export must be, beyond its fields' kinds, so that a forged one can break nothing here.

Whatever is taken in is read again at every start, for every owner: one row that cannot be read would keep the daemon
down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from lukhas_sdk.contract.base import Name, Tag, Unit
from lukhas_sdk.contract.folds import FoldState
from lukhas_sdk.contract.helix import VersionNumber
from lukhas_sdk.contract.memory import MemoryContent, SearchRequest, StoreRequest
from lukhas_sdk.contract.quarantine import QuarantineFinding
from lukhas_sdk.contract.saved import SavedName
from lukhas_sdk.contract.streams import RepairMethod
from lukhas_sdk.contract.truth import ConflictState, Kept
from lukhas_sdk.errors import ValidationError
from lukhasd.memory import item, moments, quarantine

if TYPE_CHECKING:
    from lukhasd.memory.transfer import Table

Id = Annotated[str, msgspec.Meta(pattern=r"^[\w.:-]{1,200}\Z")]
Told = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000_000)]
"""A text that a memory may hold; a repair can put one together of several."""
Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]

VALUES: Mapping[str, Any] = {
    "memory_id": Id, "conflict_id": Id, "interaction_id": Id, "fold_id": Id, "quarantine_id": Id, "older_id": Id,
    "newer_id": Id, "superseded_by": Id, "helix_id": Name, "actor": Name, "cause": Name, "origin": Told,
    "current": Told, "data": Told, "drift": Unit, "confidence": Unit, "version": VersionNumber,
    "older_version": VersionNumber, "newer_version": VersionNumber, "access_count": Count, "kept": Kept,
    "suggested_method": RepairMethod,
}  # fmt: skip
"""What a column may hold, whatever table it is in. A malformed fold keeps the odd importance that it is held for."""
VALUES_OF: Mapping[str, Mapping[str, Any]] = {
    "memory": {"importance": Unit},
    "versions": {"importance": Unit},
    "conflict": {"state": ConflictState},
    "fold": {"state": FoldState},
    "saved_search": {"name": SavedName},
}
SHAPES: Mapping[str, Any] = {
    "context": dict[str, Any], "tags": list[Tag], "cited": list[str], "parents": list[str], "evidence": list[str],
    "request": StoreRequest, "findings": list[QuarantineFinding],
}  # fmt: skip
"""What is behind a column of JSON."""
SHAPES_OF: Mapping[str, Mapping[str, Any]] = {"saved_search": {"request": SearchRequest}}


def checked(table: Table, record: msgspec.Struct, *, path: str) -> msgspec.Struct:
    """The record, with the hash that its content has. ValidationError names what is wrong with it."""
    for field, problem in _problems(table, record, path):
        raise ValidationError(f"{field} is not as an export has it: {problem}", field=field, hint="leave the line out")
    if table.kind != "memory":
        return record
    return msgspec.structs.replace(record, content_hash=_content_hash(record))


def request_of(memory: Any) -> StoreRequest:
    """What would have to be stored to have a memory's record as it is now."""
    context = msgspec.json.decode(memory.context, type=dict[str, Any])
    return StoreRequest(
        MemoryContent(memory.type, memory.current, context, memory.query),
        tags=msgspec.json.decode(memory.tags, type=list[str]),
        importance=memory.importance,
    )


def _problems(table: Table, record: Any, path: str) -> Iterator[tuple[str, str]]:
    for column in table.columns:
        if (value := getattr(record, column.name)) is not None:
            problem = _problem(table.kind, column.name, value)
            if problem is not None:
                yield f"{path}.{column.name}", problem
    for child in table.children:
        for place, part in enumerate(getattr(record, child.kind)):
            yield from _problems(child, part, f"{path}.{child.kind}[{place}]")
    if (whole := WHOLE.get(table.kind)) is not None:
        yield from ((f"{path}.{name}", problem) for name, problem in whole(record))


def _problem(kind: str, name: str, value: Any) -> str | None:
    try:
        if isinstance(value, datetime):
            return None if value.tzinfo is not None and value.astimezone(UTC) else "it has no time zone"
        if name in SHAPES:
            read = msgspec.json.decode(value, type=SHAPES_OF.get(kind, SHAPES)[name])
            if name == "context" and read.get("timestamp") is not None:
                moments.parse(read["timestamp"], field="timestamp")
        elif (wanted := VALUES_OF.get(kind, {}).get(name) or VALUES.get(name)) is not None:
            msgspec.convert(value, wanted)
    except (msgspec.MsgspecError, ValidationError, ValueError, OverflowError, RecursionError) as error:
        return str(error)
    return None


def _memory(record: Any) -> Iterator[tuple[str, str]]:
    kept = record.versions
    if [each.version for each in kept] != (list(range(1, record.version + 1)) if record.version > 1 else []):
        yield "versions", f"they are not those of a memory at version {record.version}, the oldest first"
    elif kept and (kept[0].data, kept[-1].data) != (record.origin, record.current):
        yield "versions", "the first is not its origin, or the last not what it says now"
    elif not kept and record.origin != record.current:
        yield "current", "it is at version 1 and does not say what it first said"
    if len(record.access) > 1:
        yield "access", "it is there twice"


def _quarantine(record: Any) -> Iterator[tuple[str, str]]:
    if record.shown == quarantine.ALL_MASKED:
        return
    text = quarantine.text_of(msgspec.json.decode(record.request, type=StoreRequest))
    place = 0
    for part in record.shown.split("***"):
        found = text.find(part, place)
        if found < 0:
            yield "shown", "it is not what `request` says"
            return
        place = found + len(part)


WHOLE: Mapping[str, Callable[[Any], Iterator[tuple[str, str]]]] = {"memory": _memory, "quarantine": _quarantine}


def _content_hash(record: Any) -> str:
    """By which it is known that the same is stored again: not what the line says, or it could keep out another text."""
    first = record.versions[0] if record.versions else record
    context = msgspec.json.decode(first.context, type=dict[str, Any])
    content = MemoryContent(type=record.type, data=record.origin, context=context, query=record.query)
    return item.hash_of(content, msgspec.json.decode(first.tags, type=list[str]))
