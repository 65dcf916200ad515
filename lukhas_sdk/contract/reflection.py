"""Reflection: what recurs in what a caller stored and asked, what they prefer and what changed, with evidence."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import NOT_BLANK, Limit, NoParams, Operation, Reasons, Request, Response, Tier, Unit

InsightKind = Literal["topic", "preference", "change"]
EVERYTHING, MEMORIES, INTERACTIONS = "everything", "memories", "recent_interactions"
CONSIDERED_LIMIT = 2000
"""Entries that one reflection looks at: the newest."""
EVIDENCE_LIMIT = 50
"""Ids that an insight cites at most; `evidence_count` says how many there are."""


class ReflectRequest(Request, frozen=True):
    topic: Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=NOT_BLANK)] = EVERYTHING
    """`everything`, `memories` or `recent_interactions` alone; any other text: what is about it."""
    depth: Annotated[int, msgspec.Meta(ge=1, le=3)] = 3
    """1: topics; 2: preferences too; 3: changes over time too."""
    include_emotions: bool = True
    since: Annotated[str, msgspec.Meta(min_length=10, max_length=40)] | None = None
    """Only what happened at this ISO date or date-time or later; without an offset it is in UTC."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    """The same seed over the same store gives the same reflection."""


class Insight(Response, frozen=True):
    kind: InsightKind
    insight: str
    confidence: Unit | None
    """Of a topic: how much of it comes back in 20 resamples of the entries (mean Jaccard; Hennig, 2007). Of a
    preference or a change: the posterior probability of what it says. Null with a reason where it was recorded, not
    inferred."""
    supporting_evidence: list[str]
    """Ids of memories and interactions, the most telling first; 50 at most."""
    evidence_count: int
    observations: int | None = None
    """Of a preference: how often the behaviour could have gone either way; `evidence_count` times it went this way."""
    reasons: Reasons = {}


class Topic(Response, frozen=True):
    label: str
    """Its three most telling words, by class-based TF-IDF."""
    words: list[str]
    count: int
    share: Unit
    """Of the entries considered."""
    stability: Unit
    per_period: list[int]
    """How many of its dated entries fall into each of `periods`."""


class Period(Response, frozen=True):
    start: date
    count: int
    """Of dated entries, whatever their topic."""
    valence: float | None
    """Mean valence of those it was measured of; null without any."""


class Considered(Response, frozen=True):
    memories: int
    interactions: int
    left_out: int
    """Older ones, beyond the newest 2,000."""
    not_embedded: int
    """Without a vector so far: they are counted, and belong to no topic."""
    undated: int
    """Imported without a date: nothing is said of when they were."""
    first: datetime | None
    """Of those with a date."""
    last: datetime | None


class EmotionCount(Response, frozen=True):
    emotion: str
    count: int


class EmotionalAssessment(Response, frozen=True):
    """What the words of the texts express, as a model trained on short English posts sees it; nothing about a person's
    state."""

    overall_valence: float | None
    """Mean of the texts', in [-1, 1]; null where none was measured."""
    detected_emotions: list[str]
    """Those found in at least 2 texts and 2 % of them, the most frequent first."""
    counts: list[EmotionCount]
    texts: int
    """How many were looked at."""


class Reflection(Response, frozen=True, kw_only=True):
    reflection_id: str
    """The same for the same request over the same store."""
    topic: str
    depth: int
    seed: int
    considered: Considered
    insights: list[Insight]
    """Those with evidence; where there is none, `reasons` says what was looked for and not found."""
    topics: list[Topic]
    silhouette: float | None
    """Mean silhouette of the clustering (Rousseeuw, 1987); null where nothing was clustered."""
    unstructured_silhouette: float | None
    """The same of as many groups in data without groups that has the same spread, the greatest of 19 draws: topics are
    given only above it."""
    period: Literal["day", "week", "month"] | None
    periods: list[Period]
    emotional_assessment: EmotionalAssessment | None
    reasons: Reasons = {}


REFLECT = Operation(
    "consciousness.reflect", "POST", "/consciousness/reflect",
    "Find topics, preferences and changes in the caller's memories and interactions, with evidence.",
    params=NoParams, body=ReflectRequest, result=Reflection, tier=Tier.USER, limit=Limit.CONSCIOUSNESS,
    errors=("MODULE_TIMEOUT",),
)  # fmt: skip

OPERATIONS = (REFLECT,)
