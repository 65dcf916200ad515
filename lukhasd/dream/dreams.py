"""Dreams: gathered, imagined or recombined, judged, scored, kept."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter

import numpy as np

from lukhas_sdk.contract import dream as contract
from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.dream import Dream, DreamEvent, DreamRequest
from lukhas_sdk.contract.guardian import ActionType, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.errors import GuardianRejection, ModuleTimeout
from lukhasd.consciousness import AwarenessKeeper
from lukhasd.database import Database
from lukhasd.dream import comparing, modelled, notes, scoring, self_test, table
from lukhasd.dream.draft import Draft, Woven
from lukhasd.dream.gathering import Gatherer
from lukhasd.dream.notes import Material
from lukhasd.dream.relevance import Relevance
from lukhasd.dream.scoring import Vectors
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.memory import MemoryStore
from lukhasd.memory.catalogue import Selection
from lukhasd.memory.item import keywords
from lukhasd.models.directory import ModelDirectory
from lukhasd.models.embedded import EMBEDDED
from lukhasd.models.language import LanguageModel, ModelError

logger = logging.getLogger(__name__)
NO_CONSTRAINTS = "there are no constraints to address"
NO_VECTORS = "the embedding model is out of order: lukhas doctor"
NO_MATERIAL = "no memory is likely to say anything to the seed or a constraint; a model could imagine: lukhas model use"


class Dreams:
    """Used on the event loop that its store was opened on."""

    def __init__(
        self,
        database: Database,
        store: MemoryStore,
        *,
        guardian: Guardian,
        models: ModelDirectory,
        awareness: AwarenessKeeper,
        relevance: Relevance,
        longest_s: float,
    ) -> None:
        """`longest_s`: what a dream by a model may take; what is there by then is kept."""
        self._database = database
        self._store = store
        self._guardian = guardian
        self._models = models
        self._awareness = awareness
        self._gatherer = Gatherer(store, relevance)
        self._longest_s = longest_s

    async def generate(
        self, caller: Caller, request: DreamRequest, *, on_event: Callable[[DreamEvent], None] = lambda event: None
    ) -> Dream:
        """On disk when it returns. GuardianRejection where the seed or a constraint may not be dreamt about; nothing
        is kept then."""
        started_s = perf_counter()
        asked = "\n".join([request.seed, *request.constraints])
        verdict = await self._judge(caller, "user_input", asked)
        if verdict.stops:
            raise _rejection(verdict)
        async with self._awareness.working(caller.identity_id, "DREAMING"):
            dream, cited = await self._dream(caller, request, on_event, started_s)
        await self._database.write(lambda cursor: table.keep(cursor, caller.identity_id, dream, cited))
        return dream

    async def find_all(self, owner: str, params: contract.DreamListParams) -> contract.DreamListResponse:
        return await self._database.read(lambda cursor: table.find_all(cursor, owner, params))

    async def show(self, owner: str, dream_id: str) -> Dream:
        """NotFound."""
        return await self._database.read(lambda cursor: table.show(cursor, owner, dream_id))

    async def compare(self, owner: str, one: str, other: str) -> contract.DreamComparison:
        """NotFound where either is missing."""
        first, second = await self.show(owner, one), await self.show(owner, other)
        vectors = [
            await self._embed([f"{each.concept}. {each.description}" for each in dream.realities])
            for dream in (first, second)
        ]
        return comparing.compare(first, second, vectors[0], vectors[1])

    async def self_test(self) -> str | None:
        """Why it cannot dream, None when it can."""
        return await self._store.core.run(self_test.run, self._store.core.embedder)

    async def _dream(
        self, caller: Caller, request: DreamRequest, on_event: Callable[[DreamEvent], None], started_s: float
    ) -> tuple[Dream, list[str]]:
        seed = secrets.randbelow(2**32) if request.random_seed is None else request.random_seed
        model = self._models.current() if request.use_model else None
        constraints = list(dict.fromkeys(request.constraints))
        progress = _Progress(on_event, _steps(request.num_realities, len(constraints), with_model=model is not None))
        owner = caller.identity_id
        material = await self._gatherer.gather(owner, request.seed, constraints)
        progress.done(f"{material.considered} memories looked at, {material.left_out} left out")
        reasons: Reasons = {}
        drafts: list[Draft] = []
        woven = Woven()
        if model is not None:
            try:
                drafts, woven, reasons = await self._imagine(caller, model, request, material, seed, progress)
            except ModelError as error:
                if self._models.on_failure == "error":
                    raise ModuleTimeout(
                        f"the language model failed: {error}",
                        hint="see: lukhas model test; or recombine notes instead: lukhas dream --no-model",
                        details={"module": "language_model", "kind": error.kind},
                    ) from error
                logger.warning("the language model failed to dream", extra={"model": model.name, "kind": error.kind})
                reasons["model"] = f"{model.name} failed ({error.kind}: {error}); these are from your notes"
                model = None
        if model is None:
            chance = random.Random(seed)  # noqa: S311
            creativity = request.creativity_level
            drafts = notes.recombine(material, count=request.num_realities, creativity=creativity, chance=chance)
            if not drafts:
                reasons["realities"] = NO_MATERIAL
            elif len(drafts) < request.num_realities:
                reasons["realities"] = f"your notes on this can be put together in {len(drafts)} ways that differ"
            drafts = await self._allowed(caller, drafts, reasons)
            woven = notes.weave(drafts, material)
            progress.done(f"{len(drafts)} put together from your notes")
        else:
            reasons["random_seed"] = "it chose the sides to come from; the model draws its words by itself"
        vectors = await self._embed([draft.text for draft in drafts])
        realities, order = await self._score(owner, drafts, vectors)
        if vectors is None and drafts:
            reasons["diversity"] = NO_VECTORS
        dream = Dream(
            dream_session_id=f"dream_{'_'.join(keywords(request.seed))}_{secrets.token_hex(5)}",
            realities=realities,
            synthesis=_synthesis(woven, order),
            seed=request.seed,
            constraints=constraints,
            creativity_level=request.creativity_level,
            num_realities=request.num_realities,
            random_seed=seed,
            model=model.name if model is not None else None,
            uncovered_constraints=[
                each
                for place, each in enumerate(constraints)
                if not any(reality.constraints[place].addressed for reality in realities)
            ],
            memories_considered=material.considered,
            memories_left_out=material.left_out,
            diversity=scoring.diversity(np.empty((0, 1), np.float32) if vectors is None else vectors),
            created_at=datetime.now(UTC),
            processing_time_ms=(perf_counter() - started_s) * 1000,
            reasons=reasons,
        )
        return dream, list(dict.fromkeys(name for draft in drafts for name in draft.memory_ids))

    async def _imagine(
        self,
        caller: Caller,
        model: LanguageModel,
        request: DreamRequest,
        material: Material,
        seed: int,
        progress: _Progress,
    ) -> tuple[list[Draft], Woven, Reasons]:
        shown = await self._harmless(caller, material)
        sleeper = modelled.Sleeper(
            model, self._models.timeout_s, self._longest_s,
            lambda text, name: self._guardian.wrap_as_data(text, memory_id=name), self._embed,
            briefly=model.base_url == EMBEDDED,
        )  # fmt: skip
        constraints = list(dict.fromkeys(request.constraints))
        ideas, problems = await sleeper.imagine(
            request.seed,
            constraints,
            shown,
            count=request.num_realities,
            creativity=request.creativity_level,
            chance=random.Random(seed),  # noqa: S311
            done=progress.done,
        )
        drafts = []
        for idea in ideas:
            checks = []
            for constraint in constraints:
                checks.append(await sleeper.judge(idea.candidate, constraint))
                progress.done(f"“{constraint}” judged for {idea.candidate.concept}")
            drafts.append(modelled.draft(idea, checks))
        reasons: Reasons = {"realities": "; ".join(problems)} if problems else {}
        drafts = await self._allowed(caller, drafts, reasons)
        woven = await sleeper.weave(request.seed, drafts)
        told = [each.text for each in woven.insights]
        if told and (await self._judge(caller, "response_generation", "\n".join(told))).stops:
            woven = replace(woven, insights=(), reasons={"novel_insights": "the guardian held them back"})
        progress.done("the best parts were put together")
        return drafts, woven, reasons

    async def _harmless(self, caller: Caller, material: Material) -> Material:
        """The material without what the guardian would not let a model read."""
        every = [*material.about_seed, *(note for found in material.by_constraint.values() for note in found)]
        texts = list({note.excerpt for note in every})
        verdicts = await asyncio.gather(*(self._judge(caller, "document", text) for text in texts))
        passed = {text for text, verdict in zip(texts, verdicts, strict=True) if not verdict.stops}
        return replace(
            material,
            about_seed=[note for note in material.about_seed if note.excerpt in passed],
            by_constraint={
                name: [note for note in found if note.excerpt in passed]
                for name, found in material.by_constraint.items()
            },
        )

    async def _allowed(self, caller: Caller, drafts: Sequence[Draft], reasons: Reasons) -> list[Draft]:
        """Those that the guardian lets be said; how many it did not is added to the reasons."""
        verdicts = await asyncio.gather(
            *(
                self._judge(
                    caller,
                    "response_generation",
                    "\n".join(
                        [
                            draft.concept,
                            draft.description,
                            *draft.key_features,
                            *(check.reason for check in draft.checks),
                        ]
                    ),
                )
                for draft in drafts
            )
        )
        passed = [draft for draft, verdict in zip(drafts, verdicts, strict=True) if not verdict.stops]
        if held := [verdict for verdict in verdicts if verdict.stops]:
            told = f"the guardian held {len(held)} back: {'; '.join(sorted({_why(verdict) for verdict in held}))}"
            reasons["realities"] = f"{reasons['realities']}; {told}" if "realities" in reasons else told
        return passed

    async def _judge(self, caller: Caller, kind: ActionType, text: str) -> Verdict:
        return await self._guardian.validate(ValidateRequest(GuardianAction(kind, text)), caller=caller)

    async def _embed(self, texts: Sequence[str]) -> Vectors | None:
        """By the embedder whose vectors are searched; None while it is out of order."""
        core = self._store.core

        def embed() -> Vectors | None:
            found = [core.embed_query(text) for text in texts]
            if not found or any(vector is None for vector in found):
                return None
            return np.array(found, dtype=np.float32)

        return await core.run(embed)

    async def _score(
        self, owner: str, drafts: Sequence[Draft], vectors: Vectors | None
    ) -> tuple[list[contract.Reality], list[int]]:
        """The most innovative first, and which draft each was."""
        memory: list[float | None] = [None] * len(drafts)
        others: list[float | None] = [None] * len(drafts)
        if vectors is not None:
            memory = await self._store.core.run(self._nearest_memories, owner, vectors)
            others = scoring.nearest_others(vectors)
        scored = []
        for place, draft in enumerate(drafts):
            reasons: Reasons = {}
            feasibility = draft.feasibility
            if feasibility is None:
                reasons["feasibility_score"] = "a constraint could not be judged" if draft.checks else NO_CONSTRAINTS
            score = scoring.innovation(memory[place], others[place], feasibility)
            if score is None:
                reasons["innovation_score"] = NO_VECTORS if vectors is None else "there is nothing to be distant from"
            elif feasibility is None:
                reasons["innovation_score"] = "distance alone: no feasibility was measured to weigh it by"
            scored.append((place, draft, feasibility, score, reasons))
        scored.sort(key=lambda each: (-(each[3] or 0.0), each[0]))
        realities = [
            contract.Reality(
                f"reality_{number}", draft.concept, draft.description, feasibility, score, list(draft.key_features),
                draft.label, draft.approach, list(draft.checks), list(draft.memory_ids), reasons,
            )
            for number, (_, draft, feasibility, score, reasons) in enumerate(scored, 1)
        ]  # fmt: skip
        return realities, [place for place, *_ in scored]

    def _nearest_memories(self, owner: str, vectors: Vectors) -> list[float | None]:
        """Cosine of each to the memory that is nearest by meaning; None where no memory has a vector."""
        ranker = self._store.core.ranker
        index = ranker.vectors
        found = []
        for vector in vectors:
            hits = ranker.rank("", vector, Selection(owner, include_superseded=True), 1, vectors=index).hits
            found.append(max((hit.cosine for hit in hits if hit.cosine is not None), default=None))
        return found


class _Progress:
    def __init__(self, on_event: Callable[[DreamEvent], None], total: int) -> None:
        self._on_event = on_event
        self._total = total
        self._done = 0

    def done(self, step: str) -> None:
        self._done += 1
        self._on_event(DreamEvent("progress", step=step, done=self._done, total=max(self._total, self._done)))


def _steps(realities: int, constraints: int, *, with_model: bool) -> int:
    return 2 + (realities * (1 + constraints) if with_model else 0)


def _synthesis(woven: Woven, order: Sequence[int]) -> contract.Synthesis:
    names = {str(place): f"reality_{number}" for number, place in enumerate(order, 1)}
    taken = [
        contract.Taken(each.text, [names[place] for place in each.reality_ids])
        for each in (*woven.elements, *woven.insights)
    ]
    return contract.Synthesis(
        [each.text for each in woven.elements], [each.text for each in woven.insights], taken, woven.reasons
    )


def _rejection(verdict: Verdict) -> GuardianRejection:
    wanted = "wants a person to look at" if verdict.decision == "REVIEW" else "rejected"
    findings = verdict.reasoning.findings
    return GuardianRejection(
        f"the guardian {wanted} the seed or a constraint: {_why(verdict)}",
        hint=verdict.reasoning.would_change or "dream about something else",
        details={
            "field": "$.seed",
            "decision": verdict.decision,
            "validation_id": verdict.validation_id,
            "ethics_violation": findings[0].category if findings else None,
            "rules": [finding.rule for finding in findings],
        },
    )


def _why(verdict: Verdict) -> str:
    factors = verdict.reasoning.key_factors
    return factors[0] if factors else verdict.reasons.get("decision", "it gave no reason")
