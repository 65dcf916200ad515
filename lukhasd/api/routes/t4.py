"""The T4/0.01 % report."""

from __future__ import annotations

import asyncio

from lukhas_sdk.contract import t4 as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler
from lukhasd.records import t4


async def report(call: Call[NoParams, NoBody]) -> contract.T4ReportResponse:
    metrics = call.parts.metrics
    return await asyncio.to_thread(t4.report, metrics.performance, metrics.budgets)


HANDLERS: dict[AnyOperation, Handler] = {contract.REPORT: report}
