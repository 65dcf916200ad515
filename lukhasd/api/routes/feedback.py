"""Feedback on one's own answers."""

from __future__ import annotations

from lukhas_sdk.contract import feedback as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def give(call: Call[NoParams, contract.FeedbackRequest]) -> contract.FeedbackReceipt:
    return await call.parts.feedback.give(call.caller, call.body)


async def find_all(call: Call[contract.FeedbackListParams, NoBody]) -> contract.FeedbackListResponse:
    return await call.parts.feedback.find_all(call.caller.identity_id, call.params)


async def undo(call: Call[contract.FeedbackParams, NoBody]) -> contract.FeedbackUndone:
    return await call.parts.feedback.undo(call.caller.identity_id, call.params.feedback_id)


async def style(call: Call[NoParams, NoBody]) -> contract.Style:
    return (await call.parts.feedback.standing(call.caller.identity_id)).style


async def set_style(call: Call[NoParams, contract.StyleRequest]) -> contract.Style:
    return await call.parts.feedback.set_style(call.caller.identity_id, call.body)


async def reset_style(call: Call[NoParams, NoBody]) -> contract.Style:
    return await call.parts.feedback.reset_style(call.caller.identity_id)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.GIVE: give,
    contract.LIST: find_all,
    contract.UNDO: undo,
    contract.STYLE: style,
    contract.SET_STYLE: set_style,
    contract.RESET_STYLE: reset_style,
}
