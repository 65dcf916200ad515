"""Webhooks, each as its own identity sees it."""

from __future__ import annotations

from lukhas_sdk.contract import webhooks as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler


async def add(call: Call[NoParams, contract.AddWebhookRequest]) -> contract.WebhookSecretResponse:
    call.parts.symbols.check(call.body.symbols)
    return await call.parts.webhooks.add(call.caller, call.body)


async def find_all(call: Call[NoParams, NoBody]) -> contract.WebhookListResponse:
    return await call.parts.webhooks.find_all(call.caller)


async def show(call: Call[contract.WebhookParams, NoBody]) -> contract.Webhook:
    return await call.parts.webhooks.show(call.caller, call.params.webhook_id)


async def remove(call: Call[contract.WebhookParams, NoBody]) -> contract.RemoveWebhookResponse:
    return await call.parts.webhooks.remove(call.caller, call.params.webhook_id)


async def test(call: Call[contract.WebhookParams, NoBody]) -> contract.TestWebhookResponse:
    return await call.parts.webhooks.test(call.caller, call.params.webhook_id)


async def rotate(call: Call[contract.WebhookParams, contract.RotateWebhookRequest]) -> contract.WebhookSecretResponse:
    return await call.parts.webhooks.rotate(call.caller, call.params.webhook_id, call.body.grace_s)


async def deliveries(call: Call[contract.DeliveryListParams, NoBody]) -> contract.DeliveryListResponse:
    return await call.parts.webhooks.deliveries(call.caller, call.params)


async def replay(call: Call[contract.WebhookParams, contract.ReplayRequest]) -> contract.ReplayResponse:
    return await call.parts.webhooks.replay(call.caller, call.params.webhook_id, call.body.delivery_ids)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.ADD: add,
    contract.LIST: find_all,
    contract.SHOW: show,
    contract.REMOVE: remove,
    contract.TEST: test,
    contract.ROTATE: rotate,
    contract.DELIVERIES: deliveries,
    contract.REPLAY: replay,
}
