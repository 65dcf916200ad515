"""The daemon's parts, built once by `lukhasd.daemon` and handed to the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lukhas_sdk.paths import Paths
    from lukhas_sdk.settings import Settings
    from lukhasd.consciousness import AwarenessKeeper
    from lukhasd.consciousness.reflection import Reflector
    from lukhasd.constellation.bio import Bio
    from lukhasd.constellation.registry import NodeRegistry
    from lukhasd.constellation.stars import Stars
    from lukhasd.database import Database
    from lukhasd.dream import Dreams
    from lukhasd.dream.consolidating import Consolidator
    from lukhasd.glyph import Bus
    from lukhasd.glyph.symbols import Symbols
    from lukhasd.guardian import Guardian
    from lukhasd.guardian.allowances import Allowances
    from lukhasd.guardian.behaviour import Behaviour
    from lukhasd.guardian.log import VerdictLog
    from lukhasd.guardian.policy_bench import PolicyBench
    from lukhasd.identity import Identity
    from lukhasd.jobs import Jobs
    from lukhasd.later import Later
    from lukhasd.matriz.batch import Batches
    from lukhasd.matriz.pipeline import Pipeline
    from lukhasd.matriz.stage_runs import StageRuns
    from lukhasd.memory import MemoryStore
    from lukhasd.memory.carrier import Carrier
    from lukhasd.memory.embedding import Embedding
    from lukhasd.memory.folds import FoldStore
    from lukhasd.memory.forgetting import Forgetting
    from lukhasd.memory.truth import Truth
    from lukhasd.models.directory import ModelDirectory
    from lukhasd.reasoning.analysis import Analyzer
    from lukhasd.records.audit import Audit
    from lukhasd.records.feedback import FeedbackStore
    from lukhasd.records.incidents import Incidents
    from lukhasd.records.metrics import Metrics
    from lukhasd.webhooks import Webhooks


@dataclass(frozen=True)
class Parts:
    paths: Paths
    settings: Settings
    metrics: Metrics
    database: Database
    identity: Identity
    guardian: Guardian
    memory: MemoryStore
    models: ModelDirectory
    pipeline: Pipeline
    stars: Stars
    bus: Bus
    folds: FoldStore
    forgetting: Forgetting
    carrier: Carrier
    truth: Truth
    embedding: Embedding
    bench: PolicyBench
    allowances: Allowances
    verdict_log: VerdictLog
    behaviour: Behaviour
    incidents: Incidents
    awareness: AwarenessKeeper
    jobs: Jobs
    batches: Batches
    nodes: NodeRegistry
    stages: StageRuns
    symbols: Symbols
    audit: Audit
    webhooks: Webhooks
    feedback: FeedbackStore
    bio: Bio
    analyzer: Later[Analyzer]
    reflector: Reflector
    dreams: Dreams
    consolidator: Consolidator
