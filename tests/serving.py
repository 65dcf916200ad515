"""A real server on real sockets, with the real identity and database.

Guardian, memory, pipeline and models have substitutes here that do what their names say on a dictionary: what the API
does with their results is looked at, not the results.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec

from lukhas_sdk.contract import guardian as guardian_contract
from lukhas_sdk.contract import matriz, memory, models
from lukhas_sdk.errors import NotFound
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.secrets import read_secret
from lukhas_sdk.settings import DaemonSettings, IdentitySettings, LimitsSettings, Settings, WebhooksSettings
from lukhasd.api.history import Histories
from lukhasd.api.server import Server
from lukhasd.consciousness import AwarenessKeeper
from lukhasd.constellation.registry import NodeRegistry
from lukhasd.constellation.stars import Stars
from lukhasd.database import Database
from lukhasd.glyph import Bus
from lukhasd.glyph.languages import Lexicon
from lukhasd.glyph.symbols import Symbols
from lukhasd.guardian.behaviour import Behaviour, Scale
from lukhasd.guardian.log import VerdictLog
from lukhasd.identity import Caller, Identity
from lukhasd.jobs import Jobs
from lukhasd.matriz.batch import Batches
from lukhasd.parts import Parts
from lukhasd.records.audit import Audit
from lukhasd.records.metrics import Metrics
from lukhasd.webhooks import Webhooks

FORBIDDEN = "forbidden words"


class TestGuardian:
    """Rejects what holds `FORBIDDEN`."""

    __test__ = False

    async def validate(
        self, request: guardian_contract.ValidateRequest, *, caller: Caller | None = None
    ) -> guardian_contract.Verdict:
        found = FORBIDDEN in request.action.content
        return guardian_contract.Verdict(
            validation_id="val_1",
            decision="REJECTED" if found else "APPROVED",
            ethics_score=None,
            safety_score=None,
            conditions=[],
            reasoning=guardian_contract.Reasoning("none", [], [], "other words" if found else None),
            ethics_level="STRICT",
            duration_ms=0.0,
        )

    def policy(self) -> guardian_contract.PolicyResponse:
        return guardian_contract.PolicyResponse([], "STRICT")


@dataclass
class TestMemory:
    """A dictionary per owner."""

    __test__ = False
    kept: dict[tuple[str, str], memory.Memory] = field(default_factory=dict)

    async def store(self, owner: str, request: memory.StoreRequest, *, mark: str | None = None) -> memory.StoreResponse:
        memory_id = f"mem_{len(self.kept)}"
        now = datetime.now(UTC)
        metadata = memory.MemoryMetadata(now, now, 0, None, 0.0, request.importance)
        self.kept[owner, memory_id] = memory.Memory(memory_id, "helix_1", request.content, request.tags, metadata)
        return memory.StoreResponse(memory_id, "helix_1", 0.0, True)

    async def import_items(
        self, owner: str, items: Sequence[memory.StoreRequest], *, paths: Sequence[str], marks: Sequence[str | None]
    ) -> memory.ImportResponse:
        ids = [(await self.store(owner, item)).memory_id for item in items]
        outcomes = [memory.ItemOutcome(index, "stored") for index in range(len(items))]
        return memory.ImportResponse(len(ids), 0, ids, outcomes=outcomes)

    async def recall(self, owner: str, memory_id: str) -> memory.Memory:
        if (owner, memory_id) not in self.kept:
            raise NotFound(f"no memory is called {memory_id}", hint="see: lukhas memory list")
        return self.kept[owner, memory_id]

    async def search(self, owner: str, request: memory.SearchRequest) -> memory.SearchResponse:
        return memory.SearchResponse([], 0, 0.0)

    async def list(self, owner: str, params: memory.ListParams) -> memory.ListResponse:
        mine = [kept for (who, _), kept in self.kept.items() if who == owner]
        return memory.ListResponse(mine[: params.limit], len(mine), None)

    async def delete(self, owner: str, memory_id: str) -> memory.DeleteResponse:
        await self.recall(owner, memory_id)
        del self.kept[owner, memory_id]
        return memory.DeleteResponse(memory_id, True)

    async def stats(self, owner: str) -> memory.StatsResponse:
        return memory.StatsResponse(len(self.kept), {}, 0, {}, None, None, None, None, 0, 0)

    def pending_vectors(self) -> int:
        return 0

    async def mean_drift(self) -> float | None:
        return 0.0 if self.kept else None


@dataclass
class TestPipeline:
    """Waits for `go` where there is one, then fails as `error` says."""

    __test__ = False
    error: Exception = field(default_factory=lambda: RuntimeError("the password is hunter2"))
    began: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event | None = None

    async def process(
        self,
        caller: Caller,
        request: matriz.ProcessRequest,
        *,
        on_event: object = None,
        interaction_id: str | None = None,
    ) -> matriz.ProcessResponse:
        self.began.set()
        if self.go:
            await self.go.wait()
        raise self.error

    async def total_interactions(self) -> int:
        return 0

    async def active_sessions(self) -> int:
        return 0


class TestModels:
    __test__ = False

    def current(self) -> None:
        """No model is configured."""

    async def list(self) -> models.ModelListResponse:
        return models.ModelListResponse(None, None, "extractive", [])

    async def use(self, request: models.ModelUseRequest) -> models.ModelListResponse:
        return await self.list()

    async def test(self) -> models.ModelTestResponse:
        raise NotFound("no model is configured", hint="lukhas model use")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def details(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.body["error"]["details"])


@dataclass
class Served:
    """The server, and clients to it."""

    parts: Parts
    server: Server
    key: str = field(repr=False)
    """The local key."""

    @property
    def port(self) -> int:
        assert self.server.tcp_port is not None
        return self.server.tcp_port

    @property
    def histories(self) -> Histories:
        """What its streams have told."""
        return self.server.service.histories

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        key: str | None = "",
        unix: bool = False,
    ) -> Answer:
        """One request on a connection of its own; `key` None sends no credential, "" the local key."""
        sent = {**({"X-API-Key": key or self.key} if key is not None else {}), **(headers or {})}
        if json is not None:
            data = msgspec.json.encode(json)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connector = aiohttp.UnixConnector(str(self.parts.paths.socket)) if unix else aiohttp.TCPConnector()
        base = "http://localhost/v1" if unix else self.url
        async with (
            aiohttp.ClientSession(connector=connector, skip_auto_headers=["Content-Type"]) as session,
            session.request(
                method, base + path, data=None if data is None else BytesIO(data), headers=sent
            ) as response,
        ):
            headers_read = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers_read, await response.read())

    async def raw(self, head: str | bytes, *, timeout_s: float = 5) -> Answer:
        """The answer to these very bytes (`PORT` and `KEY` filled in), then the connection is closed."""
        sent = head if isinstance(head, bytes) else head.encode()
        sent = sent.replace(b"PORT", str(self.port).encode()).replace(b"KEY", self.key.encode())
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(sent)
            async with asyncio.timeout(timeout_s):
                return await read_answer(reader)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(first.split()[1]), headers, body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_paths(root: Path) -> Paths:
    paths = Paths(root / "config", root / "data", root / "state", root / "run")
    for folder in paths.all():
        make_private(folder)
    return paths


@contextlib.asynccontextmanager
async def serving(
    *, limits: LimitsSettings | None = None, webhooks_settings: WebhooksSettings | None = None, **daemon: Any
) -> AsyncIterator[Served]:
    """A server in a new folder; `daemon` are settings of that section."""
    settings = Settings(
        daemon=DaemonSettings(**{"port": free_port(), **daemon}),
        identity=IdentitySettings(key_store="file"),
        limits=limits or LimitsSettings(),
        webhooks=webhooks_settings or WebhooksSettings(),
    )
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        paths = make_paths(Path(folder))
        database = await asyncio.to_thread(Database.open, paths.database)
        try:
            identity = await Identity.open(database=database, paths=paths, settings=settings.identity)
            verdict_log = await asyncio.to_thread(VerdictLog.open, paths, keep="hash", key_store="file")
            jobs = Jobs(database, settings.jobs, per_minute=0, standing=identity.standing)
            pipeline = cast("Any", TestPipeline())
            symbols = await Symbols.open(database, await asyncio.to_thread(Lexicon.load))
            bus, metrics = Bus(is_known=symbols.is_known), Metrics()
            audit = await Audit.open(database, bus, settings.audit)
            webhooks = await Webhooks.open(
                database, bus, settings.webhooks, paths=paths, key_store="file", metrics=metrics
            )
            tests = {"identity": identity.self_test, "guardian": _fine, "memory": _fine, "consciousness": _fine}
            stars = Stars(tests)
            parts = Parts(
                paths=paths,
                settings=settings,
                metrics=metrics,
                database=database,
                identity=identity,
                guardian=cast("Any", TestGuardian()),
                memory=cast("Any", TestMemory()),
                models=cast("Any", TestModels()),
                pipeline=pipeline,
                stars=stars,
                bus=bus,
                folds=cast("Any", None),
                forgetting=cast("Any", None),
                carrier=cast("Any", None),
                truth=cast("Any", None),
                embedding=cast("Any", None),
                bench=cast("Any", None),
                allowances=cast("Any", None),
                verdict_log=verdict_log,
                behaviour=Behaviour(cast("Any", None), Scale(0.0, 0.0)),
                incidents=cast("Any", None),
                awareness=AwarenessKeeper(stars, bus, metrics),
                jobs=jobs,
                batches=Batches(pipeline, cast("Any", None), jobs, settings.matriz, per_minute=0),
                nodes=NodeRegistry(database, cast("Any", TestGuardian()), stars, plugins=()),
                stages=cast("Any", None),
                symbols=symbols,
                audit=audit,
                webhooks=webhooks,
                feedback=cast("Any", None),
                bio=cast("Any", None),
                analyzer=cast("Any", None),
                reflector=cast("Any", None),
                dreams=cast("Any", None),
                consolidator=cast("Any", None),
            )
            server = Server(parts)
            await server.start()
            try:
                key = await asyncio.to_thread(read_secret, paths, "local.key")
                assert key
                yield Served(parts, server, key)
            finally:
                await server.stop()
                bus.close()
                await webhooks.close()
                await audit.close()
                await asyncio.to_thread(verdict_log.close)
        finally:
            await asyncio.to_thread(database.close)


async def _fine() -> str | None:
    return None
