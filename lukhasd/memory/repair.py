"""The five ways to repair a memory, with the drift that each leaves; and which of them to suggest.

All of it blocks: it belongs on memory's threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lukhas_sdk.contract.streams import DRIFT_REPAIR, RepairMethod
from lukhas_sdk.errors import Conflict, ValidationError
from lukhasd.memory import drift, mending
from lukhasd.memory.alignment import align, split
from lukhasd.models.embedder import Embedder, EmbedderError

TRIED: tuple[RepairMethod, ...] = ("partial_heal", "consensus")
"""What needs no words of the caller's and does not take out all that was added."""
BLANK_REASON = "the versions agree on nothing: it stays as it is"


@dataclass(frozen=True)
class Strands:
    """What a memory has said. `versions` are all its texts, oldest first: the origin, …, what it says now."""

    origin: str
    versions: Sequence[str]

    @property
    def current(self) -> str:
        return self.versions[-1]


@dataclass(frozen=True)
class Repaired:
    """`drift` is None where it could not be measured; `reason` says why nothing changes, None where something does."""

    text: str
    drift: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Assessed:
    """`suggested` is None below a drift of 0.3, and where it could not be measured."""

    drift: float | None
    suggested: RepairMethod | None


UNASSESSED = Assessed(None, None)


def assess(embedder: Embedder, strands: Strands) -> Assessed:
    level = measure(embedder, strands.origin, strands.current)
    suggested = suggest(embedder, strands) if level is not None and level >= DRIFT_REPAIR else None
    return Assessed(level, suggested)


def measure(embedder: Embedder, origin: str, text: str) -> float | None:
    """None while the embedding model is out of order."""
    try:
        return drift.measure(embedder, origin, text)
    except EmbedderError:
        return None


def suggest(embedder: Embedder, strands: Strands) -> RepairMethod:
    """Of the methods that bring a drifted memory below 0.3 when tried, the one that keeps most of what was added."""
    best: tuple[float, RepairMethod] = (0.0, "full_reset")
    for method in TRIED:
        try:
            tried = repair(embedder, strands, method)
        except Conflict:
            continue
        kept = share_kept(strands, tried.text) or 0.0
        if tried.reason is None and tried.drift is not None and tried.drift < DRIFT_REPAIR and kept > best[0]:
            best = kept, method
    return best[1]


def repair(
    embedder: Embedder, strands: Strands, method: RepairMethod, *, spans: Sequence[str] = (), text: str | None = None
) -> Repaired:
    """ValidationError for spans or a text that the method lacks or cannot use, Conflict where healing would not bring
    the memory nearer to its origin."""
    if method == "partial_heal":
        return _heal(embedder, strands)
    reason = None
    match method:
        case "consensus":
            found = mending.agree(strands.versions)
            reason = None if found is not None else BLANK_REASON
            repaired = found if found is not None else strands.current
        case "selective":
            repaired = mending.restore(strands.origin, strands.current, spans)
        case "guided":
            if text is None:
                raise ValidationError("a guided repair has no text", field="$.text", hint="give what it is to say")
            repaired = text
        case "full_reset":
            repaired = strands.origin
    if repaired == strands.current:
        reason = reason or "it says that already"
    return Repaired(repaired, measure(embedder, strands.origin, repaired), reason)


def share_kept(strands: Strands, text: str) -> float | None:
    """Of the tokens added since the origin, the share that `text` still has; None where none were added."""
    new = split(strands.current)
    added = {
        place
        for run in align(split(strands.origin).words, new.words)
        if not run.same
        for place in range(run.j1, run.j2)
    }
    if not added:
        return None
    kept = (run for run in align(new.words, split(text).words) if run.same)
    return len(added.intersection(place for run in kept for place in range(run.i1, run.i2))) / len(added)


def _heal(embedder: Embedder, strands: Strands) -> Repaired:
    if strands.current == strands.origin:
        return Repaired(strands.current, 0.0, "it says what it said at first")
    before = measure(embedder, strands.origin, strands.current)
    texts = mending.heal(strands.origin, strands.current)
    if not texts:
        return Repaired(strands.current, before, "nothing of the origin was lost; full_reset takes out what was added")
    if before is None:
        return Repaired(texts[1], None)
    for text in texts:
        after = measure(embedder, strands.origin, text)
        if after is None or after < before:
            return Repaired(text, after)
    raise Conflict(
        "putting back what was lost would not bring this memory nearer to its origin",
        hint="try another method: consensus, selective or full_reset",
        details={"drift_level": before},
    )
