"""The six stages in order, each timed and each leaving one row in the trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from time import perf_counter

from lukhas_sdk.contract.feedback import Style
from lukhas_sdk.contract.matriz import (
    STAGES,
    ConstellationConfig,
    ConstellationMetadata,
    InteractionMetadata,
    ProcessEvent,
    ProcessRequest,
    ProcessResponse,
    StageName,
)
from lukhas_sdk.contract.nodes import NodeReport
from lukhas_sdk.errors import ModuleTimeout, NotFound
from lukhas_sdk.settings import MatrizSettings
from lukhasd.consciousness import AwarenessKeeper
from lukhasd.consciousness.emotion import Emotion, measure_valence
from lukhasd.constellation.adaptation import Adaptation
from lukhasd.constellation.bio import Bio
from lukhasd.constellation.node import NodeInput
from lukhasd.constellation.registry import NodeRegistry
from lukhasd.constellation.stars import Stars
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.draft import UNCALIBRATED
from lukhasd.matriz.intent_classifier import IntentClassifier
from lukhasd.matriz.readings import ReadingStore, quoted
from lukhasd.matriz.release import Release
from lukhasd.matriz.stages import action, attention, intent, risk
from lukhasd.matriz.stages.memory import Recollection, recollect
from lukhasd.matriz.stages.thought import Thinker
from lukhasd.matriz.trace import Trace
from lukhasd.memory import MemoryStore
from lukhasd.memory.folds import FoldStore, Interaction, new_interaction_id
from lukhasd.memory.words import Analyser
from lukhasd.models.directory import ModelDirectory
from lukhasd.models.embedder import Embedder
from lukhasd.records.compliance import compliance
from lukhasd.records.feedback import FeedbackStore, in_force
from lukhasd.records.metrics import Metrics


def unheard(event: ProcessEvent) -> None:
    """What an interaction's events go to where nobody reads them: then no part of a draft is judged beforehand."""


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
        awareness: AwarenessKeeper,
        nodes: NodeRegistry,
        feedback: FeedbackStore,
        bio: Bio,
        readings: ReadingStore,
        emotion: Emotion | None = None,
        settings: MatrizSettings,
    ) -> None:
        self._memory = memory
        self._embedder = embedder
        self._guardian = guardian
        self._folds = folds
        self._classifier = classifier
        self._stars = stars
        self._metrics = metrics
        self._awareness = awareness
        self._nodes = nodes
        self._feedback = feedback
        self._bio = bio
        self.readings = readings
        self._emotion = emotion
        self.told: Callable[[str, str | None, ProcessResponse], None] = lambda owner, session_id, response: None
        """Given the caller's identity, the session and each answer."""
        self._settings = settings
        self._thinker = Thinker(models, guardian, embedder, Analyser(), confidence)

    async def process(
        self,
        caller: Caller,
        request: ProcessRequest,
        *,
        on_event: Callable[[ProcessEvent], None] = unheard,
        interaction_id: str | None = None,
    ) -> ProcessResponse:
        """Raises InsufficientPermissions, NotFound (previous interaction), MemoryDrift, ModuleTimeout or
        GuardianRejection; nothing is stored then. `on_event` is given each stage's row of the trace, and the response
        in pieces that the guardian let pass. `interaction_id` is a new one unless the caller has to know it before."""
        with (
            self._metrics.timed("process"),
            self._bio.working(),
            self._awareness.processing(caller.identity_id, on_event) as (watch, answered),
        ):
            intent.authorise(caller, request)
            standing = await self._feedback.standing(caller.identity_id)
            request, style = in_force(request, standing.style)
            with self._bio.adapting(caller.identity_id, request, standing.trust) as adaptation:
                asking = partial(self._ask, caller, request.input, adaptation)
                trace = Trace(self._metrics, watch, on_event is not unheard, asking, adaptation)
                response = await self._process(caller, request, style, trace, interaction_id or new_interaction_id())
            self._bio.took(response)
            answered(response)
        self.told(caller.identity_id, request.context.session_id, response)
        return response

    async def _process(
        self, caller: Caller, request: ProcessRequest, style: Style, trace: Trace, interaction_id: str
    ) -> ProcessResponse:
        started, adaptation = perf_counter(), trace.adaptation
        pillars = await self._pillars(request.constellation_config)
        settled = self._memory.core.settled()
        previous = await self.previous(caller, request)
        options = request.pipeline_options
        judging = asyncio.ensure_future(risk.judge_input(caller, request, guardian=self._guardian))
        try:
            recollection = await trace.stage(
                "memory",
                recollect(
                    request.input,
                    owner=caller.identity_id,
                    depth=1 if options.memory_depth is None else options.memory_depth,
                    previous=previous,
                    memory=self._memory,
                    folds=self._folds,
                    adapt=partial(self._bio.depth, adaptation, options.memory_depth),
                ),
            )
            focus, readings = await asyncio.gather(
                trace.stage("attention", self.attend(caller, request, recollection, adaptation)),
                self.readings.find(caller.identity_id, [one.memory.memory_id for one in recollection.candidates]),
            )
            about_input = await judging
            self._bio.judged(adaptation, about_input.safety_score)
        finally:
            judging.cancel()
        risk.stop(about_input, request)  # before any of it can reach a model
        release = Release(partial(self._passes, request), trace.on_event) if trace.heard else None
        feeling = asyncio.create_task(self.valence(request.input))  # beside what is thought and judged
        think = partial(self._thinker.think, release=release, adaptation=adaptation, readings=readings)
        draft = await trace.stage("thought", think(caller, request, recollection, focus, previous))
        quotes = quoted(draft, readings)
        judgement = await trace.stage(
            "risk",
            risk.judge(caller, request, draft.text, guardian=self._guardian, about_input=about_input, quoted=quotes),
        )
        self._bio.judged(adaptation, None if judgement.risk is None else 1 - judgement.risk)
        if release is not None:
            release.finish(draft.text)
        permission = await trace.stage(
            "intent", asyncio.to_thread(intent.verify, caller, request, draft, self._classifier)
        )
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
                valence=await feeling,
                memory=self._memory,
                folds=self._folds,
                settled=settled,
            ),
        )
        duration_ms = (perf_counter() - started) * 1000
        reasons: dict[str, str] = {}
        if draft.answer_probability is None:
            reasons["confidence"] = UNCALIBRATED
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
                style=style,
                bio=adaptation.report(self._bio.clock_s()),
                reasons=reasons,
            ),
            matriz_pipeline_trace=trace.rows,
            constellation_metadata=ConstellationMetadata(
                identity_pillar_active=pillars["identity"],
                consciousness_pillar_active=pillars["consciousness"],
                guardian_pillar_active=pillars["guardian"],
                registry_nodes_utilized=trace.utilized(draft.source, recollection.depth),
            ),
            memory_fold_created=outcome.fold_id,
        )

    def _ask(
        self, caller: Caller, text: str, adaptation: Adaptation, stage: StageName
    ) -> Coroutine[None, None, list[NodeReport]] | None:
        asks = self._nodes.runs_for(caller, stage) and adaptation.asks_nodes(stage)
        return self._nodes.run(NodeInput(caller, stage, text)) if asks else None

    async def valence(self, text: str) -> float | None:
        return await measure_valence(self._emotion, text)

    async def total_interactions(self) -> int:
        return await self._folds.total_interactions()

    async def active_sessions(self) -> int:
        return await self._folds.active_sessions()

    async def _passes(self, request: ProcessRequest, text: str) -> bool:
        _, stopped = await risk.safety_of(text, request, guardian=self._guardian)
        return not stopped

    @property
    def thinker(self) -> Thinker:
        return self._thinker

    @property
    def classifier(self) -> IntentClassifier:
        return self._classifier

    @property
    def context_tokens(self) -> int:
        return self._settings.context_tokens

    async def attend(
        self,
        caller: Caller,
        request: ProcessRequest,
        recollection: Recollection,
        adaptation: Adaptation,
        *,
        focus_share: float = attention.FOCUS_SHARE,
    ) -> attention.Focus:
        """`focus_share`: what the request's attention_focus takes of the relevance."""
        candidates = recollection.candidates
        options = request.pipeline_options
        return await self._memory.with_vectors(
            caller.identity_id,
            [one.memory.memory_id for one in candidates],
            partial(
                attention.attend,
                candidates,
                embedder=self._memory.core.meaning.embedder,
                focus=options.attention_focus,
                focus_share=focus_share,
                creative=options.thought_mode == "creative",
                budget_tokens=adaptation.context_tokens(self._settings.context_tokens),
                query=recollection.query,
                analyser=self._thinker.analyser,
            ),
        )

    async def previous(self, caller: Caller, request: ProcessRequest) -> Interaction | None:
        """What the request follows up on: the interaction that it names, or else its session's last. NotFound."""
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
