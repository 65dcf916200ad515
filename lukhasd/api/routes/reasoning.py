"""Reasoning: causes from observations, effects from graphs, and what a query can be answered with."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from lukhas_sdk.contract import analysis, causal, causal_query
from lukhas_sdk.contract.base import AnyOperation, NoParams
from lukhas_sdk.errors import ValidationError
from lukhasd.api.call import Call, Handler
from lukhasd.reasoning.causal_model import Adviser


def _infer(request: causal.CausalRequest) -> causal.CausalResponse:
    from lukhasd.reasoning.causal import infer  # when it is asked for: a start does without it

    return infer(request)


def _answer(request: causal_query.CausalQueryRequest) -> causal_query.CausalQueryResponse:
    from lukhasd.reasoning.causal_query import answer

    return answer(request)


async def infer(call: Call[NoParams, causal.CausalRequest]) -> causal.CausalResponse:
    with call.parts.jobs.interactive():
        found = await asyncio.to_thread(_infer, call.body)
        if not call.body.name_unobserved:
            return found
        adviser = _adviser(call)
        if adviser is None:
            reasons = {**found.reasons, "unobserved": "no language model is configured: lukhas model use"}
            return msgspec.structs.replace(found, reasons=reasons)
        return await adviser.name_unobserved(call.caller, call.body, found)


async def query(call: Call[NoParams, causal_query.CausalQueryRequest]) -> causal_query.CausalQueryResponse:
    with call.parts.jobs.interactive():
        if call.body.question is None:
            return await asyncio.to_thread(_answer, call.body)
        if call.body != causal_query.CausalQueryRequest(question=call.body.question):
            raise ValidationError(
                "a question goes without the other fields", field="$.question", hint="leave it out, or the others"
            )
        adviser = _adviser(call)
        if adviser is None:
            raise ValidationError(
                "a question in words takes a language model, and none is configured", field="$.question",
                hint="lukhas model use, or give edges, tables, do and outcome",
            )  # fmt: skip
        asked = await adviser.structure(call.caller, call.body.question)
        return msgspec.structs.replace(await asyncio.to_thread(_answer, asked), asked=asked)


async def analyze(call: Call[NoParams, analysis.AnalyzeRequest]) -> analysis.AnalyzeResponse:
    return await (await call.parts.analyzer.get()).analyze(call.caller, call.body)


def _adviser(call: Call[NoParams, Any]) -> Adviser | None:
    models = call.parts.models
    model = models.current()
    return None if model is None else Adviser(model, call.parts.guardian, models.timeout_s)


HANDLERS: dict[AnyOperation, Handler] = {
    analysis.ANALYZE: analyze,
    causal.INFER: infer,
    causal_query.QUERY: query,
}
