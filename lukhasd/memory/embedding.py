"""Which embedder memory finds by: the choice, checked, kept and carried out."""

from __future__ import annotations

import asyncio
import logging
import time
from urllib.parse import urlsplit

from lukhas_sdk import settings as settings_module
from lukhas_sdk.contract.embedder import (
    EmbedderInfo,
    EmbedderProgress,
    EmbedderStatusResponse,
    EmbedderTestResponse,
    EmbedderUseRequest,
)
from lukhas_sdk.errors import ModuleTimeout, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import KeyStore, delete_secret, read_secret, store_secret
from lukhas_sdk.settings import MemorySettings, Settings
from lukhasd.database import Database
from lukhasd.memory import embedders, rows
from lukhasd.memory.core import Core
from lukhasd.memory.embedders import Known
from lukhasd.memory.vector_keeper import RETRY_S, VectorKeeper
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.models.endpoint import PROBES, Endpoint, EndpointEmbedder, Unreachable, WrongDimensions, probe

LOG = logging.getLogger(__name__)
KEY = "embedder.key"
FORMER_KEY = "embedder.former.key"
"""Of the endpoint that is searched, while another is coming."""


class Embedding:
    """Made by `open`, after the store that searches what `serving` gave."""

    def __init__(self, core: Core, *, paths: Paths, key_store: KeyStore, packaged: Embedder) -> None:
        self._core = core
        self._paths = paths
        self._key_store: KeyStore = key_store
        self._packaged = packaged
        self._choice: Endpoint | None = None
        self._timeout_s = 0.0
        self._problem: str | None = None
        self._pursuit: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def open(cls, core: Core, *, paths: Paths, settings: Settings, packaged: Embedder) -> Embedding:
        """Goes on with a change that was begun, or begins the one that the settings ask for, in the background."""
        opened = cls(core, paths=paths, key_store=settings.identity.key_store, packaged=packaged)
        opened._timeout_s = settings.memory.embedder_timeout_s
        try:
            opened._choice = chosen(settings.memory)
        except ValidationError as error:
            opened._problem = error.message
            return opened
        opened._pursuit = asyncio.create_task(opened._pursue(), name="embedder-change")
        return opened

    async def status(self, owner: str | None = None) -> EmbedderStatusResponse:
        """Counts of everybody's memories, or of one owner's."""
        core = self._core
        known = await core.database.read(embedders.load)
        if owner is None:
            memories = await core.database.read(rows.count)
        else:
            memories = sum((await core.run(core.ranker.figures, owner, 0))[0].values())
        serving, coming = core.upkeep.serving, core.upkeep.coming
        name = self._choice.name if self._choice is not None else self._packaged.name
        former = next((each for each in known.values() if each.name not in (serving.embedder.name, name)), None)
        changing = None
        if coming is not None:
            changing = _progress(self._info(coming.embedder.name, known), coming, memories, _left(coming, owner))
        elif name != serving.embedder.name:
            reasons = dict.fromkeys(("per_second", "left_s"), "it has not begun")
            changing = EmbedderProgress(self._info(name, known), 0, memories, None, None, self._problem, reasons)
        return EmbedderStatusResponse(
            serving=self._info(serving.embedder.name, known),
            changing_to=changing,
            former=self._info(former.name, known) if former is not None else None,
            memories=memories,
            pending_vectors=_left(serving, owner),
            problem=serving.problem or core.query_problem or (self._problem if changing is None else None),
        )

    async def use(self, request: EmbedderUseRequest) -> EmbedderStatusResponse:
        """Raises ModuleTimeout where the endpoint does not answer, ValidationError where it is no use; the choice is
        then as before."""
        endpoint = _endpoint(request)
        async with self._one_at_a_time:
            dimensions = self._packaged.dimensions
            if endpoint is not None:
                api_key = request.api_key or await asyncio.to_thread(self._key_of, endpoint)
                dimensions = await asyncio.to_thread(_probe, endpoint, api_key, self._timeout_s)
            if self._pursuit is not None:
                self._pursuit.cancel()
                await asyncio.gather(self._pursuit, return_exceptions=True)
            await asyncio.to_thread(self._save, endpoint, request.api_key)
            self._choice, self._problem = endpoint, None
            await self._begin(dimensions)
        return await self.status()

    async def test(self) -> EmbedderTestResponse:
        """What failed before is tried again at once where this works."""
        endpoint, started_s = self._choice, time.perf_counter()
        known = await self._core.database.read(embedders.load)
        info = self._info(endpoint.name if endpoint is not None else self._packaged.name, known)
        try:
            if endpoint is None:
                await asyncio.to_thread(self._packaged.embed, [f"{text} {started_s}" for text in PROBES])
            else:
                api_key = await asyncio.to_thread(self._key_of, endpoint)
                await asyncio.to_thread(probe, endpoint, api_key=api_key, timeout_s=self._timeout_s)
        except EmbedderError as error:
            return EmbedderTestResponse(info, False, None, {"ok": error.message, "total_ms": error.message})
        total_ms = (time.perf_counter() - started_s) * 1000
        self._core.upkeep.retry()
        return EmbedderTestResponse(info, True, total_ms)

    async def close(self) -> None:
        """Ends the requests under way."""
        if self._pursuit is not None:
            self._pursuit.cancel()
            await asyncio.gather(self._pursuit, return_exceptions=True)
        for keeper in (self._core.upkeep.serving, self._core.upkeep.coming):
            if keeper is not None and isinstance(keeper.embedder, EndpointEmbedder):
                keeper.embedder.close()

    async def _pursue(self) -> None:
        while True:
            try:
                await self._begin()
            except EmbedderError as error:
                LOG.warning("the embedder cannot be changed yet: %s", error)
                self._problem = error.message
                await asyncio.sleep(RETRY_S)
            else:
                self._problem = None
                return

    async def _begin(self, dimensions: int | None = None) -> None:
        endpoint = self._choice
        embedder = self._packaged
        if endpoint is not None:
            known = (await self._core.database.read(embedders.load)).get(endpoint.name)
            api_key = await asyncio.to_thread(self._key_of, endpoint)
            if dimensions is None:
                dimensions = known.dimensions if known is not None else None
            if dimensions is None:
                dimensions = await asyncio.to_thread(probe, endpoint, api_key=api_key, timeout_s=self._timeout_s)
            embedder = _embedder(endpoint, dimensions, api_key, self._timeout_s, self._packaged)
            found = dimensions
            await self._core.database.write(lambda cursor: embedders.note(cursor, endpoint, found))
        await self._core.change_embedder(embedder)

    def _info(self, name: str, known: dict[str, Known]) -> EmbedderInfo:
        row = known.get(name)
        since = row.since if row is not None else None
        if name == self._packaged.name:
            return EmbedderInfo(name, "builtin", None, name, self._packaged.dimensions, False, since)
        endpoint = row.endpoint if row is not None else self._choice
        if endpoint is None:
            return EmbedderInfo(name, "openai", None, name, None, True, since)
        dimensions = row.dimensions if row is not None else None
        return EmbedderInfo(
            name, "openai", endpoint.base_url, endpoint.model, dimensions, not endpoint.is_loopback, since
        )

    def _key_of(self, endpoint: Endpoint) -> str | None:
        return read_key(self._paths, endpoint)

    def _save(self, endpoint: Endpoint | None, api_key: str | None) -> None:
        serving = self._core.meaning.embedder
        served = serving.endpoint if isinstance(serving, EndpointEmbedder) else None
        if endpoint is not None:
            api_key = api_key or read_key(self._paths, endpoint)
        former = next((each for each in (served, self._choice) if each is not None), None)
        former_key = read_key(self._paths, former) if former is not None else None
        for name, owner, value in ((FORMER_KEY, former, former_key), (KEY, endpoint, api_key)):
            if owner is not None and value is not None:
                store_secret(self._paths, name, f"{owner.base_url} {value}", self._key_store)
            else:
                delete_secret(self._paths, name)
        settings_module.save(
            self._paths,
            {
                "memory.embedder": "openai" if endpoint is not None else None,
                "memory.embedder_url": endpoint.base_url if endpoint is not None else None,
                "memory.embedder_model": endpoint.model if endpoint is not None else None,
                "memory.embedder_dimensions": endpoint.asked_dimensions or None if endpoint is not None else None,
            },
        )


async def serving(*, database: Database, paths: Paths, settings: Settings, packaged: Embedder) -> Embedder | None:
    """The embedder whose vectors are complete; None: the packaged one."""
    known = await database.read(embedders.load)
    row = next((each for each in known.values() if each.serving), None)
    if row is None or row.endpoint is None:
        return None
    api_key = await asyncio.to_thread(read_key, paths, row.endpoint)
    return _embedder(row.endpoint, row.dimensions, api_key, settings.memory.embedder_timeout_s, packaged)


def chosen(settings: MemorySettings) -> Endpoint | None:
    """What the settings ask for; None: the packaged embedder. Raises ValidationError."""
    if settings.embedder == "builtin":
        return None
    if not (settings.embedder_url and settings.embedder_model):
        raise ValidationError(
            "memory.embedder is openai, but memory.embedder_url and memory.embedder_model are not both set",
            field="memory.embedder",
            hint="lukhas embedder use URL --model NAME",
        )
    return Endpoint(settings.embedder_url.rstrip("/"), settings.embedder_model, settings.embedder_dimensions)


def read_key(paths: Paths, endpoint: Endpoint) -> str | None:
    """The key that was given for this endpoint; one is kept with its address, so that it is sent to no other."""
    for name in (KEY, FORMER_KEY):
        address, _, key = (read_secret(paths, name) or "").partition(" ")
        if key and address == endpoint.base_url:
            return key
    return None


def _endpoint(request: EmbedderUseRequest) -> Endpoint | None:
    """Raises ValidationError."""
    if request.base_url is None:
        if request.model or request.api_key or request.dimensions:
            raise ValidationError(
                "the packaged embedder takes no model, dimensions or key",
                field="$.base_url",
                hint="name an endpoint, or leave them out",
            )
        return None
    try:
        url = urlsplit(request.base_url)
        port = url.port
    except ValueError as error:
        raise ValidationError(f"not a URL: {error}", field="$.base_url", hint="as http://127.0.0.1:11434/v1") from error
    if not url.hostname or port == 0 or url.username or url.password or url.query or url.fragment:
        raise ValidationError(
            f"{url.scheme}://{url.hostname or ''} is not an endpoint's plain address",
            field="$.base_url",
            hint="give it as http://127.0.0.1:11434/v1; a key comes from stdin",
        )
    if request.model is None:
        raise ValidationError("no model is named", field="$.model", hint="lukhas embedder use URL --model NAME")
    return Endpoint(request.base_url.rstrip("/"), request.model, request.dimensions or 0)


def _probe(endpoint: Endpoint, api_key: str | None, timeout_s: float) -> int:
    try:
        return probe(endpoint, api_key=api_key, timeout_s=timeout_s)
    except WrongDimensions as error:
        raise ValidationError(error.message, field="$.dimensions", hint=error.hint) from error
    except Unreachable as error:
        raise ModuleTimeout(error.message, hint="is the server running, and does its address end in /v1?") from error
    except EmbedderError as error:
        raise ValidationError(
            error.message, field="$.base_url", hint=error.hint or "name an OpenAI-compatible embeddings endpoint"
        ) from error


def _embedder(
    endpoint: Endpoint, dimensions: int, api_key: str | None, timeout_s: float, packaged: Embedder
) -> EndpointEmbedder:
    return EndpointEmbedder(endpoint, dimensions=dimensions, tokenizer=packaged, api_key=api_key, timeout_s=timeout_s)


def _left(keeper: VectorKeeper, owner: str | None) -> int:
    return len(keeper.pending) if owner is None else keeper.pending.count(owner)


def _progress(embedder: EmbedderInfo, keeper: VectorKeeper, memories: int, left: int) -> EmbedderProgress:
    elapsed_s = time.monotonic() - keeper.started_s
    per_second = keeper.computed / elapsed_s if keeper.computed and elapsed_s > 0 else None
    return EmbedderProgress(
        embedder=embedder,
        done=max(memories - left, 0),
        total=memories,
        per_second=round(per_second, 2) if per_second is not None else None,
        left_s=round(len(keeper.pending) / per_second, 1) if per_second is not None else None,
        problem=keeper.problem,
        reasons={} if per_second is not None else dict.fromkeys(("per_second", "left_s"), "none is computed yet"),
    )
