"""`client.model`."""

from __future__ import annotations

from typing import Literal

from lukhas_sdk.contract import models
from lukhas_sdk.verbs import Client, Noun, verb


class ModelNoun(Noun[Client]):
    @verb
    def list(self) -> models.ModelListResponse:
        return self._client.call(models.MODEL_LIST)

    @verb
    def use(
        self,
        base_url: str | None = None,
        *,
        model: str | None = None,
        weights: str | None = None,
        api_key: str | None = None,
        on_failure: Literal["extractive", "error"] | None = None,
    ) -> models.ModelListResponse:
        """A server, or `weights` that the daemon runs itself (pulled ones by name, or a file); none for neither."""
        body = models.ModelUseRequest(base_url, model, api_key, on_failure, weights)
        return self._client.call(models.MODEL_USE, body=body)

    @verb
    def test(self) -> models.ModelTestResponse:
        """One short question; `ok` says whether it answered."""
        return self._client.call(models.MODEL_TEST)

    @verb
    def remove(self, name: str) -> models.ModelRemoveResponse:
        """Erases pulled weights that are not in use."""
        return self._client.call(models.MODEL_REMOVE, params=models.ModelRemoveParams(name))
