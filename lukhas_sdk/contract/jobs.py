"""Jobs: long work that goes on by itself, is kept over a restart, and whose results are stored as they come."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import Limit, Name, NoBody, Operation, Reasons, Request, Response, Tier

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
"""`failed`: the job itself could not go on. One whose items failed, each by itself, is `done`."""
JobKind = Literal["batch", "consolidate"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")


class Job(Response, frozen=True):
    """Nothing of what it was asked or found."""

    job_id: str
    kind: JobKind
    state: JobState
    who: str
    """ΛiD of its owner."""
    total: int
    """Items in all."""
    done: int
    """Items that have a result, those that failed among them."""
    failed: int
    created_at: datetime
    started_at: datetime | None
    """When it last began or went on."""
    ended_at: datetime | None
    problem: str | None = None
    """Why it is `failed`."""
    reasons: Reasons = {}


class JobListParams(Request, frozen=True):
    state: JobState | None = None
    kind: JobKind | None = None
    all: bool = False
    """Everybody's; ΛPRIME only."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """`next_cursor` of the page before."""


class JobListResponse(Response, frozen=True):
    """Newest first."""

    jobs: list[Job]
    total_count: int
    next_cursor: str | None


class JobParams(Request, frozen=True):
    job_id: Name


class JobResultsParams(Request, frozen=True):
    job_id: Name
    after: Annotated[int, msgspec.Meta(ge=-1)] = -1
    """Results of items from the next one on; items count from 0."""
    failed: bool | None = None
    """Only those that failed, or only those that did not."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50


class JobResult(Response, frozen=True):
    number: int
    """Of the item, from 0."""
    failed: bool
    stored_at: datetime
    result: dict[str, Any] | None
    """As the job's kind has it: a batch's are `BatchItem`s. Null where it quoted a memory that was forgotten since."""
    reasons: Reasons = {}


class JobResultsResponse(Response, frozen=True):
    """In the order of the items. While the job runs, one that is not done yet is left out and may come later."""

    job: Job
    results: list[JobResult]
    next_after: int | None
    """`after` of the next page; null where no more is stored now."""


class JobRemoveResponse(Response, frozen=True):
    job_id: str
    results: int
    """How many went with it."""


LIST = Operation(
    "jobs.list", "GET", "/ops/jobs", "List jobs, newest first.",
    params=JobListParams, body=NoBody, result=JobListResponse, tier=Tier.USER, limit=Limit.GENERAL,
)  # fmt: skip
SHOW = Operation(
    "jobs.show", "GET", "/ops/jobs/{job_id}", "Show one job and how far it is.",
    params=JobParams, body=NoBody, result=Job, tier=Tier.USER, limit=Limit.GENERAL, errors=("NOT_FOUND",),
)  # fmt: skip
RESULTS = Operation(
    "jobs.results", "GET", "/ops/jobs/{job_id}/results", "Read the results that one's own job has so far.",
    params=JobResultsParams, body=NoBody, result=JobResultsResponse, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("NOT_FOUND",),
)  # fmt: skip
CANCEL = Operation(
    "jobs.cancel", "POST", "/ops/jobs/{job_id}/cancel", "Stop a job; what it has done is kept.",
    params=JobParams, body=NoBody, result=Job, tier=Tier.USER, limit=Limit.GENERAL, errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
RESUME = Operation(
    "jobs.resume", "POST", "/ops/jobs/{job_id}/resume", "Let a stopped job go on with what it has not done.",
    params=JobParams, body=NoBody, result=Job, tier=Tier.USER, limit=Limit.GENERAL, errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip
REMOVE = Operation(
    "jobs.remove", "DELETE", "/ops/jobs/{job_id}", "Remove a job that has ended, with its results.",
    params=JobParams, body=NoBody, result=JobRemoveResponse, tier=Tier.USER, limit=Limit.GENERAL,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip

OPERATIONS = (LIST, SHOW, RESULTS, CANCEL, RESUME, REMOVE)
