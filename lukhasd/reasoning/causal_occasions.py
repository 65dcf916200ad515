"""Cause and effect by occasion, without times: a noisy-or of the cause and everything else, on a grid."""

from __future__ import annotations

import numpy as np

from lukhasd.reasoning.causal_finding import Finding
from lukhasd.reasoning.causal_reading import Occasions
from lukhasd.reasoning.hawkes import Floats

CELLS = 80
"""Of the grid, for each of the two probabilities."""


def compare(occasions: Occasions) -> Finding:
    """P(effect | cause) = 1 − (1 − b)(1 − w) and P(effect | no cause) = b, both uniform: the Bayesian power PC (Cheng
    1997; Griffiths and Tenenbaum 2005)."""
    cell = (np.arange(CELLS) + 0.5) / CELLS
    linked = _likelihood(occasions, cell[:, None], cell[None, :])
    unlinked = float(_likelihood(occasions, cell[:, None], np.zeros((1, 1))).mean())
    marginal = linked.mean(0)
    p_link = float(marginal.mean() / (marginal.mean() + unlinked))
    chance = float((linked.sum(1) @ cell) / linked.sum())
    return Finding(cell, marginal / marginal.sum() * p_link, base_chance=chance)


def _likelihood(occasions: Occasions, base: Floats, strength: Floats) -> Floats:
    missing = (1 - base) * (1 - strength)
    told: Floats = (
        occasions.effect_only * np.log(base)
        + occasions.neither * np.log1p(-base)
        + occasions.both * np.log1p(-missing)
        + occasions.cause_only * np.log(missing)
    )
    # The likeliest cell of a table of 2,000 occasions is far above the smallest number there is only on this scale.
    return np.exp(told + _entropy(occasions))


def _entropy(occasions: Occasions) -> float:
    """Minus the highest log likelihood that any two probabilities can reach."""
    total = 0.0
    for yes, no in ((occasions.both, occasions.cause_only), (occasions.effect_only, occasions.neither)):
        total -= sum(count * np.log(count / (yes + no)) for count in (yes, no) if count)
    return float(total)
