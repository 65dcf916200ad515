"""Jobs and their results in the database, each function on a cursor of its caller's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lukhas_sdk.contract import jobs as contract
from lukhas_sdk.contract.base import Tier
from lukhas_sdk.errors import ValidationError
from lukhasd.database import insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.identity.caller import Caller

JOB = (
    "SELECT job_id, kind, state, lambda_id, total,"
    " (SELECT count(*) FROM job_results WHERE job_id = jobs.job_id),"
    " (SELECT count(*) FROM job_results WHERE job_id = jobs.job_id AND failed),"
    " created_at, started_at, ended_at, problem FROM jobs"
)
FORGOTTEN = "it quoted a memory that was forgotten since"


@dataclass(frozen=True)
class Begun:
    """A job that was taken up. `times` counts how often in a row that was without a new result in between;
    `again` says whether it ever was before."""

    job_id: str
    caller: Caller
    kind: contract.JobKind
    request: str
    times: int
    again: bool


def add(cursor: Cursor, job_id: str, caller: Caller, *, kind: contract.JobKind, request: str, total: int) -> None:
    insert_rows(cursor, "jobs", {
        "job_id": [job_id], "owner": [caller.identity_id], "lambda_id": [caller.lambda_id],
        "tier": [caller.tier.label], "unlimited": [caller.unlimited], "kind": [kind], "state": ["queued"],
        "request": [request], "total": [total], "created_at": [_now()], "begun": [0], "reached": [0],
    })  # fmt: skip


def count_unfinished(cursor: Cursor, owner: str) -> int:
    sql = "SELECT count(*) FROM jobs WHERE owner = ? AND state IN ('queued', 'running')"
    return int(cursor.execute(sql, [owner]).fetchall()[0][0])


def begin(cursor: Cursor) -> Begun | None:
    """Takes up the job that was cut short, else the oldest that waits."""
    rows = cursor.execute(
        "SELECT job_id, owner, lambda_id, tier, unlimited, kind, request, begun, reached, started_at FROM jobs"
        " WHERE state IN ('running', 'queued') ORDER BY state DESC, created_at, job_id LIMIT 1"
    ).fetchall()
    if not rows:
        return None
    job_id, owner, lambda_id, tier, unlimited, kind, request, begun, reached, started = rows[0]
    done = len(results_of(cursor, job_id))
    times = begun + 1 if done == reached else 1
    cursor.execute(
        "UPDATE jobs SET state = 'running', started_at = ?, begun = ?, reached = ? WHERE job_id = ?",
        [_now(), times, done, job_id],
    )
    method = "local_key" if unlimited else "api_key"
    caller = Caller(owner, lambda_id, Tier.from_label(tier), method, unlimited=unlimited)  # type: ignore[arg-type]
    return Begun(job_id, caller, kind, request or "", times, started is not None)


def results_of(cursor: Cursor, job_id: str) -> dict[int, bool]:
    """The items that have a result, and whether they failed."""
    return dict(cursor.execute("SELECT number, failed FROM job_results WHERE job_id = ?", [job_id]).fetchall())


def keep(cursor: Cursor, job_id: str, number: int, *, failed: bool, result: str, cited: Sequence[str]) -> bool:
    """Stores one item's result, without its words where it cites what was forgotten meanwhile. False where there is no
    such job any more."""
    names = [*dict.fromkeys(cited)]
    kept = cursor.execute(
        "INSERT INTO job_results SELECT job_id, owner, ?, ?, CASE WHEN EXISTS (SELECT 1 FROM memory_forgotten"
        " WHERE memory_forgotten.owner = jobs.owner AND list_contains(?::VARCHAR[], id)) THEN NULL ELSE ? END, ?, ?"
        " FROM jobs WHERE job_id = ? RETURNING number",
        [number, failed, names, result, json.dumps(names), _now(), job_id],
    ).fetchall()
    return bool(kept)


def end(cursor: Cursor, job_id: str, state: contract.JobState, problem: str | None = None) -> bool:
    """Ends it, where it has not ended already. What was asked is kept only where it may go on."""
    changed = cursor.execute(
        "UPDATE jobs SET state = ?, problem = ?, ended_at = ?, request = CASE WHEN ? THEN NULL ELSE request END"
        " WHERE job_id = ? AND state IN ('queued', 'running') RETURNING job_id",
        [state, problem, _now(), state == "done", job_id],
    ).fetchall()
    return bool(changed)


def end_all(cursor: Cursor, owner: str) -> None:
    cursor.execute(
        "UPDATE jobs SET state = 'cancelled', ended_at = ? WHERE owner = ? AND state IN ('queued', 'running')",
        [_now(), owner],
    )


def forgive(cursor: Cursor, owner: str) -> None:
    """What they have running was stopped from without: that says nothing against it."""
    cursor.execute("UPDATE jobs SET begun = 0 WHERE owner = ? AND state = 'running'", [owner])


def queue_again(cursor: Cursor, job_id: str) -> bool:
    """Lets it go on, where it was stopped."""
    changed = cursor.execute(
        "UPDATE jobs SET state = 'queued', problem = NULL, ended_at = NULL, begun = 0"
        " WHERE job_id = ? AND state IN ('cancelled', 'failed') RETURNING job_id",
        [job_id],
    ).fetchall()
    return bool(changed)


def remove(cursor: Cursor, job_id: str) -> int | None:
    """Gives how many results went too; None where it has not ended."""
    gone = cursor.execute(
        "DELETE FROM jobs WHERE job_id = ? AND state NOT IN ('queued', 'running') RETURNING job_id", [job_id]
    ).fetchall()
    if not gone:
        return None
    return len(cursor.execute("DELETE FROM job_results WHERE job_id = ? RETURNING number", [job_id]).fetchall())


def remove_old(cursor: Cursor, kept_days: int) -> None:
    """Those that ended longer ago."""
    before = _now() - timedelta(days=kept_days)
    for (job_id,) in cursor.execute("SELECT job_id FROM jobs WHERE ended_at < ?", [before]).fetchall():
        remove(cursor, job_id)


def show(cursor: Cursor, job_id: str) -> contract.Job | None:
    rows = cursor.execute(f"{JOB} WHERE job_id = ?", [job_id]).fetchall()
    return _job(rows[0]) if rows else None


def owner_of(cursor: Cursor, job_id: str) -> str | None:
    rows = cursor.execute("SELECT owner FROM jobs WHERE job_id = ?", [job_id]).fetchall()
    return rows[0][0] if rows else None


def list_jobs(cursor: Cursor, owner: str | None, params: contract.JobListParams) -> contract.JobListResponse:
    """Of one identity, or of all."""
    where = " WHERE (? IS NULL OR owner = ?) AND (? IS NULL OR state = ?) AND (? IS NULL OR kind = ?)"
    values = [owner, owner, params.state, params.state, params.kind, params.kind]
    total = int(cursor.execute(f"SELECT count(*) FROM jobs{where}", values).fetchall()[0][0])  # noqa: S608
    before, last = _place(params.cursor)
    rows = cursor.execute(
        f"{JOB}{where} AND (? IS NULL OR (created_at, job_id) < (?, ?)) ORDER BY created_at DESC, job_id DESC LIMIT ?",
        [*values, before, before, last, params.limit + 1],
    ).fetchall()
    found = [_job(row) for row in rows]
    page = found[: params.limit]
    more = len(found) > len(page)
    cursor_ = f"{_naive(page[-1].created_at).isoformat()}_{page[-1].job_id}" if more else None
    return contract.JobListResponse(page, total, cursor_)


def list_results(cursor: Cursor, params: contract.JobResultsParams) -> tuple[list[contract.JobResult], int | None]:
    """A page, and after which number the next one begins."""
    rows = cursor.execute(
        "SELECT number, failed, stored_at, result FROM job_results WHERE job_id = ? AND number > ?"
        " AND (? IS NULL OR failed = ?) ORDER BY number LIMIT ?",
        [params.job_id, params.after, params.failed, params.failed, params.limit + 1],
    ).fetchall()
    page = rows[: params.limit]
    found = [
        contract.JobResult(
            number,
            failed,
            stored_at.replace(tzinfo=UTC),
            json.loads(result) if result is not None else None,
            {} if result is not None else {"result": FORGOTTEN},
        )
        for number, failed, stored_at, result in page
    ]
    return found, found[-1].number if len(rows) > len(page) else None


def _job(row: tuple[Any, ...]) -> contract.Job:
    job_id, kind, state, who, total, done, failed, created, started, ended, problem = row
    started, ended = (moment and moment.replace(tzinfo=UTC) for moment in (started, ended))
    reasons = {"started_at": "it has not begun yet"} if started is None else {}
    reasons |= {"ended_at": "it has not ended yet"} if ended is None else {}
    created = created.replace(tzinfo=UTC)
    return contract.Job(job_id, kind, state, who, total, done, failed, created, started, ended, problem, reasons)


def _place(cursor: str | None) -> tuple[datetime | None, str]:
    if cursor is None:
        return None, ""
    moment, _, job_id = cursor.partition("_")
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=None), job_id
    except ValueError:
        raise ValidationError(
            "cursor is not one that a list gave", field="$.cursor", hint="start again without it"
        ) from None


def _now() -> datetime:
    return _naive(datetime.now(UTC))


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
