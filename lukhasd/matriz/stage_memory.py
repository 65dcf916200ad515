"""What stages that run one at a time hand on: kept for ten minutes, or built again from what a request names."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from lukhas_sdk.contract import stages as contract
from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.matriz.draft import Draft
from lukhasd.matriz.packing import excerpt
from lukhasd.matriz.pipeline import Pipeline
from lukhasd.matriz.stages.attention import Focus, Focused
from lukhasd.matriz.stages.memory import Candidate, Recollection, refuse_drifted
from lukhasd.memory import MemoryStore

KEPT_S = 600.0
KEPT_MOST = 256


@dataclass(frozen=True)
class Kept:
    """As the stages made them; None where a request's section is not what its stage gave."""

    recollection: Recollection | None = None
    focus: Focus | None = None
    draft: Draft | None = None


@dataclass(frozen=True)
class _Run:
    owner: str
    data: contract.StageData
    kept: Kept
    until_s: float


class StageMemory:
    def __init__(self) -> None:
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def add(self, owner: str, data: contract.StageData, kept: Kept) -> str:
        run_id = f"run_{secrets.token_hex(8)}"
        now_s = monotonic()
        self._runs[run_id] = _Run(owner, data, kept, now_s + KEPT_S)
        while len(self._runs) > KEPT_MOST or next(iter(self._runs.values())).until_s < now_s:
            self._runs.popitem(last=False)
        return run_id

    def find(self, owner: str, data: contract.StageData) -> Kept:
        """What is kept under `data.run_id` for this owner, as far as `data` still says the same."""
        run = self._runs.get(data.run_id or "")
        if run is None or run.owner != owner or run.until_s < monotonic() or run.data.input != data.input:
            return Kept()
        memory = data.memory == run.data.memory
        attention = memory and data.attention == run.data.attention
        thought = attention and data.thought == run.data.thought
        return Kept(
            run.kept.recollection if memory else None,
            run.kept.focus if attention else None,
            run.kept.draft if thought else None,
        )


def found(one: Candidate, weight: float | None = None) -> contract.FoundMemory:
    return contract.FoundMemory(
        one.memory.memory_id,
        min(max(one.relevance, 0.0), 1.0),
        one.cosine,
        one.hop,
        None if weight is None else min(max(weight, 0.0), 1.0),
    )


def attended(focus: Focus) -> contract.Attended:
    return contract.Attended([found(one.candidate, one.weight) for one in focus.kept], dict(focus.dropped))


async def rebuilt_recollection(data: contract.StageData, owner: str, memory: MemoryStore) -> Recollection:
    """From the memories that `data.memory` names, or else attention's. ValidationError where neither is there, NotFound
    for a memory that is not the owner's, MemoryDrift as the memory stage."""
    section = data.memory
    if section is None and data.attention is None:
        raise ValidationError(
            "input_data.memory is missing",
            field="$.input_data.memory",
            hint="send the memory stage's stage_result as input_data, or name memories: {query, memories}",
        )
    named = section.memories if section is not None else data.attention.kept if data.attention is not None else []
    candidates = await _candidates(named, owner, memory)
    reasons = {} if named else {"confidence": "no memory is named"}
    return Recollection(
        section.query if section else data.input, tuple(candidates), None, "Took what was named", reasons
    )


async def rebuilt_focus(data: contract.StageData, owner: str, memory: MemoryStore, pipeline: Pipeline) -> Focus:
    """From the memories and weights that `data.attention` names; the weights are scaled to sum to 1."""
    section = data.attention
    if section is None:
        raise ValidationError(
            "input_data.attention is missing",
            field="$.input_data.attention",
            hint="send the attention stage's stage_result as input_data, or name memories: {kept}",
        )
    candidates = await _candidates(section.kept, owner, memory)
    weights = [one.weight if one.weight is not None else one.relevance for one in section.kept]
    total = sum(weights)
    if candidates and not total:
        raise ValidationError("the weights sum to nothing", field="$.input_data.attention.kept", hint="give one")
    query = data.memory.query if data.memory is not None else data.input
    budget_tokens = pipeline.context_tokens
    kept = []
    for one, weight in zip(candidates, weights, strict=True):
        text = one.memory.content.data
        shown = _shown(text, query, int(budget_tokens * weight / total), pipeline)
        kept.append(Focused(one, weight / total, shown))
    return Focus(tuple(kept), dict(section.dropped), None, "Took what was named")


def _shown(text: str, query: str, limit_tokens: int, pipeline: Pipeline) -> str:
    """The whole text, or what fits its share of the budget."""
    analyser = pipeline.thinker.analyser
    count = pipeline.thinker.embedder.count_tokens
    if count(text) <= limit_tokens:
        return text
    cut = excerpt(text, analyser.query_terms(query), limit_tokens=limit_tokens, analyser=analyser, count_tokens=count)
    return cut or text[: max(4 * limit_tokens, 200)]


async def _candidates(named: Sequence[contract.FoundMemory], owner: str, memory: MemoryStore) -> list[Candidate]:
    memories = await memory.get_many(owner, [one.memory_id for one in named])
    for one in named:
        if one.memory_id not in memories:
            raise NotFound(f"no memory is called {one.memory_id}", hint="see: lukhas memory list")
        refuse_drifted(memories[one.memory_id])
    return [Candidate(memories[one.memory_id], one.relevance, one.cosine, one.hop) for one in named]
