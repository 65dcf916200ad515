"""Many inputs through the pipeline, a few at a time: while the caller waits, or as a job."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import msgspec

from lukhas_sdk.contract import batch as contract
from lukhas_sdk.contract.matriz import ProcessRequest, ProcessResponse
from lukhas_sdk.errors import LukhasError, ValidationError
from lukhas_sdk.settings import MatrizSettings
from lukhasd.identity.caller import Caller
from lukhasd.jobs import Jobs, Running
from lukhasd.matriz import sentences
from lukhasd.matriz.pipeline import Pipeline
from lukhasd.memory.folds import FoldStore, Interaction

logger = logging.getLogger(__name__)

AS_JOB = {"responses": "the batch is a job: its results are read from it", "processing_time_ms": "see the job"}
CUT_SHORT = "the daemon stopped between this answer and its record: what is kept of it is its interaction"
FAILED = "it has an error instead"


@dataclass(frozen=True)
class Answered:
    """`cited` are the memories whose words the item may hold."""

    item: contract.BatchItem
    cited: tuple[str, ...] = ()


class Batches:
    """All batches together have `matriz.parallel` places: single requests always find room beside them. `per_minute` is
    the limit of callers whom one applies to, 0 for none."""

    def __init__(
        self, pipeline: Pipeline, folds: FoldStore, jobs: Jobs, settings: MatrizSettings, *, per_minute: int
    ) -> None:
        self._pipeline = pipeline
        self._folds = folds
        self._jobs = jobs
        self._parallel = settings.parallel
        self._places = asyncio.Semaphore(settings.parallel)
        self._per_minute = per_minute
        jobs.register("batch", self.run)

    def becomes_job(self, caller: Caller, request: contract.BatchRequest) -> bool:
        """ValidationError where it would have to and the caller will not have it."""
        limited = self._per_minute and not caller.unlimited
        most = min(contract.AT_ONCE_MOST, self._per_minute) if limited else contract.AT_ONCE_MOST
        fits = len(request.queries) <= most
        if request.as_job is False and not fits:
            raise ValidationError(
                f"{len(request.queries)} queries are more than the {most} that are answered at once",
                field="$.as_job",
                hint="send as_job: true and read the results of the job, or send fewer",
            )
        return not fits if request.as_job is None else request.as_job

    async def submit(self, caller: Caller, request: contract.BatchRequest) -> contract.BatchResponse:
        """Conflict where too many jobs of the caller's wait."""
        job = await self._jobs.submit(caller, "batch", request, total=len(request.queries))
        reasons = {**AS_JOB, "succeeded": "see the job", "failed": "see the job"}
        return contract.BatchResponse([], job.total, None, None, None, job, reasons)

    async def answer(
        self, caller: Caller, request: contract.BatchRequest, *, on_item: Callable[[contract.BatchItem], None]
    ) -> contract.BatchResponse:
        """`on_item` is called with each item as it is done."""
        started_s = perf_counter()
        items: dict[int, contract.BatchItem] = {}

        async def one(index: int) -> None:
            async with self._places:
                answered = await self._ask(caller, index, request)
            items[index] = answered.item
            on_item(answered.item)

        with self._jobs.interactive():
            await self._each(range(len(request.queries)), one, parallel=request.parallel)
        duration_ms = (perf_counter() - started_s) * 1000
        failed = sum(item.error is not None for item in items.values())
        responses = [items[index] for index in range(len(items))]
        return contract.BatchResponse(responses, len(items), len(items) - failed, failed, duration_ms, None)

    async def run(self, running: Running) -> None:
        """A job of the kind `batch`. An item whose answer was folded before a stop is not asked again."""
        request = await asyncio.to_thread(msgspec.json.decode, running.request, type=contract.BatchRequest)

        async def one(index: int) -> None:
            await running.turn()
            interaction_id = _interaction_id(running.job_id, index)
            before = await self._folds.get(running.caller.identity_id, interaction_id) if running.again else None
            if before is not None:
                answered = _recovered(index, _query(request, index), before)
            else:
                async with self._places:
                    answered = await self._ask(running.caller, index, request, interaction_id)
            failed = answered.item.error is not None
            await running.keep(index, answered.item, failed=failed, cited=answered.cited)

        left = [index for index in range(len(request.queries)) if index not in running.finished]
        await self._each(left, one, parallel=request.parallel)

    async def _each(self, indices: Iterable[int], one: Callable[[int], Awaitable[None]], *, parallel: bool) -> None:
        """Raises the first error, when nothing runs any more."""
        waiting = iter(indices)

        async def work() -> None:
            for index in waiting:
                await one(index)

        workers = [asyncio.ensure_future(work()) for _ in range(self._parallel if parallel else 1)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _ask(
        self, caller: Caller, index: int, request: contract.BatchRequest, interaction_id: str | None = None
    ) -> Answered:
        query = _query(request, index)
        asked = ProcessRequest(
            input=query.input,
            context=query.context or request.common_context,
            pipeline_options=query.pipeline_options or request.pipeline_options,
        )
        started_s = perf_counter()
        try:
            response = await self._pipeline.process(caller, asked, interaction_id=interaction_id)
        except Exception as error:
            return Answered(_failure(index, query, error, (perf_counter() - started_s) * 1000))
        return _answer(index, query, response)


def summarise(text: str) -> str:
    """The first sentences that fit in SUMMARY_CHARS, word for word; of a longer first one its beginning and “…”."""
    first, *others = sentences.split(text) or [" ".join(text.split())]
    if len(first) > contract.SUMMARY_CHARS:
        return first[: contract.SUMMARY_CHARS - 1].rpartition(" ")[0].rstrip(",;:") + "…"
    summary = first
    for sentence in others:
        if len(summary) + 1 + len(sentence) > contract.SUMMARY_CHARS:
            break
        summary = f"{summary} {sentence}"
    return summary


def _query(request: contract.BatchRequest, index: int) -> contract.BatchQuery:
    query = request.queries[index]
    return contract.BatchQuery(query) if isinstance(query, str) else query


def _interaction_id(job_id: str, index: int) -> str:
    """Always the same, so that an answer is known again after a crash."""
    return f"interaction_{hashlib.sha256(f'{job_id}/{index}'.encode()).hexdigest()[:16]}"


def _answer(index: int, query: contract.BatchQuery, response: ProcessResponse) -> Answered:
    facts = response.metadata
    named = [citation.memory_id for citation in response.citations]
    named += [share.target for share in facts.attention_distribution]
    reasons = {}
    if facts.confidence is None:
        reasons["confidence"] = facts.reasons.get("confidence", "see metadata.reasons")
    item = contract.BatchItem(
        index=index,
        id=query.id,
        line=query.line,
        response=response.response,
        summary=summarise(response.response),
        confidence=facts.confidence,
        processing_time_ms=facts.processing_time_ms,
        citations=response.citations,
        metadata=facts,
        memory_fold_created=response.memory_fold_created,
        reasons=reasons,
    )
    return Answered(item, tuple(dict.fromkeys(named)))


def _recovered(index: int, query: contract.BatchQuery, before: Interaction) -> Answered:
    item = contract.BatchItem(
        index=index,
        id=query.id,
        line=query.line,
        response=before.response,
        summary=summarise(before.response),
        confidence=None,
        processing_time_ms=before.duration_ms,
        reasons=dict.fromkeys(("confidence", "citations", "metadata", "memory_fold_created"), CUT_SHORT),
    )
    return Answered(item, before.cited)


def _failure(index: int, query: contract.BatchQuery, error: Exception, duration_ms: float) -> contract.BatchItem:
    """One that is our own fault is logged in full, and shows only its trace id."""
    trace_id = f"trace_{secrets.token_hex(8)}"
    if not isinstance(error, LukhasError) or error.status == 500:
        logger.error("a query of a batch failed", exc_info=error, extra={"trace_id": trace_id})
        error = LukhasError("The daemon failed at this; its log has the reason under the trace id.")
    details = msgspec.to_builtins(error.details, enc_hook=str)
    if error.hint:
        details.setdefault("suggestion", error.hint)
    return contract.BatchItem(
        index=index,
        id=query.id,
        line=query.line,
        response=None,
        summary=None,
        confidence=None,
        processing_time_ms=duration_ms,
        error=contract.ItemError(error.code, error.message, details, trace_id, datetime.now(UTC)),
        reasons=dict.fromkeys(("response", "summary", "confidence", "metadata", "memory_fold_created"), FAILED),
    )
