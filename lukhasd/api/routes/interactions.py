"""What was asked and answered."""

from __future__ import annotations

from lukhas_sdk.contract import interactions as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhasd.api.call import Call, Handler
from lukhasd.memory import interactions


async def sessions(call: Call[contract.SessionListParams, NoBody]) -> contract.SessionListResponse:
    return await interactions.list_sessions(call.parts.database, call.caller.identity_id, call.params)


async def listed(call: Call[contract.InteractionListParams, NoBody]) -> contract.InteractionListResponse:
    return await interactions.list_interactions(call.parts.database, call.caller.identity_id, call.params)


HANDLERS: dict[AnyOperation, Handler] = {contract.SESSIONS: sessions, contract.INTERACTIONS: listed}
