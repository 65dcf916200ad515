"""Forgetting, which the guardian does not judge: a text is the caller's own to erase."""

from __future__ import annotations

from lukhas_sdk.contract import forgetting as contract
from lukhas_sdk.contract.base import AnyOperation, NoParams
from lukhasd.api.call import Call, Handler


async def forget(call: Call[NoParams, contract.ForgetRequest]) -> contract.ForgetReceipt:
    owner = call.caller.identity_id
    if call.body.preview:
        return await call.parts.forgetting.forget(owner, call.body)
    async with call.parts.jobs.paused(owner):
        return await call.parts.forgetting.forget(owner, call.body)


HANDLERS: dict[AnyOperation, Handler] = {contract.FORGET: forget}
