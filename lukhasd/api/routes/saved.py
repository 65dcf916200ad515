"""Kept searches, as their owner sees them."""

from __future__ import annotations

from lukhas_sdk.contract import saved as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.memory import SearchResponse
from lukhasd.api.call import Call, Handler


async def add(call: Call[NoParams, contract.SaveSearchRequest]) -> contract.SavedSearch:
    return await call.parts.memory.saved.add(call.caller.identity_id, call.body.name, call.body.search)


async def list_saved(call: Call[NoParams, NoBody]) -> contract.SavedListResponse:
    return await call.parts.memory.saved.list(call.caller.identity_id)


async def run(call: Call[contract.SavedParams, contract.RunSavedRequest]) -> SearchResponse:
    return await call.parts.memory.saved.run(call.caller.identity_id, call.params.name, call.body)


async def remove(call: Call[contract.SavedParams, NoBody]) -> contract.RemoveSavedResponse:
    return await call.parts.memory.saved.remove(call.caller.identity_id, call.params.name)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.ADD: add,
    contract.LIST: list_saved,
    contract.RUN: run,
    contract.REMOVE: remove,
}
