"""Which language model drafts: the configured one, and those found on this machine's usual ports."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

from lukhas_sdk import settings as settings_module
from lukhas_sdk.contract.models import ModelListResponse, ModelServer, ModelTestResponse, ModelUseRequest
from lukhas_sdk.errors import ModuleTimeout, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import delete_secret, read_secret, store_secret
from lukhas_sdk.settings import ModelSettings, Settings
from lukhasd.models.language import LanguageModel, Message, ModelError, OpenAICompatible

LOOPBACK_SERVERS = (
    ("Ollama", "http://127.0.0.1:11434/v1"),
    ("LM Studio", "http://127.0.0.1:1234/v1"),
    ("llama.cpp", "http://127.0.0.1:8080/v1"),
)
PROBE_TIMEOUT_S = 2.0
KEY_NAME = "model.key"
TEST_QUESTION = "Answer with one word: what colour is a clear sky by day?"


class ModelDirectory:
    """Holds the choice of model. `use` checks a choice, writes it to the configuration and puts it in force."""

    def __init__(self, *, paths: Paths, settings: Settings, api_key: str | None) -> None:
        self._paths = paths
        self._key_store = settings.identity.key_store
        self._choice = settings.model
        self._api_key = api_key
        self.after_choosing: list[Callable[[], None]] = []
        """Called on the event loop when `use` has put another choice in force."""

    @classmethod
    async def open(cls, *, paths: Paths, settings: Settings) -> ModelDirectory:
        api_key = await asyncio.to_thread(read_secret, paths, KEY_NAME) if settings.model.base_url else None
        return cls(paths=paths, settings=settings, api_key=api_key)

    @property
    def on_failure(self) -> Literal["extractive", "error"]:
        return self._choice.on_failure

    @property
    def timeout_s(self) -> float:
        return self._choice.timeout_s

    def current(self) -> LanguageModel | None:
        """The configured model, None when there is none."""
        if not self._choice.base_url:
            return None
        return OpenAICompatible(self._choice.base_url, self._choice.name, self._api_key)

    @property
    def is_local(self) -> bool:
        """Whether the configured model's server is on this machine, by its address."""
        host = urlsplit(self._choice.base_url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    async def list(self) -> ModelListResponse:
        configured = self._choice.base_url
        found = await asyncio.gather(
            *(_probe(name, url) for name, url in LOOPBACK_SERVERS if url != configured),
        )
        servers = [server for server in found if server.reachable]
        if configured:
            servers.insert(0, await _probe("configured", configured, self._api_key))
        return ModelListResponse(
            current=self._choice.name or None,
            base_url=configured or None,
            on_failure=self._choice.on_failure,
            servers=servers,
        )

    async def use(self, request: ModelUseRequest) -> ModelListResponse:
        """Raises ModuleTimeout where the server does not answer, ValidationError where it lacks the model."""
        if request.base_url is None:
            if request.model or request.api_key:
                raise ValidationError(
                    "no server is named", field="$.base_url", hint="name one, or leave model and key out"
                )
            on_failure = request.on_failure or self._choice.on_failure
            await self._adopt(ModelSettings(timeout_s=self._choice.timeout_s, on_failure=on_failure), None)
            return await self.list()
        server = OpenAICompatible(request.base_url, request.model or "", request.api_key)
        try:
            names = await server.list_models(timeout_s=PROBE_TIMEOUT_S * 2)
        except ModelError as error:
            raise ModuleTimeout(str(error), hint="is the server running, and does its address end in /v1?") from error
        name = request.model or (names[0] if len(names) == 1 else "")
        if not name or (names and name not in names):
            raise ValidationError(
                f"{request.base_url} offers: {', '.join(names) or 'no model'}", field="$.model", hint="name one of them"
            )
        on_failure = request.on_failure or self._choice.on_failure
        choice = ModelSettings(request.base_url, name, self._choice.timeout_s, on_failure)
        await self._adopt(choice, request.api_key)
        return await self.list()

    async def test(self) -> ModelTestResponse:
        """One short question to the configured model; NotFound where there is none."""
        model = self.current()
        if model is None:
            raise NotFound("no language model is configured", hint="see: lukhas model list, lukhas model use")
        try:
            completion = await model.chat(
                [Message("user", TEST_QUESTION)], max_tokens=32, temperature=0.0, timeout_s=self.timeout_s
            )
        except ModelError as error:
            why = str(error)
            reasons = {"answer": why, "first_token_ms": why, "total_ms": why}
            return ModelTestResponse(model.base_url, model.name, False, None, None, None, reasons)
        return ModelTestResponse(
            model.base_url, model.name, True, completion.text, completion.first_token_ms, completion.total_ms
        )

    async def _adopt(self, choice: ModelSettings, api_key: str | None) -> None:
        await asyncio.to_thread(self._save, choice, api_key)
        self._choice = choice
        self._api_key = api_key
        for tell in self.after_choosing:
            tell()

    def _save(self, choice: ModelSettings, api_key: str | None) -> None:
        if api_key:
            store_secret(self._paths, KEY_NAME, api_key, self._key_store)
        else:
            delete_secret(self._paths, KEY_NAME)
        settings_module.save(
            self._paths,
            {
                "model.base_url": choice.base_url or None,
                "model.name": choice.name or None,
                "model.on_failure": choice.on_failure,
            },
        )


async def _probe(name: str, base_url: str, api_key: str | None = None) -> ModelServer:
    state: Literal["configured", "offered"] = "configured" if name == "configured" else "offered"
    try:
        models = await OpenAICompatible(base_url, "", api_key).list_models(timeout_s=PROBE_TIMEOUT_S)
    except ModelError as error:
        return ModelServer(name, base_url, state, False, [], {"models": str(error)})
    return ModelServer(name, base_url, state, True, models)
