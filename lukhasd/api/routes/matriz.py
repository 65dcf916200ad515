"""The pipeline."""

from __future__ import annotations

from lukhas_sdk.contract import matriz as contract
from lukhas_sdk.contract.base import AnyOperation, NoParams
from lukhasd.api.call import Call, Handler
from lukhasd.matriz.pipeline import unheard


async def process(call: Call[NoParams, contract.ProcessRequest]) -> contract.ProcessResponse:
    with call.parts.jobs.interactive():
        return await call.parts.pipeline.process(
            call.caller, call.body, on_event=call.emit if call.streams else unheard
        )


HANDLERS: dict[AnyOperation, Handler] = {contract.PROCESS: process}
