"""Attention: what of the memories fits the context budget, by relevance × recency × importance with diversity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.matriz import AttentionShare
from lukhasd.matriz.stages.memory import Candidate
from lukhasd.models.embedder import Embedder, EmbedderError

Vector = NDArray[np.float32]

KEPT_LIMIT = 12
DIVERSITY = 0.3
CREATIVE_DIVERSITY = 0.6
"""Share of the MMR score that goes to being unlike what was chosen (Carbonell & Goldstein 1998: 1 − λ)."""
RECENCY_HALF_LIFE_DAYS = 365.0
RECENCY_SPAN = 0.2
IMPORTANCE_SPAN = 0.5
FOCUS_SHARE = 0.4


@dataclass(frozen=True)
class Focused:
    candidate: Candidate
    weight: float
    """Share of the attention; those kept sum to 1."""


@dataclass(frozen=True)
class Focus:
    kept: tuple[Focused, ...]
    dropped: dict[str, str]
    """Memory id → why."""
    confidence: float | None
    step: str
    reasons: Reasons = field(default_factory=dict)

    def distribution(self) -> list[AttentionShare]:
        if not self.kept:
            return [AttentionShare("input", 1.0, "attention")]
        return [AttentionShare(one.candidate.memory.memory_id, one.weight, "memory") for one in self.kept]


def attend(
    candidates: Sequence[Candidate],
    vectors: dict[str, Vector],
    *,
    embedder: Embedder,
    focus: str | None,
    creative: bool,
    budget_tokens: int,
    now: datetime | None = None,
) -> Focus:
    """Chooses by maximal marginal relevance until the budget of memory text is used.

    weight = relevance × (1 − 0.2 + 0.2 · 2^(−age/1 year)) × (0.75 + 0.5 · importance); a focus takes 40 % of the
    relevance by its min-max cosine with the memories.
    """
    now = now or datetime.now(UTC)
    nearness = _nearness(vectors, embedder, focus) if focus else {}
    weights = {one.memory.memory_id: _weight(one, nearness, now) for one in candidates}
    left = sorted((one for one in candidates if weights[one.memory.memory_id] > 0), key=lambda one: -one.relevance)
    dropped = {one.memory.memory_id: "no weight" for one in candidates if one not in left}
    diversity = CREATIVE_DIVERSITY if creative else DIVERSITY
    top = max(weights.values(), default=1.0) or 1.0
    kept: list[Candidate] = []
    used_tokens = 0
    while left and len(kept) < KEPT_LIMIT:
        best = max(left, key=lambda one: _marginal(one, kept, weights=weights, top=top, vectors=vectors, d=diversity))
        left.remove(best)
        tokens = embedder.count_tokens(best.memory.content.data)
        if kept and used_tokens + tokens > budget_tokens:
            dropped[best.memory.memory_id] = f"its {tokens} tokens do not fit the {budget_tokens - used_tokens} left"
            continue
        kept.append(best)
        used_tokens += tokens
    dropped.update({one.memory.memory_id: f"not among the {KEPT_LIMIT} with most weight" for one in left})
    total = sum(weights[one.memory.memory_id] for one in kept)
    focused = tuple(Focused(one, weights[one.memory.memory_id] / total) for one in kept)
    return Focus(focused, dropped, *_describe(focused, dropped, used_tokens, focus))


def concentration(weights: Sequence[float]) -> float | None:
    """1 − normalised entropy of weights that sum to 1; None where there are none."""
    if not weights:
        return None
    if len(weights) == 1:
        return 1.0
    entropy = -sum(weight * math.log(weight) for weight in weights if weight > 0)
    return max(0.0, 1.0 - entropy / math.log(len(weights)))


def _nearness(vectors: dict[str, Vector], embedder: Embedder, focus: str) -> dict[str, float]:
    """Min-max cosine of each memory with the focus; none while the embedder is out of order."""
    try:
        aim = embedder.embed([focus.replace("_", " ")])[0]
    except EmbedderError:
        return {}
    cosines = {memory_id: float(aim @ vector) for memory_id, vector in vectors.items() if len(vector) == len(aim)}
    lowest, highest = min(cosines.values(), default=0.0), max(cosines.values(), default=0.0)
    span = highest - lowest
    return {memory_id: (cosine - lowest) / span if span > 0 else 1.0 for memory_id, cosine in cosines.items()}


def _weight(one: Candidate, nearness: dict[str, float], now: datetime) -> float:
    relevance = one.relevance
    if one.memory.memory_id in nearness:
        relevance = (1 - FOCUS_SHARE) * relevance + FOCUS_SHARE * nearness[one.memory.memory_id]
    age_days = max(0.0, (now - one.memory.metadata.event_at).total_seconds() / 86_400)
    recency = 1 - RECENCY_SPAN + RECENCY_SPAN * 2 ** (-age_days / RECENCY_HALF_LIFE_DAYS)
    importance = 1 - IMPORTANCE_SPAN / 2 + IMPORTANCE_SPAN * one.memory.metadata.importance
    return relevance * recency * importance


def _marginal(
    one: Candidate,
    kept: Sequence[Candidate],
    *,
    weights: dict[str, float],
    top: float,
    vectors: dict[str, Vector],
    d: float,
) -> float:
    vector = vectors.get(one.memory.memory_id)
    likeness = 0.0
    if vector is not None:
        chosen = [vectors[other.memory.memory_id] for other in kept if other.memory.memory_id in vectors]
        likeness = max((float(vector @ other) for other in chosen), default=0.0)
    return (1 - d) * weights[one.memory.memory_id] / top - d * likeness


def _describe(
    kept: Sequence[Focused], dropped: dict[str, str], used_tokens: int, focus: str | None
) -> tuple[float | None, str, Reasons]:
    confidence = concentration([one.weight for one in kept])
    if confidence is None:
        return None, "Had no memory to attend to", {"confidence": "no memory was found"}
    step = f"Kept {len(kept)} memories in {used_tokens} tokens, dropped {len(dropped)}"
    if focus:
        step += f", favouring “{focus}”"
    return confidence, step, {f"dropped {memory_id}": why for memory_id, why in dropped.items()}
