"""One stage of the pipeline at a time."""

from __future__ import annotations

from lukhas_sdk.contract import stages as contract
from lukhas_sdk.contract.base import AnyOperation
from lukhasd.api.call import Call, Handler


async def run(call: Call[contract.StageParams, contract.StageRequest]) -> contract.StageResponse:
    return await call.parts.stages.run(call.caller, call.params.stage, call.body)


HANDLERS: dict[AnyOperation, Handler] = {contract.RUN: run}
