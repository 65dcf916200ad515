"""What each method finds of a link: its strength's posterior, as values with weights and the rest at 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lukhasd.reasoning.hawkes import Floats
from lukhasd.reasoning.hawkes_models import spiked_interval

Z_90 = 1.645
Z_TRIAL = 1.96 + 0.8416
"""5 % error on both sides, 80 % power."""
WIDTH = 0.2
"""Of an interval that says enough."""


@dataclass(frozen=True)
class Finding:
    strengths: Floats
    weights: Floats
    """They sum to the probability of a link."""
    base_chance: float | None = None
    """How likely the effect is on an occasion, or in the time that a cause takes, without the cause."""

    @property
    def p_link(self) -> float:
        return min(1.0, float(self.weights.sum()))

    @property
    def strength(self) -> float:
        return min(1.0, float(self.strengths @ self.weights))

    @property
    def interval(self) -> tuple[float, float]:
        return spiked_interval(self.strengths, self.weights)

    @property
    def bayes_factor(self) -> float | None:
        """Of a link to none, their prior probabilities being equal; None beyond 10^12."""
        return self.p_link / (1 - self.p_link) if self.p_link < 1 - 1e-12 else None

    def causes_needed(self, causes: int) -> int:
        """How many more until the 90 % interval is about `WIDTH` wide: as many trials as a share of this size takes,
        and where there are ten already, by how the width has come down so far."""
        slab = self.weights / max(self.p_link, 1e-12)
        spread = float((self.strengths * (1 - self.strengths)) @ slab) if self.p_link > 0 else 0.25
        total = spread * (2 * Z_90 / WIDTH) ** 2
        low, high = self.interval
        if causes >= 10:
            total = causes * ((high - low) / WIDTH) ** 2
        elif high - low <= WIDTH:
            return 0
        return max(0, math.ceil(total) - causes)

    def trial_flips(self) -> int | None:
        """Coin flips of a randomised trial that is to tell a strength like this one from none."""
        if self.base_chance is None or self.p_link <= 0:
            return None
        strength = self.strength / self.p_link
        without = self.base_chance
        with_cause = 1 - (1 - without) * (1 - strength)
        variance = without * (1 - without) + with_cause * (1 - with_cause)
        apart = with_cause - without
        return math.ceil(2 * Z_TRIAL**2 * variance / apart**2) if apart > 1e-3 else None
