"""A job that is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lukhas_cli.render.progress import counting
from lukhas_sdk.contract.jobs import ENDED, SHOW, Job, JobParams

if TYPE_CHECKING:
    from lukhas_cli.session import Session

SHORTEST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.5
"""Between two looks: 120 a minute at most, where the limit is 300."""


def follow(session: Session, job_id: str, *, seen: Callable[[Job], None] = lambda job: None) -> Job:
    """The job when it has ended. `seen` is called after each look."""
    job = session.call(SHOW, params=JobParams(job_id))
    pause_s, told = SHORTEST_PAUSE_S, 0
    with counting(job.kind, job.total, speed=True) as advance:
        while True:
            advance(job.done - told, job.state)
            told = job.done
            seen(job)
            if job.state in ENDED:
                return job
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            job = session.call(SHOW, params=JobParams(job_id))
