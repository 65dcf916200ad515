"""`client.webhooks`. For receivers see `lukhas_sdk.webhooks`."""

from __future__ import annotations

from collections.abc import Sequence

from lukhas_sdk.contract import webhooks
from lukhas_sdk.verbs import Client, Noun, verb


class WebhooksNoun(Noun[Client]):
    @verb
    def add(
        self, url: str, *, events: Sequence[str] = (), symbols: Sequence[str] = (), description: str = ""
    ) -> webhooks.WebhookSecretResponse:
        """Keep `secret`: it is not shown again. Without `events` and `symbols` it is sent everything of the
        caller's."""
        body = webhooks.AddWebhookRequest(url, list(events), list(symbols), description)
        return self._client.call(webhooks.ADD, body=body)

    @verb
    def list(self) -> webhooks.WebhookListResponse:
        return self._client.call(webhooks.LIST)

    @verb
    def show(self, webhook_id: str) -> webhooks.Webhook:
        return self._client.call(webhooks.SHOW, params=webhooks.WebhookParams(webhook_id))

    @verb
    def test(self, webhook_id: str) -> webhooks.TestWebhookResponse:
        """One attempt now; nothing is raised where it failed."""
        return self._client.call(webhooks.TEST, params=webhooks.WebhookParams(webhook_id))

    @verb
    def rotate(self, webhook_id: str, *, grace_s: int = webhooks.DAY_S) -> webhooks.WebhookSecretResponse:
        """For `grace_s` deliveries are signed with the old secret too."""
        params = webhooks.WebhookParams(webhook_id)
        return self._client.call(webhooks.ROTATE, params=params, body=webhooks.RotateWebhookRequest(grace_s))

    @verb
    def remove(self, webhook_id: str) -> webhooks.RemoveWebhookResponse:
        return self._client.call(webhooks.REMOVE, params=webhooks.WebhookParams(webhook_id))

    @verb
    def deliveries(
        self,
        webhook_id: str,
        *,
        state: webhooks.DeliveryState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> webhooks.DeliveryListResponse:
        """Newest first."""
        params = webhooks.DeliveryListParams(webhook_id, state, limit, cursor)
        return self._client.call(webhooks.DELIVERIES, params=params)

    @verb
    def replay(self, webhook_id: str, delivery_ids: Sequence[str] = ()) -> webhooks.ReplayResponse:
        """Queues them anew, under the same ids; all that are dead where none is named."""
        params = webhooks.WebhookParams(webhook_id)
        body = webhooks.ReplayRequest([*delivery_ids])
        return self._client.call(webhooks.REPLAY, params=params, body=body)
