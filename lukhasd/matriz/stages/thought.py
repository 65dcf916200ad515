"""Thought: a draft from what attention kept, by the language model where one is configured, else in quotations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.matriz import Citation, ProcessRequest
from lukhas_sdk.contract.memory import Memory
from lukhas_sdk.errors import ModuleTimeout
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.matriz import extractive, grounded, sentences
from lukhasd.matriz.confidence import Confidence
from lukhasd.matriz.stages.attention import Focus
from lukhasd.matriz.stages.memory import Recollection
from lukhasd.memory.folds import Interaction
from lukhasd.memory.words import FUNCTION_WORDS, Analyser
from lukhasd.models.directory import ModelDirectory
from lukhasd.models.embedder import Embedder, EmbedderError
from lukhasd.models.language import LanguageModel, ModelError

logger = logging.getLogger(__name__)

ANSWERS_FROM = 0.5
"""Probability from which memory is said to answer: more likely than not."""
MAY_ANSWER_FROM = 0.1
"""Below it memory is said not to answer, and only the nearest quotation is shown; between the two, that it may not."""
QUOTES: dict[str, int] = {"brief": 1, "moderate": 3, "detailed": 6}
INTRODUCTION: dict[str, str] = {
    "plain": "From memory:",
    "educational": "This is what memory holds on it, the most telling first:",
    "conversational": "Here is what I remember:",
    "concise": "",
    "technical": "",
}


@dataclass(frozen=True)
class Draft:
    text: str
    citations: tuple[Citation, ...]
    used: tuple[Memory, ...]
    source: Literal["memory", "model", "none"]
    model: str | None
    confidence: float | None
    answer_probability: float | None
    """Calibrated probability that one of the quotations answers; None for a model's draft."""
    step: str
    reasons: Reasons = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        return self.source != "none"


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
    ) -> Draft:
        """Raises ModuleTimeout where the model fails and the setting says that this is an error."""
        model = self.models.current()
        if model is None:
            return await self._extract(request, recollection, focus)
        quoted: Draft | None = None
        try:
            draft = await self._ask(model, caller, request, focus, previous)
            if draft.confidence:
                return draft
            quoted = await self._extract(request, recollection, focus)
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
            draft = quoted or await self._extract(request, recollection, focus)
            step = f"{model.name} failed ({error.kind}: {error}); {draft.step[0].lower()}{draft.step[1:]}"
            return replace(draft, step=step, reasons={**draft.reasons, "model": str(error)})

    async def _extract(self, request: ProcessRequest, recollection: Recollection, focus: Focus) -> Draft:
        mode = request.pipeline_options.thought_mode
        preferences = request.context.preferences
        quotes = await asyncio.to_thread(self._quote, recollection.query, focus, limit=QUOTES[preferences.detail_level])
        if not quotes:
            text = nothing_answers(recollection, self.analyser)
            reasons = {"confidence": "there is no answer"}
            return Draft(text, (), (), "none", None, None, 0.0, "Found nothing to quote", reasons)
        score = quotes[0].score
        probability = self.confidence.probability(recollection.query, quotes, self.analyser)
        answers = probability is None or probability >= ANSWERS_FROM
        introduction = INTRODUCTION[preferences.response_style]
        if not answers:
            unlikely = probability is not None and probability < MAY_ANSWER_FROM
            quotes = quotes[:1] if unlikely else quotes
            told = nothing_answers(recollection, self.analyser) if unlikely else "Memory may not answer this."
            introduction = f"{told}\nThe nearest that it holds:"
        quotes = extractive.order(quotes, mode)
        count = f"{len(quotes)} {'sentence' if len(quotes) == 1 else 'sentences'}"
        return Draft(
            extractive.write(quotes, mode=mode, introduction=introduction),
            tuple(quote.citation() for quote in quotes),
            tuple({quote.memory.memory_id: quote.memory for quote in quotes}.values()),
            "memory" if answers else "none",
            None,
            score,
            probability,
            f"Quoted {count} of memory ({mode})" if answers else f"Judged that memory does not answer; quoted {count}",
            {"confidence": "the extractive answer's score: its best sentence's; not a probability"},
        )

    def _quote(self, query: str, focus: Focus, *, limit: int) -> list[extractive.Quote]:
        try:
            return extractive.quote(query, focus.kept, embedder=self.embedder, analyser=self.analyser, limit=limit)
        except EmbedderError:
            return extractive.quote(query, focus.kept, embedder=None, analyser=self.analyser, limit=limit)

    async def _ask(
        self,
        model: LanguageModel,
        caller: Caller,
        request: ProcessRequest,
        focus: Focus,
        previous: Interaction | None,
    ) -> Draft:
        preferences = request.context.preferences
        mode = request.pipeline_options.thought_mode
        memories, withheld = await self._harmless(caller, [one.candidate.memory for one in focus.kept])
        messages = grounded.prompt(
            request.input,
            memories,
            mode=mode,
            preferences=preferences,
            previous=(previous.input, previous.response) if previous else None,
            wrap=lambda text, name: self.guardian.wrap_as_data(text, memory_id=name),
        )
        completion = await model.chat(
            messages,
            max_tokens=grounded.LENGTH[preferences.detail_level][1],
            temperature=grounded.TEMPERATURE[mode],
            timeout_s=self.models.timeout_s,
        )
        text = grounded.without_false_marks(completion.text, len(memories))
        used = tuple(memories[place] for place in grounded.cited(text, len(memories)))
        support = await asyncio.to_thread(grounded.support, text, memories, self.analyser)
        step = (
            f"{completion.model} drafted in {completion.total_ms:.0f} ms"
            f" (first token after {completion.first_token_ms:.0f} ms) from {len(memories)} memories, citing {len(used)}"
        )
        if withheld:
            step += f"; {withheld} held back because they give orders"
        reasons = {} if support.share is not None else {"confidence": "the draft makes no statement to check"}
        if support.unsupported:
            reasons["support"] = f"not carried by a memory shown: {'; '.join(support.unsupported)}"
        citations = await asyncio.to_thread(self._cite, text, used)
        return Draft(text, citations, used, "model", completion.model, support.share, None, step, reasons)

    async def _harmless(self, caller: Caller, memories: Sequence[Memory]) -> tuple[list[Memory], int]:
        """The memories without those that the guardian would not let a model read as a document."""
        verdicts = await asyncio.gather(
            *(
                self.guardian.validate(
                    ValidateRequest(GuardianAction(type="document", content=grounded.as_note(memory))), caller=caller
                )
                for memory in memories
            )
        )
        passed = [
            memory
            for memory, verdict in zip(memories, verdicts, strict=True)
            if verdict.decision not in ("REJECTED", "REVIEW")
        ]
        return passed, len(memories) - len(passed)

    def _cite(self, text: str, used: Sequence[Memory]) -> tuple[Citation, ...]:
        """For each cited memory its sentence that is nearest to the draft."""
        citations = []
        terms = set(self.analyser.query_terms(text))
        for memory in used:
            best = max(
                sentences.split(memory.content.data) or [memory.content.data],
                key=lambda sentence: len(terms.intersection(self.analyser.terms(sentence))),
            )
            held = set(self.analyser.terms(best))
            score = len(held & terms) / len(held) if held else 0.0
            citations.append(
                Citation(memory.memory_id, best, extractive.source_of(memory), memory.metadata.event_at, score)
            )
        return tuple(citations)


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
