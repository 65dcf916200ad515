"""The queue of jobs: one runs at a time, the oldest first; what a stop or a crash cuts short goes on at the start."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from lukhas_sdk.contract import jobs as contract
from lukhas_sdk.contract.base import Tier
from lukhas_sdk.errors import Conflict, InsufficientPermissions, LukhasError, NotFound
from lukhas_sdk.settings import JobsSettings
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.identity.caller import Caller
from lukhasd.jobs import table
from lukhasd.jobs.running import Quiet, Run, Running

logger = logging.getLogger(__name__)

WAITING_MOST = 20
"""Jobs of one identity that wait or run."""
TIMES_MOST = 3
"""A job that begins so often without a new result is given up: it may be what the daemon dies of."""
TIDY_S = 3600.0
RETRY_S = 30.0
"""After a failure of the disk."""
STOP_S = 1.0
UNFORESEEN = "it failed for a reason that nobody foresaw; the daemon's log has it under the job's id"

Told = Callable[[str, contract.Job], None]
"""Given the owner's id and the job, whenever its state changes and after each result."""


@dataclass(frozen=True)
class _Current:
    job_id: str
    owner: str
    task: asyncio.Future[None]


class Jobs:
    """`register` the kinds, then `start`. `per_minute` is how many items a minute a caller is let whom a limit applies
    to, 0 for no limit: apart from its requests, so that a job never uses up what they need. `standing` gives the tier
    that an identity has now, None where it is gone."""

    def __init__(
        self,
        database: Database,
        settings: JobsSettings,
        *,
        per_minute: int,
        standing: Callable[[str], Tier | None],
        told: Told = lambda owner, job: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._per_minute = per_minute
        self._standing = standing
        self._told = told
        self._kinds: dict[contract.JobKind, Run] = {}
        self._quiet = Quiet()
        self._news = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._current: _Current | None = None
        self._task: asyncio.Task[None] | None = None

    def register(self, kind: contract.JobKind, run: Run) -> None:
        self._kinds[kind] = run

    def start(self) -> None:
        self._task = asyncio.create_task(self._work(), name="jobs")

    async def close(self) -> None:
        """Stops the job that runs; it goes on at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def interactive(self) -> Quiet:
        """`with jobs.interactive():` around the answer to a request that somebody waits for: jobs let it go first."""
        return self._quiet

    @asynccontextmanager
    async def paused(self, owner: str) -> AsyncIterator[None]:
        """No job begins, and none of theirs runs, while what they were asked is changed; then it is read anew."""
        async with self._beginning:
            await self._halt(lambda current: current.owner == owner)
            await self._database.write(lambda cursor: table.forgive(cursor, owner))
            yield

    async def submit(
        self, caller: Caller, kind: contract.JobKind, request: msgspec.Struct, *, total: int
    ) -> contract.Job:
        """On disk when this returns. Conflict where too many of the caller's are waiting."""
        job_id = f"job_{datetime.now(UTC):%Y_%m_%d}_{secrets.token_hex(6)}"
        text = await asyncio.to_thread(lambda: msgspec.json.encode(request).decode())

        def write(cursor: Cursor) -> contract.Job:
            waiting = table.count_unfinished(cursor, caller.identity_id)
            if waiting >= WAITING_MOST:
                raise Conflict(
                    f"{waiting} of your jobs are waiting already", hint="wait for one, or: lukhas jobs cancel JOB"
                )
            table.add(cursor, job_id, caller, kind=kind, request=text, total=total)
            return _there(table.show(cursor, job_id), job_id)

        job = await self._database.write(write)
        self._told(caller.identity_id, job)
        self._news.set()
        return job

    async def list(self, caller: Caller, params: contract.JobListParams) -> contract.JobListResponse:
        """InsufficientPermissions where everybody's are asked for below ΛPRIME."""
        if params.all and caller.tier < Tier.PRIME:
            raise InsufficientPermissions(
                f"everybody's jobs need tier {Tier.PRIME.label}; this credential has {caller.tier.label}",
                hint="leave `all` out to see your own",
                details={"required_tier": Tier.PRIME.label, "tier": caller.tier.label},
            )
        owner = None if params.all else caller.identity_id
        return await self._database.read(lambda cursor: table.list_jobs(cursor, owner, params))

    async def show(self, caller: Caller, job_id: str) -> contract.Job:
        """One of the caller's own, or for ΛPRIME anybody's; NotFound."""
        return await self._database.read(lambda cursor: _visible(cursor, caller, job_id))

    async def results(self, caller: Caller, params: contract.JobResultsParams) -> contract.JobResultsResponse:
        """Of one of the caller's own, whatever its tier; NotFound."""

        def read(cursor: Cursor) -> contract.JobResultsResponse:
            if table.owner_of(cursor, params.job_id) != caller.identity_id:
                raise _missing(params.job_id)
            job = _there(table.show(cursor, params.job_id), params.job_id)
            found, after = table.list_results(cursor, params)
            return contract.JobResultsResponse(job, found, after)

        return await self._database.read(read)

    async def cancel(self, caller: Caller, job_id: str) -> contract.Job:
        """Nothing of it runs any more when this returns. NotFound, or Conflict where it has ended."""

        def write(cursor: Cursor) -> tuple[str, contract.Job]:
            before = _visible(cursor, caller, job_id)
            if not table.end(cursor, job_id, "cancelled"):
                raise Conflict(f"{job_id} is {before.state} already", hint="see: lukhas jobs show JOB")
            return table.owner_of(cursor, job_id) or "", _visible(cursor, caller, job_id)

        owner, job = await self._database.write(write)
        await self._halt(lambda current: current.job_id == job_id)
        self._told(owner, job)
        return await self.show(caller, job_id)

    async def resume(self, caller: Caller, job_id: str) -> contract.Job:
        """Queues it again. NotFound, or Conflict where it is not one that was stopped."""

        def write(cursor: Cursor) -> tuple[str, contract.Job]:
            before = _visible(cursor, caller, job_id)
            if not table.queue_again(cursor, job_id):
                raise Conflict(
                    f"{job_id} is {before.state}: only one that was cancelled or failed can go on",
                    hint="see: lukhas jobs show JOB",
                )
            return table.owner_of(cursor, job_id) or "", _visible(cursor, caller, job_id)

        owner, job = await self._database.write(write)
        self._told(owner, job)
        self._news.set()
        return job

    async def remove(self, caller: Caller, job_id: str) -> contract.JobRemoveResponse:
        """NotFound, or Conflict where it has not ended."""

        def write(cursor: Cursor) -> int:
            _visible(cursor, caller, job_id)
            results = table.remove(cursor, job_id)
            if results is None:
                raise Conflict(f"{job_id} has not ended", hint="stop it first: lukhas jobs cancel JOB")
            return results

        return contract.JobRemoveResponse(job_id, await self._database.write(write))

    async def halt(self, owner: str) -> None:
        """Stops everything of an identity that is about to go."""
        await self._database.write(lambda cursor: table.end_all(cursor, owner))
        await self._halt(lambda current: current.owner == owner)

    async def _halt(self, meant: Callable[[_Current], bool]) -> None:
        current = self._current
        if current is not None and meant(current):
            current.task.cancel()
            await asyncio.wait([current.task], timeout=STOP_S)

    async def _work(self) -> None:
        while True:
            try:
                await self._database.write(lambda cursor: table.remove_old(cursor, self._settings.kept_days))
                while await self._take_up():
                    pass
            except Exception:
                logger.exception("jobs cannot go on; they are tried again in %g s", RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            try:
                async with asyncio.timeout(TIDY_S):
                    await self._news.wait()
            except TimeoutError:
                continue
            self._news.clear()

    async def _take_up(self) -> bool:
        """Runs one job to its end, which is on disk when this returns; whether there was one."""
        async with self._beginning:
            begun = await self._database.write(table.begin)
            if begun is None:
                return False
            job = await self._database.read(lambda cursor: table.show(cursor, begun.job_id))
            if job is None:
                return True
            self._told(begun.caller.identity_id, job)
            task = asyncio.ensure_future(self._attempt(begun, job))
            self._current = _Current(begun.job_id, begun.caller.identity_id, task)
        await self._finish(begun, task)
        return True

    async def _finish(self, begun: table.Begun, task: asyncio.Future[None]) -> None:
        try:
            await asyncio.wait([task])
        finally:
            self._current = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if task.cancelled():  # by `cancel`, which has said so, or with its owner
            return
        error = task.exception()
        if error is not None and not isinstance(error, LukhasError):
            logger.error("a job failed", exc_info=error, extra={"job_id": begun.job_id})
        ended: contract.JobState = "failed" if error else "done"
        problem = (error.message if isinstance(error, LukhasError) else UNFORESEEN) if error else None
        await self._database.write(lambda cursor: table.end(cursor, begun.job_id, ended, problem))
        if (after := await self._database.read(lambda cursor: table.show(cursor, begun.job_id))) is not None:
            self._told(begun.caller.identity_id, after)

    async def _attempt(self, begun: table.Begun, job: contract.Job) -> None:
        run = self._kinds.get(begun.kind)
        if run is None:
            raise LukhasError(f"this version knows no jobs of the kind {begun.kind}")
        if begun.times > TIMES_MOST:
            raise LukhasError(f"it was begun {TIMES_MOST} times without getting any further")
        found = await self._database.read(lambda cursor: table.results_of(cursor, begun.job_id))
        progress = [job.done, job.failed]

        def kept(failed: bool) -> None:
            progress[0] += 1
            progress[1] += failed
            self._told(begun.caller.identity_id, msgspec.structs.replace(job, done=progress[0], failed=progress[1]))

        limited = self._per_minute and not begun.caller.unlimited
        running = Running(
            begun,
            frozenset(found),
            database=self._database,
            quiet=self._quiet,
            standing=self._standing,
            pause_s=60 / self._per_minute if limited else 0.0,
            kept=kept,
        )
        await run(running)


def _visible(cursor: Cursor, caller: Caller, job_id: str) -> contract.Job:
    if caller.tier < Tier.PRIME and table.owner_of(cursor, job_id) != caller.identity_id:
        raise _missing(job_id)
    return _there(table.show(cursor, job_id), job_id)


def _there(job: contract.Job | None, job_id: str) -> contract.Job:
    if job is None:
        raise _missing(job_id)
    return job


def _missing(job_id: str) -> NotFound:
    return NotFound(f"no job is called {job_id}", hint="see: lukhas jobs list")
