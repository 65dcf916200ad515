"""Awareness and reflection."""

from __future__ import annotations

from lukhas_sdk.contract import consciousness as contract
from lukhas_sdk.contract import reflection
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.streams import Awareness
from lukhasd.api.call import Call, Handler


async def state(call: Call[NoParams, NoBody]) -> contract.ConsciousnessState:
    return await call.parts.awareness.state(call.caller.identity_id)


async def awareness(call: Call[NoParams, NoBody]) -> Awareness:
    return await call.parts.awareness.awareness(call.caller.identity_id)


async def reflect(call: Call[NoParams, reflection.ReflectRequest]) -> reflection.Reflection:
    return await call.parts.reflector.reflect(call.caller.identity_id, call.body)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.STATE: state,
    contract.AWARENESS: awareness,
    reflection.REFLECT: reflect,
}
