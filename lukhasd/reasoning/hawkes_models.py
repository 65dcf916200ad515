"""The sum over Hawkes models: which events bring the effect about, by how much, and what else may explain it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from lukhasd.reasoning.hawkes import SHAPES, Cycle, Excitation, Fit, Floats, Model, Season, delay_grid, excite

CAUSE = "\x00cause"
ITSELF = "\x00itself"
P_CAUSE = 0.5
P_OTHER = 0.3
"""Of the effect itself and of each other event."""
P_STEADY = 0.5
"""Of a constant base rate, where there is a season to think of."""
FEW_PERIODS = 10.0
FEW_EFFECTS = 240
"""Where there are fewer, the effect's times alone tell a schedule badly; that it is the cause's own is a model more."""
MODELS_MOST = 130
"""With more, events other than the cause keep the kernel shape that suits each best by itself."""
WINDOW = 7.0
"""Models this far below the best, in log evidence, are not drawn from: they weigh less than a thousandth."""


@dataclass(frozen=True)
class History:
    """Times in seconds from the window's start, sorted."""

    cause: Floats
    effect: Floats
    others: Mapping[str, Floats]
    window_s: float
    resolution_s: float
    cycles: Sequence[Cycle] = ()


@dataclass(frozen=True)
class Weighed:
    """One model and its share of the posterior."""

    sources: tuple[str, ...]
    cycle: str | None
    probability: float
    fit: Fit | None
    """None where its probability is next to nothing."""
    model: Model

    @property
    def linked(self) -> bool:
        return CAUSE in self.sources


@dataclass(frozen=True)
class Draws:
    """Of the models with the cause in them; `weight` sums to the probability of a link."""

    strength: Floats
    delay_s: Floats
    base_rate: Floats
    shape: Floats
    weight: Floats


@dataclass(frozen=True)
class Posterior:
    models: tuple[Weighed, ...]
    draws: Draws

    @property
    def p_link(self) -> float:
        return float(sum(each.probability for each in self.models if each.linked))

    @property
    def strength(self) -> float:
        """E[w] over all models; it is 0 in those without the cause."""
        return float(self.draws.strength @ self.draws.weight)

    @property
    def effective(self) -> float:
        """Of the draws, over all models that have the cause."""
        squares = float((self.draws.weight**2).sum())
        return float(self.draws.weight.sum() ** 2 / squares) if squares else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return spiked_interval(self.draws.strength, self.draws.weight)


def spiked_interval(values: Floats, weights: Floats, share: float = 0.9) -> tuple[float, float]:
    """Equal-tailed, of a mixture of values ≥ 0 and a spike at 0, which has what `weights` leave of 1."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) + max(0.0, 1 - float(weights.sum()))

    def at(level: float) -> float:
        if not len(values) or level <= below[0] - weights[order[0]]:
            return 0.0
        return float(values[order[min(int(np.searchsorted(below, level)), len(values) - 1)]])

    return at((1 - share) / 2), at((1 + share) / 2)


def quantiles(values: Floats, weights: Floats, levels: Sequence[float]) -> list[float]:
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return [float(values[order][min(int(np.searchsorted(below, level)), len(values) - 1)]) for level in levels]


def weigh(history: History, *, seed: int = 0) -> Posterior:
    """Fits every model. CPU-bound: a second or so for 1,000 events."""
    chance = np.random.default_rng(seed)
    grid = _grid(history)
    tables = {
        name: excite(times, history.effect, history.window_s, grid)
        for name, times in {CAUSE: history.cause, ITSELF: history.effect, **history.others}.items()
    }
    seasons: list[tuple[str | None, Season | None, float]] = [(None, None, P_STEADY if history.cycles else 1.0)]
    for cycle in history.cycles:
        share = (1 - P_STEADY) / len(history.cycles)
        few = history.window_s < FEW_PERIODS * cycle.period_s and len(history.effect) < FEW_EFFECTS
        for shared in (None, history.cause) if few else (None,):
            season = Season.of(history.effect, history.window_s, cycle, shared=shared)
            seasons.append((cycle.name, season, share / 2 if few else share))
    many = 3 ** len(tables) * len(seasons) > MODELS_MOST
    fixed = _best_shapes(tables, history, grid) if many else {}
    found = []
    for sources, shapes, prior in _choices(tuple(tables), history, fixed):
        excitations: list[Excitation] = [tables[name][shape] for name, shape in zip(sources, shapes, strict=True)]
        start: Floats | None = None
        for cycle_name, its_season, share in seasons:
            model = Model(
                excitations, grid, count=len(history.effect), window_s=history.window_s, season=its_season
            )  # fmt: skip
            mode, cover = model.find_mode(start)
            start = mode
            height = model.laplace(mode, cover) + np.log(prior * share)
            found.append((height, np.log(prior * share), sources, shapes, cycle_name, model, mode, cover))
    best = max(each[0] for each in found)
    best_linked = max(each[0] for each in found if CAUSE in each[2])
    fits = [
        model.sample(mode, cover, chance=chance) if height > best - WINDOW or height == best_linked else None
        for height, *_, model, mode, cover in found
    ]
    heights = np.array(
        [each[0] if fit is None else fit.log_evidence + each[1] for each, fit in zip(found, fits, strict=True)]
    )
    mass = np.exp(heights - heights.max())
    mass /= mass.sum()
    models = tuple(
        Weighed(sources, cycle, float(each), fit, model)
        for (_, _, sources, _, cycle, model, _, _), fit, each in zip(found, fits, mass, strict=True)
    )
    return Posterior(models, _draws(models, [each[3] for each in found]))


def _grid(history: History) -> Floats:
    """Down to a fiftieth of the mean gap: a bound above the true delay makes every interval of many events too high."""
    longest = history.window_s / 2
    gap_s = history.window_s / (len(history.cause) + len(history.effect) + 1)
    shortest = max(history.resolution_s, min(history.window_s / 5000, gap_s / 50))
    return delay_grid(min(shortest, longest / 8), longest)


def _choices(
    names: tuple[str, ...], history: History, fixed: Mapping[str, int]
) -> Iterator[tuple[tuple[str, ...], tuple[int, ...], float]]:
    """Sources, their shapes, and the prior probability."""
    possible = {CAUSE: P_CAUSE, ITSELF: P_OTHER, **dict.fromkeys(history.others, P_OTHER)}
    for count in range(len(names) + 1):
        for sources in combinations(names, count):
            prior = float(np.prod([p if name in sources else 1 - p for name, p in possible.items()]))
            options = [(fixed[name],) if name in fixed and name != CAUSE else SHAPES for name in sources]
            for shapes in product(*options):
                yield sources, shapes, prior / float(np.prod([len(each) for each in options]))


def _best_shapes(tables: Mapping[str, Mapping[int, Excitation]], history: History, grid: Floats) -> dict[str, int]:
    best = {}
    for name, shapes in tables.items():
        heights = {}
        for shape, excitation in shapes.items():
            model = Model([excitation], grid, count=len(history.effect), window_s=history.window_s, season=None)
            heights[shape] = model.laplace(*model.find_mode())
        best[name] = max(heights, key=lambda shape: heights[shape])
    return best


def _draws(models: Sequence[Weighed], shapes: Sequence[tuple[int, ...]]) -> Draws:
    columns: list[Floats] = []
    for each, its_shapes in zip(models, shapes, strict=True):
        if not each.linked or each.fit is None:
            continue
        place = each.sources.index(CAUSE)
        points = each.fit.draws
        columns.append(
            np.stack([
                each.model.strengths(points, place), each.model.mean_delays_s(points, place),
                each.model.base_rates(points), np.full(len(points), float(its_shapes[place])),
                each.fit.weights * each.probability,
            ])
        )  # fmt: skip
    joined = np.concatenate(columns, axis=1)
    linked = sum(each.probability for each in models if each.linked)
    total = float(joined[4].sum())
    # What the models that were not drawn from weigh goes to those that were.
    joined[4] *= linked / total if total > 0 else 0.0
    return Draws(*joined)
