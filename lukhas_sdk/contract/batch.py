"""Batches: many inputs through the pipeline, each with an answer or an error of its own, in order."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from lukhas_sdk.contract.base import NOT_BLANK, Limit, Name, NoParams, Operation, Reasons, Request, Response, Tier
from lukhas_sdk.contract.jobs import Job
from lukhas_sdk.contract.matriz import Citation, Context, InteractionMetadata, PipelineOptions

AT_ONCE_MOST = 50
"""Queries that are answered while the caller waits; more are a job."""
QUERIES_MOST = 10_000
SUMMARY_CHARS = 160

Input = Annotated[str, msgspec.Meta(min_length=1, max_length=32_000, pattern=NOT_BLANK)]


class BatchQuery(Request, frozen=True):
    input: Input
    context: Context | None = None
    """In place of the common one, as a whole."""
    pipeline_options: PipelineOptions | None = None
    """In place of the common ones, as a whole."""
    id: Name | None = None
    """The caller's own name for it, which comes back with its result."""
    line: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Where it stood in a file; comes back too."""


class BatchRequest(Request, frozen=True):
    queries: Annotated[list[Input | BatchQuery], msgspec.Meta(min_length=1, max_length=QUERIES_MOST)]
    common_context: Context = Context()
    """Queries of one `session_id` are one conversation: send `parallel: false` where their order matters."""
    pipeline_options: PipelineOptions = PipelineOptions()
    parallel: bool = True
    """Up to `matriz.parallel` at a time; else one after another, in order."""
    as_job: bool | None = None
    """Null: a job where there are more than 50 queries, or more than the caller's limit ever lets through at once."""


class ItemError(Response, frozen=True):
    """The reference's error object."""

    code: str
    message: str
    details: dict[str, Any]
    trace_id: str
    """The daemon's log has it where the code is INTERNAL_ERROR."""
    timestamp: datetime


class BatchItem(Response, frozen=True):
    """One query's answer, or its error. The trace of its stages is not kept."""

    index: int
    """Of the query, from 0."""
    id: str | None
    line: int | None
    response: str | None
    summary: str | None
    """The first sentences of the response that fit in 160 characters, word for word on one line; of a longer first one
    its beginning, with an ellipsis."""
    confidence: float | None
    processing_time_ms: float | None
    citations: list[Citation] = []
    metadata: InteractionMetadata | None = None
    memory_fold_created: str | None = None
    error: ItemError | None = None
    reasons: Reasons = {}

    @property
    def text(self) -> str | None:
        return self.response


class BatchResponse(Response, frozen=True):
    responses: list[BatchItem]
    """In the order of the queries; none where the batch became a job."""
    total: int
    succeeded: int | None
    failed: int | None
    processing_time_ms: float | None
    """From the first query's beginning to the last one's end."""
    job: Job | None
    """Where to read the results, if the batch became a job."""
    reasons: Reasons = {}


class BatchEvent(Response, frozen=True):
    """One line of a streamed batch: each query's item as it is done, in no order; then the result or an error, then the
    end."""

    type: Literal["item", "result", "error", "end"]
    item: BatchItem | None = None
    result: BatchResponse | None = None
    error: dict[str, Any] | None = None
    """The reference's error object."""


BATCH = Operation(
    "matriz.batch", "POST", "/matriz/batch", "Send many inputs through the six stages, at once or as a job.",
    params=NoParams, body=BatchRequest, result=BatchResponse, tier=Tier.USER, limit=Limit.PROCESS,
    errors=("CONFLICT",), stream=BatchEvent,
)  # fmt: skip

OPERATIONS = (BATCH,)
