"""`lukhas jobs`: long work that goes on by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from lukhas_cli.command import command, new_app, session_of
from lukhas_cli.following import follow
from lukhas_cli.moments import local
from lukhas_cli.outcome import Outcome, Streamed
from lukhas_cli.render.envelope import print_json
from lukhas_cli.render.screen import Screen
from lukhas_cli.render.text import more
from lukhas_sdk.contract import jobs as contract
from lukhas_sdk.errors import Exit

EXAMPLES = """lukhas jobs list --state running
lukhas jobs watch job_2025_01_31_0a1b2c3d4e5f
lukhas jobs results job_2025_01_31_0a1b2c3d4e5f --failed
lukhas jobs cancel job_2025_01_31_0a1b2c3d4e5f
"""

app = new_app(
    "Long work that goes on by itself.\n\nJobs run one at a time, behind the requests that somebody waits for. What a "
    "restart of the daemon cuts short goes on at its next start; what was done is not done again.",
    examples=EXAMPLES,
)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, as job_2025_01_31_0a1b2c3d4e5f.")]


@command(app, name="list", examples="lukhas jobs list\nlukhas jobs list --all --state running")
def list_jobs(
    context: typer.Context,
    state: Annotated[contract.JobState | None, typer.Option(help="Only these.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Everybody's, for the machine's owner.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200, metavar="N", help="So many a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on from an earlier page's end.")] = None,
) -> Outcome:
    """List jobs, newest first.

    In a pipe, each line is: id, kind, state, done, of how many, failed, when it was made, whose.
    """
    params = contract.JobListParams(state=state, all=all, limit=limit, cursor=cursor)
    answer = session_of(context).call(contract.LIST, params=params)
    rows = [
        (each.job_id, each.kind, each.state, each.done, each.total, each.failed, local(each.created_at), each.who)
        for each in answer.jobs
    ]

    def present(screen: Screen) -> None:
        screen.table(["id", "kind", "state", "done", "of", "failed", "made", "by"], rows)
        if screen.terminal:
            screen.text(f"{len(rows)} of {answer.total_count} jobs{more(answer.next_cursor)}", style="dim")

    return Outcome(answer, present)


@command(app, examples="lukhas jobs show job_2025_01_31_0a1b2c3d4e5f")
def show(context: typer.Context, job_id: JobId) -> Outcome:
    """Show one job and how far it is."""
    return _shown(session_of(context).call(contract.SHOW, params=contract.JobParams(job_id)))


@command(
    app,
    examples="lukhas jobs results job_2025_01_31_0a1b2c3d4e5f > answers.jsonl\n"
    "lukhas jobs results job_2025_01_31_0a1b2c3d4e5f --failed",
)
def results(
    context: typer.Context,
    job_id: JobId,
    failed: Annotated[bool, typer.Option("--failed", help="Only the items that failed.")] = False,
) -> Streamed:
    """Print what a job has so far, as JSON Lines in the order of its items, without waiting for the rest."""
    session = session_of(context)
    after: int | None = -1
    while after is not None:
        params = contract.JobResultsParams(job_id, after, True if failed else None, limit=500)
        page = session.call(contract.RESULTS, params=params)
        for each in page.results:
            print_json(each)
        after = page.next_after
    if session.json:
        print_json({"type": "end"})
    return Streamed()


@command(
    app, examples="lukhas jobs watch job_2025_01_31_0a1b2c3d4e5f && lukhas jobs results job_2025_01_31_0a1b2c3d4e5f"
)
def watch(context: typer.Context, job_id: JobId) -> Outcome:
    """Wait until a job has ended; Ctrl-C leaves it running.

    Exit code 0 when it is done, 1 when it failed or was cancelled, or items of it failed.
    """
    session = session_of(context)
    job = follow(session, job_id)
    well = job.state == "done" and not job.failed
    problem = job.problem or f"{job.state}, {job.failed} of {job.total} failed"
    return Outcome(job, lambda screen: _show(screen, job), Exit.OK if well else Exit.FAILURE, problem)


@command(app, examples="lukhas jobs cancel job_2025_01_31_0a1b2c3d4e5f")
def cancel(context: typer.Context, job_id: JobId) -> Outcome:
    """Stop a job. What it has done is kept, and it can be resumed."""
    return _shown(session_of(context).call(contract.CANCEL, params=contract.JobParams(job_id)))


@command(app, examples="lukhas jobs resume job_2025_01_31_0a1b2c3d4e5f")
def resume(context: typer.Context, job_id: JobId) -> Outcome:
    """Let a job that was cancelled or failed go on with what it has not done."""
    return _shown(session_of(context).call(contract.RESUME, params=contract.JobParams(job_id)))


@command(app, examples="lukhas jobs remove job_2025_01_31_0a1b2c3d4e5f")
def remove(context: typer.Context, job_id: JobId) -> Outcome:
    """Remove a job that has ended, with its results."""
    answer = session_of(context).call(contract.REMOVE, params=contract.JobParams(job_id))
    return Outcome(answer, lambda screen: screen.row("removed", answer.job_id, answer.results))


def _shown(job: contract.Job) -> Outcome:
    return Outcome(job, lambda screen: _show(screen, job))


def _show(screen: Screen, job: contract.Job) -> None:
    screen.pairs(
        [
            ("id", job.job_id),
            ("kind", job.kind),
            ("state", job.state),
            ("by", job.who),
            ("done", f"{job.done} of {job.total}"),
            ("failed", job.failed),
            ("made", local(job.created_at)),
            ("begun", local(job.started_at) if job.started_at else None),
            ("ended", local(job.ended_at) if job.ended_at else None),
            *([("problem", job.problem)] if job.problem else []),
        ]
    )
