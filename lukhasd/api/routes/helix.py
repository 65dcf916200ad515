"""Versions, drift and repair of memories. What a change would write is judged by the guardian first."""

from __future__ import annotations

from lukhas_sdk.contract import helix as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.memory import MemoryContent, MemoryParams, StoreRequest
from lukhas_sdk.errors import GuardianRejection
from lukhasd.api.call import Call, Handler
from lukhasd.guardian import Guardian
from lukhasd.identity import Caller
from lukhasd.memory import quarantine


async def edit(call: Call[MemoryParams, contract.EditRequest]) -> contract.ChangeResponse:
    body = call.body
    content = MemoryContent(type="semantic", data=body.data or "", context=body.context or {})
    text = quarantine.text_of(StoreRequest(content=content, tags=body.tags or []))
    if text.strip():
        await _judge(call.parts.guardian, call.caller, text)
    return await call.parts.memory.helix.edit(call.caller.identity_id, call.params.memory_id, body)


async def history(call: Call[contract.HistoryParams, NoBody]) -> contract.HistoryResponse:
    return await call.parts.memory.helix.history(call.caller.identity_id, call.params)


async def diff(call: Call[contract.DiffParams, NoBody]) -> contract.DiffResponse:
    return await call.parts.memory.helix.diff(call.caller.identity_id, call.params)


async def revert(call: Call[MemoryParams, contract.RevertRequest]) -> contract.ChangeResponse:
    return await call.parts.memory.helix.revert(call.caller.identity_id, call.params.memory_id, call.body)


async def undo(call: Call[MemoryParams, contract.UndoRequest]) -> contract.ChangeResponse:
    return await call.parts.memory.helix.undo(call.caller.identity_id, call.params.memory_id, call.body)


async def repair(call: Call[NoParams, contract.RepairRequest]) -> contract.RepairResponse:
    """What is put together of several versions is judged anew: each may have passed alone."""
    owner, helix = call.caller.identity_id, call.parts.memory.helix
    plan = await helix.plan(owner, call.body)
    if call.body.preview:
        return plan.answer
    if plan.answer.changed and plan.answer.method != "full_reset":
        await _judge(call.parts.guardian, call.caller, plan.answer.text)
    return await helix.repair(owner, plan)


async def drift(call: Call[contract.DriftParams, NoBody]) -> contract.DriftResponse:
    return await call.parts.memory.helix.drift(call.caller.identity_id, call.params)


async def _judge(guardian: Guardian, caller: Caller, text: str) -> None:
    """GuardianRejection also for what would be quarantined if it were stored: the memory stays as it is."""
    action = GuardianAction(type="memory_write", content=text)
    verdict = await guardian.validate(ValidateRequest(action=action), caller=caller)
    held = quarantine.held_findings(verdict)
    if verdict.decision != "REJECTED" and not held:
        return
    why = quarantine.mark(held or verdict.reasoning.findings) or "; ".join(verdict.reasons.values())
    raise GuardianRejection(
        f"the guardian does not let the memory say this: {why or verdict.decision}",
        hint=verdict.reasoning.would_change,
        details={"decision": "REJECTED", "validation_id": verdict.validation_id, "why": why},
    )


HANDLERS: dict[AnyOperation, Handler] = {
    contract.EDIT: edit,
    contract.HISTORY: history,
    contract.DIFF: diff,
    contract.REVERT: revert,
    contract.UNDO: undo,
    contract.REPAIR: repair,
    contract.DRIFT: drift,
}
