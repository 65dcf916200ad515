"""Analysis of a query: computed or proved where that can be done, else from memory, else by a model's plan."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from lukhas_sdk.contract.analysis import (
    AnalyzeRequest,
    AnalyzeResponse,
    PlanStep,
    QueryPart,
    QueryType,
    ReasoningStep,
    ReasoningType,
    Tool,
)
from lukhas_sdk.contract.guardian import ActionType, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.errors import GuardianRejection
from lukhasd.guardian import Guardian
from lukhasd.identity.caller import Caller
from lukhasd.memory import MemoryStore
from lukhasd.models.directory import ModelDirectory
from lukhasd.models.language import LanguageModel, ModelError
from lukhasd.reasoning import causal_notes, timespans
from lukhasd.reasoning import parts as dividing
from lukhasd.reasoning.computing import Worked, Workshop
from lukhasd.reasoning.parts import Recollection
from lukhasd.reasoning.planning import Planner
from lukhasd.reasoning.timespans import Dated

AT_ONCE = 2
KNOWN_FROM = 0.5
"""Memory answers where the calibrated probability that it holds an answer is at least this."""
NOT_QUOTED: frozenset[QueryType] = frozenset({
    "open", "counterfactual", "counterfactual_physics", "arithmetic", "unit_conversion", "algebra",
})  # fmt: skip
"""What no note answers, however near it is."""
NOT_CALIBRATED = "nothing calibrates it: what is computed holds by its formula, what is proved by its premises"
WANTED: Mapping[QueryType, tuple[tuple[Tool, str], ...]] = {
    "causal": (
        ("causal", "how strongly, by when the notes mention each"),
        ("model", "what else could explain it"),
    ),
    "comparison": (
        ("memory", "what is known of each side"),
        ("model", "the properties to compare, and how each side does"),
    ),
    "procedural": (("memory", "how it was done before"), ("model", "the steps in order")),
    "counterfactual": (
        ("memory", "what is known of how it was"),
        ("model", "what would have followed, and on what that hangs"),
    ),
    "open": (("memory", "tastes and earlier choices"), ("model", "several answers, each with its reasons")),
}
"""What it would take to answer what nothing here computes: tool and what for."""
RUN_AS: Mapping[Tool, ReasoningType] = {
    "calculator": "mathematical", "units": "mathematical", "algebra": "mathematical", "formulas": "hypothetical",
    "logic": "deductive", "dates": "temporal",
}  # fmt: skip
"""What a plan's step is worked on as."""


class Analyzer:
    def __init__(self, *, memory: MemoryStore, guardian: Guardian, models: ModelDirectory, workshop: Workshop) -> None:
        self._memory = memory
        self._guardian = guardian
        self._models = models
        self._workshop = workshop
        self._places = asyncio.Semaphore(AT_ONCE)

    async def analyze(self, caller: Caller, request: AnalyzeRequest) -> AnalyzeResponse:
        """Raises GuardianRejection. Nothing is stored."""
        text = f"{request.query}\n{request.premises}" if request.premises.strip() else request.query
        await self._judge("user_input", text, caller, where="query")
        async with self._places:
            worked = await asyncio.to_thread(self._workshop.work, request)
        divided = dividing.split(request.query, questions=worked.questions, rules=worked.rules)
        recalled = Recollection(tuple(divided), 0, 0)
        if request.depth != "shallow":
            recalled = await dividing.recollect(divided, caller.identity_id, self._memory)
        if worked.query_type == "temporal":
            worked = await self._date(caller, request, worked)
        if worked.query_type == "causal" and request.depth != "shallow":
            worked = await self._weigh(caller, request.query, worked)
        response = _respond(request, worked, recalled)
        model = self._models.current()
        if response.status != "needs_model" or model is None:
            return response
        return named(request, await self._plan(caller, request, response, model))

    async def _plan(
        self, caller: Caller, request: AnalyzeRequest, response: AnalyzeResponse, model: LanguageModel
    ) -> AnalyzeResponse:
        """With the model's answer; a model that fails leaves the response as it is, but for the reason."""
        planner = Planner(
            model, lambda text, name: self._guardian.wrap_as_data(text, memory_id=name), self._models.timeout_s
        )
        put = msgspec.structs.replace
        try:
            planned = await planner.answer(request.query, lambda tool, text: self._use(caller, tool, text))
        except ModelError as error:
            reasons = {**response.reasons, "answer": f"the language model failed: {error}"}
            return put(response, reasons=reasons, model=model.name)
        uncertain = [*response.uncertainty_factors, *planned.uncertain]
        ran = [one for one in planned.plan if one.tool != "model"]
        steps = [
            *response.reasoning_steps,
            ReasoningStep(len(response.reasoning_steps) + 1, f"{model.name} planned {len(ran)} steps, which were run", [
                f"{one.tool}: {one.input} → {one.result or 'nothing'}" for one in ran
            ]),
        ]  # fmt: skip
        done = put(
            response, plan=[*planned.plan], uncertainty_factors=uncertain, model=model.name, reasoning_steps=steps
        )
        written = [planned.answer or "", *planned.uncertain, *(one.input for one in ran)]
        await self._judge("response_generation", "\n".join(written), caller, where="answer")
        if planned.answer is None:
            refuted = "the re-check contradicted the model's answer"
            return put(done, status="unknown", reasons={**done.reasons, "answer": refuted})
        reasons = {"confidence": f"what {model.name} says is not calibrated"}
        return put(done, status="answered", answer=planned.answer, reasons=reasons)

    async def _use(self, caller: Caller, tool: Tool, text: str) -> str | None:
        """One of a plan's steps, within the bounds of a query of its own."""
        if tool == "memory":
            part = QueryPart(text, "topic", [])
            found = await dividing.recollect([part], caller.identity_id, self._memory)
            quotes = [f"({one.event_at:%Y-%m-%d}) {one.quote}" for one in found.parts[0].known]
            return "\n".join([quote for quote in quotes if await self._is_harmless(quote, caller)]) or None
        if tool == "causal":
            async with self._places:
                told = await causal_notes.weigh(text, caller.identity_id, self._memory)
            return told.text if told else None
        request = AnalyzeRequest(text, RUN_AS.get(tool, "auto"))
        async with self._places:
            worked = await asyncio.to_thread(self._workshop.work, request)
        if tool == "dates":
            worked = await self._date(caller, request, worked)
        return worked.answer

    async def _weigh(self, caller: Caller, query: str, worked: Worked) -> Worked:
        """By the notes that mention cause and effect, where there are such."""
        async with self._places:
            told = await causal_notes.weigh(query, caller.identity_id, self._memory)
        if told is None or told.evidence is None:
            return worked
        step = ReasoningStep(1, f"Weigh {told.cause} as a cause of {told.effect} by the notes' times", [told.text])
        uncertain = f"that “{told.cause}” and “{told.effect}” happened when, and only when, a note mentions them"
        return replace(
            worked, answer=told.text, undecided=told.evidence == "insufficient", steps=(step,),
            plan=(PlanStep("causal", f"{told.cause} -> {told.effect}", told.text),), uncertain=(uncertain,),
        )  # fmt: skip

    async def _is_harmless(self, text: str, caller: Caller) -> bool:
        verdict = await self._guardian.validate(ValidateRequest(GuardianAction("document", text)), caller=caller)
        return not verdict.stops

    async def _date(self, caller: Caller, request: AnalyzeRequest, worked: Worked) -> Worked:
        question = timespans.read(request.query)
        if question is None:
            return worked
        now = datetime.now().astimezone()

        async def lookup(name: str) -> Dated | None:
            return await self._remembered(caller, name, now) if request.depth != "shallow" else None

        found = await timespans.answer(question, now=now, lookup=lookup)
        steps = [
            ReasoningStep(
                number,
                f"Date “{one.text}”",
                [f"{one.first} ({'memory ' + one.citation.memory_id if one.citation else 'its own words'})"],
            )
            for number, one in enumerate(found.dated, 1)
        ]
        uncertain = [
            f"“{one.text}” was taken to be what memory {one.citation.memory_id} tells: “{one.citation.quote[:120]}”"
            for one in found.dated if one.citation
        ]  # fmt: skip
        uncertain += [f"nothing dates “{name}”" for name in found.undated]
        row = found.computation
        if row is None:
            answer = f"Nothing here dates {' or '.join(f'“{name}”' for name in found.undated)}."
            return replace(worked, answer=answer, undecided=True, steps=tuple(steps), uncertain=tuple(uncertain))
        said = (
            row.text if row.value is None else f"{row.value:.10g} {row.unit}" + (f" ({row.text})" if row.text else "")
        )
        steps.append(ReasoningStep(len(steps) + 1, f"Compute {row.formula}", [said or row.reasons["value"]]))
        plan = PlanStep("dates", row.formula, said)
        return replace(
            worked,
            answer=said or row.reasons["value"],
            undecided=said is None,
            steps=tuple(steps),
            computed=(row,),
            plan=(plan,),
            uncertain=tuple(uncertain),
        )

    async def _remembered(self, caller: Caller, name: str, now: datetime) -> Dated | None:
        """What the memory that best fits a name says of when it was; None where no memory shares a word with it."""
        found = await self._memory.search(
            caller.identity_id, SearchRequest(query=name[:10_000], limit=3, include_context=True)
        )
        for hit in found.results:
            if hit.text_score > 0 and (found.answerable or 0) >= KNOWN_FROM:
                return timespans.in_memory(name, hit.content.data, dividing.cite(hit), now)
        return None

    async def _judge(self, kind: ActionType, text: str, caller: Caller, *, where: str) -> None:
        verdict = await self._guardian.validate(ValidateRequest(GuardianAction(kind, text)), caller=caller)
        if verdict.stops:
            raise _rejection(verdict, where)


def _respond(request: AnalyzeRequest, worked: Worked, recalled: Recollection) -> AnalyzeResponse:
    """What was worked out; else what memory answers; else what a model would be needed for."""
    uncertain = [*worked.uncertain]
    if recalled.drifted:
        uncertain.append(f"{recalled.drifted} memories were left out: they have drifted too far from their origin")
    if recalled.pending:
        uncertain.append(f"{recalled.pending} memories are found by their words only until their vectors are computed")
    answer, steps, plan = worked.answer, [*worked.steps], [*worked.plan]
    confidence: float | None = None
    reasons = {"confidence": NOT_CALIBRATED}
    status = "unknown" if worked.undecided else "answered"
    if answer is None:
        best = _best(recalled.parts)
        if best is not None and worked.query_type not in NOT_QUOTED:
            answer, confidence = best.known[0].quote, best.answerable
            reasons = {"confidence": "calibrated probability that what answers is among the memories found"}
            steps.append(
                ReasoningStep(len(steps) + 1, "Look in memory", [f"{best.known[0].memory_id} answers “{best.text}”"])
            )
            plan.append(PlanStep("memory", best.text, best.known[0].quote))
        elif worked.query_type == "recall":
            status, reasons["answer"] = "unknown", "memory holds nothing that answers it"
            plan.append(PlanStep("memory", request.query[:400], None))
        else:
            status, reasons["answer"] = "needs_model", "it takes knowledge of the world, which nothing here holds"
            plan += _wanted(worked.query_type, request.query)
        if worked.query_type == "causal":
            uncertain.append(
                "how strong a cause is can only be computed from observations, and the notes hold none of both:"
                " see lukhas reason causal"
            )
    response = AnalyzeResponse(
        analysis_id="",
        query_type=worked.query_type,
        status=status,  # type: ignore[arg-type]
        answer=answer,
        reasoning_steps=[
            ReasoningStep(number, one.description, one.conclusions) for number, one in enumerate(steps, 1)
        ],
        parts=[_pertinent(part) for part in recalled.parts] if worked.answer else [*recalled.parts],
        computed=[*worked.computed],
        deductions=[*worked.deductions],
        plan=plan,
        confidence=confidence,
        uncertainty_factors=uncertain,
        reasons=reasons,
    )
    return named(request, response)


def named(request: AnalyzeRequest, response: AnalyzeResponse) -> AnalyzeResponse:
    """With the id that what was asked and found gives it."""
    blank = msgspec.structs.replace(response, analysis_id="")
    digest = hashlib.sha256(msgspec.json.encode((request, blank), order="sorted")).hexdigest()
    return msgspec.structs.replace(response, analysis_id=f"analysis_{digest[:16]}")


def _best(parts: tuple[QueryPart, ...]) -> QueryPart | None:
    known = [part for part in parts if part.known and (part.answerable or 0) >= KNOWN_FROM]
    return max(known, key=lambda part: part.answerable or 0, default=None)


def _pertinent(part: QueryPart) -> QueryPart:
    """Beside what was computed or proved, memories are noise unless they may answer the part themselves."""
    return part if (part.answerable or 0) >= KNOWN_FROM else msgspec.structs.replace(part, known=[], answerable=None)


def _wanted(kind: QueryType, query: str) -> list[PlanStep]:
    steps = WANTED.get(kind, (("memory", "what is known of it"), ("model", "what the world knows of it")))
    return [PlanStep(tool, f"{purpose}: {query[:400]}", None) for tool, purpose in steps]


def _rejection(verdict: Verdict, where: str) -> GuardianRejection:
    wanted = "wants a person to look at" if verdict.decision == "REVIEW" else "rejected"
    why = verdict.reasoning.key_factors[0] if verdict.reasoning.key_factors else verdict.reasons.get("decision", "")
    details: dict[str, Any] = {
        "decision": verdict.decision, "validation_id": verdict.validation_id, "where": where,
        "rules": [finding.rule for finding in verdict.reasoning.findings],
    }  # fmt: skip
    return GuardianRejection(
        f"the guardian {wanted} the {where}: {why}", hint=verdict.reasoning.would_change, details=details
    )
