"""The language model that drafts."""

from __future__ import annotations

from lukhas_sdk.contract import models as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def list_models(call: Call[NoParams, NoBody]) -> contract.ModelListResponse:
    return await call.parts.models.list()


async def use(call: Call[NoParams, contract.ModelUseRequest]) -> contract.ModelListResponse:
    return await call.parts.models.use(call.body)


async def test(call: Call[NoParams, NoBody]) -> contract.ModelTestResponse:
    return await call.parts.models.test()


async def remove(call: Call[contract.ModelRemoveParams, NoBody]) -> contract.ModelRemoveResponse:
    return await call.parts.models.remove(call.params.name)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.MODEL_LIST: list_models,
    contract.MODEL_USE: use,
    contract.MODEL_TEST: test,
    contract.MODEL_REMOVE: remove,
}
