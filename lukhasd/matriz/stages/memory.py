"""Memory: hybrid search, then hops over links."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.memory import Memory, SearchRequest
from lukhas_sdk.contract.streams import DRIFT_EXCESSIVE
from lukhas_sdk.errors import MemoryDrift
from lukhasd.memory import MemoryStore
from lukhasd.memory.folds import FoldStore, Interaction

FOUND_LIMIT = 20
HOP_SEEDS = 3
"""Memories that a hop starts from."""
HOP_LIMIT = 5
"""Memories that one seed may bring in."""
HOP_DISCOUNT = 0.5
WAITED_FOR = 64
WAIT_S = 2.0
"""So many pending vectors are waited for, so long: what was just imported is then found by meaning too."""
LEANS_ON_BEFORE = re.compile(
    r"\b(it|its|that|those|this|these|he|him|his|she|her|hers|they|them|their|there|then|one|ones|same|else|again)\b"
    r"|^\s*(and|or|but|so|also|what about|how about)\b|^\W*why( not| so)?\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Candidate:
    """`relevance` in [0, 1]; a linked memory has half its seed's at each hop. `hop` 0 was found by the search. `cosine`
    is None while it is pending, and by another embedder than the packaged."""

    memory: Memory
    relevance: float
    cosine: float | None
    hop: int


@dataclass(frozen=True)
class Recollection:
    query: str
    candidates: tuple[Candidate, ...]
    confidence: float | None
    """Calibrated probability that what answers the query is among the candidates."""
    step: str
    reasons: Reasons = field(default_factory=dict)
    depth: int = 0
    """How deep it was looked."""


async def recollect(
    text: str,
    *,
    owner: str,
    depth: int,
    previous: Interaction | None,
    memory: MemoryStore,
    folds: FoldStore,
    adapt: Callable[[Sequence[Candidate]], int] | None = None,
) -> Recollection:
    """Raises MemoryDrift where a memory found has drifted too far from its origin to be used. `adapt` is given what the
    search found, and gives the depth to go to; it is not asked where `depth` is 0."""
    query = follow_up(text, previous)
    if depth == 0:
        return Recollection(query, (), None, "Used no memory, as asked", {"confidence": "memory_depth is 0"})
    if 0 < memory.pending_vectors() <= WAITED_FOR:
        await memory.wait_for_vectors(WAIT_S)
    found = await memory.search(owner, SearchRequest(query=query[:10_000], limit=FOUND_LIMIT))
    memories = await memory.get_many(owner, [hit.memory_id for hit in found.results], with_accesses=False)
    candidates = {
        hit.memory_id: Candidate(memories[hit.memory_id], hit.relevance_score, hit.cosine, 0)
        for hit in memory.core.calibrated(found.results)
        if hit.memory_id in memories
    }
    if adapt is not None:
        depth = adapt(list(candidates.values()))
    asked = found.reading.text if found.reading is not None else query
    add = partial(_add, candidates, asked, owner=owner, memory=memory)
    for hop in range(1, depth):
        await add(await _linked(candidates, owner=owner, hop=hop, memory=memory, folds=folds), hop=hop)
    if previous:
        await add(dict.fromkeys(previous.cited, HOP_DISCOUNT), hop=1)
    for candidate in candidates.values():
        refuse_drifted(candidate.memory)
    linked = sum(candidate.hop > 0 for candidate in candidates.values())
    step = f"Found {found.total_matches} memories for {_quoted(query)}, kept {len(candidates) - linked}"
    if linked:
        step += f", followed links to {linked} more"
    if found.pending_vectors:
        step += f"; {found.pending_vectors} are found by words only until their vectors are computed"
    return Recollection(query, tuple(candidates.values()), found.answerable or 0.0, step, depth=depth)


def follow_up(text: str, previous: Interaction | None) -> str:
    """What to search for: `text`, with the input before it where `text` leans on that ("and when was it?")."""
    if previous is None or not LEANS_ON_BEFORE.search(text):
        return text
    return f"{previous.input} {text}"


async def _linked(
    candidates: dict[str, Candidate], *, owner: str, hop: int, memory: MemoryStore, folds: FoldStore
) -> dict[str, float]:
    """What is linked to the candidates of the hop before, with its relevance."""
    frontier = [candidate for candidate in candidates.values() if candidate.hop == hop - 1]
    seeds = sorted(frontier, key=lambda candidate: -candidate.relevance)[:HOP_SEEDS]
    companions = await folds.companions(owner, [seed.memory.memory_id for seed in seeds])
    linked: dict[str, float] = {}
    for seed in seeds:
        ids = companions[seed.memory.memory_id][:HOP_LIMIT]
        ids += await _sharing_concepts(seed.memory, owner=owner, memory=memory)
        for memory_id in ids:
            linked[memory_id] = max(linked.get(memory_id, 0.0), seed.relevance * HOP_DISCOUNT)
    return linked


async def _sharing_concepts(seed: Memory, *, owner: str, memory: MemoryStore) -> list[str]:
    """Memories that share a tag or an associated concept with `seed`."""
    concepts = _concepts(seed)
    if not concepts:
        return []
    near = await memory.search(owner, SearchRequest(query=" ".join(sorted(concepts))[:10_000], limit=HOP_LIMIT * 2))
    memories = await memory.get_many(owner, [hit.memory_id for hit in near.results], with_accesses=False)
    sharing = [key for key, other in memories.items() if key != seed.memory_id and concepts & _concepts(other)]
    return sharing[:HOP_LIMIT]


def _concepts(memory: Memory) -> frozenset[str]:
    named = memory.content.context.get("associated_concepts")
    listed = [entry for entry in named if isinstance(entry, str)] if isinstance(named, list) else []
    return frozenset(concept.lower() for concept in [*memory.tags, *listed])


async def _add(
    candidates: dict[str, Candidate],
    query: str,
    linked: dict[str, float],
    *,
    owner: str,
    hop: int,
    memory: MemoryStore,
) -> None:
    """Those of `linked`, given with their relevance, that are not among the candidates yet."""
    new = [memory_id for memory_id in linked if memory_id not in candidates]
    cosines = await memory.cosines(owner, query, new)
    for memory_id, found in (await memory.get_many(owner, new, with_accesses=False)).items():
        candidates[memory_id] = Candidate(found, linked[memory_id], cosines.get(memory_id), hop)


def refuse_drifted(memory: Memory) -> None:
    drift = memory.metadata.drift_score
    if drift is not None and drift >= DRIFT_EXCESSIVE:
        raise MemoryDrift(
            f"memory {memory.memory_id} has drifted {drift:.2f} from its origin",
            hint=f"lukhas memory repair {memory.memory_id} puts it right; with --preview it only shows how",
            details={
                "memory_id": memory.memory_id,
                "drift_level": drift,
                "threshold": DRIFT_EXCESSIVE,
                "exceeded_by": drift - DRIFT_EXCESSIVE,
            },
        )


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line[:57]}…”" if len(line) > 60 else f"“{line}”"
