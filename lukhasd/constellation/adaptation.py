"""What the six signals change of one answer, and within which bounds.

An excess is how far a signal is beyond its neutral level, from 0 to 1. A signal that is not measured has none: where
all are neutral or unmeasured, nothing is changed. Nothing goes beyond what the caller asked for.

| setting | what becomes of it | bounds |
|---|---|---|
| memory_depth | one hop less where stress is at half its excess; else one more where novelty, ambiguity or distrust is
  and the request names no depth | 1 to 2, or 1 to the depth that it names; 0 stays |
| temperature | less 0.2 × the greatest excess of risk, ambiguity and distrust | 0.2 less, never under 0 |
| context_tokens | less 25 % × the excess of stress | 75 % to all |
| answer_tokens | less 50 % × the greater excess of stress and urgency | 50 % to all |
| nodes | not asked where risk or stress is at half its excess | 0 or 1 |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lukhas_sdk.contract import bio as contract
from lukhas_sdk.contract.base import StageName
from lukhas_sdk.contract.bio import Modulation, SignalName

NEUTRAL: dict[SignalName, float] = {
    "stress": 0.5, "novelty": 0.6, "risk": 0.3, "trust": 0.5, "urgency": 0.5, "ambiguity": 0.95,
}  # fmt: skip
HALF_LIFE_S: dict[SignalName, float] = {
    "stress": 30.0, "novelty": 300.0, "risk": 60.0, "trust": 14 * 86_400.0, "urgency": 300.0, "ambiguity": 300.0,
}  # fmt: skip
UNMEASURED: dict[SignalName, str] = {
    "stress": "nothing was processed yet",
    "novelty": "no memory was found to compare the input with",
    "risk": "the guardian measured none",
    "trust": "there is no feedback yet",
    "urgency": "nothing was processed yet",
    "ambiguity": "fewer than two memories were found",
}
HALF = 0.5
"""The excess from which a setting changes that cannot change by degrees."""
TEMPERATURE_SPAN = 0.2
CONTEXT_SPAN = 0.25
ANSWER_SPAN = 0.5
SEARCHING: tuple[SignalName, ...] = ("novelty", "ambiguity", "trust")
DEEPEST_UNASKED = 2
OFF = "bio is switched off"


@dataclass(frozen=True)
class Measured:
    """`clock_s` is monotonic."""

    level: float
    how: str
    at: datetime
    clock_s: float

    def left(self, name: SignalName, clock_s: float) -> float:
        """The level now: it fades towards 0, trust towards its neutral level."""
        half_life_s = HALF_LIFE_S[name]
        rest = NEUTRAL["trust"] if name == "trust" else 0.0
        return rest + (self.level - rest) * 2 ** (-max(clock_s - self.clock_s, 0.0) / half_life_s)


@dataclass
class Adaptation:
    """The signals of one request as they come to be known, and what was made of them so far."""

    on: bool
    signals: dict[SignalName, Measured] = field(default_factory=dict)
    made: list[Modulation] = field(default_factory=list)

    def excess(self, name: SignalName) -> float:
        """Of trust: the lack of it."""
        found = self.signals.get(name)
        if found is None or not self.on:
            return 0.0
        neutral = NEUTRAL[name]
        if name == "trust":
            return max(neutral - found.level, 0.0) / neutral
        return max(found.level - neutral, 0.0) / (1 - neutral)

    def measure(self, name: SignalName, level: float, how: str, *, clock_s: float) -> None:
        self.signals[name] = Measured(min(max(level, 0.0), 1.0), how, datetime.now(UTC), clock_s)

    def memory_depth(self, asked: int | None) -> int:
        """`asked`: None where the request names none."""
        before = 1 if asked is None else asked
        highest = DEEPEST_UNASKED if asked is None else asked
        after = before
        names: Sequence[SignalName] = ()
        if self.excess("stress") >= HALF:
            after, names = min(before, max(before - 1, 1)), ("stress",)
        elif max(map(self.excess, SEARCHING)) >= HALF:
            after, names = min(before + 1, highest), SEARCHING
        return int(self._make("memory_depth", "memory", before, after, min(before, 1), highest, names))

    def temperature(self, before: float) -> float:
        names: Sequence[SignalName] = ("risk", "ambiguity", "trust")
        lowest = max(before - TEMPERATURE_SPAN, 0.0)
        after = max(before - TEMPERATURE_SPAN * self._greatest(names), lowest)
        return self._make("temperature", "thought", before, after, lowest, before, names)

    def context_tokens(self, before: int) -> int:
        names: Sequence[SignalName] = ("stress",)
        after = round(before * (1 - CONTEXT_SPAN * self._greatest(names)))
        lowest = round(before * (1 - CONTEXT_SPAN))
        return int(self._make("context_tokens", "attention", before, after, lowest, before, names))

    def answer_tokens(self, before: int) -> int:
        names: Sequence[SignalName] = ("stress", "urgency")
        after = round(before * (1 - ANSWER_SPAN * self._greatest(names)))
        lowest = round(before * (1 - ANSWER_SPAN))
        return int(self._make("answer_tokens", "thought", before, after, lowest, before, names))

    def asks_nodes(self, stage: StageName) -> bool:
        """Only for a stage that has nodes to ask."""
        names: Sequence[SignalName] = ("risk", "stress")
        return bool(self._make("nodes", stage, 1, int(self._greatest(names) < HALF), 0, 1, names))

    def report(self, clock_s: float) -> contract.Adaptation:
        signals = [as_contract(name, self.signals.get(name), clock_s) for name in NEUTRAL]
        return contract.Adaptation(self.on, signals, list(self.made), {} if self.on else {"modulation": OFF})

    def _greatest(self, names: Sequence[SignalName]) -> float:
        return max(self.excess(name) for name in names)

    def _make(
        self,
        setting: contract.Setting,
        stage: StageName,
        before: float,
        after: float,
        lowest: float,
        highest: float,
        names: Sequence[SignalName],
    ) -> float:
        if not self.on:
            return before
        told = [f"{name} {self.signals[name].level:.2f}" for name in names if self.excess(name)]
        why = ", ".join(told) if after != before else "no signal asks for it, or the bound is reached"
        self.made.append(Modulation(setting, stage, before, after, lowest, highest, why))
        return after


def as_contract(name: SignalName, found: Measured | None, clock_s: float) -> contract.Signal:
    level = None if found is None else found.left(name, clock_s)
    return contract.Signal(
        name, level, NEUTRAL[name], found.how if found else None, found.at if found else None, HALF_LIFE_S[name],
        None if found else UNMEASURED[name],
    )  # fmt: skip
