"""Causal inference on simulated times whose truth is known, against three peers in the same run.

    python tests/benchmarks/bench_causal.py [--small] [--counts 2,10,100,1000] [--rounds N]

Worlds, of about n causes each: linked (w uniform on 0 to 1, delays log-uniform, shape 1 or 4), independent, reverse,
common (a common cause that was written down), hidden (the same one, not written down), schedule (both keep to one), and
itself (the effect excites itself). The schedule's period is given to the model in all of them.

Peers score the same times: power PC (Cheng 1997) by windows of twice the true delay, which nobody would know; Granger's
F test on 4 lags of counts (statsmodels, where it is installed); the likelihood ratio of a Hawkes model with exponential
kernels fitted by maximum likelihood. A link is claimed at p_link > 0.75, by Granger and the ratio at p < 0.05, by power
PC above what 95 % of its own unlinked worlds score. In brackets are 95 % intervals.

Coverage is of the 90 % interval, over linked worlds alone and with as many independent ones, as the prior has it. Half
and half it tends to 0.95: no interval that holds the strength 0 of an independent world can hold it less than always.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

import numpy as np

from lukhasd.reasoning.hawkes import Cycle, Floats, delay_grid, excite
from lukhasd.reasoning.hawkes_models import History, weigh

PERIOD_S = 5.0
CLAIMED = 0.75
NULLS = ("independent", "reverse", "common", "schedule", "itself")
WORLDS = ("linked", *NULLS, "hidden")
GRANGER = find_spec("statsmodels") is not None
ROUNDS = {2: 200, 10: 200, 100: 150, 1000: 24}
"""Half an hour of one core: a world of 1,000 takes a hundred times what one of 10 does."""


@dataclass(frozen=True)
class World:
    cause: Floats
    effect: Floats
    window_s: float
    strength: float = 0.0
    delay_s: float = 0.3
    others: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def history(self) -> History:
        cycle = Cycle("period", PERIOD_S, 0.0)
        return History(self.cause, self.effect, self.others, self.window_s, self.window_s / 1e6, [cycle])


def poisson(rate: float, window_s: float, chance: np.random.Generator) -> Floats:
    return np.sort(chance.uniform(0, window_s, chance.poisson(rate * window_s)))


def brought(by: Floats, strength: float, window_s: float, chance: np.random.Generator, delay_s: float) -> Floats:
    times = np.repeat(by, chance.poisson(-math.log1p(-strength), len(by)))
    shape = chance.choice([1, 4])
    times = times + chance.gamma(shape, delay_s / shape, len(times))
    return times[times < window_s]


def with_children(own: Floats, strength: float, window_s: float, chance: np.random.Generator, delay_s: float) -> Floats:
    """`own` and all that they bring about among themselves; `strength` under 1 − 1/e, else there is no end."""
    found, last = [own], own
    while len(last):
        last = brought(last, strength, window_s, chance, delay_s)
        found.append(last)
    return np.sort(np.concatenate(found))


def simulate(kind: str, count: int, chance: np.random.Generator) -> World:
    window_s = float(count)
    rate = float(np.exp(chance.uniform(np.log(0.2), np.log(2.0))))
    delay_s = float(np.exp(chance.uniform(np.log(0.05), np.log(1.0))))
    cause, effect = poisson(1.0, window_s, chance), poisson(rate, window_s, chance)

    def more(to: Floats, by: Floats, strength: float, after_s: float = delay_s) -> Floats:
        return np.sort(np.concatenate([to, brought(by, strength, window_s, chance, after_s)]))

    if kind == "linked":
        strength = float(chance.uniform())
        return World(cause, more(effect, cause, strength), window_s, strength, delay_s)
    if kind == "reverse":
        few = poisson(0.3, window_s, chance)
        first = poisson(1.0, window_s, chance)
        return World(more(few, first, float(chance.uniform(0.3, 0.9))), first, window_s, 0.0, delay_s)
    if kind in ("common", "hidden"):
        common = poisson(1.0, window_s, chance)
        few = poisson(0.2, window_s, chance)
        cause = more(few, common, float(chance.uniform(0.4, 0.9)), delay_s / 2)
        effect = more(poisson(0.2, window_s, chance), common, float(chance.uniform(0.4, 0.9)), 2 * delay_s)
        return World(cause, effect, window_s, 0.0, delay_s, {"common": common} if kind == "common" else {})
    if kind == "schedule":
        hours = chance.dirichlet(np.full(24, 0.3))
        hour_s = PERIOD_S / 24
        times = []
        for each in (1.0, rate):
            many = chance.poisson(each * window_s)
            periods = chance.integers(0, max(1, round(window_s / PERIOD_S)), many)
            placed = periods * PERIOD_S + (chance.choice(24, many, p=hours) + chance.uniform(size=many)) * hour_s
            times.append(np.sort(placed[placed < window_s]))
        return World(times[0], times[1], window_s, 0.0, delay_s)
    if kind == "itself":
        return World(cause, with_children(effect, 0.4, window_s, chance, delay_s), window_s, 0.0, delay_s)
    return World(cause, effect, window_s, 0.0, delay_s)


def power_pc(world: World) -> float:
    """ΔP over what it could be, of windows of twice the delay: after each cause, and everywhere."""
    reach_s = 2 * world.delay_s

    def follows(starts: Floats) -> float:
        after = np.searchsorted(world.effect, starts + reach_s) > np.searchsorted(world.effect, starts)
        return float(after.mean()) if len(starts) else 0.0

    without = follows(np.arange(0, world.window_s, reach_s / 2))
    return (follows(world.cause) - without) / (1 - without) if without < 1 else 0.0


def granger(world: World) -> float | None:
    """1 − p of the F test on 4 lags of counts by half the true delay; None where it cannot be computed."""
    from statsmodels.tools.sm_exceptions import InfeasibleTestError
    from statsmodels.tsa.stattools import grangercausalitytests

    bins = int(np.clip(world.window_s / world.delay_s * 2, 20, 4000))
    edges = np.linspace(0, world.window_s, bins + 1)
    counts = np.column_stack([np.histogram(times, edges)[0] for times in (world.effect, world.cause)]).astype(float)
    if (counts.std(0) == 0).any():
        return None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            found = grangercausalitytests(counts, [4])
        except (ValueError, InfeasibleTestError, np.linalg.LinAlgError):
            return None
    return 1 - float(found[4][0]["ssr_ftest"][1])


def likelihood_ratio(world: World) -> tuple[float, float]:
    """Twice the gain in log likelihood by the cause, next to self-excitation, and the strength at its maximum."""
    if not len(world.effect) or not len(world.cause):
        return 0.0, 0.0
    delays = delay_grid(max(world.window_s / 5000, 0.01), world.window_s / 2)[::2]
    own = excite(world.effect, world.effect, world.window_s, delays)[1]
    by = excite(world.cause, world.effect, world.window_s, delays)[1]

    def climb(brings: Floats, reach: Floats) -> tuple[Floats, Floats]:
        rates = np.full(reach.shape, 0.5)
        for _ in range(40):
            share = np.maximum(np.einsum("ks,ksi->ki", rates, brings), 1e-300)
            rates = rates * np.einsum("ksi,ki->ks", brings, 1 / share) / np.maximum(reach, 1e-9)
        share = np.maximum(np.einsum("ks,ksi->ki", rates, brings), 1e-300)
        return np.log(share).sum(1) - (rates * reach).sum(1), rates

    ones, spans = np.ones_like(own.at_effects), np.full(len(delays), world.window_s)
    alone, _ = climb(np.stack([ones, own.at_effects], 1), np.stack([spans, own.total], 1))
    best = int(np.argmax(alone))
    brings = np.stack([ones, np.broadcast_to(own.at_effects[best], ones.shape), by.at_effects], 1)
    reach = np.stack([spans, np.full(len(delays), own.total[best]), by.total], 1)
    linked, rates = climb(brings, reach)
    top = int(np.argmax(linked))
    return 2 * max(0.0, float(linked[top] - alone[best])), float(-np.expm1(-rates[top, 2]))


def area(linked: Sequence[float], unlinked: Sequence[float]) -> tuple[float, float]:
    """Under the ROC curve: how often a linked world scores above an unlinked one, and that share's standard error
    (DeLong, DeLong and Clarke-Pearson 1988)."""
    if len(linked) < 2 or len(unlinked) < 2:
        return math.nan, math.nan
    apart = np.subtract.outer(np.array(linked), np.array(unlinked))
    above = (apart > 0) + 0.5 * (apart == 0)
    error = above.mean(1).var(ddof=1) / len(linked) + above.mean(0).var(ddof=1) / len(unlinked)
    return float(above.mean()), math.sqrt(error)


def share(told: Sequence[bool]) -> str:
    """With its 95 % interval (Wilson 1927)."""
    if not told:
        return "-"
    count, mean, z = len(told), sum(told) / len(told), 1.96
    centre = (mean + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * math.sqrt(mean * (1 - mean) / count + z**2 / (4 * count**2))
    return f"{mean:.3f} [{max(0.0, centre - reach):.2f} {min(1.0, centre + reach):.2f}] of {count}"


@dataclass
class Tally:
    """What was found in the worlds of one size, by kind of world."""

    scores: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """By peer, then by kind."""
    covered: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    turned: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    """Of linked worlds, whether the other way round is not claimed; of reverse ones, whether it is."""
    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    took_s: list[float] = field(default_factory=list)

    def add(self, kind: str, world: World) -> None:
        began_s = time.process_time()
        found = weigh(world.history)
        self.took_s.append(time.process_time() - began_s)
        low, high = found.interval
        self.covered[kind].append(low <= world.strength <= high)
        self.scores["ours"][kind].append(found.p_link)
        self.scores["power PC"][kind].append(power_pc(world))
        ratio, strength = likelihood_ratio(world)
        self.scores["Hawkes MLE"][kind].append(ratio)
        if kind == "linked":
            self.errors["ours"].append(abs(found.strength - world.strength))
            self.errors["Hawkes MLE"].append(abs(strength - world.strength))
        score = granger(world) if GRANGER else None
        if score is not None:
            self.scores["Granger"][kind].append(score)
        if (kind == "linked" and found.p_link > CLAIMED) or kind == "reverse":
            back = weigh(replace(world.history, cause=world.effect, effect=world.cause, others={})).p_link
            self.turned[kind].append(back <= CLAIMED if kind == "linked" else back > CLAIMED)

    def half_and_half(self) -> list[bool]:
        """Coverage as the prior has it: as many worlds without a link as with one."""
        alone = self.covered["independent"]
        return [*self.covered["linked"][: len(alone)], *alone]

    def show(self) -> None:
        limits = {"ours": CLAIMED, "Granger": 0.95, "Hawkes MLE": 5.99}
        columns = []
        for peer, by_kind in self.scores.items():
            every = [score for kind in NULLS for score in by_kind[kind]]
            limit = limits.get(peer, float(np.quantile(every, 0.95)) if every else math.nan)
            mean, error = area(by_kind["linked"], every)
            told = (share([score > limit for score in by_kind[kind]]) for kind in WORLDS)
            columns.append([peer, f"{mean:.3f} ± {1.96 * error:.3f}", *told])
        for name, *cells in zip(("", "AUC", *(f"claimed {kind}" for kind in WORLDS)), *columns, strict=True):
            print(f"  {name:20}" + "".join(f"{cell:28}" for cell in cells))
        if not GRANGER:
            print("  Granger is left out: statsmodels is not installed")
        ours = self.scores["ours"]
        limit = float(np.quantile([score for kind in NULLS for score in ours[kind]], 0.95))
        print(f"  ours, power at 5 % false links of all kinds together: {share([p > limit for p in ours['linked']])}")
        print(f"  ours, no reverse link beside a claimed one: {share(self.turned['linked'])}")
        print(f"  ours, the reverse link of reverse worlds: {share(self.turned['reverse'])}")
        print(f"  coverage of linked worlds: {share(self.covered['linked'])}")
        print(f"  coverage of independent worlds: {share(self.covered['independent'])}")
        print(f"  coverage half and half: {share(self.half_and_half())}")
        ours_error, theirs = (float(np.mean(self.errors[peer])) for peer in ("ours", "Hawkes MLE"))
        print(f"  error of w: ours {ours_error:.3f}, Hawkes MLE {theirs:.3f} (ratio {ours_error / theirs:.2f})")
        print(f"  processor time of ours: median {np.median(self.took_s):.2f} s, most {max(self.took_s):.2f} s")


def measure(count: int, rounds: int, seed: int) -> Tally:
    chance = np.random.default_rng([seed, count])
    tally = Tally()
    began_s = time.process_time()
    for kind in WORLDS:
        for _ in range(rounds * 2 if kind == "linked" else rounds):
            tally.add(kind, simulate(kind, count, chance))
    took_s = time.process_time() - began_s
    print(f"\nn = {count}: {rounds} worlds of each kind, {2 * rounds} linked; {took_s:.0f} s of processor time")
    tally.show()
    sys.stdout.flush()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--counts", default="2,10,100,1000")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    tallies = [
        measure(count, chosen.rounds or (2 if chosen.small else ROUNDS.get(count, 40)), chosen.seed)
        for count in ((10, 50) if chosen.small else map(int, chosen.counts.split(",")))
    ]
    print("\nall n together")
    print(f"  coverage of linked worlds: {share([each for tally in tallies for each in tally.covered['linked']])}")
    print(f"  coverage half and half: {share([each for tally in tallies for each in tally.half_and_half()])}")


if __name__ == "__main__":
    main()
