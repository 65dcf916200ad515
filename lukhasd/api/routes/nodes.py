"""The node registry."""

from __future__ import annotations

from lukhas_sdk.contract import nodes as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def register(call: Call[NoParams, contract.RegisterNodeRequest]) -> contract.RegisterNodeResponse:
    return await call.parts.nodes.register(call.caller, call.body)


async def find_all(call: Call[contract.NodeListParams, NoBody]) -> contract.NodeListResponse:
    return await call.parts.nodes.find_all(call.caller, call.params)


async def show(call: Call[contract.NodeParams, NoBody]) -> contract.Node:
    return await call.parts.nodes.show(call.caller, call.params.node_id)


async def remove(call: Call[contract.NodeParams, NoBody]) -> contract.RemoveNodeResponse:
    return await call.parts.nodes.remove(call.caller, call.params.node_id)


async def test(call: Call[contract.NodeParams, contract.TestNodeRequest]) -> contract.TestNodeResponse:
    return await call.parts.nodes.test(call.caller, call.params.node_id, call.body)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.REGISTER: register,
    contract.LIST: find_all,
    contract.SHOW: show,
    contract.REMOVE: remove,
    contract.TEST: test,
}
