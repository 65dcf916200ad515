"""Dreams, and consolidation."""

from __future__ import annotations

from lukhas_sdk.contract import consolidation
from lukhas_sdk.contract import dream as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def generate(call: Call[NoParams, contract.DreamRequest]) -> contract.Dream:
    with call.parts.jobs.interactive():
        return await call.parts.dreams.generate(call.caller, call.body, on_event=call.emit)


async def find_all(call: Call[contract.DreamListParams, NoBody]) -> contract.DreamListResponse:
    return await call.parts.dreams.find_all(call.caller.identity_id, call.params)


async def show(call: Call[contract.DreamParams, NoBody]) -> contract.Dream:
    return await call.parts.dreams.show(call.caller.identity_id, call.params.dream_session_id)


async def compare(call: Call[contract.CompareParams, NoBody]) -> contract.DreamComparison:
    return await call.parts.dreams.compare(call.caller.identity_id, call.params.one, call.params.other)


async def consolidate(call: Call[NoParams, consolidation.ConsolidateRequest]) -> consolidation.Consolidation:
    return await call.parts.consolidator.consolidate(call.caller, call.body)


async def find_consolidations(call: Call[NoParams, NoBody]) -> consolidation.ConsolidationListResponse:
    return await call.parts.consolidator.find_all(call.caller.identity_id)


async def undo(call: Call[consolidation.ConsolidationParams, NoBody]) -> consolidation.Consolidation:
    return await call.parts.consolidator.undo(call.caller.identity_id, call.params.consolidation_id)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.GENERATE: generate,
    contract.LIST: find_all,
    contract.SHOW: show,
    contract.COMPARE: compare,
    consolidation.CONSOLIDATE: consolidate,
    consolidation.LIST: find_consolidations,
    consolidation.UNDO: undo,
}
