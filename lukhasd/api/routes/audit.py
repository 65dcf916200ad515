"""The audit, as the machine's owner sees it."""

from __future__ import annotations

from lukhas_sdk.contract import audit as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhasd.api.call import Call, Handler


async def find_all(call: Call[contract.AuditParams, NoBody]) -> contract.AuditResponse:
    parts, user = call.parts, call.params.user
    owner = parts.identity.find_id(user) if user is not None else None
    found, cursor = await parts.audit.find(call.params, owner=owner, shown=parts.identity.shown_names())
    return contract.AuditResponse(found, cursor, await parts.audit.standing())


HANDLERS: dict[AnyOperation, Handler] = {contract.LIST: find_all}
