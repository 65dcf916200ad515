"""The quarantine, as its owner sees it."""

from __future__ import annotations

import msgspec

from lukhas_sdk.contract import quarantine as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.memory import StoreResponse
from lukhas_sdk.errors import GuardianRejection
from lukhasd.api.call import Call, Handler
from lukhasd.memory.quarantine import held_findings, is_rejected, mark, text_of


async def list_entries(call: Call[contract.QuarantineListParams, NoBody]) -> contract.QuarantineListResponse:
    return await call.parts.memory.quarantine.list(call.caller.identity_id, call.params)


async def show(call: Call[contract.QuarantineParams, NoBody]) -> contract.Quarantined:
    return (await call.parts.memory.quarantine.show(call.caller.identity_id, call.params.quarantine_id)).public


async def release(call: Call[contract.QuarantineParams, NoBody]) -> StoreResponse:
    """Stored before it leaves the quarantine: what ends between the two loses nothing. It is judged anew: an entry that
    came with an export may say less of itself than there is to say."""
    owner, memory = call.caller.identity_id, call.parts.memory
    held = await memory.quarantine.show(owner, call.params.quarantine_id)
    action = GuardianAction(type="memory_write", content=text_of(held.request))
    verdict = await call.parts.guardian.validate(ValidateRequest(action=action), caller=call.caller)
    if is_rejected(verdict):
        why = "; ".join(finding.text for finding in verdict.reasoning.findings) or verdict.decision
        raise GuardianRejection(
            f"the guardian rejected this memory: {why}",
            hint=verdict.reasoning.would_change,
            details={"decision": verdict.decision, "validation_id": verdict.validation_id, "why": why},
        )
    told = "; ".join(dict.fromkeys(each for each in (held.mark, mark(held_findings(verdict))) if each))
    stored = await memory.store(owner, msgspec.structs.replace(held.request, force=True), mark=told or None)
    await memory.quarantine.drop(owner, held.quarantine_id)
    return stored


async def drop(call: Call[contract.QuarantineParams, NoBody]) -> contract.DropResponse:
    return await call.parts.memory.quarantine.drop(call.caller.identity_id, call.params.quarantine_id)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.LIST: list_entries,
    contract.SHOW: show,
    contract.RELEASE: release,
    contract.DROP: drop,
}
