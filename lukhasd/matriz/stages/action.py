"""Action: gives the response, stores what was asked to be remembered, and folds the interaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.guardian import Decision, Finding
from lukhas_sdk.contract.matriz import Intent, ProcessRequest
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest, StoreResponse
from lukhasd.identity.caller import Caller
from lukhasd.matriz.draft import UNCALIBRATED
from lukhasd.matriz.stages.thought import Draft
from lukhasd.memory import MemoryStore
from lukhasd.memory.folds import Fold, FoldStore, Interaction, new_fold_id
from lukhasd.memory.quarantine import mark


@dataclass(frozen=True)
class Outcome:
    """`fold_id` is None where the fold was quarantined."""

    fold_id: str | None
    confidence: float | None
    step: str
    reasons: Reasons = field(default_factory=dict)


async def act(
    caller: Caller,
    request: ProcessRequest,
    draft: Draft,
    *,
    interaction_id: str,
    previous_id: str | None,
    intent: Intent,
    decision: Decision,
    withheld: Sequence[Finding],
    elapsed_ms: float,
    valence: float | None,
    memory: MemoryStore,
    folds: FoldStore,
    settled: int | None = None,
) -> Outcome:
    """`withheld` is why an input that is to be remembered is quarantined instead; `valence` what its words express;
    `settled` is `Core.settled` from before the draft's memories were read."""
    done = ["Gave the response"]
    parents = [used.memory_id for used in draft.used]
    now = datetime.now(UTC)
    if request.pipeline_options.action_type == "remember":
        content = MemoryContent(type="episodic", data=request.input, context={"timestamp": now.isoformat()})
        asked = StoreRequest(content=content)
        if withheld:
            held = await memory.quarantine.hold(caller.identity_id, asked, withheld)
            done.append(f"quarantined the input as {held}: {mark(withheld)}")
        else:
            stored = await memory.store(caller.identity_id, asked)
            done.append(_told(stored))
            parents += [stored.memory_id] if stored.memory_id is not None else []
    interaction = Interaction(
        interaction_id=interaction_id,
        owner=caller.identity_id,
        user_id=request.context.user_id,
        session_id=request.context.session_id,
        previous_id=previous_id,
        input=request.input,
        response=draft.text,
        intent=intent,
        answer_source=draft.source,
        cited=tuple(used.memory_id for used in draft.used),
        decision=decision,
        duration_ms=elapsed_ms,
        created_at=now,
    )
    importance = max((used.metadata.importance for used in draft.used), default=0.0)
    fold = Fold(
        fold_id=new_fold_id(request.input, now),
        interaction_id=interaction_id,
        owner=caller.identity_id,
        parents=tuple(dict.fromkeys(parents)),
        importance=importance,
        valence=valence,
        created_at=now,
    )
    parents_stand = settled is not None and settled == memory.core.settled()
    state = await folds.save(interaction, fold, parents_stand=parents_stand)
    memory.answered(caller.identity_id, draft.text)
    done.append(f"folded it with {len(fold.parents)} memories" if state == "active" else "quarantined its fold")
    reasons = {} if draft.answer_probability is not None else {"confidence": UNCALIBRATED}
    return Outcome(fold.fold_id if state == "active" else None, draft.answer_probability, ", ".join(done), reasons)


def _told(stored: StoreResponse) -> str:
    if stored.memory_id is None:
        return f"did not store the input: {stored.reason}"
    if stored.outcome == "merged":
        return f"merged the input into {stored.memory_id}"
    return f"stored the input as {stored.memory_id}"
