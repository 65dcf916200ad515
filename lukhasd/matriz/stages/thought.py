"""Thought: a draft from what attention kept, by the language model where one is configured, else in quotations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from lukhas_sdk.contract.matriz import ProcessRequest
from lukhas_sdk.errors import ModuleTimeout
from lukhasd.constellation.adaptation import Adaptation
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.matriz import extractive, modes, quantum
from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.draft import Draft as Draft
from lukhasd.matriz.drafting import Drafter
from lukhasd.matriz.extractive import Vector
from lukhasd.matriz.readings import Readings, digest
from lukhasd.matriz.release import Release
from lukhasd.matriz.stages import risk
from lukhasd.matriz.stages.attention import Focus
from lukhasd.matriz.stages.memory import Recollection
from lukhasd.memory.folds import Interaction
from lukhasd.memory.words import FUNCTION_WORDS, Analyser
from lukhasd.models.directory import ModelDirectory
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.models.language import ModelError

logger = logging.getLogger(__name__)

ANSWERS_FROM = 0.5
"""Probability from which memory is said to answer: more likely than not."""
MAY_ANSWER_FROM = 0.2
"""Below it memory is said not to answer, and only the nearest quotation is shown; between the two, that it may not. Of
the questions below it in tests/data/questions, at most one in nine was answered all the same."""
QUOTES: dict[str, int] = {"brief": 1, "moderate": 3, "detailed": 6}
INTRODUCTION: dict[str, str] = {
    "plain": "From memory:",
    "educational": "This is what memory holds on it, the most telling first:",
    "conversational": "Here is what I remember:",
    "concise": "",
    "technical": "",
}


PICKS: dict[str, Callable[[extractive.Quote], float]] = {
    "best score": lambda one: one.score,
    "most words of the question": lambda one: one.coverage,
    "nearest in meaning": lambda one: one.cosine or 0.0,
    "newest": lambda one: one.memory.metadata.event_at.timestamp(),
    "most important": lambda one: one.memory.metadata.importance,
}
"""How quotations may be chosen, where several choices are asked for: in this order."""


@dataclass(frozen=True)
class Thinker:
    """The parts that thought needs."""

    models: ModelDirectory
    guardian: Guardian
    embedder: Embedder
    analyser: Analyser
    confidence: Confidence

    async def think(
        self,
        caller: Caller,
        request: ProcessRequest,
        recollection: Recollection,
        focus: Focus,
        previous: Interaction | None,
        *,
        release: Release | None = None,
        adaptation: Adaptation | None = None,
        readings: Readings = MappingProxyType({}),
    ) -> Draft:
        """Raises ModuleTimeout where the model fails and the setting says that this is an error. With `release`, what
        a model writes is given to the caller as it comes. `readings`: of the memories in focus."""
        model = self.models.current()
        if model is None:
            return await self.extract(request, recollection, focus, readings)
        quoted: Draft | None = None
        try:
            draft = await Drafter(self.guardian, self.embedder, self.analyser).draft(
                model,
                caller,
                request,
                focus,
                previous,
                timeout_s=self.models.timeout_s,
                release=release,
                adaptation=adaptation or Adaptation(on=False),
            )
            if draft.confidence:
                return draft
            quoted = await self.extract(request, recollection, focus, readings)
            if quoted.answered:
                raise ModelError("unusable", "memory answers this, and carries nothing of what the model wrote")
            return draft
        except ModelError as error:
            logger.warning(
                "the language model failed", extra={"model": model.name, "kind": error.kind, "why": str(error)}
            )
            if self.models.on_failure == "error":
                raise ModuleTimeout(
                    f"the language model failed: {error}",
                    hint="see: lukhas model test; or quote memory instead: lukhas config set model.on_failure"
                    " extractive, then lukhas daemon restart",
                    details={"module": "language_model", "kind": error.kind},
                ) from error
            draft = quoted or await self.extract(request, recollection, focus, readings)
            step = f"{model.name} failed ({error.kind}: {error}); {draft.step[0].lower()}{draft.step[1:]}"
            return replace(draft, step=step, reasons={**draft.reasons, "model": str(error)})

    async def extract(
        self,
        request: ProcessRequest,
        recollection: Recollection,
        focus: Focus,
        readings: Readings = MappingProxyType({}),
    ) -> Draft:
        """A draft in quotations, whether or not a model is configured."""
        drafts = await asyncio.to_thread(self._drafts, request, recollection, focus, readings)
        if len(drafts) == 1:
            return drafts[0]
        judged = await asyncio.gather(
            *(risk.safety_of(draft.text, request, guardian=self.guardian) for draft in drafts)
        )
        candidates = [
            quantum.Candidate(
                f"memory: {name}", draft.text, support=draft.answer_probability, safety=safety, stopped=stopped
            )
            for name, draft, (safety, stopped) in zip(PICKS, drafts, judged, strict=False)
        ]
        rows, collapse = await asyncio.to_thread(quantum.weigh, candidates, self.embedder)
        chosen = drafts[collapse.chosen if collapse else 0]
        told = f"; none of {len(drafts)} may be given"
        if collapse:
            told = f"; chose one of {len(drafts)}: {collapse.why}"
        return replace(chosen, step=chosen.step + told, candidates=tuple(rows), collapse=collapse)

    def _drafts(
        self, request: ProcessRequest, recollection: Recollection, focus: Focus, readings: Readings
    ) -> list[Draft]:
        """As many as candidates are asked for; one where there is nothing to quote."""
        limit = QUOTES[request.context.preferences.detail]
        count = request.pipeline_options.candidates
        pool = self._quote(recollection.query, focus, readings, limit=limit if count == 1 else len(focus.kept))
        if not pool:
            text = nothing_answers(recollection, self.analyser)
            reasons = {"confidence": "there is no answer"}
            return [Draft(text, (), (), "none", None, None, 0.0, "Found nothing to quote", reasons)]
        if count == 1:
            return [self._written(request, recollection, focus, pool)]
        return [
            self._written(request, recollection, focus, sorted(pool, key=pick, reverse=True)[:limit])
            for pick in list(PICKS.values())[:count]
        ]

    def _written(
        self, request: ProcessRequest, recollection: Recollection, focus: Focus, quotes: Sequence[extractive.Quote]
    ) -> Draft:
        mode = request.pipeline_options.thought_mode
        probability = self.confidence.probability(recollection.query, focus.kept, quotes)
        answers = probability >= ANSWERS_FROM
        introduction = INTRODUCTION[request.context.preferences.style]
        if not answers:
            unlikely = probability < MAY_ANSWER_FROM
            quotes = quotes[:1] if unlikely else quotes
            told = nothing_answers(recollection, self.analyser) if unlikely else "Memory may not answer this."
            introduction = f"{told}\nThe nearest that it holds:"
        quotes = modes.order(quotes, mode)
        count = f"{len(quotes)} {'sentence' if len(quotes) == 1 else 'sentences'}"
        return Draft(
            modes.write(quotes, mode=mode, introduction=introduction, analyser=self.analyser),
            tuple(quote.citation() for quote in quotes),
            tuple({quote.memory.memory_id: quote.memory for quote in quotes}.values()),
            "memory" if answers else "none",
            None,
            probability,
            probability,
            f"Quoted {count} of memory ({mode})" if answers else f"Judged that memory does not answer; quoted {count}",
        )

    def _quote(self, query: str, focus: Focus, readings: Readings, *, limit: int) -> list[extractive.Quote]:
        def known(text: str) -> Vector | None:
            reading = readings.get(digest(text))
            return reading.vector if reading is not None else None

        quote = partial(extractive.quote, query, focus.kept, analyser=self.analyser, limit=limit, known=known)
        try:
            return quote(embedder=self.embedder)
        except EmbedderError:
            return quote(embedder=None)


def nothing_answers(recollection: Recollection, analyser: Analyser) -> str:
    """That memory does not answer, and what would help."""
    if "confidence" in recollection.reasons:
        return "No memory was looked at, as asked, and no language model is configured: lukhas model list"
    held = {term for one in recollection.candidates for term in analyser.terms(one.memory.content.data)}
    words = dict.fromkeys(word.strip(".,;:!?\"'()") for word in recollection.query.split())
    telling = [word for word in words if word.lower() not in FUNCTION_WORDS]
    missing = [word for word in telling if (terms := analyser.query_terms(word)) and held.isdisjoint(terms)]
    text = "Nothing in memory answers this."
    if missing and recollection.candidates:
        text += f" None of the memories found mentions: {', '.join(missing)}."
    return f"{text} To change that, store or import what does: lukhas memory import FILE"
