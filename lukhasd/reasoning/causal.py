"""The answer to a causal question: strength, interval, alternatives, and what to observe next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from lukhas_sdk.contract import causal as contract
from lukhas_sdk.contract.base import Reasons
from lukhasd.reasoning.causal_finding import Finding
from lukhasd.reasoning.causal_occasions import compare
from lukhasd.reasoning.causal_reading import DailyValues, Occasions, Question, read
from lukhasd.reasoning.causal_regression import regress
from lukhasd.reasoning.hawkes_models import CAUSE, ITSELF, History, Posterior, Weighed, quantiles, weigh

LEAST = 3
"""Of causes and of effects; below that, nothing is evidence."""
ROWS_LEAST = 10
WINDOWS = (1.0, 3.0, 10.0)
FEW = 60
"""Up to so many events, how the answer moves with the window is computed too."""
HORIZON = 2.0
"""An effect is counted as the cause's within so many mean delays."""
REACHED = {1: 1 - np.exp(-2.0), 4: 1 - np.exp(-8.0) * (1 + 8 + 32 + 256 / 3)}
"""By kernel shape: the share of the effects that come within the horizon."""
CERTAIN = 1 - 1e-12
BELIEVED = 0.75
"""A link this probable, a Bayes factor of 3, is one that a direction is claimed of."""


def infer(request: contract.CausalRequest) -> contract.CausalResponse:
    """Blocks, a second or two for 1,000 events. Raises ValidationError. The same request gives the same answer."""
    question = read(request)
    if question.history is not None:
        return _of_times(question, question.history, request.seed)
    if question.values is not None:
        return _of_values(question, question.values)
    assert question.occasions is not None
    return _of_occasions(question, question.occasions)


def _of_times(question: Question, history: History, seed: int) -> contract.CausalResponse:
    posterior = weigh(history, seed=seed)
    turned = weigh(replace(history, cause=history.effect, effect=history.cause), seed=seed)
    finding = _finding(posterior)
    enough = min(question.causes, question.effects) >= LEAST
    reasons = dict(question.reasons)
    evidence = _evidence(finding, enough=enough)
    direction: contract.Direction | None = None
    if enough:
        forward, reverse = (each.p_link > BELIEVED for each in (posterior, turned))
        direction = ("both" if reverse else "forward") if forward else "reverse" if reverse else None
    if not enough:
        reasons["direction"] = f"fewer than {LEAST} causes or effects are too few to claim a direction of"
    elif direction is None:
        reasons["direction"] = "no link is probable enough, one way or the other, to claim a direction of"
    delay = each = None
    if posterior.p_link > 0.5:
        alpha = -np.log1p(-posterior.draws.strength.clip(0, CERTAIN))
        each = _span(*quantiles(alpha, posterior.draws.weight, (0.5, 0.05, 0.95)))
        delay = _span(*quantiles(posterior.draws.delay_s, posterior.draws.weight, (0.5, 0.05, 0.95)))
    else:
        reasons["delay_s"] = reasons["effects_per_cause"] = "a link is not more probable than none"
    confounding = _confounding(posterior) if evidence != "insufficient" and posterior.p_link > 0.5 else None
    if confounding is None:
        reasons["unmeasured_common_cause"] = "there is no link that it would have to explain away"
    sensitivity = []
    if evidence == "insufficient" and question.causes + question.effects <= FEW:
        sensitivity = [_watched_longer(history, factor, posterior, seed) for factor in WINDOWS]
    return _answer(
        question, finding, evidence, reasons, direction=direction,
        reverse=contract.Reverse(turned.p_link, turned.strength, list(turned.interval)),
        alternatives=_alternatives(posterior), delay=delay, each=each, confounding=confounding, sensitivity=sensitivity,
        flips=finding.trial_flips(), models=len(posterior.models) + len(turned.models), window_s=history.window_s,
    )  # fmt: skip


def _of_values(question: Question, values: DailyValues) -> contract.CausalResponse:
    regression = regress(values)
    finding = regression.finding
    reasons = dict(question.reasons)
    reverse = None
    quantity = len(set(values.cause[~np.isnan(values.cause)])) > 2
    turned = regress(replace(values, cause=values.effect, effect=values.cause)) if quantity else None
    if turned is not None:
        other = turned.finding
        reverse = contract.Reverse(other.p_link, other.strength, list(other.interval))
    else:
        reasons["reverse"] = f"{question.cause} is not a quantity that a regression could explain"
    evidence = _evidence(finding, enough=regression.rows >= ROWS_LEAST)
    direction: contract.Direction | None = None
    if finding.p_link > BELIEVED and regression.lag_days and evidence != "insufficient":
        back = turned is not None and turned.finding.p_link > BELIEVED and bool(turned.lag_days)
        direction = "both" if back else "forward"
    if direction is None:
        reasons["direction"] = "no link with a delay of a day or more is probable enough to claim a direction of"
    reasons["delay_s"] = "of values, the delay is value_effect.lag_days"
    reasons["effects_per_cause"] = "of values, the effect is value_effect.per_unit"
    reasons["unmeasured_common_cause"] = "it is computed of event times alone"
    reasons["window_s"] = "values are compared day by day, not over a window"
    effect = None
    if regression.per_unit is not None and regression.lag_days is not None and regression.autocorrelation is not None:
        effect = contract.ValueEffect(
            regression.per_unit, regression.lag_days, regression.autocorrelation, list(regression.adjusted_for)
        )
    else:
        reasons["value_effect"] = f"{regression.rows} days with both are too few, or one of them never varies"
    return _answer(
        question, finding, evidence, reasons, direction=direction, reverse=reverse,
        alternatives=[contract.Alternative("coincidence", 1 - finding.p_link, "coincidence")],
        value_effect=effect, flips=regression.trial_flips, models=2,
    )  # fmt: skip


def _of_occasions(question: Question, occasions: Occasions) -> contract.CausalResponse:
    finding = compare(occasions)
    turned = compare(replace(occasions, cause_only=occasions.effect_only, effect_only=occasions.cause_only))
    none = "the occasions have no times: what came first is unknown"
    reasons = {
        **question.reasons, "direction": none, "delay_s": none, "window_s": none,
        "unmeasured_common_cause": "it is computed of event times alone",
        "effects_per_cause": "it is computed of event times alone",
        "causal_strength": f"it holds if {question.cause} is the cause, which occasions cannot tell",
    }  # fmt: skip
    enough = min(occasions.both + occasions.cause_only, occasions.both + occasions.effect_only) >= LEAST
    if not occasions.both + occasions.cause_only + occasions.effect_only + occasions.neither:
        reasons["evidence"] = "no observation has a timestamp or a case, so that nothing is known to belong together"
    return _answer(
        question, finding, _evidence(finding, enough=enough), reasons,
        reverse=contract.Reverse(turned.p_link, turned.strength, list(turned.interval)),
        alternatives=[contract.Alternative("coincidence", 1 - finding.p_link, "coincidence")],
        flips=finding.trial_flips(), models=2,
    )  # fmt: skip


def _answer(
    question: Question, finding: Finding, evidence: contract.Evidence, reasons: Reasons, *,
    alternatives: list[contract.Alternative], reverse: contract.Reverse | None, flips: int | None, models: int,
    direction: contract.Direction | None = None, delay: contract.Span | None = None, each: contract.Span | None = None,
    confounding: contract.Confounding | None = None, value_effect: contract.ValueEffect | None = None,
    sensitivity: list[contract.WindowEffect] | None = None, window_s: float | None = None,
) -> contract.CausalResponse:  # fmt: skip
    needed = finding.causes_needed(question.causes)
    if finding.bayes_factor is None:
        reasons["bayes_factor"] = "it is above 10^12, more than the sum can tell apart"
    if flips is None:
        reasons["trial_flips"] = "no strength is probable enough to plan a trial for"
    if value_effect is None and "value_effect" not in reasons:
        reasons["value_effect"] = "the observations of the effect have no values"
    return contract.CausalResponse(
        cause=question.cause, effect=question.effect, method=question.method, causal_strength=finding.strength,
        confidence_interval=list(finding.interval), alternative_explanations=alternatives,
        recommendation=_recommend(question, evidence, needed, flips, confounding), evidence=evidence,
        p_link=finding.p_link, bayes_factor=finding.bayes_factor, direction=direction, reverse=reverse,
        effects_per_cause=each, delay_s=delay,
        unmeasured_common_cause=confounding, value_effect=value_effect, causes=question.causes,
        effects=question.effects, pairs_needed=needed, trial_flips=flips, window_s=window_s,
        window_assumed=question.window_assumed, sensitivity=sensitivity or [], models=models, reasons=reasons,
    )  # fmt: skip


def _evidence(finding: Finding, *, enough: bool) -> contract.Evidence:
    """By the Bayes factor, in the words of Kass and Raftery (1995)."""
    factor = finding.bayes_factor
    if not enough or (factor is not None and 1 / 3 < factor < 3):
        return "insufficient"
    if factor is None or factor > 150:
        return "very_strong"
    return "against" if factor < 1 else "positive" if factor <= 20 else "strong"


def _recommend(
    question: Question, evidence: contract.Evidence, needed: int, flips: int | None,
    confounding: contract.Confounding | None,
) -> str:  # fmt: skip
    cause, effect = question.cause, question.effect
    said = []
    if needed and question.method == "values":
        said.append(f"Measure {cause} and {effect} on about {needed} more days.")
    elif needed:
        said.append(
            f"Write down about {needed} more occurrences of {cause}, and every {effect} whether or not {cause} came"
            " before it."
        )
    elif evidence == "against":
        said.append(f"The observations speak against a link of {cause} to {effect}; more of them are not needed.")
    else:
        said.append(f"More observations like these would narrow the strength of {cause} little.")
    if evidence != "against":
        lasting = f" about {flips} times" if flips else ""
        outcome = effect if question.method == "values" else f"how often {effect} follows"
        hidden = "Observing cannot rule out a common cause that was not written down"
        if confounding is not None:
            hidden += (
                f": one that makes both {cause} and {effect} {confounding.e_value:.2g} times as frequent would explain"
                " this link"
            )
        said.append(f"{hidden}; where you can choose {cause}, flip a coin for it{lasting} and compare {outcome}.")
    return " ".join(said)


def _finding(posterior: Posterior) -> Finding:
    draws = posterior.draws
    total = float(draws.weight.sum())
    passing = -np.expm1(-draws.base_rate * HORIZON * draws.delay_s)
    chance = float(passing @ draws.weight) / total if total > 0 else None
    return Finding(draws.strength, draws.weight, base_chance=chance)


def _confounding(posterior: Posterior) -> contract.Confounding:
    """By the rate while a cause acts against the rate without, over `HORIZON` mean delays."""
    draws = posterior.draws
    alpha = -np.log1p(-draws.strength.clip(0, CERTAIN))
    reached = np.where(draws.shape == 1, REACHED[1], REACHED[4])
    ratios = 1 + alpha * reached / (HORIZON * draws.delay_s * draws.base_rate)
    (median,) = quantiles(ratios, draws.weight, (0.5,))
    limit = 1.0
    unlinked = 1 - posterior.p_link
    if unlinked < 0.05:
        (limit,) = quantiles(ratios, draws.weight, ((0.05 - unlinked) / posterior.p_link,))
    return contract.Confounding(median, _e_value(median), _e_value(limit))


def _e_value(ratio: float) -> float:
    return float(ratio + np.sqrt(ratio * (ratio - 1)))


def _alternatives(posterior: Posterior) -> list[contract.Alternative]:
    """The models without the cause, each under the first that it has of: other events, a schedule, the effect itself;
    coincidence is a constant rate alone. With the probability of a link they sum to 1."""
    mass: dict[contract.Alternative, float] = defaultdict(float)
    for each in posterior.models:
        if not each.linked:
            mass[_explanation(each)] += each.probability
    found = [contract.Alternative(each.hypothesis, share, each.kind) for each, share in mass.items()]
    return sorted(found, key=lambda each: -(each.probability or 0))


def _explanation(model: Weighed) -> contract.Alternative:
    others = [name for name in model.sources if name not in (CAUSE, ITSELF)]
    if others:
        return contract.Alternative(" and ".join(others), None, "event")
    if model.cycle is not None:
        return contract.Alternative(f"shared schedule ({model.cycle})", None, "schedule")
    if ITSELF in model.sources:
        return contract.Alternative("self-excitation", None, "itself")
    return contract.Alternative("coincidence", None, "coincidence")


def _watched_longer(history: History, factor: float, known: Posterior, seed: int) -> contract.WindowEffect:
    if factor > 1:
        added_s = (factor - 1) * history.window_s
        moved = replace(
            history,
            cause=history.cause + added_s,
            effect=history.effect + added_s,
            others={name: times + added_s for name, times in history.others.items()},
            window_s=history.window_s + added_s,
            cycles=[replace(each, phase_s=(each.phase_s - added_s) % each.period_s) for each in history.cycles],
        )
        known = weigh(moved, seed=seed)
    return contract.WindowEffect(history.window_s * factor, known.strength, list(known.interval), known.p_link)


def _span(median: float, low: float, high: float) -> contract.Span:
    return contract.Span(median, low, high)
