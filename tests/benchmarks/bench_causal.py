"""Causal inference on simulated times whose truth is known, against three peers in the same run.

    python tests/benchmarks/bench_causal.py [--small] [--counts 2,10,100,1000] [--rounds N]

Worlds, of about n causes each: linked (w uniform on 0 to 1, delays log-uniform, shape 1 or 4), independent, reverse,
common (a common cause that was written down), hidden (the same one, not written down), schedule (both keep to one), and
itself (the effect excites itself). The schedule's period is given to the model in all of them.

Peers score the same times: power PC (Cheng 1997) by windows of twice the true delay, which nobody would know; Granger's
F test on 4 lags of counts (statsmodels, where it is installed); the likelihood ratio of a Hawkes model with exponential
kernels fitted by maximum likelihood. A link is claimed at p_link > 0.75, by Granger and the ratio at p < 0.05. Coverage
is of the 90 % interval, over linked worlds alone and with as many independent ones, as the prior has it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
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
ROUNDS = {2: 80, 10: 80, 100: 60, 1000: 16}


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


def area(linked: Sequence[float], unlinked: Sequence[float]) -> float:
    """Under the ROC curve: how often a linked world scores above an unlinked one."""
    if not linked or not unlinked:
        return math.nan
    above = np.subtract.outer(np.array(linked), np.array(unlinked))
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def measure(count: int, rounds: int, seed: int) -> None:
    chance = np.random.default_rng([seed, count])
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    covered: dict[str, list[bool]] = defaultdict(list)
    errors, maximum_errors, turned, took_s = [], [], defaultdict(list), []
    for kind in WORLDS:
        for _ in range(rounds * 2 if kind == "linked" else rounds):
            world = simulate(kind, count, chance)
            began_s = time.process_time()
            found = weigh(world.history)
            took_s.append(time.process_time() - began_s)
            low, high = found.interval
            covered[kind].append(low <= world.strength <= high)
            scores["ours"][kind].append(found.p_link)
            scores["power PC"][kind].append(power_pc(world))
            ratio, strength = likelihood_ratio(world)
            scores["Hawkes MLE"][kind].append(ratio)
            if kind == "linked":
                errors.append(abs(found.strength - world.strength))
                maximum_errors.append(abs(strength - world.strength))
            score = granger(world) if GRANGER else None
            if score is not None:
                scores["Granger"][kind].append(score)
            if (kind == "linked" and found.p_link > CLAIMED) or kind == "reverse":
                back = weigh(replace(world.history, cause=world.effect, effect=world.cause, others={})).p_link
                turned[kind].append(back <= CLAIMED if kind == "linked" else back > CLAIMED)
    print(f"\nn = {count}: {rounds} worlds of each kind, {2 * rounds} linked")
    print(f"  {'':12} {'AUC':>6} {'power':>6}   false links: {'  '.join(f'{kind:>11}' for kind in (*NULLS, 'hidden'))}")
    limits = {"ours": CLAIMED, "Granger": 0.95, "Hawkes MLE": 5.99}
    for peer, by_kind in scores.items():
        every = [score for kind in NULLS for score in by_kind[kind]]
        limit = limits.get(peer, float(np.quantile(every, 0.95)) if every else math.nan)
        shares = "  ".join(f"{np.mean(np.array(by_kind[kind]) > limit):11.2f}" for kind in (*NULLS, "hidden"))
        power = np.mean(np.array(by_kind["linked"]) > limit)
        print(f"  {peer:12} {area(by_kind['linked'], every):6.3f} {power:6.2f}   {'':12} {shares}")
    if not GRANGER:
        print("  Granger      statsmodels is not installed")
    ours = scores["ours"]
    every = [score for kind in NULLS for score in ours[kind]]
    power = np.mean(np.array(ours["linked"]) > np.quantile(every, 0.95))
    pooled = np.mean([*covered["linked"][: len(covered["independent"])], *covered["independent"]])
    print(f"  ours: power at 5 % false links of all kinds together {power:.2f}")
    linked = covered["linked"]
    print(f"  ours: coverage {np.mean(linked):.3f} of {len(linked)} linked, {pooled:.3f} half and half")
    right = {kind: (sum(told), len(told)) for kind, told in turned.items()}
    print(f"  ours: no reverse link beside {right.get('linked')}; reverse claimed of reverse {right.get('reverse')}")
    print(
        f"  error of w: ours {np.mean(errors):.3f}, Hawkes MLE {np.mean(maximum_errors):.3f}"
        f" (ratio {np.mean(errors) / np.mean(maximum_errors):.2f})"
    )
    print(f"  processor time of ours: median {np.median(took_s):.2f} s, most {max(took_s):.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--counts", default="2,10,100,1000")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for count in (10, 50) if chosen.small else map(int, chosen.counts.split(",")):
        measure(count, chosen.rounds or (3 if chosen.small else ROUNDS.get(count, 40)), chosen.seed)


if __name__ == "__main__":
    main()
