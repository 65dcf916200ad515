"""Memories. What is to be kept is judged by the guardian first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from lukhas_sdk.contract import memory as contract
from lukhas_sdk.contract.base import AnyOperation, NoBody, NoParams
from lukhas_sdk.contract.guardian import Finding, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.errors import GuardianRejection
from lukhasd.api.call import Call, Handler
from lukhasd.guardian import Guardian
from lukhasd.identity import Caller
from lukhasd.memory import quarantine


async def store(call: Call[NoParams, contract.StoreRequest]) -> contract.StoreResponse:
    verdict = await _judge(call.parts.guardian, call.caller, call.body)
    if quarantine.is_rejected(verdict):
        raise GuardianRejection(
            f"the guardian rejected this memory: {_why(verdict)}",
            hint=verdict.reasoning.would_change,
            details={"decision": verdict.decision, "validation_id": verdict.validation_id, "why": _why(verdict)},
        )
    owner, memory = call.caller.identity_id, call.parts.memory
    findings = quarantine.held_findings(verdict)
    if findings and not call.body.force:
        quarantine_id = await memory.quarantine.hold(owner, call.body, findings)
        reason = _held_reason(findings, quarantine_id)
        return contract.StoreResponse(None, None, None, False, "quarantined", reason, quarantine_id=quarantine_id)
    return await memory.store(owner, call.body, mark=quarantine.mark(findings) or None)


async def import_items(call: Call[NoParams, contract.ImportRequest]) -> contract.ImportResponse:
    """Where the guardian rejects any, none is stored. What it finds a secret or an instruction in is quarantined."""
    items = call.body.items
    verdicts = [await _judge(call.parts.guardian, call.caller, item) for item in items]
    rejected = [
        {"index": index, "validation_id": verdict.validation_id, "why": _why(verdict)}
        for index, verdict in enumerate(verdicts)
        if quarantine.is_rejected(verdict)
    ]
    if rejected:
        raise GuardianRejection(
            f"the guardian rejected {len(rejected)} of {len(verdicts)} memories; none was stored",
            hint="leave out the items that details.items names, by their index from 0, and send the others",
            details={"decision": "REJECTED", "items": rejected},
        )
    owner, memory = call.caller.identity_id, call.parts.memory
    findings = [quarantine.held_findings(verdict) for verdict in verdicts]
    outcomes: dict[int, contract.ItemOutcome] = {}
    for index, found in enumerate(findings):
        if found and not items[index].force:
            held = await memory.quarantine.hold(owner, items[index], found)
            reason = _held_reason(found, held)
            outcomes[index] = contract.ItemOutcome(index, "quarantined", reason, quarantine_id=held)
    kept = [index for index in range(len(items)) if index not in outcomes]
    answer = await memory.import_items(
        owner,
        [items[index] for index in kept],
        paths=[f"$.items[{index}]" for index in kept],
        marks=[quarantine.mark(findings[index]) or None for index in kept],
    )
    return _with_held(answer, kept, outcomes) if outcomes else answer


async def recall(call: Call[contract.RecallParams, NoBody]) -> contract.Memory:
    owner, memory_id, version = call.caller.identity_id, call.params.memory_id, call.params.version
    if version is not None:
        return await call.parts.memory.helix.recall(owner, memory_id, version)
    return await call.parts.memory.recall(owner, memory_id)


async def search(call: Call[NoParams, contract.SearchRequest]) -> contract.SearchResponse:
    return await call.parts.memory.search(call.caller.identity_id, call.body)


async def why(call: Call[NoParams, contract.WhyRequest]) -> contract.WhyResponse:
    return await call.parts.memory.why(call.caller.identity_id, call.body)


async def list_memories(call: Call[contract.ListParams, NoBody]) -> contract.ListResponse:
    return await call.parts.memory.list(call.caller.identity_id, call.params)


async def delete(call: Call[contract.MemoryParams, NoBody]) -> contract.DeleteResponse:
    return await call.parts.memory.delete(call.caller.identity_id, call.params.memory_id)


async def stats(call: Call[NoParams, NoBody]) -> contract.StatsResponse:
    return await call.parts.memory.stats(call.caller.identity_id)


async def _judge(guardian: Guardian, caller: Caller, item: contract.StoreRequest) -> Verdict:
    action = GuardianAction(type="memory_write", content=quarantine.text_of(item))
    return await guardian.validate(ValidateRequest(action=action), caller=caller)


def _with_held(
    answer: contract.ImportResponse, kept: Sequence[int], held: Mapping[int, contract.ItemOutcome]
) -> contract.ImportResponse:
    """The answer on the items of `kept`, with the others in their places."""
    outcomes = dict(held)
    ids: dict[int, str | None] = {}
    for index, outcome, memory_id in zip(kept, answer.outcomes, answer.memory_ids, strict=True):
        outcomes[index] = msgspec.structs.replace(outcome, index=index)
        ids[index] = memory_id
    return msgspec.structs.replace(
        answer,
        quarantined=len(held),
        outcomes=[outcomes[index] for index in range(len(outcomes))],
        memory_ids=[ids.get(index) for index in range(len(outcomes))],
    )


def _held_reason(findings: Sequence[Finding], quarantine_id: str) -> str:
    return (
        f"the guardian put it in quarantine ({quarantine.mark(findings)}); "
        f"to look at it: lukhas memory quarantine show {quarantine_id}"
    )


def _why(verdict: Verdict) -> str:
    findings = verdict.reasoning.findings
    return "; ".join(finding.text for finding in findings) or "; ".join(verdict.reasons.values()) or verdict.decision


HANDLERS: dict[AnyOperation, Handler] = {
    contract.STORE: store,
    contract.RECALL: recall,
    contract.SEARCH: search,
    contract.WHY: why,
    contract.LIST: list_memories,
    contract.DELETE: delete,
    contract.IMPORT: import_items,
    contract.STATS: stats,
}
