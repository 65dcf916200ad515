"""Dreams: several different answers to one seed under constraints, each scored, kept so that they can be compared."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import (
    NOT_BLANK,
    Limit,
    Name,
    NoBody,
    NoParams,
    Operation,
    Reasons,
    Request,
    Response,
    Tier,
    Unit,
    check_unit,
)

Seed = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=NOT_BLANK)]
Constraint = Annotated[str, msgspec.Meta(min_length=1, max_length=300, pattern=NOT_BLANK)]
Label = Literal["from your notes", "by a model"]


class DreamRequest(Request, frozen=True):
    seed: Seed
    """What is dreamt about."""
    constraints: Annotated[list[Constraint], msgspec.Meta(max_length=12)] = []
    """What a reality has to address."""
    creativity_level: Unit = 0.5
    """How far from the nearest notes, or how hot a model, it may be."""
    num_realities: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5
    random_seed: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None
    """Without a model, the same one on the same store gives the same realities. Drawn where not given."""
    use_model: bool = True
    """False: recombine notes though a model is configured."""

    def __post_init__(self) -> None:
        check_unit("creativity_level", self.creativity_level)


class ConstraintCheck(Response, frozen=True):
    constraint: str
    addressed: bool
    reason: str
    """The words that address it, or why nothing counts as doing so."""
    memory_ids: list[str] = []
    probability: float | None = None
    """Calibrated, that the memory named says something to it; null where a model was asked."""


class Reality(Response, frozen=True):
    reality_id: str
    """`reality_1`, within its dream."""
    concept: str
    description: str
    feasibility_score: float | None
    """Constraints addressed ÷ all; null where there are none."""
    innovation_score: float | None
    """(distance from the nearest memory + distance from the nearest other reality) / 2, × `feasibility_score` where
    there is one. A distance is 1 − cosine, in [0, 1]. Null where there is nothing to measure it from."""
    key_features: list[str]
    label: Label
    approach: str | None
    """From which side, and how ready, it was asked for; null where it is recombined."""
    constraints: list[ConstraintCheck]
    memory_ids: list[str]
    """What it is made of, or what the model was shown."""
    reasons: Reasons = {}


class Taken(Response, frozen=True):
    """A part of the synthesis, and the realities that it was taken from."""

    text: str
    reality_ids: list[str]


class Synthesis(Response, frozen=True):
    best_elements: list[str]
    novel_insights: list[str]
    taken_from: list[Taken]
    """Every one of both, with where it comes from."""
    reasons: Reasons = {}


class Diversity(Response, frozen=True):
    """How different the realities are, by the packaged embedder. All null with fewer than two."""

    highest_cosine: float | None
    mean_cosine: float | None
    distinct: int
    """Realities that are below 0.8 to every one before."""
    vendi: float | None
    """exp of the entropy of the eigenvalues of the cosine matrix ÷ n (Friedman and Dieng, 2023): 1 where all are the
    same, n where none is like another."""


class Dream(Response, frozen=True, kw_only=True):
    dream_session_id: str
    realities: list[Reality]
    """The most innovative first; fewer than asked for where no more could be told apart (see `reasons`)."""
    synthesis: Synthesis
    seed: str
    constraints: list[str]
    creativity_level: float
    num_realities: int
    random_seed: int | None
    model: str | None
    uncovered_constraints: list[str]
    """Those that no reality addresses."""
    memories_considered: int
    memories_left_out: int
    """Found, and cut because they are not likely to say anything to the seed or a constraint."""
    diversity: Diversity
    created_at: datetime
    processing_time_ms: float
    reasons: Reasons = {}


class DreamEvent(Response, frozen=True):
    """One line of a streamed dream: steps as they are done, then the result or an error, then the end."""

    type: Literal["progress", "result", "error", "end"]
    step: str | None = None
    """What was done."""
    done: int | None = None
    total: int | None = None
    """Steps in all; one that turns out not to be needed is left out."""
    result: Dream | None = None
    error: dict[str, Any] | None = None
    """The reference's error object."""


class DreamListParams(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """`next_cursor` of the page before."""


class DreamSummary(Response, frozen=True):
    dream_session_id: str
    seed: str
    model: str | None
    realities: int
    best_concept: str | None
    """Of the first reality; null where there is none."""
    created_at: datetime


class DreamListResponse(Response, frozen=True):
    """Newest first."""

    dreams: list[DreamSummary]
    total_count: int
    next_cursor: str | None


class DreamParams(Request, frozen=True):
    dream_session_id: Name


class CompareParams(Request, frozen=True):
    one: Name
    other: Name


class Nearest(Response, frozen=True):
    """A reality of the first dream, and the one of the other that is nearest to it."""

    reality_id: str
    concept: str
    nearest_reality_id: str
    nearest_concept: str
    cosine: float


class Standing(Response, frozen=True):
    dream_session_id: str
    realities: int
    mean_feasibility: float | None
    mean_innovation: float | None
    constraints_addressed: list[str]
    vendi: float | None
    reasons: Reasons = {}


class DreamComparison(Response, frozen=True):
    one: Standing
    other: Standing
    nearest: list[Nearest]
    shared_memories: list[str]


GENERATE = Operation(
    "dream.generate", "POST", "/dream/generate", "Dream up several different answers to a seed, under constraints.",
    params=NoParams, body=DreamRequest, result=Dream, tier=Tier.USER, limit=Limit.DREAM,
    errors=("GUARDIAN_REJECTION",), stream=DreamEvent,
)  # fmt: skip
LIST = Operation(
    "dream.list", "GET", "/dream/list", "List dreams, newest first.",
    params=DreamListParams, body=NoBody, result=DreamListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
SHOW = Operation(
    "dream.show", "GET", "/dream/show/{dream_session_id}", "Show one dream.",
    params=DreamParams, body=NoBody, result=Dream, tier=Tier.USER, limit=Limit.GENERAL, errors=("NOT_FOUND",),
)  # fmt: skip
COMPARE = Operation(
    "dream.compare", "GET", "/dream/compare/{one}/{other}", "Compare two dreams, reality by reality.",
    params=CompareParams, body=NoBody, result=DreamComparison, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip

OPERATIONS = (GENERATE, LIST, SHOW, COMPARE)
