"""The pipeline."""

from __future__ import annotations

from lukhas_sdk.contract import matriz as contract
from lukhas_sdk.contract.base import AnyOperation, NoParams
from lukhasd.api.call import Call, Handler


async def process(call: Call[NoParams, contract.ProcessRequest]) -> contract.ProcessResponse:
    return await call.parts.pipeline.process(
        call.caller, call.body, on_row=lambda row: call.emit(contract.ProcessEvent(type="trace", row=row))
    )


HANDLERS: dict[AnyOperation, Handler] = {contract.PROCESS: process}
