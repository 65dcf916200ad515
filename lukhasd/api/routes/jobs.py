"""Jobs: the caller's own; for the machine's owner everybody's, without what they hold."""

from __future__ import annotations

from lukhas_sdk.contract import jobs as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhasd.api.call import Call, Handler


async def list_jobs(call: Call[contract.JobListParams, NoBody]) -> contract.JobListResponse:
    return await call.parts.jobs.list(call.caller, call.params)


async def show(call: Call[contract.JobParams, NoBody]) -> contract.Job:
    return await call.parts.jobs.show(call.caller, call.params.job_id)


async def results(call: Call[contract.JobResultsParams, NoBody]) -> contract.JobResultsResponse:
    return await call.parts.jobs.results(call.caller, call.params)


async def cancel(call: Call[contract.JobParams, NoBody]) -> contract.Job:
    return await call.parts.jobs.cancel(call.caller, call.params.job_id)


async def resume(call: Call[contract.JobParams, NoBody]) -> contract.Job:
    return await call.parts.jobs.resume(call.caller, call.params.job_id)


async def remove(call: Call[contract.JobParams, NoBody]) -> contract.JobRemoveResponse:
    return await call.parts.jobs.remove(call.caller, call.params.job_id)


HANDLERS: dict[AnyOperation, Handler] = {
    contract.LIST: list_jobs,
    contract.SHOW: show,
    contract.RESULTS: results,
    contract.CANCEL: cancel,
    contract.RESUME: resume,
    contract.REMOVE: remove,
}
