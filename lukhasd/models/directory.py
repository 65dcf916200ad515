"""Which language model drafts: the configured one, and those found on this machine's usual ports."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import structs

from lukhas_sdk import settings as settings_module
from lukhas_sdk import weights
from lukhas_sdk.contract.models import (
    ModelListResponse,
    ModelRemoveResponse,
    ModelServer,
    ModelTestResponse,
    ModelUseRequest,
    ModelWeights,
)
from lukhas_sdk.errors import Conflict, ModuleTimeout, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import delete_secret, read_secret, store_secret
from lukhas_sdk.settings import ModelSettings, Settings
from lukhasd.models.embedded import EMBEDDED, EmbeddedModel, check_weights
from lukhasd.models.language import LanguageModel, Message, ModelError
from lukhasd.models.openai_compatible import OpenAICompatible

LOOPBACK_SERVERS = (
    ("Ollama", "http://127.0.0.1:11434/v1"),
    ("LM Studio", "http://127.0.0.1:1234/v1"),
    ("llama.cpp", "http://127.0.0.1:8080/v1"),
)
PROBE_TIMEOUT_S = 2.0
KEY_NAME = "model.key"
Weights = list[ModelWeights]
TEST_QUESTION = "Answer with one word: what colour is a clear sky by day?"


class ModelDirectory:
    """Holds the choice of model. `use` checks a choice, writes it to the configuration and puts it in force."""

    def __init__(self, *, paths: Paths, settings: Settings, api_key: str | None) -> None:
        self._paths = paths
        self._key_store = settings.identity.key_store
        self._choice = settings.model
        self._model = self._build(settings.model, api_key)
        self.after_choosing: list[Callable[[], None]] = []
        """Called on the event loop when `use` has put another choice in force."""

    @classmethod
    async def open(cls, *, paths: Paths, settings: Settings) -> ModelDirectory:
        api_key = await asyncio.to_thread(read_secret, paths, KEY_NAME) if settings.model.base_url else None
        return cls(paths=paths, settings=settings, api_key=api_key)

    async def close(self) -> None:
        if isinstance(self._model, EmbeddedModel):
            await self._model.close()

    @property
    def on_failure(self) -> Literal["extractive", "error"]:
        return self._choice.on_failure

    @property
    def timeout_s(self) -> float:
        return self._choice.timeout_s

    def current(self) -> LanguageModel | None:
        """The configured model, None when there is none."""
        return self._model

    @property
    def is_local(self) -> bool:
        """Whether the configured model is on this machine, its server's address telling."""
        if isinstance(self._model, EmbeddedModel):
            return True
        host = urlsplit(self._choice.base_url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    async def list(self) -> ModelListResponse:
        configured = self._choice.base_url
        found = await asyncio.gather(
            *(_probe(OpenAICompatible(url, "", None), name) for name, url in LOOPBACK_SERVERS if url != configured),
        )
        servers = [server for server in found if server.reachable]
        if self._model is not None:
            servers.insert(0, await self._describe(self._model))
        return ModelListResponse(
            current=self._model.name or None if self._model else None,
            base_url=configured or None,
            on_failure=self._choice.on_failure,
            servers=servers,
            weights=await asyncio.to_thread(self._list_weights),
        )

    async def use(self, request: ModelUseRequest) -> ModelListResponse:
        """Raises ModuleTimeout where the server does not answer or the weights do not load in time, ValidationError
        where it lacks the model or they cannot be run, NotFound where there are none."""
        on_failure = request.on_failure or self._choice.on_failure
        choice = structs.replace(self._choice, base_url="", name="", weights="", on_failure=on_failure)
        if request.weights is not None:
            await self._use_weights(request, choice)
        elif request.base_url is not None:
            await self._use_server(request, request.base_url, choice)
        elif request.model or request.api_key:
            raise ValidationError("no server is named", field="$.base_url", hint="name one, or leave model and key out")
        else:
            await self._adopt(choice, None, None)
        return await self.list()

    async def _use_server(self, request: ModelUseRequest, base_url: str, choice: ModelSettings) -> None:
        server = OpenAICompatible(base_url, request.model or "", request.api_key)
        try:
            names = await server.list_models(timeout_s=PROBE_TIMEOUT_S * 2)
        except ModelError as error:
            raise ModuleTimeout(str(error), hint="is the server running, and does its address end in /v1?") from error
        name = request.model or (names[0] if len(names) == 1 else "")
        if not name or (names and name not in names):
            raise ValidationError(
                f"{base_url} offers: {', '.join(names) or 'no model'}", field="$.model", hint="name one of them"
            )
        choice = structs.replace(choice, base_url=base_url, name=name)
        await self._adopt(choice, self._build(choice, request.api_key), request.api_key)

    async def _use_weights(self, request: ModelUseRequest, choice: ModelSettings) -> None:
        """Loads them first, so that a choice that cannot work changes nothing."""
        if request.base_url or request.model or request.api_key:
            raise ValidationError(
                "weights take no server, model or key", field="$.weights", hint="name weights or a server, not both"
            )
        assert request.weights is not None
        file = await asyncio.to_thread(weights.find, self._paths.weights_dir, request.weights)
        await asyncio.to_thread(check_weights, file)
        choice = structs.replace(choice, weights=request.weights)
        model = self._build(choice, None)
        assert isinstance(model, EmbeddedModel)
        try:
            await model.load(timeout_s=choice.timeout_s)
        except BaseException as error:
            await model.close()
            if not isinstance(error, ModelError):
                raise
            if error.kind == "timeout":
                raise ModuleTimeout(str(error), hint="raise model.timeout_s, or use smaller weights") from error
            raise ValidationError(str(error), field="$.weights", hint="use other weights") from error
        await self._adopt(choice, model, None)

    async def test(self) -> ModelTestResponse:
        """One short question to the configured model; NotFound where there is none."""
        model = self.current()
        if model is None:
            raise NotFound("no language model is configured", hint="see: lukhas model list, lukhas model use")
        base_url = self._choice.base_url or None
        try:
            completion = await model.chat(
                [Message("user", TEST_QUESTION)], max_tokens=32, temperature=0.0, timeout_s=self.timeout_s
            )
        except ModelError as error:
            unknown = ("answer", "first_token_ms", "total_ms", "prompt_tokens", "completion_tokens")
            reasons = dict.fromkeys(unknown, str(error))
            return ModelTestResponse(base_url, model.name, False, None, None, None, reasons=reasons)
        counted = {"prompt_tokens": completion.prompt_tokens, "completion_tokens": completion.completion_tokens}
        return ModelTestResponse(
            base_url, model.name, True, completion.text, completion.first_token_ms, completion.total_ms, **counted,
            reasons={name: "the server does not count tokens" for name, count in counted.items() if count is None},
        )  # fmt: skip

    async def remove(self, name: str) -> ModelRemoveResponse:
        """Erases pulled weights. Raises NotFound, and Conflict for those in use."""
        weights.check_name(name, field="$.name")
        file = await asyncio.to_thread(weights.find, self._paths.weights_dir, name)
        if isinstance(self._model, EmbeddedModel) and self._model.file == file:
            raise Conflict(f"{name} is in use", hint="choose another model first: lukhas model use none")
        size_bytes = (await asyncio.to_thread(file.stat)).st_size
        await asyncio.to_thread(file.unlink)
        await asyncio.to_thread(file.with_suffix(".json").unlink, missing_ok=True)
        return ModelRemoveResponse(name, str(file), size_bytes)

    def _build(self, choice: ModelSettings, api_key: str | None) -> OpenAICompatible | None:
        if choice.base_url:
            return OpenAICompatible(choice.base_url, choice.name, api_key)
        if not choice.weights:
            return None
        is_path = "/" in choice.weights
        file = Path(choice.weights) if is_path else weights.file_of(self._paths.weights_dir, choice.weights)
        name = file.stem if is_path else choice.weights
        return EmbeddedModel(file, name, context_tokens=choice.context_tokens, threads=choice.threads)

    async def _describe(self, model: OpenAICompatible) -> ModelServer:
        reasons = {"circuit": model.circuit.reason} if model.circuit.reason else {}
        if isinstance(model, EmbeddedModel):
            if not model.is_ready:
                reasons["reachable"] = "its process does not run; the next question starts it"
            server = ModelServer(EMBEDDED, None, "configured", model.is_ready, [model.name])
        else:
            server = await _probe(model, "configured")
        return structs.replace(server, circuit=model.circuit.state, reasons={**server.reasons, **reasons})

    def _list_weights(self) -> Weights:
        used = self._model.file if isinstance(self._model, EmbeddedModel) else None
        offers, rows = weights.catalogue(), []
        for name, file in weights.pulled(self._paths.weights_dir).items():
            known = weights.origin_of(file) or weights.Origin("", "")
            size_bytes = file.stat().st_size
            unknown = {} if known.sha256 else {"sha256": "they were not pulled by lukhas model pull"}
            rows.append(
                ModelWeights(name, "pulled", file == used, str(file), size_bytes, known.sha256 or None,
                             known.source or None, known.licence, known.note, unknown)
            )  # fmt: skip
            offers.pop(name, None)
        for name, offer in offers.items():
            rows.append(
                ModelWeights(name, "available", False, None, offer.size_bytes, offer.sha256, offer.package,
                             offer.licence, offer.note, {"file": f"not pulled: lukhas model pull {name}"})
            )  # fmt: skip
        return rows

    async def _adopt(self, choice: ModelSettings, model: OpenAICompatible | None, api_key: str | None) -> None:
        await asyncio.to_thread(self._save, choice, api_key)
        former, self._choice, self._model = self._model, choice, model
        for tell in self.after_choosing:
            tell()
        if isinstance(former, EmbeddedModel):
            await former.close()

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
                "model.weights": choice.weights or None,
                "model.on_failure": choice.on_failure,
            },
        )


async def _probe(server: OpenAICompatible, name: str) -> ModelServer:
    state: Literal["configured", "offered"] = "configured" if name == "configured" else "offered"
    try:
        models = await server.list_models(timeout_s=PROBE_TIMEOUT_S)
    except ModelError as error:
        return ModelServer(name, server.base_url, state, False, [], reasons={"models": str(error)})
    return ModelServer(name, server.base_url, state, True, models)
