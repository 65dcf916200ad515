"""The daemon: builds the parts in order and closes them in reverse. The only place that wires."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.contract.verdict_log import VerdictRecord
from lukhas_sdk.errors import Conflict
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.settings import DaemonSettings, Settings
from lukhasd.api.server import Server
from lukhasd.consciousness import AwarenessKeeper
from lukhasd.consciousness.emotion import EmotionModel
from lukhasd.consciousness.reflection import Reflector
from lukhasd.constellation import ethics
from lukhasd.constellation.bio import Bio
from lukhasd.constellation.registry import NodeRegistry
from lukhasd.constellation.stars import NO_VISION, Stars, never
from lukhasd.database import Database
from lukhasd.dream import Dreams, relevance
from lukhasd.dream.consolidating import Consolidator
from lukhasd.dream.sleeping import Sleeping
from lukhasd.glyph import Bus
from lukhasd.glyph.languages import Lexicon
from lukhasd.glyph.reporter import Reporter
from lukhasd.glyph.symbols import Symbols
from lukhasd.guardian import Guardian
from lukhasd.guardian.allowances import Allowances
from lukhasd.guardian.behaviour import Behaviour, load_scale
from lukhasd.guardian.keeper import LogKeeper
from lukhasd.guardian.log import VerdictLog
from lukhasd.guardian.policy_bench import PolicyBench
from lukhasd.guardian.second_judge import read_judge_key
from lukhasd.identity import Identity
from lukhasd.jobs import Jobs
from lukhasd.later import Later
from lukhasd.matriz import self_test
from lukhasd.matriz.batch import Batches
from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.intent_classifier import IntentClassifier
from lukhasd.matriz.nodes import modules
from lukhasd.matriz.pipeline import Pipeline
from lukhasd.matriz.readings import ReadingStore
from lukhasd.matriz.stage_runs import StageRuns
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
from lukhasd.records.audit import Audit
from lukhasd.records.feedback import FeedbackStore
from lukhasd.records.incidents import Incidents
from lukhasd.records.metrics import Metrics
from lukhasd.records.performance_keeper import PerformanceKeeper
from lukhasd.webhooks import Webhooks

if TYPE_CHECKING:
    from lukhasd.reasoning.analysis import Analyzer

logger = logging.getLogger("lukhasd")

SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the interpreter while another waits: the event loop hands each answer to others ten
times, and each of those steps takes about as long. Python's 5 ms makes an answer a twentieth slower."""


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
        await parts.consolidator.repair()
        server = Server(parts)
        await server.start()
        closing.push_async_callback(server.stop)
        gc.freeze()  # what is there now stays
        gc.enable()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        logger.info("ready", extra={"version": __version__, "pid": os.getpid(), "tcp_port": server.tcp_port})
        await parts.forgetting.start()
        parts.jobs.start()
        sleeping = Sleeping(parts.jobs, parts.identity, parts.memory, settings.dream)
        sleeping.start()
        parts.pipeline.readings.start(parts.jobs.interactive())
        closing.push_async_callback(sleeping.close)
        await stop.wait()
        logger.info("stopping")
    logger.info("stopped")


async def build(paths: Paths, settings: Settings, closing: AsyncExitStack) -> Parts:
    """The parts in the order that they need each other; `closing` undoes it."""
    metrics = Metrics(budgets=settings.budgets)
    database = await asyncio.to_thread(Database.open, paths.database)
    closing.push_async_callback(asyncio.to_thread, database.close)
    served = await PerformanceKeeper.open(database, metrics.performance)
    closing.push_async_callback(served.close)
    identity = await Identity.open(database=database, paths=paths, settings=settings.identity)
    symbols = await Symbols.open(database, await asyncio.to_thread(Lexicon.load))
    bus = Bus(is_known=symbols.is_known)
    audit = await Audit.open(database, bus, settings.audit)
    closing.push_async_callback(audit.close)
    webhooks = await Webhooks.open(
        database, bus, settings.webhooks, paths=paths, key_store=settings.identity.key_store, metrics=metrics
    )
    closing.push_async_callback(webhooks.close)
    closing.callback(bus.close)
    reporter = Reporter(bus, identity.owner_id)
    webhooks.told = reporter.webhook_changed
    identity.told = reporter.identity_changed
    embedder = MiniLmEmbedder(threads=settings.memory.embedding_threads)
    log_content, key_store = settings.guardian.log_content, settings.identity.key_store
    verdict_log = await asyncio.to_thread(lambda: VerdictLog.open(paths, keep=log_content, key_store=key_store))
    closing.callback(verdict_log.close)
    behaviour = await asyncio.to_thread(lambda: Behaviour(embedder, load_scale()))
    await asyncio.to_thread(lambda: behaviour.restore(verdict_log.newest()))
    incidents = await asyncio.to_thread(Incidents.open, database, verdict_log, metrics)
    closing.push_async_callback(asyncio.to_thread, incidents.close)
    incidents.changed = reporter.incident_changed

    def judged(record: VerdictRecord | None, verdict: Verdict) -> None:
        incidents.told(record, verdict)
        reporter.judged(record, verdict)

    keeper = LogKeeper(behaviour, verdict_log, judged)
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
        drifted=reporter.drifted,
    )
    closing.push_async_callback(memory.close)
    memory.core.told = reporter.memory_changed
    embeddings = await embedding.Embedding.open(memory.core, paths=paths, settings=settings, packaged=embedder)
    closing.push_async_callback(embeddings.close)
    folds = FoldStore(database)
    forgetting = Forgetting(memory, paths.all())
    closing.push_async_callback(forgetting.close)
    truth = await Truth.open(memory.core, settings.memory.supersession)
    closing.push_async_callback(truth.close)
    models = await ModelDirectory.open(paths=paths, settings=settings)
    models.after_choosing.append(lambda: reporter.model_chosen(models))
    closing.push_async_callback(models.close)
    if settings.memory.supersession == "auto" and settings.memory.confirming != "off":
        confirming = await Confirming.open(
            memory.core, asking(models, guardian, local=settings.memory.confirming == "local")
        )
        closing.push_async_callback(confirming.close)
        models.after_choosing.append(confirming.choose)
    bio = Bio(
        on=settings.matriz.bio == "on",
        capacity=settings.daemon.max_in_work or DaemonSettings().max_in_work,
        budget_ms=settings.budgets.process_p95_ms,
    )
    stars = Stars(
        {
            "identity": identity.self_test,
            "memory": forgetting.self_test,
            "vision": never(NO_VISION),
            "bio": lambda: asyncio.to_thread(bio.self_test),
            "ethics": lambda: asyncio.to_thread(ethics.self_test, guardian),
            "guardian": lambda: asyncio.to_thread(guardian.self_test),
            "quantum": lambda: asyncio.to_thread(self_test.run_collapse),
            "consciousness": lambda: asyncio.to_thread(self_test.run, embedder),
        }
    )
    awareness = AwarenessKeeper(stars, bus, metrics)
    dreams = Dreams(
        database, memory, guardian=guardian, models=models, awareness=awareness,
        relevance=await asyncio.to_thread(relevance.load), longest_s=settings.dream.longest_s,
    )  # fmt: skip
    stars.add("dream", dreams.self_test)
    awareness.start()
    nodes = NodeRegistry(database, guardian, stars, plugins=settings.constellation.plugins)
    closing.callback(nodes.close)
    closing.push_async_callback(awareness.close)
    feedback = FeedbackStore(database, guardian)
    forgetting.erased = feedback.changed
    feedback.told = reporter.feedback_changed
    emotion = EmotionModel() if settings.consciousness.emotion == "on" else None
    readings = await ReadingStore.open(memory.core, embedder, guardian)
    closing.push_async_callback(readings.close)
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
        awareness=awareness,
        nodes=nodes,
        feedback=feedback,
        bio=bio,
        readings=readings,
        emotion=emotion,
        settings=settings.matriz,
    )
    pipeline.told = reporter.processed
    stages = StageRuns(
        pipeline, memory=memory, folds=folds, guardian=guardian, nodes=nodes, stars=stars, metrics=metrics,
        lexicon=lambda: symbols.lexicon,
    )  # fmt: skip
    await nodes.load(modules(stages, stars, models=models, store=memory, guardian_module=guardian))
    per_minute = settings.limits.process
    reflector = Reflector(memory, emotion, awareness=awareness, bus=bus, metrics=metrics)
    jobs = Jobs(database, settings.jobs, per_minute=per_minute, standing=identity.standing, told=reporter.job_changed)
    closing.push_async_callback(jobs.close)
    return Parts(
        paths, settings, metrics, database, identity, guardian, memory, models, pipeline, stars, bus, folds, forgetting,
        Carrier(memory.core, paths.data), truth, embedding=embeddings,
        bench=PolicyBench(guardian, settings=settings.guardian, policy_dir=paths.policy_dir), allowances=allowances,
        verdict_log=verdict_log, behaviour=behaviour, incidents=incidents, awareness=awareness, jobs=jobs,
        batches=Batches(pipeline, folds, jobs, settings.matriz, per_minute=per_minute), nodes=nodes,
        stages=stages, symbols=symbols, audit=audit, webhooks=webhooks, feedback=feedback, bio=bio,
        analyzer=Later(lambda: analyzer(memory, guardian, models)), reflector=reflector, dreams=dreams,
        consolidator=Consolidator(memory, guardian=guardian, awareness=awareness, jobs=jobs),
    )  # fmt: skip


def analyzer(memory: MemoryStore, guardian: Guardian, models: ModelDirectory) -> Analyzer:
    from lukhasd.reasoning.analysis import Analyzer
    from lukhasd.reasoning.computing import Workshop
    from lukhasd.reasoning.formulas import Formulas
    from lukhasd.reasoning.query_guess import Guesser
    from lukhasd.reasoning.units import Units

    workshop = Workshop(Formulas.load(), Units(), Guesser.load(memory.core.embedder))
    return Analyzer(memory=memory, guardian=guardian, models=models, workshop=workshop)


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
