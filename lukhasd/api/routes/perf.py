"""What was served, over time, and for Prometheus."""

from __future__ import annotations

import asyncio

from lukhas_sdk.contract import perf as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhasd.api.call import Call, Handler
from lukhasd.records import prometheus, series


async def names(call: Call[NoParams, NoBody]) -> contract.PerfMetricsResponse:
    return await asyncio.to_thread(series.names, call.parts.metrics.performance)


async def points(call: Call[contract.PerfSeriesParams, NoBody]) -> contract.PerfSeriesResponse:
    return await asyncio.to_thread(series.series, call.parts.metrics.performance, call.params)


async def metrics(call: Call[NoParams, NoBody]) -> contract.MetricsText:
    parts, requests = call.parts, call.service.admission.standing()

    def write() -> str:
        gauges = prometheus.Gauges(
            database_bytes=parts.database.size_bytes,
            pending_vectors=parts.memory.pending_vectors(),
            pending_writes=parts.database.pending_writes,
            requests=requests,
        )
        return prometheus.exposition(parts.metrics, gauges)

    return contract.MetricsText(await asyncio.to_thread(write))


HANDLERS: dict[AnyOperation, Handler] = {
    contract.NAMES: names,
    contract.SERIES: points,
    contract.METRICS: metrics,
}
