"""A memory's two strands: the origin, which never changes, and what it says now, every change of it a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from lukhas_sdk.contract import helix as contract
from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.memory import Memory
from lukhas_sdk.contract.streams import DRIFT_REPAIR, DriftState, RepairMethod, drift_state
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.database.connection import Cursor
from lukhasd.memory import alignment, item, repair, rows, versions
from lukhasd.memory.core import Change, Changed, Core, Numbers, found_in
from lukhasd.memory.gauge import Drifted, Gauge
from lukhasd.memory.repair import Assessed

LONGEST_CHARS = 1_000_000
"""Of what a memory says, as when it is stored."""
NO_DRIFT = "the embedding model is out of order; it is measured once it works again: lukhas doctor"


@dataclass(frozen=True)
class Plan:
    """A repair that has been worked out and not been written; `answer` is what a preview says."""

    answer: contract.RepairResponse
    suggested: RepairMethod | None
    note: str | None


@dataclass(frozen=True)
class _Written:
    version: int
    changed: bool
    drift: float | None
    suggested: RepairMethod | None
    cause: str = ""


class Helix:
    """`owner` is an identity's id everywhere; NotFound where it has no such memory, Conflict where the memory is not
    at the version that the caller expects. `drifted` is told of every change, once its drift is known."""

    def __init__(self, core: Core, *, drifted: Callable[[Drifted], object] | None = None) -> None:
        self._core = core
        self._gauge = Gauge(core, drifted)

    def start(self) -> None:
        self._gauge.start()

    async def stop(self) -> None:
        await self._gauge.stop()

    def tell(self, change: Drifted) -> None:
        """Of a change that was made elsewhere, by a merge."""
        self._gauge.tell(change)

    async def edit(self, owner: str, memory_id: str, request: contract.EditRequest) -> contract.ChangeResponse:
        """Of two edits at once that expect no version, both are versions."""
        if all(value is None for value in (request.data, request.tags, request.importance, request.context)):
            raise ValidationError("nothing is to be changed", field="$", hint="give data, tags, importance or context")
        row, kept = await self._read(owner, memory_id)
        assessed = await self._assess(row, kept, request.data) if request.data is not None else repair.UNASSESSED

        def revise(found: rows.MemoryRow) -> versions.Revision:
            return versions.Revision(
                data=found.data if request.data is None else request.data,
                context=_merge(found.context, request.context),
                tags=found.tags if request.tags is None else tuple(dict.fromkeys(request.tags)),
                importance=found.importance if request.importance is None else request.importance,
                drift=found.drift if request.data is None else assessed.drift,
                cause="edit",
                actor=owner,
                note=request.note,
            )

        return await self._change(owner, memory_id, revise, assessed.suggested, expected=request.expected_version)

    async def history(self, owner: str, params: contract.HistoryParams) -> contract.HistoryResponse:
        row, kept = await self._read(owner, params.memory_id)
        older = [each for each in kept if params.before is None or each.version < params.before]
        return contract.HistoryResponse(
            memory_id=row.memory_id,
            helix_id=row.helix_id,
            current_version=row.version,
            versions=[_version(each) for each in reversed(older[-params.limit :])],
        )

    async def recall(self, owner: str, memory_id: str, number: int) -> Memory:
        """The memory as it was at that version. Counts no access."""
        row, kept = await self._read(owner, memory_id)
        found = _pick(row, kept, number)
        past = replace(
            row,
            data=found.data,
            context=found.context,
            tags=found.tags,
            importance=found.importance,
            drift=found.drift,
            version=found.version,
            event_at=versions.event_at(found.context, row.created_at),
        )
        accesses = await self._core.database.read(lambda cursor: rows.accesses(cursor, [row.row_id]))
        return rows.memory(past, accesses.get(row.row_id, rows.NEVER))

    async def diff(self, owner: str, params: contract.DiffParams) -> contract.DiffResponse:
        row, kept = await self._read(owner, params.memory_id)
        older = _pick(row, kept, params.from_version)
        newer = _pick(row, kept, row.version if params.to_version is None else params.to_version)
        return contract.DiffResponse(
            memory_id=row.memory_id,
            from_version=older.version,
            to_version=newer.version,
            diff=await self._core.run(_compare, older.data, newer.data),
            fields=_compare_fields(_version(older), _version(newer)),
        )

    async def revert(self, owner: str, memory_id: str, request: contract.RevertRequest) -> contract.ChangeResponse:
        row, kept = await self._read(owner, memory_id)
        note = request.note or f"back to version {request.to}"
        return await self._restore(row, kept, request.to, cause="revert", note=note, expected=request.expected_version)

    async def undo(self, owner: str, memory_id: str, request: contract.UndoRequest) -> contract.ChangeResponse:
        """Done twice, it undoes the undoing."""
        row, kept = await self._read(owner, memory_id)
        _expect(row, request.expected_version)
        if row.version == 1:
            raise Conflict(
                f"{memory_id} has never been changed: there is nothing to undo", hint="see: lukhas memory history"
            )
        note = request.note or f"undoes version {row.version}"
        return await self._restore(row, kept, row.version - 1, cause="undo", note=note, expected=row.version)

    async def plan(self, owner: str, request: contract.RepairRequest) -> Plan:
        """What the repair would write, with its drift."""
        row, kept = await self._read(owner, request.memory_id)
        _expect(row, request.expected_version)
        _check(request)
        strands = repair.Strands(row.origin, [each.data for each in kept])
        embedder = self._core.embedder
        method = _method(request)
        if method is None and row.drift is not None and row.drift >= DRIFT_REPAIR:
            method = await self._core.run(repair.suggest, embedder, strands)
        method = method or "partial_heal"
        work = partial(repair.repair, embedder, strands, method, spans=request.spans, text=request.text)
        repaired = await self._core.run(work)
        _check_length(repaired.text)
        changed = repaired.reason is None
        reasons: Reasons = {} if repaired.reason is None else {"changed": repaired.reason}
        if repaired.drift is None:
            reasons["drift_after"] = NO_DRIFT
        answer = contract.RepairResponse(
            memory_id=row.memory_id,
            method=method,
            preview=request.preview,
            changed=changed,
            version=row.version,
            text=repaired.text,
            diff=await self._core.run(_compare, row.data, repaired.text),
            drift_before=row.drift,
            drift_after=repaired.drift,
            state=_state(repaired.drift),
            kept=await self._core.run(repair.share_kept, strands, repaired.text),
            reasons=reasons,
        )
        suggested = (await self._assess(row, kept, repaired.text)).suggested if changed else None
        return Plan(answer, suggested, request.note)

    async def repair(self, owner: str, plan: Plan) -> contract.RepairResponse:
        """Writes the plan. Conflict where the memory has changed since it was made."""
        answer = plan.answer
        if not answer.changed:
            return answer

        def revise(found: rows.MemoryRow) -> versions.Revision:
            return versions.Revision(
                data=answer.text,
                context=found.context,
                tags=found.tags,
                importance=found.importance,
                drift=answer.drift_after,
                cause="repair",
                actor=owner,
                note=plan.note or answer.method,
            )

        written = await self._write(owner, answer.memory_id, revise, plan.suggested, expected=answer.version)
        return msgspec.structs.replace(answer, version=written.version)

    async def drift(self, owner: str, params: contract.DriftParams) -> contract.DriftResponse:
        return await self._gauge.sum_up(owner, params.limit)

    async def _read(self, owner: str, memory_id: str) -> tuple[rows.MemoryRow, list[versions.Version]]:
        def read(cursor: Cursor) -> tuple[rows.MemoryRow, list[versions.Version]]:
            cursor.begin()  # one moment for both
            try:
                row = found_in(cursor, owner, memory_id)
                return row, versions.history(cursor, row)
            finally:
                cursor.rollback()

        return await self._core.database.read(read)

    async def _assess(self, row: rows.MemoryRow, kept: list[versions.Version], data: str) -> Assessed:
        strands = repair.Strands(row.origin, [*(each.data for each in kept), data])
        return await self._core.run(repair.assess, self._core.embedder, strands)

    async def _restore(
        self,
        row: rows.MemoryRow,
        kept: list[versions.Version],
        number: int,
        *,
        cause: str,
        note: str,
        expected: int | None,
    ) -> contract.ChangeResponse:
        target = _pick(row, kept, number)
        assessed = await self._assess(row, kept, target.data)
        revision = versions.Revision(
            target.data, target.context, target.tags, target.importance, assessed.drift, cause, row.owner, note
        )
        return await self._change(row.owner, row.memory_id, lambda _: revision, assessed.suggested, expected=expected)

    async def _change(
        self,
        owner: str,
        memory_id: str,
        revise: Callable[[rows.MemoryRow], versions.Revision],
        suggested: RepairMethod | None,
        *,
        expected: int | None,
    ) -> contract.ChangeResponse:
        written = await self._write(owner, memory_id, revise, suggested, expected=expected)
        return contract.ChangeResponse(
            memory_id=memory_id,
            version=written.version,
            changed=written.changed,
            drift_score=written.drift,
            state=_state(written.drift),
            suggested_method=written.suggested,
            reasons={} if written.drift is not None else {"drift_score": NO_DRIFT},
        )

    async def _write(
        self,
        owner: str,
        memory_id: str,
        revise: Callable[[rows.MemoryRow], versions.Revision],
        suggested: RepairMethod | None,
        *,
        expected: int | None,
    ) -> _Written:
        """`suggested` is for the new text; where the text stays, so does what was suggested for it."""

        def work(cursor: Cursor, numbers: Numbers) -> tuple[_Written, Changed]:
            row = found_in(cursor, owner, memory_id)
            _expect(row, expected)
            revision = revise(row)
            stays = versions.suggested(cursor, row) if revision.data == row.data else suggested
            if _says(row, revision):
                return _Written(row.version, False, row.drift, stays), Changed()
            revision, now = replace(revision, suggested=stays), datetime.now(UTC)
            version = versions.rewrite(cursor, row, revision, sequence=numbers.sequence(), now=now)
            return _Written(version, True, revision.drift, stays, revision.cause), Changed(rewritten=[row.row_id])

        async def write() -> _Written:
            written = await self._core.change(work)
            if written.changed:
                self._core.told(Change(written.cause, owner, [memory_id]))
            if written.changed and written.drift is not None:
                self._gauge.tell(Drifted(owner, memory_id, written.drift, written.suggested))
            return written

        return await self._core.finish(write())


def _expect(row: rows.MemoryRow, version: int | None) -> None:
    if version is not None and row.version != version:
        raise Conflict(
            f"{row.memory_id} is at version {row.version} by now, not at {version}",
            hint="see what has changed with: lukhas memory history; then try again",
            details={"memory_id": row.memory_id, "version": row.version},
        )


def _pick(row: rows.MemoryRow, kept: list[versions.Version], number: int) -> versions.Version:
    found = next((each for each in kept if each.version == number), None)
    if found is None:
        raise NotFound(
            f"{row.memory_id} has no version {number}: it has 1 to {row.version}",
            hint="see: lukhas memory history",
            details={"memory_id": row.memory_id, "version": number},
        )
    return found


def _says(row: rows.MemoryRow, revision: versions.Revision) -> bool:
    now = (row.data, row.context, row.tags, row.importance)
    return now == (revision.data, revision.context, tuple(revision.tags), revision.importance)


def _merge(kept: str, given: dict[str, Any] | None) -> str:
    """JSON, of `kept` with the names given set, and those given as null taken out."""
    if given is None:
        return kept
    merged = {**msgspec.json.decode(kept), **given}
    return item.encode({name: value for name, value in merged.items() if value is not None}, field="$.context")


def _method(request: contract.RepairRequest) -> RepairMethod | None:
    """The one asked for, or that of which the request gives the words."""
    if request.method is None:
        return "guided" if request.text is not None else "selective" if request.spans else None
    return request.method


def _check(request: contract.RepairRequest) -> None:
    method = _method(request)
    if request.text is not None and method != "guided":
        raise ValidationError(f"{method} takes no text", field="$.text", hint="guided does")
    if request.spans and method != "selective":
        raise ValidationError(f"{method} takes no spans", field="$.spans", hint="selective does")


def _check_length(text: str) -> None:
    if not text.strip():
        raise ValidationError(
            "nothing would be left of this memory", field="$", hint="to delete it: lukhas memory delete"
        )
    if len(text) > LONGEST_CHARS:
        raise ValidationError(
            f"the repaired text would have {len(text):,} characters, more than {LONGEST_CHARS:,}",
            field="$.method",
            hint="try selective or full_reset",
        )


def _state(level: float | None) -> DriftState | None:
    return None if level is None else drift_state(level)


def _version(kept: versions.Version) -> contract.Version:
    return contract.Version(
        version=kept.version,
        data=kept.data,
        context=msgspec.json.decode(kept.context),
        tags=list(kept.tags),
        importance=kept.importance,
        drift_score=kept.drift,
        cause=kept.cause,
        actor=kept.actor,
        note=kept.note,
        created_at=kept.created_at,
    )


def _compare(old: str, new: str) -> list[contract.DiffPart]:
    return [contract.DiffPart(kind, text) for kind, text in alignment.compare(old, new)]


def _compare_fields(older: contract.Version, newer: contract.Version) -> list[contract.FieldChange]:
    pairs: tuple[tuple[contract.FieldName, Any, Any], ...] = (
        ("tags", older.tags, newer.tags),
        ("importance", older.importance, newer.importance),
        ("context", older.context, newer.context),
    )
    return [contract.FieldChange(field, before, after) for field, before, after in pairs if before != after]
