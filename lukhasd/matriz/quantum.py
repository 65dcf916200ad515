"""Several drafts held open, their weights, and the one explicit collapse.

weight = safe × (0.5 · support + 0.3 · agreement + 0.2 · safety), over those of the three that are known (their shares
are scaled to sum to 1); safe is 0 where the guardian would stop the draft, else 1. Agreement is the mean cosine with
the other drafts (self-consistency: Wang et al., 2023). The greatest weight wins; of equal ones the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.thought import CandidateDraft, Collapse
from lukhasd.models.embedder import Embedder, EmbedderError

SHARES = {"support": 0.5, "agreement": 0.3, "safety": 0.2}
FORMULA = "0.5 support + 0.3 agreement + 0.2 safety, of those known, scaled; 0 where the guardian would stop it"
EQUAL = 1e-9


@dataclass(frozen=True)
class Candidate:
    """`text` None: it failed, `reasons` say how. `stopped`: the guardian would not let it pass."""

    origin: str
    text: str | None
    temperature: float | None = None
    support: float | None = None
    safety: float | None = None
    stopped: bool = False
    reasons: Reasons = field(default_factory=dict)


def failed(origin: str, temperature: float | None, why: str) -> Candidate:
    return Candidate(origin, None, temperature, reasons=dict.fromkeys(("text", "agreement", "support", "safety"), why))


def weigh(candidates: Sequence[Candidate], embedder: Embedder) -> tuple[list[CandidateDraft], Collapse | None]:
    """`collapse` with their agreement. Blocks."""
    return collapse(candidates, agreements([one.text for one in candidates], embedder))


def agreements(texts: Sequence[str | None], embedder: Embedder) -> list[float | None]:
    """Of each text its mean cosine with the others, at least 0; None where it has no other. Blocks."""
    there = [place for place, text in enumerate(texts) if text]
    found: list[float | None] = [None] * len(texts)
    if len(there) < 2:
        return found
    try:
        vectors = embedder.embed([texts[place] or "" for place in there])
    except EmbedderError:
        return found
    cosines = np.clip(vectors @ vectors.T, 0.0, 1.0)
    means = (cosines.sum(axis=1) - np.diag(cosines)) / (len(there) - 1)
    for place, mean in zip(there, means, strict=True):
        found[place] = float(mean)
    return found


def collapse(
    candidates: Sequence[Candidate], agreed: Sequence[float | None]
) -> tuple[list[CandidateDraft], Collapse | None]:
    """The candidates with their weights, and which one wins; None where none may."""
    raw = [_weight(one, agreement) for one, agreement in zip(candidates, agreed, strict=True)]
    total = sum(raw)
    rows = [
        CandidateDraft(
            origin=one.origin,
            text=None if one.stopped else one.text,
            temperature=one.temperature,
            agreement=agreement,
            support=one.support,
            safety=one.safety,
            weight=weight / total if total else 0.0,
            reasons=_reasons(one, agreement),
        )
        for one, agreement, weight in zip(candidates, agreed, raw, strict=True)
    ]
    possible = [place for place, one in enumerate(candidates) if one.text is not None and not one.stopped]
    if not possible:
        return rows, None
    best = max(raw[place] for place in possible)
    chosen = next(place for place in possible if raw[place] >= best - EQUAL)
    return rows, Collapse(chosen, _why(rows, chosen, possible), FORMULA)


def _weight(one: Candidate, agreement: float | None) -> float:
    if one.text is None or one.stopped:
        return 0.0
    known = {
        name: value
        for name, value in (("support", one.support), ("agreement", agreement), ("safety", one.safety))
        if value is not None
    }
    total = sum(SHARES[name] for name in known)
    return sum(SHARES[name] * value for name, value in known.items()) / total if total else 0.0


def _reasons(one: Candidate, agreement: float | None) -> Reasons:
    reasons = dict(one.reasons)
    if one.stopped:
        reasons["text"] = "the guardian would not let it pass"
    if agreement is None:
        reasons.setdefault("agreement", "there is no other draft to compare it with, or no embedder")
    if one.support is None:
        reasons.setdefault("support", "it makes no statement to check")
    if one.safety is None:
        reasons.setdefault("safety", "the guardian measured none")
    if one.temperature is None:
        reasons.setdefault("temperature", "no model of ours wrote it")
    return reasons


def _why(rows: Sequence[CandidateDraft], chosen: int, possible: Sequence[int]) -> str:
    mine = rows[chosen]
    if len(possible) == 1:
        return f"{mine.origin} is the only draft that may be given"
    others = [rows[place] for place in possible if place != chosen]
    next_best = max(others, key=lambda row: row.weight)
    if mine.weight - next_best.weight <= EQUAL:
        return f"{mine.origin} is the first of those with the greatest weight, {mine.weight:.3f}"
    leads = {
        name: SHARES[name] * (getattr(mine, name) - getattr(next_best, name))
        for name in SHARES
        if getattr(mine, name) is not None and getattr(next_best, name) is not None
    }
    lead = max(leads, key=lambda name: leads[name]) if leads else "weight"
    told = f"{lead} {getattr(mine, lead):.2f} against {getattr(next_best, lead):.2f}"
    return f"{mine.origin} has the greatest weight, {mine.weight:.3f} against {next_best.weight:.3f}, most by {told}"
