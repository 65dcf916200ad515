"""Batches of inputs."""

from __future__ import annotations

from lukhas_sdk.contract import batch as contract
from lukhas_sdk.contract.base import AnyOperation, NoParams
from lukhasd.api.call import Call, Handler


async def batch(call: Call[NoParams, contract.BatchRequest]) -> contract.BatchResponse:
    """Answered at once, each query counts as one request, all of them before any is begun."""
    batches = call.parts.batches
    if batches.becomes_job(call.caller, call.body):
        return await batches.submit(call.caller, call.body)
    call.count(len(call.body.queries) - 1)
    return await batches.answer(
        call.caller, call.body, on_item=lambda item: call.emit(contract.BatchEvent(type="item", item=item))
    )


HANDLERS: dict[AnyOperation, Handler] = {contract.BATCH: batch}
