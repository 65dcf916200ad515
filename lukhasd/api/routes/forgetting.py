"""Forgetting, which the guardian does not judge: a text is the caller's own to erase."""

from __future__ import annotations

from lukhas_sdk.contract import forgetting as contract
from lukhas_sdk.contract.base import AnyOperation, NoParams
from lukhasd.api.call import Call, Handler


async def forget(call: Call[NoParams, contract.ForgetRequest]) -> contract.ForgetReceipt:
    return await call.parts.forgetting.forget(call.caller.identity_id, call.body)


HANDLERS: dict[AnyOperation, Handler] = {contract.FORGET: forget}
