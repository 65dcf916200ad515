"""A language model's draft: asked with quoted notes, checked against them, the best of several where they are asked
for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.matriz import Citation, ProcessRequest
from lukhas_sdk.contract.thought import Statement
from lukhasd.constellation.adaptation import Adaptation
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.matriz import extractive, grounded, quantum, sentences, support
from lukhasd.matriz.draft import Draft
from lukhasd.matriz.grounded import Note
from lukhasd.matriz.release import Release
from lukhasd.matriz.stages import risk
from lukhasd.matriz.stages.attention import Focus
from lukhasd.memory.folds import Interaction
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder
from lukhasd.models.language import Completion, LanguageModel, Message, ModelError

TEMPERATURE_STEP = 0.2
HIGHEST_TEMPERATURE = 1.3
"""Of several drafts each has a temperature one step above the one before."""


@dataclass(frozen=True)
class Drafter:
    guardian: Guardian
    embedder: Embedder
    analyser: Analyser

    async def draft(
        self,
        model: LanguageModel,
        caller: Caller,
        request: ProcessRequest,
        focus: Focus,
        previous: Interaction | None,
        *,
        timeout_s: float,
        adaptation: Adaptation,
        release: Release | None = None,
    ) -> Draft:
        """Raises ModelError where no draft came within `timeout_s`. With `release`, a single draft is given to the
        caller while it is written."""
        notes, withheld = await self._harmless(caller, [Note(one.candidate.memory, one.shown) for one in focus.kept])
        options, preferences = request.pipeline_options, request.context.preferences
        messages = grounded.prompt(
            request.input,
            notes,
            mode=options.thought_mode,
            preferences=preferences,
            previous=(previous.input, previous.response) if previous else None,
            wrap=lambda text, name: self.guardian.wrap_as_data(text, memory_id=name),
        )
        base = adaptation.temperature(grounded.TEMPERATURE[options.thought_mode])
        max_tokens = adaptation.answer_tokens(grounded.LENGTH[preferences.detail][1])
        temperatures = [min(base + TEMPERATURE_STEP * n, HIGHEST_TEMPERATURE) for n in range(options.candidates)]
        asking = [_Asked(model, messages, max_tokens, temperature, timeout_s) for temperature in temperatures]
        held_back = f"; {withheld} held back because they give orders" if withheld else ""
        if len(asking) == 1:
            completion = await self._one(asking[0], len(notes), release)
            return await self._checked(completion, notes, held_back)
        return await self._several(asking, request, notes, held_back)

    async def _one(self, asked: _Asked, count: int, release: Release | None) -> Completion:
        if release is None:
            return await asked.ask()
        release.begin(lambda text: grounded.without_repeats(grounded.without_false_marks(text, count))[0])
        try:
            return await asked.ask(release)
        finally:
            await release.stop()

    async def _several(
        self, asking: Sequence[_Asked], request: ProcessRequest, notes: Sequence[Note], held_back: str
    ) -> Draft:
        """Side by side, then weighed. What the guardian would stop is not chosen unless all are: the risk stage then
        rejects it."""
        outcomes = await asyncio.gather(*(self._tried(asked) for asked in asking))
        drafts = [
            await self._checked(outcome, notes, held_back) if isinstance(outcome, Completion) else None
            for outcome in outcomes
        ]
        there = [draft for draft in drafts if draft is not None]
        if not there:
            raise next(outcome for outcome in outcomes if isinstance(outcome, ModelError))
        safeties = await asyncio.gather(
            *(risk.safety_of(draft.text, request, guardian=self.guardian) for draft in there)
        )
        judged = dict(zip(map(id, there), safeties, strict=True))
        candidates = []
        for asked, outcome, draft in zip(asking, outcomes, drafts, strict=True):
            if draft is None:
                why = f"{outcome.kind}: {outcome}" if isinstance(outcome, ModelError) else "it failed"
                candidates.append(quantum.failed(asked.model.name, asked.temperature, why))
                continue
            safety, stopped = judged[id(draft)]
            candidates.append(
                quantum.Candidate(
                    asked.model.name, draft.text, asked.temperature, draft.confidence, safety, stopped=stopped
                )
            )
        rows, collapse = await asyncio.to_thread(quantum.weigh, candidates, self.embedder)
        chosen = drafts[collapse.chosen] if collapse else None
        best = chosen or there[0]
        told = f"; chose one of {len(asking)}: {collapse.why}" if collapse else f"; none of {len(asking)} may be given"
        return replace(best, step=best.step + told, candidates=tuple(rows), collapse=collapse)

    async def _tried(self, asked: _Asked) -> Completion | ModelError:
        try:
            return await asked.ask()
        except ModelError as error:
            return error

    async def _checked(self, completion: Completion, notes: Sequence[Note], held_back: str) -> Draft:
        text, repeats = grounded.without_repeats(grounded.without_false_marks(completion.text, len(notes)))
        cited = [notes[place] for place in grounded.cited(text, len(notes))]
        statements = await asyncio.to_thread(self._support, text, notes)
        share = support.share(statements)
        step = (
            f"{completion.model} drafted in {completion.total_ms:.0f} ms"
            f" (first token after {completion.first_token_ms:.0f} ms) from {len(notes)} memories, citing {len(cited)}"
        )
        if repeats:
            step += f"; it said {repeats} sentences again, which are left out"
        if statements:
            step += f"; memory carries {sum(one.supported for one in statements)} of {len(statements)} statements"
        reasons = {} if share is not None else {"confidence": "the draft makes no statement to check"}
        lacking = [one.text for one in statements if not one.supported]
        if lacking:
            reasons["support"] = f"not carried by a memory shown: {'; '.join(lacking)}"
        citations = await asyncio.to_thread(self._cite, text, cited)
        used = tuple(note.memory for note in cited)
        return Draft(
            text, citations, used, "model", completion.model, share, None, step + held_back, reasons,
            statements=tuple(statements),
        )  # fmt: skip

    def _support(self, text: str, notes: Sequence[Note]) -> list[Statement]:
        sources = [note.source for note in notes]
        return support.check(text, sources, analyser=self.analyser, embedder=self.embedder)

    async def _harmless(self, caller: Caller, notes: Sequence[Note]) -> tuple[list[Note], int]:
        """The notes without those that the guardian would not let a model read as a document."""
        verdicts = await asyncio.gather(
            *(
                self.guardian.validate(
                    ValidateRequest(GuardianAction(type="document", content=note.shown)), caller=caller
                )
                for note in notes
            )
        )
        passed = [
            note
            for note, verdict in zip(notes, verdicts, strict=True)
            if verdict.decision not in ("REJECTED", "REVIEW")
        ]
        return passed, len(notes) - len(passed)

    def _cite(self, text: str, cited: Sequence[Note]) -> tuple[Citation, ...]:
        """For each cited memory its sentence that is nearest to the draft."""
        citations = []
        terms = set(self.analyser.query_terms(text))
        for memory in (note.memory for note in cited):
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


@dataclass(frozen=True)
class _Asked:
    model: LanguageModel
    messages: list[Message]
    max_tokens: int
    temperature: float
    timeout_s: float

    async def ask(self, release: Release | None = None) -> Completion:
        return await self.model.chat(
            self.messages,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            timeout_s=self.timeout_s,
            on_text=release.take if release else None,
        )
