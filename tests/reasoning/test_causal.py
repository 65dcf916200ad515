"""Causal answers: from a request to every field, by times, values and occasions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from lukhas_sdk.contract.causal import CausalRequest, CausalResponse
from lukhas_sdk.errors import ValidationError
from lukhasd.reasoning.causal import infer

REFERENCE = {
    "observations": [
        {"event": "increased_study_time", "timestamp": "2024-01-10"},
        {"event": "improved_test_scores", "timestamp": "2024-01-15"},
    ],
    "hypothesis": "study_time_causes_better_scores",
}
START = datetime(2025, 3, 1, tzinfo=UTC)


def ask(**request: Any) -> CausalResponse:
    return infer(msgspec.convert(request, CausalRequest))


def at(event: str, hours: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"event": event, "timestamp": (START + timedelta(hours=float(each))).isoformat(), **more} for each in hours]


def cases(event: str, numbers: range) -> list[dict[str, Any]]:
    return [{"event": event, "case": str(number)} for number in numbers]


def daily(event: str, values: Any) -> list[dict[str, Any]]:
    return [
        {"event": event, "timestamp": (START + timedelta(days=day)).date().isoformat(), "value": float(value)}
        for day, value in enumerate(values)
    ]


def test_two_observations_are_insufficient_and_the_interval_is_wide() -> None:
    answer = ask(**REFERENCE)
    assert (answer.cause, answer.effect) == ("increased_study_time", "improved_test_scores")
    assert answer.evidence == "insufficient" and "too few" in answer.reasons["direction"]
    assert answer.direction is None and "direction" in answer.reasons
    assert answer.confidence_interval is not None
    assert answer.confidence_interval[0] == 0 and answer.confidence_interval[1] > 0.6
    assert answer.pairs_needed is not None and answer.pairs_needed > 20
    assert "more occurrences" in answer.recommendation and "coin" in answer.recommendation
    assert sum(each.probability or 0 for each in answer.alternative_explanations) + answer.p_link == pytest.approx(1)


def test_a_longer_window_makes_a_coincidence_of_two_less_likely() -> None:
    answer = ask(**REFERENCE)
    links = [each.p_link for each in answer.sensitivity]
    assert [each.window_s / answer.sensitivity[0].window_s for each in answer.sensitivity] == [1, 3, 10]
    assert links == sorted(links) and links[-1] > links[0] + 0.1


def linked_times(count: int = 60) -> list[dict[str, Any]]:
    chance = np.random.default_rng(11)
    cause = np.sort(chance.uniform(0, 24 * 90, count))
    effect = [time + chance.gamma(4, 0.25) for time in cause for _ in range(chance.poisson(0.8))]
    return at("coffee", cause) + at("headache", [*effect, *chance.uniform(0, 24 * 90, 10)])


def test_a_link_is_forward_with_a_delay_and_an_e_value() -> None:
    answer = ask(observations=linked_times(), hypothesis="coffee causes headaches")
    assert answer.evidence == "very_strong" and answer.direction == "forward"
    assert answer.confidence_interval is not None
    assert answer.confidence_interval[0] < 1 - np.exp(-0.8) < answer.confidence_interval[1]
    assert answer.delay_s is not None and answer.delay_s.low < 3600 < answer.delay_s.high
    each = answer.effects_per_cause
    assert each is not None and each.low < 0.8 < each.high
    assert answer.reverse is not None and answer.reverse.p_link < 0.5
    hidden = answer.unmeasured_common_cause
    assert hidden is not None and 1 < hidden.e_value_limit < hidden.e_value
    ratio = hidden.rate_ratio
    assert hidden.e_value == pytest.approx(ratio + (ratio * (ratio - 1)) ** 0.5)


def test_the_other_way_round_it_is_reverse() -> None:
    answer = ask(observations=linked_times(), cause="headache", effect="coffee")
    assert answer.direction == "reverse" and answer.evidence != "very_strong"
    assert answer.unmeasured_common_cause is None and "unmeasured_common_cause" in answer.reasons


def test_occasions_claim_no_direction() -> None:
    seen = cases("a", range(10)) + cases("b", range(2, 14)) + cases("neither", range(14, 30))
    answer = ask(observations=seen, cause="a", effect="b")
    assert answer.method == "occasions" and answer.direction is None
    assert "not used" in answer.reasons["alternative_explanations"]
    assert answer.p_link > 0.9 and answer.reverse is not None and answer.reverse.p_link > 0.9
    assert answer.causal_strength is not None and 0.4 < answer.causal_strength < 0.8


def test_many_occasions_do_not_run_out_of_numbers() -> None:
    seen = cases("a", range(900)) + cases("b", range(300, 1200))
    answer = ask(observations=seen, cause="a", effect="b")
    assert answer.evidence == "against"


def test_nothing_that_belongs_together_leaves_the_prior() -> None:
    answer = ask(observations=[{"event": "a"}, {"event": "b"}], cause="a")
    assert answer.evidence == "insufficient" and answer.p_link == pytest.approx(0.5)
    assert answer.causal_strength == pytest.approx(0.25)


def test_values_give_a_slope_after_trend_weekday_and_autocorrelation() -> None:
    chance = np.random.default_rng(8)
    sleep = chance.normal(7, 1, 90)
    error = np.zeros(90)
    for day in range(1, 90):
        error[day] = 0.6 * error[day - 1] + chance.normal(0, 0.7)
    mood = 2 + 0.8 * np.roll(sleep, 1) + 0.03 * np.arange(90) + (np.arange(90) % 7 == 2) + error
    answer = ask(observations=daily("sleep", sleep) + daily("mood", mood), hypothesis="sleep causes mood")
    assert answer.method == "values" and answer.evidence == "very_strong" and answer.direction == "forward"
    effect = answer.value_effect
    assert effect is not None and effect.lag_days == 1
    assert effect.per_unit.low < 0.8 < effect.per_unit.high
    assert effect.autocorrelation == pytest.approx(0.6, abs=0.25)
    assert effect.adjusted_for == ["trend", "weekday", "autocorrelation"]


def test_two_trends_are_no_link() -> None:
    chance = np.random.default_rng(9)
    first, second = (np.arange(60) * 0.1 + chance.normal(0, 1, 60) for _ in range(2))
    answer = ask(observations=daily("a", first) + daily("b", second), cause="a", effect="b")
    assert answer.p_link < 0.5 and answer.direction is None


def test_few_values_leave_the_prior() -> None:
    answer = ask(observations=daily("a", [1, 2, 3]) + daily("b", [3, 2, 4]), cause="a", effect="b")
    assert answer.evidence == "insufficient" and answer.p_link == pytest.approx(0.5)
    assert answer.value_effect is None and "value_effect" in answer.reasons


def test_an_event_may_change_a_value() -> None:
    chance = np.random.default_rng(10)
    runs = np.flatnonzero(chance.random(100) < 0.4)
    mood = chance.normal(5, 1, 100)
    mood[runs] += 1.5
    seen = at("run", runs * 24 + 9) + daily("mood", mood)
    answer = ask(observations=seen, cause="run", effect="mood")
    assert answer.value_effect is not None and answer.value_effect.lag_days == 0
    assert answer.value_effect.per_unit.low < 1.5 < answer.value_effect.per_unit.high
    assert answer.reverse is None and "reverse" in answer.reasons


@pytest.mark.parametrize(
    ("request_", "field", "said"),
    [
        ({"observations": at("a", [1]) + at("b", [2])}, "$.cause", "not said"),
        ({"observations": at("a", [1]) + at("b", [2]), "hypothesis": "tea helps"}, "$.hypothesis", "not plain"),
        ({"observations": at("a", [1])}, "$.observations", "no second event"),
        ({"observations": at("a", [1]) + at("b", [2]), "cause": "c"}, "$.cause", "no observation"),
        ({"observations": at("a", [1]) + at("b", [2]), "cause": "a", "effect": "a"}, "$.effect", "same"),
        (
            {"observations": [*at("a", [1]), {"event": "b"}], "cause": "a"},
            "$.observations[1].timestamp",
            "no timestamp",
        ),
        (
            {"observations": [*at("a", [1]), {"event": "b", "timestamp": "2025-02-31"}], "cause": "a"},
            "$.observations[1].timestamp",
            "no date",
        ),
        (
            {
                "observations": at("a", [1]) + at("b", [2]),
                "cause": "a",
                "window": {"start": "2026-01-01", "end": "2026-02-01"},
            },
            "$.window",
            "outside",
        ),
    ],
)
def test_bad_input_names_the_field(request_: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        ask(**request_)
    assert caught.value.details["field"] == field and caught.value.hint
