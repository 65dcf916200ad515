"""Everything that is the caller's, out and in. What comes in as a memory is judged by the guardian, as any other."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec

from lukhas_sdk.contract import transfer as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhasd.api.call import Call, Handler
from lukhasd.memory import quarantine, record_check, transfer


async def export(call: Call[NoParams, NoBody]) -> contract.Closing:
    async def send(lines: str) -> None:
        call.emit(contract.ExportEvent("lines", lines))
        await call.sent()

    return await call.parts.carrier.export(call.caller.identity_id, send)


async def take_in(call: Call[NoParams, contract.TakeInRequest]) -> contract.TakeInResponse:
    raw = call.body.records
    records = await asyncio.to_thread(
        lambda: [transfer.read_record(bytes(line), path=f"$.records[{place}]") for place, line in enumerate(raw)]
    )
    rejected = [left_out for place, record in enumerate(records) if (left_out := await _judge(call, place, record))]
    barred = {left_out.index for left_out in rejected}
    places = [place for place in range(len(records)) if place not in barred]
    taken = await call.parts.carrier.take_in(call.caller.identity_id, [records[place] for place in places])
    return contract.TakeInResponse(
        added=dict(Counter(each.kind for each in taken if each.outcome == "added")),
        skipped=sum(each.outcome == "skipped" for each in taken),
        conflicts=[
            contract.LeftOutRecord(place, each.id, "one with this id is here already, and it says something else")
            for place, each in zip(places, taken, strict=True)
            if each.outcome == "conflict"
        ],
        rejected=rejected,
        forgotten=[
            contract.LeftOutRecord(place, each.id, "what it is or quotes was forgotten here, and stays so")
            for place, each in zip(places, taken, strict=True)
            if each.outcome == "forgotten"
        ],
    )


async def snapshot(call: Call[NoParams, contract.SnapshotRequest]) -> contract.SnapshotResponse:
    return await call.parts.carrier.snapshot()


async def _judge(
    call: Call[NoParams, contract.TakeInRequest], place: int, record: msgspec.Struct
) -> contract.LeftOutRecord | None:
    """Why a record stays out, None where it may come in. Records of what was asked and answered are never read as
    memories, and come in as they are. What would be quarantined if it were stored is, unless its mark says that it was
    kept all the same."""
    content = "\n".join(transfer.texts(record))
    if not content:
        return None
    action = GuardianAction(type="memory_write", content=content)
    verdict = await call.parts.guardian.validate(ValidateRequest(action=action), caller=call.caller)
    key = str(getattr(record, transfer.table_of(record).key))
    if quarantine.is_rejected(verdict):
        reason = "; ".join(finding.text for finding in verdict.reasoning.findings) or verdict.decision
        return contract.LeftOutRecord(place, key, reason)
    found = quarantine.held_findings(verdict)
    mark = getattr(record, "mark", None) or ""
    if all(finding.rule in mark for finding in found):
        return None
    held = await call.parts.memory.quarantine.hold(call.caller.identity_id, record_check.request_of(record), found)
    return contract.LeftOutRecord(place, key, f"it is in quarantine as {held} ({quarantine.mark(found)})")


HANDLERS: dict[AnyOperation, Handler] = {
    contract.EXPORT: export,
    contract.TAKE_IN: take_in,
    contract.SNAPSHOT: snapshot,
}
