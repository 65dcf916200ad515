"""Action: gives the response, stores what was asked to be remembered, and folds the interaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.guardian import Decision
from lukhas_sdk.contract.matriz import Intent, ProcessRequest
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhasd.identity.caller import Caller
from lukhasd.matriz.folds import Fold, FoldStore, Interaction, new_fold_id
from lukhasd.matriz.stages.thought import Draft
from lukhasd.memory import MemoryStore


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
    elapsed_ms: float,
    memory: MemoryStore,
    folds: FoldStore,
) -> Outcome:
    done = ["Gave the response"]
    parents = [used.memory_id for used in draft.used]
    now = datetime.now(UTC)
    if request.pipeline_options.action_type == "remember":
        content = MemoryContent(type="episodic", data=request.input, context={"timestamp": now.isoformat()})
        stored = await memory.store(caller.identity_id, StoreRequest(content=content))
        parents.append(stored.memory_id)
        done.append(f"stored the input as {stored.memory_id}")
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
        valence=None,
        created_at=now,
    )
    state = await folds.save(interaction, fold)
    done.append(f"folded it with {len(fold.parents)} memories" if state == "active" else "quarantined its fold")
    reasons = {} if draft.answer_probability is not None else {"confidence": "see metadata.reasons"}
    return Outcome(fold.fold_id if state == "active" else None, draft.answer_probability, ", ".join(done), reasons)
