"""The eight stars."""

from __future__ import annotations

from lukhas_sdk.contract import stars as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def find_all(call: Call[NoParams, NoBody]) -> contract.StarListResponse:
    return await call.parts.stars.list()


async def test(call: Call[contract.StarParams, NoBody]) -> contract.Star:
    return await call.parts.stars.test(call.params.star)


HANDLERS: dict[AnyOperation, Handler] = {contract.LIST: find_all, contract.TEST: test}
