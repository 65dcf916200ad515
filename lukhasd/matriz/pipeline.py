"""The six stages in order, each timed and each leaving one row in the trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Protocol, TypeVar

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.matriz import (
    STAGES,
    ConstellationConfig,
    ConstellationMetadata,
    InteractionMetadata,
    ProcessRequest,
    ProcessResponse,
    StageName,
    TraceRow,
)
from lukhas_sdk.errors import ModuleTimeout, NotFound
from lukhas_sdk.settings import MatrizSettings
from lukhasd.constellation.stars import Stars
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.intent_classifier import IntentClassifier
from lukhasd.matriz.stages import action, attention, intent, risk
from lukhasd.matriz.stages.memory import Candidate, recollect
from lukhasd.matriz.stages.thought import Thinker
from lukhasd.memory import MemoryStore
from lukhasd.memory.folds import FoldStore, Interaction, new_interaction_id
from lukhasd.memory.words import Analyser
from lukhasd.models.directory import ModelDirectory
from lukhasd.models.embedder import Embedder
from lukhasd.records.compliance import compliance
from lukhasd.records.metrics import Metrics


class StageOutput(Protocol):
    """What every stage gives besides its own."""

    @property
    def step(self) -> str: ...

    @property
    def confidence(self) -> float | None: ...

    @property
    def reasons(self) -> Reasons: ...


Output = TypeVar("Output", bound=StageOutput)


@dataclass
class _Trace:
    """Collects the rows of one interaction."""

    metrics: Metrics
    on_row: Callable[[TraceRow], None]
    rows: list[TraceRow] = field(default_factory=list)

    async def stage(self, name: StageName, work: Awaitable[Output]) -> Output:
        started = perf_counter()
        output = await work
        duration_ms = (perf_counter() - started) * 1000
        self.metrics.record(f"stage.{name}", duration_ms)
        row = TraceRow(
            stage=name,
            step=output.step,
            confidence=output.confidence,
            processing_time_ms=duration_ms,
            ethics_score=output.ethics_score if isinstance(output, risk.Judgement) else None,
            auth_tier=output.tier.label if isinstance(output, intent.Permission) else None,
            reasons=output.reasons,
        )
        self.rows.append(row)
        self.on_row(row)
        return output


class Pipeline:
    def __init__(
        self,
        *,
        memory: MemoryStore,
        embedder: Embedder,
        guardian: Guardian,
        models: ModelDirectory,
        folds: FoldStore,
        classifier: IntentClassifier,
        confidence: Confidence,
        stars: Stars,
        metrics: Metrics,
        settings: MatrizSettings,
    ) -> None:
        self._memory = memory
        self._embedder = embedder
        self._guardian = guardian
        self._folds = folds
        self._classifier = classifier
        self._stars = stars
        self._metrics = metrics
        self._settings = settings
        self._thinker = Thinker(models, guardian, embedder, Analyser(), confidence)

    async def process(
        self, caller: Caller, request: ProcessRequest, *, on_row: Callable[[TraceRow], None] = lambda row: None
    ) -> ProcessResponse:
        """Raises InsufficientPermissions, NotFound (previous interaction), MemoryDrift, ModuleTimeout or
        GuardianRejection; nothing is stored then. `on_row` is called as each stage ends."""
        with self._metrics.timed("process"):
            return await self._process(caller, request, _Trace(self._metrics, on_row))

    async def _process(self, caller: Caller, request: ProcessRequest, trace: _Trace) -> ProcessResponse:
        started = perf_counter()
        intent.authorise(caller, request)
        pillars = await self._pillars(request.constellation_config)
        previous = await self._previous(caller, request)
        options = request.pipeline_options
        recollection = await trace.stage(
            "memory",
            recollect(
                request.input,
                owner=caller.identity_id,
                depth=options.memory_depth,
                previous=previous,
                memory=self._memory,
                folds=self._folds,
            ),
        )
        focus = await trace.stage("attention", self._attend(caller, request, recollection.candidates))
        draft = await trace.stage("thought", self._thinker.think(caller, request, recollection, focus, previous))
        judgement = await trace.stage("risk", risk.judge(caller, request, draft.text, guardian=self._guardian))
        permission = await trace.stage(
            "intent", asyncio.to_thread(intent.verify, caller, request, draft, self._classifier)
        )
        interaction_id = new_interaction_id()
        outcome = await trace.stage(
            "action",
            action.act(
                caller,
                request,
                draft,
                interaction_id=interaction_id,
                previous_id=previous.interaction_id if previous else None,
                intent=permission.intent,
                decision=judgement.decision,
                withheld=judgement.withheld,
                elapsed_ms=(perf_counter() - started) * 1000,
                memory=self._memory,
                folds=self._folds,
            ),
        )
        duration_ms = (perf_counter() - started) * 1000
        reasons: dict[str, str] = {}
        if draft.answer_probability is None:
            why = "a model's draft" if draft.source == "model" else "an answer found by words alone"
            reasons["confidence"] = f"the probability of being right is not calibrated for {why}"
        if "model" in draft.reasons:
            reasons["model"] = draft.reasons["model"]
        verified: bool | None = None
        if request.constellation_config.t4_compliance:
            standing, why = compliance(self._metrics)
            verified = None if standing == "insufficient_data" else standing == "met"
            reasons["t4_compliance_verified"] = why
        else:
            reasons["t4_compliance_verified"] = "constellation_config.t4_compliance was not asked for"
        return ProcessResponse(
            response=draft.text,
            citations=list(draft.citations),
            metadata=InteractionMetadata(
                interaction_id=interaction_id,
                processing_time_ms=duration_ms,
                confidence=draft.answer_probability,
                pipeline_stages_used=list(STAGES),
                constellation_validation=all(pillars.values()),
                t4_compliance_verified=verified,
                answered=draft.answered,
                answer_source=draft.source,
                model=draft.model,
                intent=permission.intent,
                guardian_decision=judgement.decision,
                guardian_conditions=list(judgement.conditions),
                attention_distribution=focus.distribution(),
                reasons=reasons,
            ),
            matriz_pipeline_trace=trace.rows,
            constellation_metadata=ConstellationMetadata(
                identity_pillar_active=pillars["identity"],
                consciousness_pillar_active=pillars["consciousness"],
                guardian_pillar_active=pillars["guardian"],
                registry_nodes_utilized=_nodes(draft.source, options.memory_depth),
            ),
            memory_fold_created=outcome.fold_id,
        )

    async def total_interactions(self) -> int:
        return await self._folds.total_interactions()

    async def active_sessions(self) -> int:
        return await self._folds.active_sessions()

    async def _attend(
        self, caller: Caller, request: ProcessRequest, candidates: Sequence[Candidate]
    ) -> attention.Focus:
        vectors = await self._memory.vectors(caller.identity_id, [one.memory.memory_id for one in candidates])
        options = request.pipeline_options
        return await asyncio.to_thread(
            partial(
                attention.attend,
                candidates,
                vectors,
                embedder=self._memory.core.meaning.embedder,
                focus=options.attention_focus,
                creative=options.thought_mode == "creative",
                budget_tokens=self._settings.context_tokens,
            )
        )

    async def _previous(self, caller: Caller, request: ProcessRequest) -> Interaction | None:
        context = request.context
        if context.previous_interaction_id:
            found = await self._folds.get(caller.identity_id, context.previous_interaction_id)
            if found is None:
                raise NotFound(
                    f"there is no interaction {context.previous_interaction_id}",
                    hint="leave context.previous_interaction_id out, or name one of the caller's own",
                    details={"field": "$.context.previous_interaction_id"},
                )
            return found
        if context.session_id:
            return await self._folds.last_in_session(caller.identity_id, context.session_id)
        return None

    async def _pillars(self, config: ConstellationConfig) -> dict[str, bool]:
        """Which pillars are active. Raises ModuleTimeout where one that the request names is not."""
        named = {
            "identity": config.identity_pillar,
            "consciousness": config.consciousness_pillar,
            "guardian": config.guardian_pillar,
        }
        states = {name: await self._stars.state(name) for name in named}
        for name, symbol in named.items():
            if symbol and not states[name].active:
                raise ModuleTimeout(
                    f"the {name} pillar {symbol} is inactive: {states[name].reason}",
                    hint="see: lukhas doctor",
                    details={"field": f"$.constellation_config.{name}_pillar"},
                )
        return {name: state.active for name, state in states.items()}


def _nodes(source: str, depth: int) -> list[str]:
    """The built-in processors that did the work."""
    memory = ["hybrid_search"] if depth else []
    memory += ["link_hops"] if depth > 1 else []
    thought = "language_model_draft" if source == "model" else "extractive_draft"
    return [*memory, "mmr_attention", thought, "guardian_rules", "intent_classifier", "fold_writer"]
