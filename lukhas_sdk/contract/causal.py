"""Causal inference: does one kind of event bring another about, how strongly, and what else would explain it?"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import NOT_BLANK, Limit, NoParams, Operation, Reasons, Request, Response, Tier, Unit

EventName = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=NOT_BLANK)]
Moment = Annotated[str, msgspec.Meta(min_length=10, max_length=40)]
"""ISO 8601 date or date-time; without an offset it is UTC."""
Method = Literal["event_times", "values", "occasions"]
Direction = Literal["forward", "reverse", "both"]
Evidence = Literal["insufficient", "against", "positive", "strong", "very_strong"]
OBSERVATIONS_MOST = 2000
OTHERS_MOST = 3


class Observation(Request, frozen=True):
    """That something happened, or what was measured."""

    event: EventName
    timestamp: Moment | None = None
    value: Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)] | None = None
    """What was measured at that time: then `event` is a quantity, as hours of sleep."""
    case: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """Which occasion it belongs to, where only that is known and not the time."""


class ObservationWindow(Request, frozen=True):
    """From when to when everything that happened was written down."""

    start: Moment
    end: Moment


class CausalRequest(Request, frozen=True):
    observations: Annotated[list[Observation], msgspec.Meta(min_length=1, max_length=OBSERVATIONS_MOST)]
    hypothesis: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    """As study_time_causes_better_scores; it is matched with the events' names where `cause` and `effect` are not
    given."""
    cause: EventName | None = None
    effect: EventName | None = None
    window: ObservationWindow | None = None
    """Without one it is half a mean gap longer at each end than the observations."""
    period_s: Annotated[float, msgspec.Meta(gt=0, le=1e9)] | None = None
    """A schedule that both may keep to. Without one a day and a week are tried where the window holds enough."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    name_unobserved: bool = False
    """Also ask the language model, where one is configured, what else could be behind it."""


class Alternative(Response, frozen=True):
    hypothesis: str
    """coincidence, shared schedule, self-excitation, another event's name, or what a language model named."""
    probability: Unit | None
    """The posterior mass of the models without the cause that say so; null where nobody observed it."""
    kind: Literal["coincidence", "schedule", "itself", "event", "unobserved"]


class Span(Response, frozen=True):
    """A median and a 90 % interval."""

    median: float
    low: float
    high: float


class Reverse(Response, frozen=True):
    """The same question the other way round."""

    p_link: float
    causal_strength: float | None
    confidence_interval: list[float] | None


class Confounding(Response, frozen=True):
    """How strong a common cause that nobody observed would have to be to explain the link away, as a rate ratio with
    both (VanderWeele and Ding 2017). It says nothing about whether there is one."""

    rate_ratio: float
    e_value: float
    e_value_limit: float
    """Of the interval's lower end: 1 where that end is no link at all."""


class WindowEffect(Response, frozen=True):
    """What the same observations would say had the time before them been watched too, and nothing have happened."""

    window_s: float
    causal_strength: float
    confidence_interval: list[float]
    p_link: float


class ValueEffect(Response, frozen=True):
    """Change of the effect for one unit of the cause, given that there is a link."""

    per_unit: Span
    lag_days: int
    """The most probable."""
    autocorrelation: float
    """Posterior mean of the errors' AR(1) coefficient."""
    adjusted_for: list[str]


class CausalResponse(Response, frozen=True):
    cause: str
    effect: str
    method: Method
    causal_strength: Unit | None
    """Mean of w over all models, those without a link counting as 0. Of event times and occasions, w is how likely one
    cause brings about an effect; of values it is the size of the partial correlation."""
    confidence_interval: list[float] | None
    """90 %, of the same mixture."""
    alternative_explanations: list[Alternative]
    recommendation: str
    evidence: Evidence
    p_link: float
    """Posterior probability that the cause has any influence; 0.5 before the observations."""
    bayes_factor: float | None
    """For a link; null where it is beyond what can be measured."""
    direction: Direction | None
    reverse: Reverse | None
    effects_per_cause: Span | None
    """How many effects one cause brings about on average; w is how likely there is one at all, their number being
    Poisson. Where one cause never has two effects, this is the share of causes with one."""
    delay_s: Span | None
    unmeasured_common_cause: Confounding | None
    value_effect: ValueEffect | None
    causes: int
    effects: int
    pairs_needed: int | None
    """How many more occurrences of the cause until the interval is about 0.2 wide."""
    trial_flips: int | None
    """How many coin flips a randomised trial takes to show a strength like this one: 80 % power, 5 % error."""
    window_s: float | None
    window_assumed: bool
    sensitivity: list[WindowEffect]
    """Where the evidence is insufficient: how the answer moves with the window."""
    models: int
    """That were summed over."""
    reasons: Reasons


INFER = Operation(
    "reasoning.causal", "POST", "/reasoning/causal", "Say how strongly one event causes another.",
    params=NoParams, body=CausalRequest, result=CausalResponse, tier=Tier.USER, limit=Limit.PROCESS,
    errors=("GUARDIAN_REJECTION",),
)  # fmt: skip

OPERATIONS = (INFER,)
