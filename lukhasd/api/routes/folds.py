"""Folds, as their owner sees them."""

from __future__ import annotations

from lukhas_sdk.contract import folds as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhasd.api.call import Call, Handler


async def list_folds(call: Call[contract.FoldListParams, NoBody]) -> contract.FoldListResponse:
    return await call.parts.folds.list(call.caller.identity_id, call.params)


async def show(call: Call[contract.FoldParams, NoBody]) -> contract.Fold:
    return await call.parts.folds.show(call.caller.identity_id, call.params.fold_id)


HANDLERS: dict[AnyOperation, Handler] = {contract.LIST: list_folds, contract.SHOW: show}
