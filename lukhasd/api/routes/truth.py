"""Contradictions, as the memories' owner sees and decides them."""

from __future__ import annotations

from lukhas_sdk.contract import truth as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhasd.api.call import Call, Handler


async def conflicts(call: Call[contract.ConflictListParams, NoBody]) -> contract.ConflictListResponse:
    return await call.parts.truth.list_conflicts(call.caller.identity_id, call.params)


async def resolve(call: Call[contract.ConflictParams, contract.ResolveRequest]) -> contract.Conflict:
    return await call.parts.truth.resolve(call.caller.identity_id, call.params.conflict_id, call.body.keep)


HANDLERS: dict[AnyOperation, Handler] = {contract.LIST: conflicts, contract.RESOLVE: resolve}
