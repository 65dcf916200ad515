"""The queue of jobs on a real database, with kinds of work that do next to nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.jobs import ENDED, Job, JobListParams, JobResultsParams
from lukhas_sdk.errors import Conflict, InsufficientPermissions, LukhasError, NotFound
from lukhas_sdk.settings import JobsSettings
from lukhasd.database import Database
from lukhasd.identity.caller import Caller
from lukhasd.jobs import Jobs, Running
from lukhasd.jobs import jobs as queue

ANA = Caller("ana", "ΛULTRA-2026-0002", Tier.ULTRA, "api_key", unlimited=True)
BOB = Caller("bob", "ΛULTRA-2026-0003", Tier.ULTRA, "api_key", unlimited=True)
OWNER = Caller("owner", "ΛPRIME-2026-0001", Tier.PRIME, "local_key", unlimited=True)


class Asked(msgspec.Struct):
    items: int


class Squared(msgspec.Struct):
    value: int


@dataclass
class Work:
    """Squares the numbers; waits for `go` before the one called `hold`, fails at the one called `bad`."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    hold: int | None = None
    bad: int | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[tuple[str, int, float]] = field(default_factory=list)

    async def run(self, running: Running) -> None:
        for number in range(msgspec.json.decode(running.request, type=Asked).items):
            if number in running.finished:
                continue
            await running.turn()
            self.begun.append((running.job_id, number, time.monotonic()))
            if number == self.bad:
                raise LukhasError("it is a bad number")
            if number == self.hold:
                self.held.set()
                await self.go.wait()
            await running.keep(number, Squared(number * number), failed=number % 2 == 1, cited=())


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await asyncio.to_thread(Database.open, tmp_path / "lukhas.duckdb")
    try:
        yield opened
    finally:
        await asyncio.to_thread(opened.close)


@asynccontextmanager
async def working(database: Database, work: Work, **options: object) -> AsyncIterator[Jobs]:
    given = {"per_minute": 0, "standing": lambda identity_id: Tier.PRIME, **options}
    jobs = Jobs(database, JobsSettings(), **given)  # type: ignore[arg-type]
    jobs.register("batch", work.run)
    jobs.start()
    try:
        yield jobs
    finally:
        await jobs.close()


async def ended(jobs: Jobs, job: Job) -> Job:
    async with asyncio.timeout(10):
        while (now := await jobs.show(OWNER, job.job_id)).state not in ENDED:
            await asyncio.sleep(0.01)
    return now


async def numbers(jobs: Jobs, job: Job, caller: Caller = ANA) -> list[int]:
    answer = await jobs.results(caller, JobResultsParams(job.job_id, limit=500))
    return [each.number for each in answer.results]


async def test_a_job_is_done_and_its_results_are_paged(database: Database) -> None:
    told: list[tuple[str, str, int]] = []
    async with working(database, Work(), told=lambda who, job: told.append((who, job.state, job.done))) as jobs:
        job = await jobs.submit(ANA, "batch", Asked(5), total=5)
        assert (job.state, job.done, job.reasons.keys()) == ("queued", 0, {"started_at", "ended_at"})
        done = await ended(jobs, job)
        assert (done.state, done.done, done.failed, done.total) == ("done", 5, 2, 5)
        first = await jobs.results(ANA, JobResultsParams(job.job_id, limit=2))
        assert [each.result for each in first.results] == [{"value": 0}, {"value": 1}]
        assert first.next_after == 1
        rest = await jobs.results(ANA, JobResultsParams(job.job_id, after=1))
        assert ([each.number for each in rest.results], rest.next_after) == ([2, 3, 4], None)
        failures = await jobs.results(ANA, JobResultsParams(job.job_id, failed=True))
        assert [each.number for each in failures.results] == [1, 3]
    assert told[0] == ("ana", "queued", 0)
    assert told[1] == ("ana", "running", 0)
    assert [done for _, state, done in told[2:-1] if state == "running"] == [1, 2, 3, 4, 5]
    assert told[-1] == ("ana", "done", 5)


async def test_one_runs_at_a_time_the_oldest_first(database: Database) -> None:
    work = Work(hold=0)
    async with working(database, work) as jobs:
        first = await jobs.submit(ANA, "batch", Asked(2), total=2)
        await asyncio.wait_for(work.held.wait(), 5)
        second = await jobs.submit(BOB, "batch", Asked(2), total=2)
        assert (await jobs.show(OWNER, second.job_id)).state == "queued"
        assert [job_id for job_id, _, _ in work.begun] == [first.job_id]
        work.go.set()
        await ended(jobs, second)
        assert [job_id for job_id, _, _ in work.begun] == [first.job_id] * 2 + [second.job_id] * 2


async def test_what_runs_is_cancelled_at_once_and_goes_on_where_it_was(database: Database) -> None:
    work = Work(hold=3)
    async with working(database, work) as jobs:
        job = await jobs.submit(ANA, "batch", Asked(6), total=6)
        await asyncio.wait_for(work.held.wait(), 5)
        started_s = time.monotonic()
        cancelled = await jobs.cancel(ANA, job.job_id)
        assert time.monotonic() - started_s < 1
        assert (cancelled.state, cancelled.done) == ("cancelled", 3)
        with pytest.raises(Conflict):
            await jobs.cancel(ANA, job.job_id)
        work.hold = None
        assert (await jobs.resume(ANA, job.job_id)).state == "queued"
        assert (await ended(jobs, job)).done == 6
        assert [number for _, number, _ in work.begun] == [0, 1, 2, 3, 3, 4, 5]
        with pytest.raises(Conflict):
            await jobs.resume(ANA, job.job_id)


async def test_a_stop_of_the_daemon_ends_nothing(database: Database) -> None:
    work = Work(hold=2)
    async with working(database, work) as jobs:
        job = await jobs.submit(ANA, "batch", Asked(4), total=4)
        await asyncio.wait_for(work.held.wait(), 5)
    after = Work()
    async with working(database, after) as jobs:
        done = await ended(jobs, job)
        assert (done.state, done.done) == ("done", 4)
        assert [number for _, number, _ in after.begun] == [2, 3]


async def test_a_job_that_fails_says_why_and_can_go_on(database: Database) -> None:
    work = Work(bad=1)
    async with working(database, work) as jobs:
        job = await jobs.submit(ANA, "batch", Asked(3), total=3)
        failed = await ended(jobs, job)
        assert (failed.state, failed.problem, failed.done) == ("failed", "it is a bad number", 1)
        work.bad = None
        await jobs.resume(ANA, job.job_id)
        again = await ended(jobs, job)
        assert (again.state, again.problem, again.done) == ("done", None, 3)


async def test_a_job_that_never_gets_anywhere_is_given_up(database: Database) -> None:
    job: Job | None = None
    for _ in range(queue.TIMES_MOST):
        work = Work(hold=0)
        async with working(database, work) as jobs:
            job = job or await jobs.submit(ANA, "batch", Asked(1), total=1)
            await asyncio.wait_for(work.held.wait(), 5)
    assert job is not None
    async with working(database, Work()) as jobs:
        given_up = await ended(jobs, job)
        assert given_up.state == "failed"
        assert given_up.problem is not None
        assert "3 times" in given_up.problem


async def test_requests_that_somebody_waits_for_go_first(database: Database) -> None:
    work = Work()
    async with working(database, work) as jobs:
        with jobs.interactive():
            job = await jobs.submit(ANA, "batch", Asked(1), total=1)
            async with asyncio.timeout(5):
                while (await jobs.show(ANA, job.job_id)).state == "queued":
                    await asyncio.sleep(0.01)
            released_s = time.monotonic()
        await ended(jobs, job)
        [(_, _, began_s)] = work.begun
        assert began_s >= released_s


async def test_a_limited_caller_goes_on_at_its_pace(database: Database) -> None:
    work = Work()
    async with working(database, work, per_minute=600) as jobs:
        limited = limited_form(ANA)
        await ended(jobs, await jobs.submit(limited, "batch", Asked(5), total=5))
        began = [moment for _, _, moment in work.begun]
        assert 0.4 <= began[-1] - began[0] < 2
        work.begun.clear()
        await ended(jobs, await jobs.submit(ANA, "batch", Asked(5), total=5))
        began = [moment for _, _, moment in work.begun]
        assert began[-1] - began[0] < 0.4


def limited_form(caller: Caller) -> Caller:
    return Caller(caller.identity_id, caller.lambda_id, caller.tier, caller.method)


@pytest.mark.parametrize("standing", [None, Tier.USER])
async def test_who_may_no_longer_do_it_does_not(database: Database, standing: Tier | None) -> None:
    work = Work()
    async with working(database, work, standing=lambda identity_id: standing) as jobs:
        job = await ended(jobs, await jobs.submit(ANA, "batch", Asked(2), total=2))
        assert job.state == "failed"
        assert work.begun == []


async def test_others_see_nothing_and_the_owner_no_contents(database: Database) -> None:
    async with working(database, Work()) as jobs:
        job = await jobs.submit(ANA, "batch", Asked(2), total=2)
        await ended(jobs, job)
        assert (await jobs.list(BOB, JobListParams())).total_count == 0
        for ask in (jobs.show, jobs.cancel, jobs.resume, jobs.remove):
            with pytest.raises(NotFound):
                await ask(BOB, job.job_id)
        for other in (BOB, OWNER):
            with pytest.raises(NotFound):
                await jobs.results(other, JobResultsParams(job.job_id))
        with pytest.raises(InsufficientPermissions):
            await jobs.list(BOB, JobListParams(all=True))
        assert (await jobs.list(OWNER, JobListParams())).total_count == 0
        everybody = await jobs.list(OWNER, JobListParams(all=True))
        assert [(each.job_id, each.who) for each in everybody.jobs] == [(job.job_id, ANA.lambda_id)]
        assert await numbers(jobs, job) == [0, 1]
        assert (await jobs.remove(ANA, job.job_id)).results == 2
        with pytest.raises(NotFound):
            await jobs.show(ANA, job.job_id)


async def test_the_list_is_paged_newest_first(database: Database) -> None:
    async with working(database, Work()) as jobs:
        made = [(await jobs.submit(ANA, "batch", Asked(1), total=1)).job_id for _ in range(5)]
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = await jobs.list(ANA, JobListParams(limit=2, cursor=cursor))
            seen += [each.job_id for each in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == made[::-1]


async def test_too_many_waiting_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "WAITING_MOST", 2)
    work = Work(hold=0)
    async with working(database, work) as jobs:
        for _ in range(2):
            await jobs.submit(ANA, "batch", Asked(1), total=1)
        with pytest.raises(Conflict):
            await jobs.submit(ANA, "batch", Asked(1), total=1)
        await jobs.submit(BOB, "batch", Asked(1), total=1)


async def test_old_jobs_go_with_their_results(database: Database) -> None:
    async with working(database, Work()) as jobs:
        old, new = [await ended(jobs, await jobs.submit(ANA, "batch", Asked(2), total=2)) for _ in range(2)]
        sql = "UPDATE jobs SET ended_at = ended_at - INTERVAL 31 DAY WHERE job_id = ?"
        await database.write(lambda cursor: cursor.execute(sql, [old.job_id]))
    async with working(database, Work()) as jobs:
        await ended(jobs, await jobs.submit(BOB, "batch", Asked(1), total=1))
        assert [each.job_id for each in (await jobs.list(ANA, JobListParams())).jobs] == [new.job_id]
    left = await database.read(lambda cursor: cursor.execute("SELECT DISTINCT job_id FROM job_results").fetchall())
    assert old.job_id not in [job_id for (job_id,) in left]


async def test_what_runs_reads_anew_what_was_changed_meanwhile(database: Database) -> None:
    work = Work(hold=1)
    async with working(database, work) as jobs:
        job = await jobs.submit(ANA, "batch", Asked(9), total=9)
        await asyncio.wait_for(work.held.wait(), 5)
        sql = """UPDATE jobs SET request = '{"items": 3}' WHERE job_id = ?"""
        for _ in range(queue.TIMES_MOST + 1):
            async with jobs.paused(ANA.identity_id):
                work.held.clear()
                await database.write(lambda cursor: cursor.execute(sql, [job.job_id]))
            await asyncio.wait_for(work.held.wait(), 5)
        work.go.set()
        done = await ended(jobs, job)
        assert (done.state, done.done) == ("done", 3)


async def test_an_identity_that_goes_takes_its_jobs_along(database: Database) -> None:
    work = Work(hold=0)
    async with working(database, work) as jobs:
        job = await jobs.submit(ANA, "batch", Asked(2), total=2)
        await asyncio.wait_for(work.held.wait(), 5)
        await jobs.halt(ANA.identity_id)
        assert (await jobs.show(OWNER, job.job_id)).state == "cancelled"
        work.go.set()
        await ended(jobs, await jobs.submit(BOB, "batch", Asked(1), total=1))
        assert [number for job_id, number, _ in work.begun if job_id == job.job_id] == [0]
