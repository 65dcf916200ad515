"""One stage of the pipeline at a time, by the pipeline's own stage functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter

from msgspec.structs import replace

from lukhas_sdk.contract import stages as contract
from lukhas_sdk.contract.base import Reasons, StageName
from lukhas_sdk.contract.guardian import Decision
from lukhas_sdk.contract.matriz import PipelineOptions, ProcessRequest
from lukhas_sdk.errors import GuardianRejection, ValidationError
from lukhasd.constellation.adaptation import Adaptation
from lukhasd.constellation.node import NodeInput
from lukhasd.constellation.registry import NodeRegistry
from lukhasd.constellation.stars import Stars
from lukhasd.glyph.languages import Lexicon
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.matriz.pipeline import Pipeline
from lukhasd.matriz.readings import quoted
from lukhasd.matriz.stage_memory import Kept, StageMemory, attended, found, rebuilt_focus, rebuilt_recollection
from lukhasd.matriz.stages import action, intent, risk
from lukhasd.matriz.stages.attention import FOCUS_SHARE
from lukhasd.matriz.stages.memory import recollect
from lukhasd.matriz.trace import StageOutput, built_in_nodes
from lukhasd.memory import MemoryStore
from lukhasd.memory.folds import FoldStore, new_interaction_id
from lukhasd.records.metrics import Metrics

NO_EMOTION = "there is no model of emotion in this version, so no emotional context is looked at"


@dataclass(frozen=True)
class _Done:
    output: StageOutput
    data: contract.StageData
    kept: Kept
    confidence: float | None
    reasons: Reasons = field(default_factory=dict)
    stopped: str | None = None
    """Why the pipeline ends here."""


@dataclass(frozen=True)
class _Call:
    caller: Caller
    request: ProcessRequest
    config: contract.StageConfig
    data: contract.StageData
    kept: Kept
    quoting: bool
    """Draft in quotations also where a language model is configured."""


class StageRuns:
    def __init__(
        self,
        pipeline: Pipeline,
        *,
        memory: MemoryStore,
        folds: FoldStore,
        guardian: Guardian,
        nodes: NodeRegistry,
        stars: Stars,
        metrics: Metrics,
        lexicon: Callable[[], Lexicon],
    ) -> None:
        self._pipeline = pipeline
        self._memory = memory
        self._folds = folds
        self._guardian = guardian
        self._nodes = nodes
        self._stars = stars
        self._metrics = metrics
        self._lexicon = lexicon
        self._kept = StageMemory()

    async def run(
        self,
        caller: Caller,
        stage: StageName,
        request: contract.StageRequest,
        *,
        alone: bool = False,
        quoting: bool = False,
    ) -> contract.StageResponse:
        """Raises ValidationError where the stage lacks what it works on, and what the pipeline raises; a rejection in
        the risk stage is no error, but ends the walk. `alone`: registered nodes are not asked. `quoting`: the draft is
        made of quotations also where a language model is configured."""
        started = perf_counter()
        data = request.input_data
        asked = _process_request(request)
        intent.authorise(caller, asked)
        call = _Call(caller, asked, request.stage_config, data, self._kept.find(caller.identity_id, data), quoting)
        given = NodeInput(caller, stage, data.input)
        asking = None
        if not alone and self._nodes.runs_for(caller, stage):
            asking = asyncio.ensure_future(self._nodes.run(given))
        try:
            with self._metrics.timed(f"stage.{stage}"):
                done = await self._runs(stage)(call)
            reports = await asking if asking is not None else []
        finally:
            if asking is not None:
                asking.cancel()
        run_id = self._kept.add(caller.identity_id, done.data, done.kept)
        reasons = {**done.output.reasons, **done.reasons}
        if done.stopped is not None:
            reasons["next_stage"] = done.stopped
        elif stage == "action":
            reasons["next_stage"] = "action is the last stage"
        if done.confidence is None:
            reasons.setdefault("confidence", "nothing was measured")
        return contract.StageResponse(
            stage_result=replace(done.data, run_id=run_id),
            next_stage=None if done.stopped is not None else contract.after(stage),
            confidence=done.confidence,
            processing_time_ms=(perf_counter() - started) * 1000,
            constellation_context=contract.ConstellationContext(
                await self._state(stage),
                [*self._built_in(stage, call, done), *(one.node_id for one in reports if one.status == "ok")],
            ),
            step=done.output.step,
            nodes=reports,
            reasons=reasons,
        )

    def _runs(self, stage: StageName) -> Callable[[_Call], Awaitable[_Done]]:
        return {
            "memory": self._remember,
            "attention": self._attend,
            "thought": self._think,
            "risk": self._judge,
            "intent": self._verify,
            "action": self._act,
        }[stage]

    async def _remember(self, call: _Call) -> _Done:
        recollection = await recollect(
            call.request.input,
            owner=call.caller.identity_id,
            depth=call.config.memory.depth,
            previous=await self._pipeline.previous(call.caller, call.request),
            memory=self._memory,
            folds=self._folds,
        )
        section = contract.Recollected(recollection.query, [found(one) for one in recollection.candidates])
        data = contract.StageData(call.data.input, memory=section)
        reasons = {"emotional_context": NO_EMOTION} if call.config.memory.emotional_context else {}
        return _Done(recollection, data, Kept(recollection=recollection), recollection.confidence, reasons)

    async def _attend(self, call: _Call) -> _Done:
        recollection = call.kept.recollection or await rebuilt_recollection(
            call.data, call.caller.identity_id, self._memory
        )
        config = call.config.attention
        reasons: Reasons = {}
        share = FOCUS_SHARE
        if config.pattern_weights is not None:
            if config.focus_type is None:
                reasons["pattern_weights"] = "there is no focus_type to weigh against the fit to the query"
            else:
                share = config.pattern_weights[1] / sum(config.pattern_weights)
        focus = await self._pipeline.attend(
            call.caller, call.request, recollection, Adaptation(on=False), focus_share=share
        )
        data = replace(call.data, attention=attended(focus), thought=None, risk=None, intent=None, action=None)
        return _Done(focus, data, Kept(recollection, focus), focus.confidence, reasons)

    async def _think(self, call: _Call) -> _Done:
        owner = call.caller.identity_id
        focus = call.kept.focus or await rebuilt_focus(call.data, owner, self._memory, self._pipeline)
        recollection = call.kept.recollection or await rebuilt_recollection(call.data, owner, self._memory)
        about_input = await risk.judge_input(call.caller, call.request, guardian=self._guardian)
        risk.stop(about_input, call.request)  # before any of it can reach a model
        previous = await self._pipeline.previous(call.caller, call.request)
        thinker = self._pipeline.thinker
        if call.quoting:
            draft = await thinker.extract(call.request, recollection, focus)
        else:
            draft = await thinker.think(call.caller, call.request, recollection, focus, previous)
        # A draft that the pipeline would stop is shown no more here than there.
        await risk.judge(
            call.caller,
            call.request,
            draft.text,
            guardian=self._guardian,
            about_input=about_input,
            quoted=quoted(draft, {}),
        )
        glyphs = None
        if call.config.thought.glyph_processing:
            glyphs = (await asyncio.to_thread(self._lexicon().encode, draft.text, None)).symbols
        section = contract.Drafted(
            draft.text, draft.source, draft.model, [used.memory_id for used in draft.used], glyphs
        )
        data = replace(call.data, thought=section, risk=None, intent=None, action=None)
        return _Done(draft, data, Kept(recollection, focus, draft), draft.confidence)

    async def _judge(self, call: _Call) -> _Done:
        """Of any draft, also one that the caller wrote."""
        section = call.data.thought
        if section is None:
            raise _lacking("thought", "a draft to judge: at least {text}")
        stopped: str | None = None
        try:
            draft = call.kept.draft
            quotes = quoted(draft, {}) if draft is not None and draft.text == section.text else None
            judgement = await risk.judge(
                call.caller, call.request, section.text, guardian=self._guardian, quoted=quotes
            )
        except GuardianRejection as rejection:
            judgement, stopped = _rejected(rejection), rejection.message
        frameworks, reasons = _frameworks(call.config.risk, judgement, stopped)
        scores = [score for score in frameworks.values() if score is not None]
        ethics = judgement.ethics_score if not frameworks else min(scores, default=None)
        judged = contract.Judged(judgement.decision, list(judgement.conditions), ethics, frameworks)
        data = replace(call.data, risk=judged, intent=None, action=None)
        return _Done(judgement, data, call.kept, judgement.confidence, reasons, stopped)

    async def _verify(self, call: _Call) -> _Done:
        draft = call.kept.draft
        if draft is None:
            raise _lacking("thought", "the thought stage's draft, as it stands and with its run_id")
        permission = await asyncio.to_thread(intent.verify, call.caller, call.request, draft, self._pipeline.classifier)
        reasons: Reasons = {}
        verified: bool | None = None
        if not call.config.intent.auth_required:
            reasons["auth_required"] = "every request is authenticated, whatever this says"
        if call.config.intent.lambda_id_verification:
            named = call.request.context.lambda_id
            verified = named == call.caller.lambda_id if named is not None else None
            if named is None:
                reasons["lambda_id_verified"] = "context.lambda_id is not given"
        else:
            reasons["lambda_id_verified"] = "lambda_id_verification was not asked for"
        permitted = contract.Permitted(permission.intent, permission.tier.label, verified)
        data = replace(call.data, intent=permitted, action=None)
        return _Done(permission, data, call.kept, permission.confidence, reasons)

    async def _act(self, call: _Call) -> _Done:
        draft = call.kept.draft
        if draft is None:
            raise _lacking("thought", "the thought stage's draft, as it stands and with its run_id")
        started = perf_counter()
        judgement = await risk.judge(
            call.caller, call.request, draft.text, guardian=self._guardian, quoted=quoted(draft, {})
        )
        wanted, _, _ = await asyncio.to_thread(self._pipeline.classifier.classify, call.request.input)
        previous = await self._pipeline.previous(call.caller, call.request)
        interaction_id = new_interaction_id()
        outcome = await action.act(
            call.caller,
            call.request,
            draft,
            interaction_id=interaction_id,
            previous_id=previous.interaction_id if previous else None,
            intent=wanted,
            decision=judgement.decision,
            withheld=judgement.withheld,
            elapsed_ms=(perf_counter() - started) * 1000,
            valence=await self._pipeline.valence(call.request.input),
            memory=self._memory,
            folds=self._folds,
        )
        structured = None
        if call.config.action.output_format == "structured":
            structured = contract.StructuredResponse(
                draft.answered, draft.text, draft.source, [used.memory_id for used in draft.used]
            )
        acted = contract.Acted(draft.text, structured, interaction_id, outcome.fold_id)
        return _Done(outcome, replace(call.data, action=acted), call.kept, outcome.confidence)

    async def _state(self, stage: StageName) -> contract.StageState:
        states = dict(
            zip(
                self._stars.names, await asyncio.gather(*(self._stars.state(n) for n in self._stars.names)), strict=True
            )
        )
        return contract.StageState(
            stage,
            {name: "active" if state.active else "inactive" for name, state in states.items()},
            {name: state.reason for name, state in states.items() if state.reason is not None},
        )

    def _built_in(self, stage: StageName, call: _Call, done: _Done) -> list[str]:
        source = done.kept.draft.source if done.kept.draft is not None else "none"
        return built_in_nodes(source, call.config.memory.depth)[stage]


def _frameworks(
    config: contract.RiskConfig, judgement: risk.Judgement, stopped: str | None
) -> tuple[dict[str, float | None], Reasons]:
    """The score of each framework that is asked for, None with a reason where it has nothing to say."""
    scores: dict[str, float | None] = {name: judgement.frameworks.get(name) for name in config.ethics_frameworks}
    silent = stopped or "no rule of it applies to this, and no hazard is weighed by it"
    return scores, {f"frameworks.{name}": silent for name, score in scores.items() if score is None}


def _rejected(rejection: GuardianRejection) -> risk.Judgement:
    decision: Decision = "REVIEW" if rejection.details.get("decision") == "REVIEW" else "REJECTED"
    reasons = dict.fromkeys(("confidence", "ethics_score"), "the pipeline was stopped")
    if rejection.hint:
        reasons["would_change"] = rejection.hint
    return risk.Judgement(decision, (), None, None, None, f"Stopped: {rejection.message}", reasons)


def _process_request(request: contract.StageRequest) -> ProcessRequest:
    config = request.stage_config
    return ProcessRequest(
        request.input_data.input,
        request.context,
        PipelineOptions(
            memory_depth=config.memory.depth,
            attention_focus=config.attention.focus_type,
            thought_mode=config.thought.reasoning_mode,
            risk_threshold=config.risk.guardian_threshold,
            action_type="remember" if config.action.response_type == "remember" else "cognitive_response",
        ),
    )


def _lacking(section: str, what: str) -> ValidationError:
    return ValidationError(
        f"input_data.{section} is missing, or is not what the stage before gave: it takes {what}",
        field=f"$.input_data.{section}",
        hint="send the stage_result of the stage before as input_data",
    )
