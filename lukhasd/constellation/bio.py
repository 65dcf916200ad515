"""The Bio star: measures the six signals and keeps them while they fade."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from time import monotonic
from typing import Protocol

from lukhas_sdk.contract import bio as contract
from lukhas_sdk.contract.bio import SignalName
from lukhas_sdk.contract.matriz import ProcessRequest, ProcessResponse
from lukhasd.constellation.adaptation import NEUTRAL, Adaptation, Measured, as_contract
from lukhasd.constellation.urgency import urgency

OWNERS_KEPT = 1000
LATEST_SHARE = 0.2
OCTAVES = 2.0
"""An answer within the budget is no stress; one that takes four times as long is all of it."""
FROM_FEEDBACK = "the share of one's answers that feedback called good, the newer the more"
SWITCHED_OFF = "it is switched off: lukhas config set matriz.bio on"


class Found(Protocol):
    """A memory as a search found it."""

    @property
    def cosine(self) -> float | None: ...

    @property
    def relevance(self) -> float: ...


class Bio:
    """`capacity` inputs may be in work at once, and each may take `budget_ms`. `clock_s` is monotonic."""

    def __init__(self, *, on: bool, capacity: int, budget_ms: float, clock_s: Callable[[], float] = monotonic) -> None:
        self.on = on
        self._capacity = max(capacity, 2)
        self._budget_ms = budget_ms
        self.clock_s = clock_s
        self._in_work = 0
        self._slowness: Measured | None = None
        self._kept: OrderedDict[str, dict[SignalName, Measured]] = OrderedDict()

    @contextmanager
    def working(self) -> Iterator[None]:
        """While an input is in work."""
        self._in_work += 1
        try:
            yield
        finally:
            self._in_work -= 1

    @contextmanager
    def adapting(self, owner: str, request: ProcessRequest, trust: float | None) -> Iterator[Adaptation]:
        """The signals of one request; what it measured is kept also where it fails."""
        adaptation = self.begin(owner, request.input, on=request.pipeline_options.bio, trust=trust)
        try:
            yield adaptation
        finally:
            self.keep(owner, adaptation)

    def took(self, answer: ProcessResponse) -> None:
        """Without the time that a language model wrote."""
        wrote = answer.metadata.model is not None
        thought_ms = sum(row.processing_time_ms for row in answer.matriz_pipeline_trace if row.stage == "thought")
        self.took_ms(answer.metadata.processing_time_ms - (thought_ms if wrote else 0.0))

    def took_ms(self, duration_ms: float) -> None:
        """A moving average, so that one slow answer is no stress: the first after a start always is slow."""
        new = min(math.log2(max(duration_ms / self._budget_ms, 1.0)) / OCTAVES, 1.0)
        clock_s = self.clock_s()
        left = self._slowness.left("stress", clock_s) if self._slowness is not None else 0.0
        how = f"the time of answers of late against a budget of {self._budget_ms:g} ms"
        self._slowness = Measured(left + LATEST_SHARE * (new - left), how, datetime.now(UTC), clock_s)

    def begin(self, owner: str, text: str, *, on: bool | None, trust: float | None) -> Adaptation:
        """With what is known before anything is done for the request. `on` None: as the setting says."""
        adaptation = Adaptation(self.on if on is None else on)
        clock_s = self.clock_s()
        adaptation.signals["stress"] = self._stress()
        adaptation.measure("urgency", *urgency(text), clock_s=clock_s)
        if trust is not None:
            adaptation.measure("trust", trust, FROM_FEEDBACK, clock_s=clock_s)
        earlier = self._kept.get(owner, {}).get("risk")
        if earlier is not None:
            adaptation.signals["risk"] = replace(earlier, level=earlier.left("risk", clock_s), clock_s=clock_s)
        return adaptation

    def depth(self, adaptation: Adaptation, asked: int | None, found: Sequence[Found]) -> int:
        """How deep memory is to be looked at after a search found this; `asked`: what the request names."""
        cosines = [one.cosine for one in found if one.cosine is not None]
        if cosines:
            level = 1 - max(cosines)
            adaptation.measure("novelty", level, "1 − the best cosine among the memories found", clock_s=self.clock_s())
        relevance = sorted((one.relevance for one in found), reverse=True)
        if len(relevance) > 1 and relevance[0] > 0:
            how = "the relevance of the second memory found over the first's"
            adaptation.measure("ambiguity", relevance[1] / relevance[0], how, clock_s=self.clock_s())
        return adaptation.memory_depth(asked)

    def judged(self, adaptation: Adaptation, safety: float | None) -> None:
        """The guardian's score; risk falls no faster than it fades."""
        earlier = adaptation.signals.get("risk")
        if safety is not None and (earlier is None or 1 - safety >= earlier.level):
            adaptation.measure("risk", 1 - safety, "1 − the guardian's safety score", clock_s=self.clock_s())

    def keep(self, owner: str, adaptation: Adaptation) -> None:
        """What a request measured stands, and fades, until another measures it. Of risk the greater stays: another
        request may have measured it meanwhile."""
        kept = self._kept.setdefault(owner, {})
        clock_s = self.clock_s()
        for name, one in adaptation.signals.items():
            before = kept.get(name) if name == "risk" else None
            if name not in ("stress", "trust") and (
                before is None or one.left(name, clock_s) >= before.left(name, clock_s)
            ):
                kept[name] = one
        self._kept.move_to_end(owner)
        while len(self._kept) > OWNERS_KEPT:
            self._kept.popitem(last=False)

    def show(self, owner: str, *, trust: float | None) -> contract.BioResponse:
        clock_s = self.clock_s()
        found = {**self._kept.get(owner, {}), "stress": self._stress()}
        if trust is not None:
            found["trust"] = Measured(trust, FROM_FEEDBACK, datetime.now(UTC), clock_s)
        return contract.BioResponse(self.on, [as_contract(name, found.get(name), clock_s) for name in NEUTRAL])

    def self_test(self) -> str | None:
        """None where the signals stay in [0, 1] and fade, and what they change stays within its bounds. It tries every
        mixture of the lowest and the highest, and each one at its neutral level."""
        if not self.on:
            return SWITCHED_OFF
        now = datetime.now(UTC)
        for levels in product((0.0, 1.0), repeat=len(NEUTRAL)):
            trial = Adaptation(True)
            for name, level in zip(NEUTRAL, levels, strict=True):
                trial.signals[name] = Measured(level, "self-test", now, 0.0)
            if (wrong := _out_of_bounds(trial)) is not None:
                return wrong
        for name, neutral in NEUTRAL.items():
            one = Measured(1.0, "self-test", now, 0.0)
            if not 0 <= one.left(name, 60.0) < one.left(name, 0.0) == 1:
                return f"{name} does not fade"
            trial = Adaptation(True, {name: replace(one, level=neutral)})
            _out_of_bounds(trial)
            if any(each.after != each.before for each in trial.made):
                return f"{name} changes an answer while it is neutral"
        return None

    def _stress(self) -> Measured:
        clock_s = self.clock_s()
        load = min(max(self._in_work - 1, 0) / (self._capacity - 1), 1.0)
        slow = self._slowness
        if slow is not None and (left := slow.left("stress", clock_s)) > load:
            return replace(slow, level=left, clock_s=clock_s)
        return Measured(load, f"inputs in work beside this one, of {self._capacity - 1}", datetime.now(UTC), clock_s)


def _out_of_bounds(trial: Adaptation) -> str | None:
    for depth in (None, 0, 1, 3, 5):
        trial.memory_depth(depth)
    trial.temperature(0.2)
    trial.context_tokens(800)
    trial.answer_tokens(400)
    trial.asks_nodes("risk")
    for made in trial.made:
        if not made.lowest <= made.after <= made.highest:
            return f"{made.setting} became {made.after:g}, not {made.lowest:g} to {made.highest:g}"
    return None
