"""The embedder that memory finds by."""

from __future__ import annotations

from lukhas_sdk.contract import embedder as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams, Tier
from lukhasd.api.call import Call, Handler


async def status(call: Call[NoParams, NoBody]) -> contract.EmbedderStatusResponse:
    everybody = call.caller.tier >= Tier.PRIME
    return await call.parts.embedding.status(None if everybody else call.caller.identity_id)


async def use(call: Call[NoParams, contract.EmbedderUseRequest]) -> contract.EmbedderStatusResponse:
    return await call.parts.embedding.use(call.body)


async def test(call: Call[NoParams, NoBody]) -> contract.EmbedderTestResponse:
    return await call.parts.embedding.test()


HANDLERS: dict[AnyOperation, Handler] = {
    contract.EMBEDDER_STATUS: status,
    contract.EMBEDDER_USE: use,
    contract.EMBEDDER_TEST: test,
}
