"""Values that may pass, as the machine's owner sees and sets them."""

from __future__ import annotations

import asyncio

from lukhas_sdk.contract import allow as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def find_all(call: Call[NoParams, NoBody]) -> contract.AllowListResponse:
    return call.parts.allowances.listed()


async def add(call: Call[NoParams, contract.AllowRequest]) -> contract.Allowed:
    return await asyncio.to_thread(call.parts.allowances.add, call.body)


async def remove(call: Call[contract.AllowParams, NoBody]) -> contract.AllowListResponse:
    return await asyncio.to_thread(call.parts.allowances.remove, call.params.allow_id)


HANDLERS: dict[AnyOperation, Handler] = {contract.LIST: find_all, contract.ADD: add, contract.REMOVE: remove}
