"""The six signals as they are now."""

from __future__ import annotations

from lukhas_sdk.contract import bio as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def show(call: Call[NoParams, NoBody]) -> contract.BioResponse:
    owner = call.caller.identity_id
    return call.parts.bio.show(owner, trust=(await call.parts.feedback.standing(owner)).trust)


HANDLERS: dict[AnyOperation, Handler] = {contract.SHOW: show}
