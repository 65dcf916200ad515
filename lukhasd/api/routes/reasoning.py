"""Reasoning: causes from observations, and effects from graphs."""

from __future__ import annotations

import asyncio

from lukhas_sdk.contract import causal, causal_query
from lukhas_sdk.contract.base import AnyOperation, NoParams
from lukhasd.api.call import Call, Handler
from lukhasd.reasoning.causal import infer as infer_cause
from lukhasd.reasoning.causal_query import answer


async def infer(call: Call[NoParams, causal.CausalRequest]) -> causal.CausalResponse:
    with call.parts.jobs.interactive():
        return await asyncio.to_thread(infer_cause, call.body)


async def query(call: Call[NoParams, causal_query.CausalQueryRequest]) -> causal_query.CausalQueryResponse:
    with call.parts.jobs.interactive():
        return await asyncio.to_thread(answer, call.body)


HANDLERS: dict[AnyOperation, Handler] = {causal.INFER: infer, causal_query.QUERY: query}
