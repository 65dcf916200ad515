"""Memories. What is to be kept is judged by the guardian first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lukhas_sdk.contract import memory as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.errors import GuardianRejection
from lukhasd.api.call import Call, Handler
from lukhasd.guardian import Guardian


async def store(call: Call[NoParams, contract.StoreRequest]) -> contract.StoreResponse:
    verdict = await _judge(call.parts.guardian, call.body)
    if verdict.decision == "REJECTED":
        raise GuardianRejection(
            f"the guardian rejected this memory: {_why(verdict)}",
            hint=verdict.reasoning.would_change,
            details={"decision": verdict.decision, "validation_id": verdict.validation_id, "why": _why(verdict)},
        )
    return await call.parts.memory.store(call.caller.identity_id, call.body)


async def import_items(call: Call[NoParams, contract.ImportRequest]) -> contract.ImportResponse:
    """All are stored or, where the guardian rejects any, none."""
    verdicts = [await _judge(call.parts.guardian, item) for item in call.body.items]
    rejected = [
        {"index": index, "validation_id": verdict.validation_id, "why": _why(verdict)}
        for index, verdict in enumerate(verdicts)
        if verdict.decision == "REJECTED"
    ]
    if rejected:
        raise GuardianRejection(
            f"the guardian rejected {len(rejected)} of {len(verdicts)} memories; none was stored",
            hint="leave out the items that details.items names, by their index from 0, and send the others",
            details={"decision": "REJECTED", "items": rejected},
        )
    return await call.parts.memory.import_items(call.caller.identity_id, call.body.items)


async def recall(call: Call[contract.MemoryParams, NoBody]) -> contract.Memory:
    return await call.parts.memory.recall(call.caller.identity_id, call.params.memory_id)


async def search(call: Call[NoParams, contract.SearchRequest]) -> contract.SearchResponse:
    return await call.parts.memory.search(call.caller.identity_id, call.body)


async def list_memories(call: Call[contract.ListParams, NoBody]) -> contract.ListResponse:
    return await call.parts.memory.list(call.caller.identity_id, call.params)


async def delete(call: Call[contract.MemoryParams, NoBody]) -> contract.DeleteResponse:
    return await call.parts.memory.delete(call.caller.identity_id, call.params.memory_id)


async def stats(call: Call[NoParams, NoBody]) -> contract.StatsResponse:
    return await call.parts.memory.stats(call.caller.identity_id)


async def _judge(guardian: Guardian, item: contract.StoreRequest) -> Verdict:
    """Of everything in the memory that search or a language model may see later, not of its main text alone."""
    content = item.content
    text = "\n".join([content.data, *filter(None, [content.query]), *_texts(content.context), *item.tags])
    return await guardian.validate(ValidateRequest(action=GuardianAction(type="memory_write", content=text)))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, entry in value.items():
                yield str(name)
                yield from _texts(entry)
        case list():
            for entry in value:
                yield from _texts(entry)


def _why(verdict: Verdict) -> str:
    findings = verdict.reasoning.findings
    return "; ".join(finding.text for finding in findings) or "; ".join(verdict.reasons.values()) or verdict.decision


HANDLERS: dict[AnyOperation, Handler] = {
    contract.STORE: store,
    contract.RECALL: recall,
    contract.SEARCH: search,
    contract.LIST: list_memories,
    contract.DELETE: delete,
    contract.IMPORT: import_items,
    contract.STATS: stats,
}
