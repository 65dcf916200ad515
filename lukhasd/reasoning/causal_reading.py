"""What a request's observations are about: which event is the cause, and their times, values or occasions."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import permutations

import numpy as np

from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.causal import OTHERS_MOST, CausalRequest, Method, Observation
from lukhas_sdk.errors import ValidationError
from lukhasd.reasoning.hawkes import BINS, Cycle, Floats
from lukhasd.reasoning.hawkes_models import History

DAY_S = 86_400.0
UNITS_S = (DAY_S, 3600.0, 60.0, 1.0, 1e-3)
PERIODS_LEAST = 3
"""A schedule is thought of where the window holds so many of its periods."""
VERB = re.compile(r"\b(?:causes?|caused|leads? to|brings? about|makes?|increases?|reduces?)\b|->|→", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Occasions:
    """Cases by whether the cause and the effect were there."""

    both: int
    cause_only: int
    effect_only: int
    neither: int


@dataclass(frozen=True)
class DailyValues:
    """One row a day, the days without both left out. `cause` is 0 or 1 where it is an event and not a quantity."""

    day: Floats
    """Days since the first."""
    weekday: Floats
    cause: Floats
    """NaN where it is not known."""
    effect: Floats


@dataclass(frozen=True)
class Question:
    cause: str
    effect: str
    method: Method
    causes: int
    effects: int
    window_assumed: bool
    history: History | None = None
    occasions: Occasions | None = None
    values: DailyValues | None = None
    reasons: Reasons = field(default_factory=dict)


def read(request: CausalRequest) -> Question:
    """Raises ValidationError that names the field."""
    cause, effect = _roles(request)
    observations = request.observations
    counts = Counter(each.event for each in observations)
    timed = [each.timestamp is not None for each in observations]
    if any(timed) and not all(timed):
        raise ValidationError(
            f"observation {timed.index(False)} has no timestamp, and others have one",
            field=f"$.observations[{timed.index(False)}].timestamp",
            hint="give all of them one, or none and a case each",
        )
    measured = [each.value is not None for each in observations if each.event == effect]
    if any(measured) and not all(measured):
        raise ValidationError(
            f"some observations of {effect} have a value and some have none", field="$.observations",
            hint="give all of them a value, or none",
        )  # fmt: skip
    reasons = {}
    if len(counts) > 2 and (not any(timed) or all(measured)):
        reasons["alternative_explanations"] = "other events are weighed of event times alone; here they are not used"
    if not any(timed):
        found = _occasions(observations, cause, effect)
        return Question(
            cause, effect, "occasions", counts[cause], counts[effect], False, occasions=found, reasons=reasons
        )
    times = np.array([_seconds(each.timestamp or "", number) for number, each in enumerate(observations)])
    if all(measured):
        values = _daily(observations, times, cause, effect)
        return Question(cause, effect, "values", counts[cause], counts[effect], False, values=values, reasons=reasons)
    return _timed(request, times, cause, effect, counts)


def _timed(request: CausalRequest, times: Floats, cause: str, effect: str, counts: Counter[str]) -> Question:
    reasons: Reasons = {}
    resolution_s = next((unit for unit in UNITS_S if np.all(np.abs(times / unit - np.rint(times / unit)) < 1e-6)), 1e-3)
    if request.window:
        start_s, end_s = _seconds(request.window.start, None), _seconds(request.window.end, None)
        hint = "give the time from when to when everything was written down"
        if not start_s < end_s:
            raise ValidationError("the window ends before it starts", field="$.window", hint=hint)
        outside = np.flatnonzero((times < start_s) | (times > end_s))
        if len(outside):
            stray = int(outside[0])
            raise ValidationError(
                f"observation {stray}, of {request.observations[stray].timestamp}, lies outside the window",
                field="$.window", hint=hint,
            )  # fmt: skip
    else:
        gap_s = max(float(np.ptp(times)) / max(len(times) - 1, 1), resolution_s)
        start_s, end_s = float(times.min() - gap_s / 2), float(times.max() + gap_s / 2)
        reasons["window_s"] = "no window was given: half a mean gap longer at each end than the observations"
    names = [name for name, _ in counts.most_common() if name not in (cause, effect)]
    if len(names) > OTHERS_MOST:
        reasons["alternative_explanations"] = f"of {len(names)} other events, the {OTHERS_MOST} most frequent are used"

    def of(name: str) -> Floats:
        chosen = np.array([each.event == name for each in request.observations])
        return np.sort(times[chosen]) - start_s

    causes, effects = of(cause), of(effect)
    ties = int(np.isin(effects, causes).sum())
    if ties:
        reasons["ties"] = (
            f"{ties} effects bear the very time of a cause: which came first is unknown, so they tell nothing"
        )
    cycles = _cycles(start_s, end_s - start_s, resolution_s, request.period_s)
    history = History(
        causes, effects, {name: of(name) for name in names[:OTHERS_MOST]}, end_s - start_s, resolution_s, cycles
    )
    return Question(
        cause, effect, "event_times", counts[cause], counts[effect], request.window is None, history=history,
        reasons=reasons,
    )  # fmt: skip


def _cycles(start_s: float, window_s: float, resolution_s: float, period_s: float | None) -> list[Cycle]:
    named = {"day": DAY_S, "week": 7 * DAY_S} if period_s is None else {"period": period_s}
    return [
        Cycle(name, period, start_s % period, min(BINS, int(period / resolution_s)))
        for name, period in named.items()
        if period >= 2 * resolution_s and (period_s is not None or window_s >= PERIODS_LEAST * period)
    ]


def _occasions(observations: Sequence[Observation], cause: str, effect: str) -> Occasions:
    """Each observation without a case is an occasion by itself of which the rest is unknown: it says nothing."""
    seen: dict[str, set[str]] = defaultdict(set)
    for each in observations:
        if each.case is not None:
            seen[each.case].add(each.event)
    table = Counter((cause in events, effect in events) for events in seen.values())
    return Occasions(table[True, True], table[True, False], table[False, True], table[False, False])


def _daily(observations: Sequence[Observation], times: Floats, cause: str, effect: str) -> DailyValues:
    days = np.floor(times / DAY_S).astype(int)
    first = int(days.min())
    count = int(days.max()) - first + 1
    if count > 20_000:
        raise ValidationError("the values span more than 20,000 days", field="$.observations")
    quantity = any(each.event == cause and each.value is not None for each in observations)
    sums = np.zeros((2, count))
    seen = np.zeros((2, count))
    for each, day in zip(observations, days - first, strict=True):
        if each.event in (cause, effect):
            side = int(each.event == effect)
            sums[side, day] += 1.0 if each.value is None else each.value
            seen[side, day] += 1
    with np.errstate(invalid="ignore"):
        means = sums / np.where(seen > 0, seen, np.nan)
    causes = means[0] if quantity else (seen[0] > 0).astype(float)
    day = np.arange(count, dtype=float)
    return DailyValues(day, (day + first + 3) % 7, causes, means[1])


def _seconds(text: str, number: int | None) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        field = "$.window" if number is None else f"$.observations[{number}].timestamp"
        raise ValidationError(
            f"{field[2:]} is no date or date-time: {text}",
            field=field,
            hint="write it as 2025-01-31 or 2025-01-31T14:00Z",
        ) from None


def _roles(request: CausalRequest) -> tuple[str, str]:
    names = list(dict.fromkeys(each.event for each in request.observations))
    for field_name, name in (("cause", request.cause), ("effect", request.effect)):
        if name is not None and name not in names:
            raise ValidationError(
                f"no observation is of the {field_name} {name}", field=f"$.{field_name}",
                hint=f"the observations are of: {', '.join(names[:10])}",
            )  # fmt: skip
    if len(names) < 2:
        raise ValidationError(
            f"all observations are of {names[0]}: there is no second event", field="$.observations",
            hint="observe the cause and the effect",
        )  # fmt: skip
    if request.cause is not None and request.cause == request.effect:
        raise ValidationError("cause and effect are the same event", field="$.effect", hint="name two")
    pairs = [
        pair for pair in permutations(names, 2)
        if request.cause in (None, pair[0]) and request.effect in (None, pair[1])
    ]  # fmt: skip
    if len(pairs) == 1:
        return pairs[0]
    halves = VERB.split((request.hypothesis or "").replace("_", " "), maxsplit=1)
    if len(halves) == 2:
        wanted = [_words(half) for half in halves]
        scores = sorted(
            ((_overlap(wanted[0], pair[0]) + _overlap(wanted[1], pair[1]), pair) for pair in pairs), reverse=True
        )
        (best, pair), (second, _) = scores[:2]
        if best > second and _overlap(wanted[0], pair[0]) > 0 and _overlap(wanted[1], pair[1]) > 0:
            return pair
    raise ValidationError(
        "which event is the cause and which the effect is not plain from the hypothesis"
        if request.hypothesis
        else "which event is the cause and which the effect was not said",
        field="$.hypothesis" if request.hypothesis else "$.cause",
        hint=f"give cause and effect, of: {', '.join(names[:10])}",
    )


def _words(text: str) -> set[str]:
    """Without a plural's s."""
    return {word.lower().rstrip("s") for word in WORD.findall(text)}


def _overlap(wanted: set[str], name: str) -> float:
    """Jaccard's index of their words."""
    words = _words(name)
    return len(wanted & words) / max(len(wanted | words), 1)
