"""Streams: what of the bus each sends to whom."""

from __future__ import annotations

from lukhas_sdk.contract import streams as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler
from lukhasd.api.websocket import Feed
from lukhasd.glyph import events


async def memory_drift(call: Call[NoParams, NoBody]) -> Feed:
    owner = call.caller.identity_id
    return Feed(call.parts.bus.subscribe(lambda token: events.is_drift_of(token, owner)), events.drift_event)


HANDLERS: dict[AnyOperation, Handler] = {contract.MEMORY_DRIFT: memory_drift}
