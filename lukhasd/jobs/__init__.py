"""Long work that goes on by itself: kept over a restart, one at a time, behind the requests that somebody waits for."""

from lukhasd.jobs.jobs import Jobs
from lukhasd.jobs.running import Running

__all__ = ["Jobs", "Running"]
