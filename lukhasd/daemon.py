"""The daemon: builds the parts in order and closes them in reverse. The only place that wires."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.errors import Conflict
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.settings import Settings
from lukhasd.api.server import Server
from lukhasd.constellation.stars import Stars
from lukhasd.database import Database
from lukhasd.glyph import Bus
from lukhasd.glyph.events import drift_token
from lukhasd.guardian import Guardian
from lukhasd.guardian.allowances import Allowances
from lukhasd.guardian.behaviour import Behaviour, load_scale
from lukhasd.guardian.keeper import LogKeeper
from lukhasd.guardian.log import VerdictLog
from lukhasd.guardian.policy_bench import PolicyBench
from lukhasd.guardian.second_judge import read_judge_key
from lukhasd.identity import Identity
from lukhasd.matriz import self_test
from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.intent_classifier import IntentClassifier
from lukhasd.matriz.pipeline import Pipeline
from lukhasd.memory import MemoryStore, embedding
from lukhasd.memory.carrier import Carrier
from lukhasd.memory.confirming import Asking, Confirming
from lukhasd.memory.folds import FoldStore
from lukhasd.memory.forgetting import Forgetting
from lukhasd.memory.truth import Truth
from lukhasd.models.directory import ModelDirectory
from lukhasd.models.embedder import MiniLmEmbedder
from lukhasd.parts import Parts
from lukhasd.records import log
from lukhasd.records.incidents import Incidents
from lukhasd.records.metrics import Metrics

logger = logging.getLogger("lukhasd")


async def run(paths: Paths, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains open requests and closes the database."""
    for folder in paths.all():
        make_private(folder)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as closing:
        closing.enter_context(only_one(paths))
        log.configure(paths, settings.daemon)
        parts = await build(paths, settings, closing)
        server = Server(parts)
        await server.start()
        closing.push_async_callback(server.stop)
        logger.info("ready", extra={"version": __version__, "pid": os.getpid(), "tcp_port": server.tcp_port})
        await parts.forgetting.start()
        await stop.wait()
        logger.info("stopping")
    logger.info("stopped")


async def build(paths: Paths, settings: Settings, closing: AsyncExitStack) -> Parts:
    """The parts in the order that they need each other; `closing` undoes it."""
    metrics = Metrics()
    bus = Bus()
    closing.callback(bus.close)
    database = await asyncio.to_thread(Database.open, paths.database)
    closing.push_async_callback(asyncio.to_thread, database.close)
    identity = await Identity.open(database=database, paths=paths, settings=settings.identity)
    embedder = MiniLmEmbedder(threads=settings.memory.embedding_threads)
    log_content, key_store = settings.guardian.log_content, settings.identity.key_store
    verdict_log = await asyncio.to_thread(lambda: VerdictLog.open(paths, keep=log_content, key_store=key_store))
    closing.callback(verdict_log.close)
    behaviour = await asyncio.to_thread(lambda: Behaviour(embedder, load_scale()))
    await asyncio.to_thread(lambda: behaviour.restore(verdict_log.newest()))
    incidents = await asyncio.to_thread(Incidents.open, database, verdict_log, metrics)
    closing.push_async_callback(asyncio.to_thread, incidents.close)
    keeper = LogKeeper(behaviour, verdict_log, incidents.told)
    allowances = await asyncio.to_thread(Allowances, paths.policy_dir)
    guardian = await asyncio.to_thread(
        lambda: Guardian.open(
            settings=settings.guardian, policy_dir=paths.policy_dir, metrics=metrics, keeper=keeper,
            allowances=allowances, judge_key=read_judge_key(paths, settings.guardian),
        )
    )  # fmt: skip
    closing.callback(guardian.close)
    memory = await MemoryStore.open(
        database=database,
        folder=paths.data,
        embedder=embedder,
        metrics=metrics,
        gate=settings.memory.gate == "on",
        serving=await embedding.serving(database=database, paths=paths, settings=settings, packaged=embedder),
        drifted=lambda change: bus.publish(drift_token(change.owner, change.memory_id, change.drift, change.suggested)),
    )
    closing.push_async_callback(memory.close)
    embeddings = await embedding.Embedding.open(memory.core, paths=paths, settings=settings, packaged=embedder)
    closing.push_async_callback(embeddings.close)
    folds = FoldStore(database)
    forgetting = Forgetting(memory, paths.all())
    closing.push_async_callback(forgetting.close)
    truth = await Truth.open(memory.core, settings.memory.supersession)
    closing.push_async_callback(truth.close)
    models = await ModelDirectory.open(paths=paths, settings=settings)
    if settings.memory.supersession == "auto" and settings.memory.confirming != "off":
        confirming = await Confirming.open(
            memory.core, asking(models, guardian, local=settings.memory.confirming == "local")
        )
        closing.push_async_callback(confirming.close)
        models.after_choosing.append(confirming.choose)
    stars = Stars(
        {
            "identity": identity.self_test,
            "memory": forgetting.self_test,
            "guardian": lambda: asyncio.to_thread(guardian.self_test),
            "consciousness": lambda: asyncio.to_thread(self_test.run, embedder),
        }
    )
    pipeline = Pipeline(
        memory=memory,
        embedder=embedder,
        guardian=guardian,
        models=models,
        folds=folds,
        classifier=await asyncio.to_thread(IntentClassifier.load, embedder),
        confidence=await asyncio.to_thread(Confidence.load),
        stars=stars,
        metrics=metrics,
        settings=settings.matriz,
    )
    return Parts(
        paths, settings, metrics, database, identity, guardian, memory, models, pipeline, stars, bus, folds, forgetting,
        Carrier(memory.core, paths.data), truth, embedding=embeddings,
        bench=PolicyBench(guardian, settings=settings.guardian, policy_dir=paths.policy_dir), allowances=allowances,
        verdict_log=verdict_log, behaviour=behaviour, incidents=incidents,
    )  # fmt: skip


def asking(models: ModelDirectory, guardian: Guardian, *, local: bool) -> Asking:
    """How memory asks the language model; `local`: one on this machine only."""

    async def is_harmless(text: str) -> bool:
        verdict = await guardian.validate(ValidateRequest(GuardianAction(type="document", content=text)))
        return verdict.decision not in ("REJECTED", "REVIEW")

    return Asking(
        model=lambda: models.current() if models.is_local or not local else None,
        timeout_s=lambda: models.timeout_s,
        wrap=lambda text, name: guardian.wrap_as_data(text, memory_id=name),
        is_harmless=is_harmless,
    )


@contextmanager
def only_one(paths: Paths) -> Iterator[None]:
    """Holds the data folder's lock; the kernel frees it when the process dies. Raises Conflict where another has it."""
    descriptor = os.open(paths.lock_file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"a daemon runs already on {paths.data} (pid {lock.read().strip() or 'unknown'})",
                hint="use it, stop it with: lukhas daemon stop, or set LUKHAS_HOME to another folder",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
