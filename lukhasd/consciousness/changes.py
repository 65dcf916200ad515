"""What changed: topics that came or went, valence that moved, facts that were replaced."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lukhas_sdk.contract.reflection import EVIDENCE_LIMIT, Insight
from lukhasd.consciousness.entries import Entry
from lukhasd.consciousness.preferences import floor

LEAST_PROBABILITY = 0.95
"""Of one change; of several that are looked for, the chance of a false one is shared among them (Bonferroni)."""
FEWEST = 8
REPLACED_LIMIT = 10
RECORDED = "memory recorded it when it happened; it was not inferred"


@dataclass(frozen=True)
class Halves:
    """Entries in the order of time, as many before as after."""

    before: Sequence[Entry]
    after: Sequence[Entry]

    @property
    def names(self) -> tuple[str, str]:
        return tuple(f"{half[0].at:%Y-%m-%d} to {half[-1].at:%Y-%m-%d}" for half in (self.before, self.after))  # type: ignore[return-value]


def find(
    entries: Sequence[Entry], topics: Mapping[str, Sequence[Entry]], valences: Mapping[str, float]
) -> list[Insight]:
    """`entries` oldest first; `topics`: the entries of each label; `valences` by id."""
    found: list[Insight] = []
    middle = len(entries) // 2
    if middle >= FEWEST:
        halves = Halves(entries[:middle], entries[middle:])
        needed = 1 - (1 - LEAST_PROBABILITY) / (2 * max(len(topics), 1))
        for name, some in topics.items():
            found += _of_topic(name, {entry.id for entry in some}, halves, needed)
        found += _of_valence(halves, valences)
    return [*sorted(found, key=lambda one: (-(one.confidence or 0.0), one.insight)), *_replaced(entries)]


def probability_greater(hits: tuple[int, int], counts: tuple[int, int]) -> float:
    """P(θ₂ > θ₁) for two shares with uniform priors: the sum of Miller (2013) over Beta posteriors with whole
    parameters."""
    (first, second), (one, other) = hits, counts
    a, b = 1 + first, 1 + one - first
    c, d = 1 + second, 1 + other - second
    return min(1.0, sum(math.exp(_log_beta(a + i, b + d) - math.log(d + i) - _log_beta(1 + i, d) - _log_beta(a, b))
                        for i in range(c)))  # fmt: skip


def _of_topic(name: str, ids: set[str], halves: Halves, needed: float) -> list[Insight]:
    held = [[entry.id for entry in half if entry.id in ids] for half in (halves.before, halves.after)]
    counts = (len(halves.before), len(halves.after))
    more = probability_greater((len(held[0]), len(held[1])), counts)
    sure, way = (more, "more") if more >= 0.5 else (1 - more, "less")
    if sure < needed:
        return []
    shares = [len(some) / count for some, count in zip(held, counts, strict=True)]
    before, after = halves.names
    text = f"Entries about {name} became {way} frequent: {shares[0]:.0%} of {before}, {shares[1]:.0%} of {after}"
    evidence = held[1] if way == "more" else held[0]
    return [Insight("change", text, floor(sure), evidence[:EVIDENCE_LIMIT], len(evidence))]


def _of_valence(halves: Halves, valences: Mapping[str, float]) -> list[Insight]:
    """By the normal approximation of the difference of two means."""
    parts = [
        [(valences[entry.id], entry.id) for entry in half if entry.id in valences]
        for half in (halves.before, halves.after)
    ]
    if min(map(len, parts)) < FEWEST:
        return []
    means = [sum(value for value, _ in part) / len(part) for part in parts]
    errors = [
        sum((value - mean) ** 2 for value, _ in part) / (len(part) - 1) / len(part)
        for part, mean in zip(parts, means, strict=True)
    ]
    spread = math.sqrt(sum(errors))
    if spread == 0:
        return []
    sure = 0.5 * (1 + math.erf(abs(means[1] - means[0]) / spread / math.sqrt(2)))
    if sure < 1 - (1 - LEAST_PROBABILITY) / 2:
        return []
    brighter = means[1] > means[0]
    before, after = halves.names
    way = "more positive" if brighter else "more negative"
    text = f"The words became {way}: mean valence {means[0]:+.2f} in {before}, {means[1]:+.2f} in {after}"
    evidence = [id for _, id in sorted(parts[1], reverse=brighter)[:FEWEST]]
    return [Insight("change", text, floor(sure), evidence, len(parts[1]))]


def _replaced(entries: Sequence[Entry]) -> list[Insight]:
    """The newest facts that a newer one ended."""
    known = {entry.id: entry for entry in entries}
    pairs = [(entry, known[entry.superseded_by]) for entry in entries if entry.superseded_by in known]
    newest = sorted(pairs, key=lambda pair: (pair[1].at, pair[1].id), reverse=True)[:REPLACED_LIMIT]
    return [
        Insight(
            "change", f"On {new.at:%Y-%m-%d} “{_short(new.text)}” replaced “{_short(old.text)}”", None,
            [new.id, old.id], 2, reasons={"confidence": RECORDED},
        )
        for old, new in newest
    ]  # fmt: skip


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
