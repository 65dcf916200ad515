"""One Hawkes model of an effect's times: its likelihood, its mode and its evidence.

The effect's rate is `b·season(t) + Σ_Z α_Z Σ_{t_j ∈ Z, t_j < t} k(t − t_j)` (Hawkes 1971) with gamma kernels k of mean
delay τ and shape 1 or 4. Priors: `w = 1 − e^(−α)` uniform on (0, 1), that is α ~ Exp(1); τ log-uniform between the
data's bounds; b log-logistic about the effect's mean rate; a season's 24 factors Gamma(0.3, 0.3) each, integrated out.

A point θ is `(log b/b₀, logit w_Z, logit u_Z, …)`, u being τ's place between its bounds on the logarithmic scale: then
every prior is the logistic distribution. Times are in seconds from the window's start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHAPES = (1, 4)
BINS = 24
"""Of a season's period."""
CONCENTRATION = 0.3
"""Of a season's factors: under 1, as schedules leave most of their bins empty."""
GRID_STEP = 0.25
"""In log τ; between grid points the excitation is interpolated."""
DRAWS = (300, 1500)
"""From many effects to few, where each costs less."""
PRIOR_SHARE = 0.2
"""Of the draws that come from the prior, so that a second mode is not missed."""
DEGREES = 5.0
"""Of freedom, of the t distribution that the others come from."""
EM_STEPS = 15
NEAR = 0.01
"""In log density."""


def log_gamma(x: Floats) -> Floats:
    """ln Γ for x > 0: Stirling's series after a shift by 6; error below 1e-9."""
    shift = np.zeros_like(x)
    for step in range(6):
        shift += np.log(x + step)
    y = x + 6
    series = 1 / (12 * y) - 1 / (360 * y**3) + 1 / (1260 * y**5)
    stirling: Floats = (y - 0.5) * np.log(y) - y + 0.5 * np.log(2 * np.pi) + series - shift
    return stirling


def sigmoid(x: Floats) -> Floats:
    place: Floats = 0.5 * (1 + np.tanh(x / 2))
    return place


def softplus(x: Floats) -> Floats:
    positive: Floats = np.logaddexp(0.0, x)
    return positive


def log_logistic(x: Floats) -> Floats:
    """Log density of the standard logistic distribution."""
    density: Floats = -np.abs(x) - 2 * np.log1p(np.exp(-np.abs(x)))
    return density


@dataclass(frozen=True)
class Excitation:
    """What one event adds to the effect's rate at α = 1, for every mean delay of the grid."""

    at_effects: Floats
    """[delays, effects]"""
    total: Floats
    """[delays]: how many effects until the window's end."""


@dataclass(frozen=True)
class Cycle:
    """A period that events may keep to, as "day"; `phase_s` is how far into it the window starts."""

    name: str
    period_s: float
    phase_s: float
    bins: int = BINS
    """Fewer where the times are not known that finely."""


@dataclass(frozen=True)
class Season:
    """Each effect's bin of the period, and how long each bin is in the window."""

    order: NDArray[np.intp]
    """The effects sorted by bin."""
    starts: NDArray[np.intp]
    """Where in `order` each bin that has effects begins."""
    filled: NDArray[np.intp]
    """Those bins."""
    spent_s: Floats
    """[bins]"""
    known: Floats
    """[bins]: how many other events that keep to the same schedule were seen in each."""

    @classmethod
    def of(cls, effects: Floats, window_s: float, cycle: Cycle, *, shared: Floats | None = None) -> Season:
        """`shared`: times of events whose schedule is the effects' too."""
        period_s, phase_s = cycle.period_s, cycle.phase_s
        width = period_s / cycle.bins

        def binned(times: Floats) -> NDArray[np.intp]:
            return ((times + phase_s) % period_s // width).astype(np.intp).clip(0, cycle.bins - 1)

        bins = binned(effects)
        known = np.bincount(binned(shared if shared is not None else effects[:0]), minlength=cycle.bins)
        filled, starts = np.unique(np.sort(bins), return_index=True)
        edges = np.arange(cycle.bins) * width

        def until(moment_s: float) -> Floats:
            spent: Floats = moment_s // period_s * width + np.clip(moment_s % period_s - edges, 0, width)
            return spent

        return cls(
            np.argsort(bins, kind="stable"), starts, filled, until(phase_s + window_s) - until(phase_s),
            known.astype(np.float64),
        )  # fmt: skip


def delay_grid(shortest_s: float, longest_s: float) -> Floats:
    count = max(8, int(np.ceil(np.log(longest_s / shortest_s) / GRID_STEP)) + 1)
    return np.geomspace(shortest_s, longest_s, count)


def excite(causes: Floats, effects: Floats, window_s: float, delays: Floats) -> dict[int, Excitation]:
    """By kernel shape. A cause at the very moment of an effect is not before it."""
    gap = effects[:, None] - causes[None, :]
    before = gap > 0
    gap = np.where(before, gap, 0.0)
    cube = gap**3
    left = window_s - causes
    found = {shape: Excitation(np.empty((len(delays), len(effects))), np.empty(len(delays))) for shape in SHAPES}
    for row, delay in enumerate(delays):
        decay = np.exp(-gap / delay) * before
        found[1].at_effects[row] = decay.sum(1) / delay
        decay *= decay
        decay *= decay
        found[4].at_effects[row] = np.einsum("ij,ij->i", decay, cube) * (4 / delay) ** 4 / 6
        found[1].total[row] = -np.expm1(-left / delay).sum()
        u = 4 * left / delay
        found[4].total[row] = (1 - np.exp(-u) * (1 + u + u**2 / 2 + u**3 / 6)).sum()
    return found


@dataclass(frozen=True)
class Fit:
    """A model's evidence, and draws from its posterior with weights that sum to 1."""

    log_evidence: float
    draws: Floats
    """[draws, parameters]: see `Model.strengths` and the like."""
    weights: Floats
    effective: float
    """How many independent draws they are worth."""


class Model:
    """The rate of `count` effects in `window_s`, excited by `sources`."""

    def __init__(
        self, sources: Sequence[Excitation], delays: Floats, *, count: int, window_s: float, season: Season | None
    ) -> None:
        self.sources = tuple(sources)
        self.delays = delays
        self.count = count
        self.window_s = window_s
        self.season = season
        self.base = (count + 0.5) / window_s
        self.size = 1 + 2 * len(self.sources)

    def base_rates(self, points: Floats) -> Floats:
        rates: Floats = self.base * np.exp(points[:, 0].clip(-40, 40))
        return rates

    def strengths(self, points: Floats, source: int) -> Floats:
        """w: how likely one event is to bring about at least one effect."""
        return sigmoid(points[:, 1 + 2 * source])

    def mean_delays_s(self, points: Floats, source: int) -> Floats:
        low, high = np.log(self.delays[0]), np.log(self.delays[-1])
        delays: Floats = np.exp(low + sigmoid(points[:, 2 + 2 * source]) * (high - low))
        return delays

    def log_posterior(self, points: Floats) -> Floats:
        """[points], not normalised: its integral over all points is the evidence."""
        excited = np.zeros((len(points), self.count))
        expected = np.zeros(len(points))
        for number, source in enumerate(self.sources):
            alpha = softplus(points[:, 1 + 2 * number])
            mix = self._between(sigmoid(points[:, 2 + 2 * number]))
            excited += alpha[:, None] * np.maximum(mix @ source.at_effects, 0)
            expected += alpha * (mix @ source.total)
        rates = self.base_rates(points)
        prior = log_logistic(points).sum(1)
        if self.season is None:
            spread = np.log(rates[:, None] + excited).sum(1) - rates * self.window_s
        else:
            spread = _over_seasons(rates, excited, self.season)
        posterior: Floats = prior + spread - expected
        return posterior

    def find_mode(self, start: Floats | None = None) -> tuple[Floats, Floats]:
        """The mode, and the covariance of the normal distribution that fits it there. `start`: where it may be near."""
        return self._climb(self._start() if start is None else start)

    def laplace(self, mode: Floats, cover: Floats) -> float:
        """The log evidence by Laplace's approximation."""
        height = float(self.log_posterior(mode[None])[0])
        return height + 0.5 * self.size * float(np.log(2 * np.pi)) + 0.5 * float(np.linalg.slogdet(cover)[1])

    def sample(self, mode: Floats, cover: Floats, *, chance: np.random.Generator) -> Fit:
        """Importance sampling from a t distribution about the mode, mixed with the prior."""
        total_draws = int(np.clip(150_000 / (self.count + 1), *DRAWS))
        few = int(total_draws * PRIOR_SHARE)
        root = np.linalg.cholesky(cover)
        normal = chance.standard_normal((total_draws - few, self.size))
        stretch = np.sqrt(DEGREES / chance.chisquare(DEGREES, total_draws - few))
        draws = np.vstack([mode + (normal @ root.T) * stretch[:, None], chance.logistic(size=(few, self.size))])
        away = np.linalg.solve(root, (draws - mode).T)
        half = np.array([(DEGREES + self.size) / 2, DEGREES / 2])
        log_t = (
            float(np.diff(log_gamma(half))[0]) * -1.0
            - 0.5 * self.size * np.log(DEGREES * np.pi)
            - np.log(np.diag(root)).sum()
            - half[0] * np.log1p((away**2).sum(0) / DEGREES)
        )
        proposal = np.logaddexp(
            np.log1p(-few / total_draws) + log_t, np.log(few / total_draws) + log_logistic(draws).sum(1)
        )
        log_weights = self.log_posterior(draws) - proposal
        top = log_weights.max()
        weights = np.exp(log_weights - top)
        total = weights.sum()
        weights /= total
        return Fit(float(top + np.log(total / total_draws)), draws, weights, float(1 / (weights**2).sum()))

    def _between(self, place: Floats) -> Floats:
        """[points, delays]: weights of the grid's delays (Catmull-Rom)."""
        last = len(self.delays) - 1
        at = place * last
        left = np.minimum(at.astype(np.intp), last - 1)
        t = at - left
        mix = np.zeros((len(place), last + 3))  # one more at each end
        rows = np.arange(len(place))
        mix[rows, left] = -0.5 * t + t**2 - 0.5 * t**3
        mix[rows, left + 1] = 1 - 2.5 * t**2 + 1.5 * t**3
        mix[rows, left + 2] = 0.5 * t + 2 * t**2 - 1.5 * t**3
        mix[rows, left + 3] = -0.5 * t**2 + 0.5 * t**3
        mix[:, 1] += mix[:, 0]
        mix[:, -2] += mix[:, -1]
        return mix[:, 1:-1]

    def _start(self) -> Floats:
        """EM over b and the α's, at each delay of one source in turn while the others keep theirs (Veen and
        Schoenberg 2008)."""
        chosen = [len(self.delays) // 2] * len(self.sources)
        rates = np.array([self.base, *[0.5] * len(self.sources)])
        for number in (*range(len(self.sources)), *range(len(self.sources) if len(self.sources) > 1 else 0)):
            tried = np.tile(chosen, (len(self.delays), 1))
            tried[:, number] = np.arange(len(self.delays))
            heights, found = self._expect(tried)
            best = int(np.argmax(heights))
            chosen, rates = [int(each) for each in tried[best]], found[best]
        point = np.zeros(self.size)
        point[0] = np.log(max(rates[0], 1e-12) / self.base)
        for number, (index, alpha) in enumerate(zip(chosen, rates[1:], strict=True)):
            point[1 + 2 * number] = np.log(np.expm1(max(alpha, 1e-3)))
            place = np.clip(index / (len(self.delays) - 1), 0.02, 0.98)
            point[2 + 2 * number] = np.log(place / (1 - place))
        return point.clip(-6, 6)

    def _expect(self, tried: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """For rows of delays by index: the log posterior reached without a season, and [rows, 1 + sources] rates."""
        brought = np.stack(
            [np.ones((len(tried), self.count))]
            + [source.at_effects[tried[:, number]] for number, source in enumerate(self.sources)], axis=1,
        )  # fmt: skip
        reach = np.stack(
            [np.full(len(tried), self.window_s)]
            + [1 + source.total[tried[:, number]] for number, source in enumerate(self.sources)], axis=1,
        )  # fmt: skip
        rates = np.full(reach.shape, 0.5)
        rates[:, 0] = self.base
        for _ in range(EM_STEPS):
            share = np.einsum("ks,ksi->ki", rates, brought)
            rates *= np.einsum("ksi,ki->ks", brought, 1 / np.maximum(share, 1e-300)) / reach
        share = np.einsum("ks,ksi->ki", rates, brought)
        return np.log(np.maximum(share, 1e-300)).sum(1) - (rates * reach).sum(1), rates

    def _climb(self, point: Floats) -> tuple[Floats, Floats]:
        """Newton's method, held to steps that go up; to within `NEAR` of the top, as draws make up for what is left."""
        scales = np.array([1.0, 0.5, 0.2, 0.05, 0.01])
        height = float(self.log_posterior(point[None])[0])
        for _ in range(12):
            slope, bend = self._derivatives(point)
            step = _uphill(slope, bend)
            if float(slope @ step) < 2 * NEAR:
                break
            step *= min(1.0, 3.0 / float(np.abs(step).max() + 1e-12))
            tried = (point + scales[:, None] * step).clip(-12, 12)
            heights = self.log_posterior(tried)
            best = int(np.argmax(heights))
            if not heights[best] > height + 1e-4:
                break
            point, height = tried[best], float(heights[best])
        values, vectors = np.linalg.eigh(-bend)
        return point, (vectors / np.maximum(values, 0.1)) @ vectors.T

    def _derivatives(self, point: Floats, step: float = 0.05) -> tuple[Floats, Floats]:
        """Gradient and Hessian, by differences."""
        size = self.size
        unit = np.eye(size) * step
        first, second = np.triu_indices(size, 1)
        heights = self.log_posterior(
            np.vstack([point[None], point + unit, point - unit, point + unit[first] + unit[second]])
        )
        here, up, down = heights[0], heights[1 : 1 + size], heights[1 + size : 1 + 2 * size]
        bend = np.diag((up - 2 * here + down) / step**2)
        mixed = (heights[1 + 2 * size :] - up[first] - up[second] + here) / step**2
        # The forward difference of a mixed term holds half of each third derivative; against the noise it is small.
        bend[first, second] = bend[second, first] = mixed
        return (up - down) / (2 * step), bend


def _uphill(slope: Floats, bend: Floats) -> Floats:
    values, vectors = np.linalg.eigh(-bend)
    step: Floats = vectors @ ((vectors.T @ slope) / np.maximum(np.abs(values), 0.05))
    return step


def _over_seasons(rates: Floats, excited: Floats, season: Season) -> Floats:
    """[points]: the log likelihood with each bin's factor s ~ Gamma(a, a) integrated out; where k events of the same
    schedule were seen in a bin, and K in all, s ~ Gamma(a + k, a + K/bins), the posterior of the schedule's share.

    In ln s each bin's integrand is matched in height, mode and curvature by A·ln s − B·s, whose integral is known; that
    is exact where nothing but the base rate speaks in a bin.
    """
    a = CONCENTRATION + season.known
    rate = float(a.mean())
    excited = excited[:, season.order]
    pull = rate + rates[:, None] * season.spent_s
    sizes = np.diff([*season.starts, excited.shape[1]])
    factor = np.ones((len(rates), len(season.spent_s)))
    factor[:, season.filled] = np.maximum(sizes, 1) / np.maximum(rates[:, None] * season.spent_s[season.filled], 1e-9)
    factor = factor.clip(1e-3, 1e3)
    counts = np.zeros_like(factor)
    spread = np.zeros_like(factor)
    for last in (*[False] * 7, True):
        own = rates[:, None] * np.repeat(factor[:, season.filled], sizes, axis=1)
        share = own / (own + excited)
        counts[:, season.filled] = np.add.reduceat(share, season.starts, axis=1)
        if last:
            spread[:, season.filled] = np.add.reduceat(share * (1 - share), season.starts, axis=1)
        else:
            factor = (a + counts) / pull
    heights = a * np.log(factor) - factor * pull
    heights[:, season.filled] += np.add.reduceat(np.log(own + excited), season.starts, axis=1)
    known = np.maximum(factor * pull - spread, 0.2)
    integral = heights + log_gamma(known) + known - known * np.log(known)
    total: Floats = integral.sum(1) + float((a * np.log(rate) - log_gamma(a)).sum())
    return total
