"""One Hawkes model and the sum over them, on simulated times whose truth is known."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

from lukhasd.reasoning.hawkes import (
    CONCENTRATION,
    Cycle,
    Model,
    Season,
    delay_grid,
    excite,
    log_gamma,
    log_logistic,
    sigmoid,
    softplus,
)
from lukhasd.reasoning.hawkes_models import History, spiked_interval, weigh

Floats = np.ndarray


def simulate(
    causes: int,
    strength: float,
    *,
    chance: np.random.Generator,
    delay_s: float = 0.3,
    shape: int = 4,
    base: float = 0.5,
) -> tuple[Floats, Floats, float]:
    """About one cause a second, each with Poisson(α) effects; other effects at the rate `base`."""
    window_s = float(causes)
    cause = np.sort(chance.uniform(0, window_s, causes))
    brought = np.repeat(cause, chance.poisson(-np.log1p(-strength), causes))
    brought = brought + chance.gamma(shape, delay_s / shape, len(brought))
    alone = chance.uniform(0, window_s, chance.poisson(base * window_s))
    return cause, np.sort(np.concatenate([brought[brought < window_s], alone])), window_s


def test_log_gamma_is_the_factorial() -> None:
    x = np.array([0.5, 1.0, 2.0, 5.0, 11.0])
    assert np.allclose(log_gamma(x), np.log([np.sqrt(np.pi), 1, 1, 24, 3628800]), atol=1e-9)


@pytest.mark.parametrize("shape", [1, 4])
def test_excitation_is_the_gamma_kernel(shape: int) -> None:
    cause, effect = np.array([1.0, 2.5]), np.array([0.5, 2.0, 2.5, 4.0])
    delays = np.array([0.7, 1.3])
    found = excite(cause, effect, 5.0, delays)[shape]
    steps = np.linspace(0, 4, 400_001)[1:]
    for row, delay in enumerate(delays):

        def kernel(t: Any, d: float = float(delay)) -> Any:
            return (shape / d) ** shape * t ** (shape - 1) * np.exp(-shape * t / d) / math.factorial(shape - 1)

        assert found.at_effects[row] == pytest.approx([0, kernel(1.0), kernel(1.5), kernel(3.0) + kernel(1.5)])
        reached = np.trapezoid(kernel(steps), steps) + np.trapezoid(kernel(steps[steps <= 2.5]), steps[steps <= 2.5])
        assert found.total[row] == pytest.approx(reached, abs=1e-4)


def test_the_evidence_is_the_integral_of_the_posterior() -> None:
    """Against a sum over a fine grid of all three parameters."""
    chance = np.random.default_rng(4)
    cause, effect, window_s = simulate(12, 0.6, chance=chance)
    delays = delay_grid(0.05, 6.0)
    model = Model(
        [excite(cause, effect, window_s, delays)[4]], delays, count=len(effect), window_s=window_s, season=None
    )
    fit = model.sample(*model.find_mode(), chance=chance)
    axis = np.linspace(-9, 9, 91)
    points = np.stack(np.meshgrid(np.linspace(-4, 3, 71), axis, axis, indexing="ij"), -1).reshape(-1, 3)
    heights = np.concatenate([model.log_posterior(part) for part in np.array_split(points, 60)])
    total = np.log(np.exp(heights - heights.max()).sum() * 0.1 * 0.2 * 0.2) + heights.max()
    assert fit.log_evidence == pytest.approx(total, abs=0.15)
    assert fit.weights.sum() == pytest.approx(1)


def test_a_shared_season_expects_the_effects_where_the_causes_were() -> None:
    """Without excitation, bin by bin: Gamma(a + k, a + K/24) goes before the effects' own count."""
    cause, effect = np.array([8.1, 8.4, 32.3, 20.5]), np.array([8.2, 32.6, 44.7])
    cycle = Cycle("day", 24.0, 0.0)
    season = Season.of(effect, 48.0, cycle, shared=cause)
    assert season.known[8] == 3 and season.known[20] == 1 and season.known.sum() == 4
    heights = []
    for its in (season, Season.of(effect, 48.0, cycle)):
        model = Model([], np.array([1.0, 2.0]), count=3, window_s=48.0, season=its)
        points = np.zeros((1, 1))
        found = model.log_posterior(points) - log_logistic(points).sum(1)
        rate, a, b = float(model.base_rates(points)[0]), CONCENTRATION + its.known, CONCENTRATION + its.known.sum() / 24
        counts = np.bincount([8, 8, 20], minlength=24).astype(float)
        known = a * np.log(b) - log_gamma(a) + log_gamma(a + counts) + counts * np.log(rate)
        assert found == pytest.approx((known - (a + counts) * np.log(b + 2 * rate)).sum(), abs=1e-6)
        heights.append(float(found[0]))
    assert heights[0] > heights[1] + 1


def test_a_season_without_excitation_is_integrated_exactly() -> None:
    """Each bin's factor is then Gamma(a + events, a + expected), of which the integral is known."""
    effect = np.array([0.1, 0.2, 3.3, 10.5, 24.2])
    season = Season.of(effect, 48.0, Cycle("day", 24.0, 0.0))
    model = Model([], np.array([1.0, 2.0]), count=5, window_s=48.0, season=season)
    points = np.array([[0.0], [1.2]])
    counts = np.bincount(effect.astype(int) % 24, minlength=24).astype(float)
    rates = model.base_rates(points)
    a = CONCENTRATION
    known = a * np.log(a) - log_gamma(np.array([a]))
    expected = np.array([
        (known + log_gamma(a + counts) + counts * np.log(rate) - (a + counts) * np.log(a + 2 * rate)).sum()
        for rate in rates
    ])  # fmt: skip
    assert model.log_posterior(points) - log_logistic(points).sum(1) == pytest.approx(expected, abs=1e-6)
    assert season.spent_s == pytest.approx(np.full(24, 2.0))


def test_interpolated_delays_agree_with_the_kernel_between_grid_points() -> None:
    cause, effect, window_s = simulate(30, 0.5, chance=np.random.default_rng(0))
    delays = delay_grid(0.02, 15.0)
    model = Model(
        [excite(cause, effect, window_s, delays)[4]], delays, count=len(effect), window_s=window_s, season=None
    )
    points = np.array([[0.0, 0.0, 0.37], [0.0, 0.0, -0.81]])
    for point, delay in zip(points, model.mean_delays_s(points, 0), strict=True):
        exact = excite(cause, effect, window_s, np.array([delay, delay]))[4]
        rate = model.base + softplus(point[1]) * exact.at_effects[0]
        told = np.log(rate).sum() - model.base * window_s - softplus(point[1]) * exact.total[0]
        assert model.log_posterior(point[None])[0] - log_logistic(point).sum() == pytest.approx(told, abs=0.05)
    assert model.strengths(points, 0) == pytest.approx(sigmoid(np.zeros(2)))


def test_a_strong_link_is_found_with_its_strength_and_delay() -> None:
    cause, effect, window_s = simulate(150, 0.5, chance=np.random.default_rng(1))
    found = weigh(History(cause, effect, {}, window_s, 1e-6))
    assert found.p_link > 0.999
    low, high = found.interval
    assert low < 0.5 < high
    assert high - low < 0.3
    assert float(found.draws.delay_s @ found.draws.weight) == pytest.approx(0.3, rel=0.25)
    assert sum(each.probability for each in found.models) == pytest.approx(1)


def test_a_delay_far_below_the_window_is_found() -> None:
    cause, effect, window_s = simulate(400, 0.8, chance=np.random.default_rng(15), delay_s=0.03, shape=1)
    found = weigh(History(cause, effect, {}, window_s, 1e-6))
    assert found.interval[0] < 0.8 < found.interval[1]
    assert float(found.draws.delay_s @ found.draws.weight) == pytest.approx(0.03, rel=0.15)


def test_a_common_cause_that_was_observed_takes_the_link() -> None:
    chance = np.random.default_rng(2)
    common = np.sort(chance.uniform(0, 150, 100))
    cause, effect = (np.sort(common + chance.gamma(4, delay / 4, 100)) for delay in (0.1, 0.5))
    blind = weigh(History(cause[cause < 150], effect[effect < 150], {}, 150.0, 1e-6))
    told = weigh(History(cause[cause < 150], effect[effect < 150], {"common": common}, 150.0, 1e-6))
    assert blind.p_link > 0.99
    assert told.p_link < 0.25


def test_a_shared_schedule_takes_the_link() -> None:
    chance = np.random.default_rng(3)
    cause, effect = (np.sort(np.arange(80) + chance.uniform(0.3, 0.45, 80)) for _ in range(2))
    history = History(cause, effect, {}, 80.0, 1e-6)
    assert weigh(history).p_link > 0.9
    scheduled = weigh(History(cause, effect, {}, 80.0, 1e-6, [Cycle("day", 1.0, 0.0)]))
    assert scheduled.p_link < 0.25
    assert sum(each.probability for each in scheduled.models if each.cycle == "day") > 0.95


def test_the_same_seed_gives_the_same_numbers() -> None:
    cause, effect, window_s = simulate(10, 0.4, chance=np.random.default_rng(5))
    history = History(cause, effect, {}, window_s, 1e-6)
    first, second, other = weigh(history, seed=3), weigh(history, seed=3), weigh(history, seed=4)
    assert (first.p_link, first.interval) == (second.p_link, second.interval)
    assert first.strength != other.strength
    assert first.strength == pytest.approx(other.strength, abs=0.03)


def test_no_effects_and_no_causes_leave_the_prior_of_the_link() -> None:
    nothing = weigh(History(np.array([]), np.array([0.5, 0.9]), {}, 1.0, 1e-6))
    assert nothing.p_link == pytest.approx(0.5, abs=0.03)


def test_a_spiked_interval_starts_at_zero_where_the_spike_is_large() -> None:
    values = np.linspace(0.4, 0.6, 1000)
    weights = np.full(1000, 1 / 1000)
    assert spiked_interval(values, weights) == pytest.approx((0.41, 0.59), abs=1e-3)
    assert spiked_interval(values, weights * 0.9)[0] == 0
    assert spiked_interval(values, weights * 0.03) == (0, 0)


def test_a_thousand_events_take_under_two_seconds_of_work() -> None:
    chance = np.random.default_rng(6)
    cause, effect, window_s = simulate(330, 0.4, chance=chance)
    other = np.sort(chance.uniform(0, window_s, 1000 - len(cause) - len(effect)))
    began_s = time.process_time()
    weigh(History(cause, effect, {"other": other}, window_s, 1e-6))
    assert time.process_time() - began_s < 4, "twice the floor: the machine may be busy"
