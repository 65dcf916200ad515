"""Streams: what of the bus each tells, and questions over one connection."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from lukhas_sdk.contract import streams as contract
from lukhas_sdk.contract.base import AnyOperation
from lukhas_sdk.contract.glyph import EVENTS as GLYPH_EVENTS
from lukhas_sdk.contract.matriz import PROCESS, ProcessRequest, ProcessResponse
from lukhasd.api.account import Account
from lukhasd.api.call import Call, Handler
from lukhasd.api.history import Channel, Reader
from lukhasd.api.routes import matriz
from lukhasd.api.talk import Answer, Emit
from lukhasd.consciousness import events as consciousness
from lukhasd.glyph import events

CHANNELS: Mapping[AnyOperation, Channel] = {
    contract.MEMORY_DRIFT: Channel(events.drift_stream, events.drift_event),
    GLYPH_EVENTS: Channel(events.glyph_stream, events.glyph_event),
    contract.CONSCIOUSNESS: Channel(consciousness.stream_of, consciousness.event_of),
}


def _follow(operation: AnyOperation) -> Handler:
    async def follow(call: Call[Any, Any]) -> AbstractAsyncContextManager[Reader]:
        return call.service.histories.reading(operation, call.caller.identity_id)

    return follow


async def process(call: Call[Any, Any]) -> Answer:
    """Each question counts, waits its turn and is written down as a request of its own."""

    async def answer(question: ProcessRequest, emit: Emit) -> ProcessResponse:
        account = Account()
        account.means(PROCESS)
        try:
            result: ProcessResponse = await account.run(_in_turn, replace(call, body=question, emit=emit))
        except Exception:
            account.settle(500, call.parts)  # unless it has seen which
            raise
        account.settle(200, call.parts)
        return result

    return answer


async def _in_turn(call: Call[Any, Any]) -> ProcessResponse:
    slot = await call.service.admission.take(PROCESS)
    try:
        return await matriz.process(call)
    finally:
        slot.release()


HANDLERS: dict[AnyOperation, Handler] = {
    **{operation: _follow(operation) for operation in CHANNELS},
    contract.PROCESS_STREAM: process,
}
