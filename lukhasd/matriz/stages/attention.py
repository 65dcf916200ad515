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
from lukhasd.matriz.packing import excerpt
from lukhasd.matriz.stages.memory import Candidate
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder, EmbedderError

Vector = NDArray[np.float32]

KEPT_LIMIT = 24
"""The budget of tokens is what bounds the context; this bounds the work on very short memories."""
LONGEST_SHARE = 0.25
"""Of the budget, what one long memory may take before the others had their turn."""
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
    shown: str
    """What of its text is in the context: the whole, or an excerpt."""


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
    focus_share: float = FOCUS_SHARE,
    query: str = "",
    analyser: Analyser | None = None,
    now: datetime | None = None,
) -> Focus:
    """Chooses by maximal marginal relevance until the budget of memory text is used.

    weight = relevance × (1 − 0.2 + 0.2 · 2^(−age/1 year)) × (0.75 + 0.5 · importance); a focus takes `focus_share`
    of the relevance by its min-max cosine with the memories. A memory that does not fit whole is shown in the
    sentences that hold the words of `query`, with those beside them; one is dropped where not even a sentence fits.
    """
    now = now or datetime.now(UTC)
    nearness = _nearness(vectors, embedder, focus) if focus else {}
    weights = {one.memory.memory_id: _weight(one, nearness, now, focus_share) for one in candidates}
    dropped = {name: "no weight" for name, weight in weights.items() if weight <= 0}
    ranked = _ranked(
        sorted((one for one in candidates if weights[one.memory.memory_id] > 0), key=lambda one: -one.relevance),
        weights,
        vectors,
        diversity=CREATIVE_DIVERSITY if creative else DIVERSITY,
    )
    dropped.update(
        {one.memory.memory_id: f"not among the {KEPT_LIMIT} with most weight" for one in ranked[KEPT_LIMIT:]}
    )
    shown, unfit, used_tokens = _pack(ranked[:KEPT_LIMIT], query, analyser or Analyser(), embedder, budget_tokens)
    dropped.update(unfit)
    kept = [one for one in ranked[:KEPT_LIMIT] if one.memory.memory_id in shown]
    total = sum(weights[one.memory.memory_id] for one in kept)
    focused = tuple(Focused(one, weights[one.memory.memory_id] / total, shown[one.memory.memory_id]) for one in kept)
    return Focus(focused, dropped, *_describe(focused, dropped, used_tokens, focus))


def _ranked(
    left: Sequence[Candidate], weights: dict[str, float], vectors: dict[str, Vector], *, diversity: float
) -> list[Candidate]:
    """By maximal marginal relevance: (1 − d) · weight / the greatest − d · the likeness to what came before."""
    if not left:
        return []
    size = max((len(vector) for vector in vectors.values()), default=1)
    rows = np.zeros((len(left), size), dtype=np.float32)
    for place, one in enumerate(left):
        vector = vectors.get(one.memory.memory_id)
        if vector is not None and len(vector) == size:
            rows[place] = vector
    weight = np.array([weights[one.memory.memory_id] for one in left])
    gain = (1 - diversity) * weight / weight.max()
    likeness = np.zeros(len(left))
    order: list[int] = []
    for _ in left:
        best = int(np.argmax(gain - diversity * likeness))
        order.append(best)
        gain[best] = -np.inf
        likeness = np.maximum(likeness, rows @ rows[best]) if len(order) > 1 else rows @ rows[best]
    return [left[place] for place in order]


def _pack(
    ranked: Sequence[Candidate], query: str, analyser: Analyser, embedder: Embedder, budget_tokens: int
) -> tuple[dict[str, str], dict[str, str], int]:
    """What is shown of each memory, why others are not, and the tokens used. A long one has its share of the budget
    at first; what is left over then goes to those that were cut, the first first."""
    terms = analyser.query_terms(query)
    share = max(int(LONGEST_SHARE * budget_tokens), 1)
    left = budget_tokens
    shown: dict[str, str] = {}
    unfit: dict[str, str] = {}
    spent: dict[str, int] = {}

    def cut(text: str, limit_tokens: int) -> str:
        return excerpt(text, terms, limit_tokens=limit_tokens, analyser=analyser, count_tokens=embedder.count_tokens)

    for one in ranked:
        name, text = one.memory.memory_id, one.memory.content.data
        tokens = embedder.count_tokens(text)
        if tokens > min(left, share):
            text = cut(text, min(left, share))
            if not text and not shown:
                text = one.memory.content.data  # the first is shown whatever it takes
            if not text:
                unfit[name] = f"its {tokens} tokens do not fit the {left} left"
                continue
            tokens = embedder.count_tokens(text)
        shown[name], spent[name] = text, tokens
        left -= tokens
    for one in ranked:
        name = one.memory.memory_id
        if name in shown and shown[name] != one.memory.content.data and left > 0:
            limit_tokens = spent[name] + left
            whole = embedder.count_tokens(one.memory.content.data) <= limit_tokens
            text = one.memory.content.data if whole else cut(one.memory.content.data, limit_tokens)
            tokens = embedder.count_tokens(text)
            if spent[name] < tokens <= limit_tokens:
                left -= tokens - spent[name]
                shown[name], spent[name] = text, tokens
    return shown, unfit, sum(spent.values())


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


def _weight(one: Candidate, nearness: dict[str, float], now: datetime, focus_share: float) -> float:
    relevance = one.relevance
    if one.memory.memory_id in nearness:
        relevance = (1 - focus_share) * relevance + focus_share * nearness[one.memory.memory_id]
    age_days = max(0.0, (now - one.memory.metadata.event_at).total_seconds() / 86_400)
    recency = 1 - RECENCY_SPAN + RECENCY_SPAN * 2 ** (-age_days / RECENCY_HALF_LIFE_DAYS)
    importance = 1 - IMPORTANCE_SPAN / 2 + IMPORTANCE_SPAN * one.memory.metadata.importance
    return relevance * recency * importance


def _describe(
    kept: Sequence[Focused], dropped: dict[str, str], used_tokens: int, focus: str | None
) -> tuple[float | None, str, Reasons]:
    confidence = concentration([one.weight for one in kept])
    if confidence is None:
        return None, "Had no memory to attend to", {"confidence": "no memory was found"}
    step = f"Kept {len(kept)} memories in {used_tokens} tokens, dropped {len(dropped)}"
    cut = sum(one.shown != one.candidate.memory.content.data for one in kept)
    if cut:
        step += f"; {cut} long {'one is' if cut == 1 else 'ones are'} shown in part"
    if focus:
        step += f", favouring “{focus}”"
    return confidence, step, {f"dropped {memory_id}": why for memory_id, why in dropped.items()}
