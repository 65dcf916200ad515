"""Causal answers, for people and pipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lukhas_cli.render.screen import Screen

if TYPE_CHECKING:
    from lukhas_sdk.contract.causal import CausalResponse, Span
    from lukhas_sdk.contract.causal_query import CausalQueryRequest, CausalQueryResponse

EVIDENCE = {"very_strong": "very strong", "against": "against a link"}
UNITS_S = ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def show_causal(screen: Screen, answer: CausalResponse) -> None:
    rows: list[tuple[str, str | int | float | None]] = [
        ("question", f"does {answer.cause} bring about {answer.effect}?"),
        ("evidence", EVIDENCE.get(answer.evidence, answer.evidence)),
        ("strength", _with_interval(answer.causal_strength, answer.confidence_interval)),
        ("link", f"{_share(answer.p_link)} probable, 50 % before the observations"),
        ("direction", answer.direction or f"– ({answer.reasons.get('direction', 'unknown')})"),
    ]
    if answer.reverse is not None:
        strength = _with_interval(answer.reverse.causal_strength, answer.reverse.confidence_interval)
        rows.append(("the other way", f"{strength}; link {_share(answer.reverse.p_link)}"))
    if answer.effects_per_cause is not None:
        brings = answer.effects_per_cause
        rows.append(("brings", f"{brings.median:.2f} for each {answer.cause} ({brings.low:.2f} to {brings.high:.2f})"))
    if answer.delay_s is not None:
        rows.append(("delay", _delay(answer.delay_s)))
    if answer.value_effect is not None:
        effect = answer.value_effect
        slope = effect.per_unit
        rows.append(("per unit", f"{slope.median:+.3g} ({slope.low:+.3g} to {slope.high:+.3g})"))
        after = f"{effect.lag_days} days" if effect.lag_days else "0 days: the same day"
        rows.append(("after", f"{after}; adjusted for {', '.join(effect.adjusted_for)}"))
    if answer.unmeasured_common_cause is not None:
        hidden = answer.unmeasured_common_cause
        rows.append(
            (
                "hidden cause",
                f"one that makes both {hidden.e_value:.3g} times as frequent would explain it, and"
                f" {hidden.e_value_limit:.3g} times the lower end of the interval",
            )
        )
    rows.append(("observed", f"{answer.causes} times {answer.cause}, {answer.effects} times {answer.effect}"))
    screen.pairs(rows)
    for each in answer.alternative_explanations:
        probability = "no probability" if each.probability is None else _share(each.probability)
        screen.row("otherwise", probability, each.hypothesis)
    for window in answer.sensitivity:
        strength = _with_interval(window.causal_strength, window.confidence_interval)
        screen.row("watched", f"{_time(window.window_s)}", strength)
    screen.text(answer.recommendation)


def show_query(screen: Screen, answer: CausalQueryResponse, request: CausalQueryRequest) -> None:
    if answer.asked is not None:
        import msgspec

        request = answer.asked
        screen.pairs([("asked", msgspec.json.encode(request).decode())])
    if answer.method is None:
        why = answer.reasons.get("method") or answer.reasons.get("distribution", "")
        screen.pairs([("answer", "–"), ("why", why)])
        return
    screen.pairs([("method", answer.method.replace("_", " ")), ("formula", answer.formula)])
    done = ", ".join(f"{name} = {level}" for name, level in request.do.items())
    for level, probability in (answer.distribution or {}).items():
        seen = f"{answer.observed[level]:.4g}" if answer.observed else "–"
        screen.row(f"{request.outcome} = {level}", f"{probability:.4g} if {done} is done", f"{seen} where it is seen")


def _with_interval(value: float | None, interval: list[float] | None) -> str:
    if value is None or interval is None:
        return "–"
    return f"{value:.2f} (90 % between {interval[0]:.2f} and {interval[1]:.2f})"


def _share(value: float) -> str:
    percent = 100 * value
    if 0 < percent < 0.1 or 99.9 < percent < 100:
        return "under 0.1 %" if percent < 50 else "over 99.9 %"
    return f"{percent:.3g} %"


def _delay(delay: Span) -> str:
    return f"{_time(delay.median)} ({_time(delay.low)} to {_time(delay.high)})"


def _time(seconds: float) -> str:
    size, unit = next((pair for pair in UNITS_S if seconds >= pair[0]), UNITS_S[-1])
    return f"{seconds / size:.3g} {unit}"
