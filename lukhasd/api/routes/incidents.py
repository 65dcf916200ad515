"""Incidents, as the machine's owner sees them."""

from __future__ import annotations

from lukhas_sdk.contract import incidents as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhasd.api.call import Call, Handler


async def find_all(call: Call[contract.IncidentListParams, NoBody]) -> contract.IncidentListResponse:
    return await call.parts.incidents.find_all(call.params)


async def show(call: Call[contract.IncidentParams, NoBody]) -> contract.Incident:
    return await call.parts.incidents.show(call.params.incident_id)


async def resolve(call: Call[contract.IncidentParams, contract.ResolveIncidentRequest]) -> contract.Incident:
    return await call.parts.incidents.resolve(call.params.incident_id, call.body.note, call.caller)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.LIST: find_all,
    contract.SHOW: show,
    contract.RESOLVE: resolve,
}
