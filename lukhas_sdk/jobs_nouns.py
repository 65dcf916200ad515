"""`client.jobs`."""

from __future__ import annotations

from lukhas_sdk.contract import jobs
from lukhas_sdk.verbs import Client, Noun, verb


class JobsNoun(Noun[Client]):
    @verb
    def list(
        self,
        *,
        state: jobs.JobState | None = None,
        kind: jobs.JobKind | None = None,
        all: bool = False,
        limit: int = 20,
        cursor: str | None = None,
    ) -> jobs.JobListResponse:
        """Newest first: one's own, or for ΛPRIME with `all` everybody's."""
        params = jobs.JobListParams(state=state, kind=kind, all=all, limit=limit, cursor=cursor)
        return self._client.call(jobs.LIST, params=params)

    @verb
    def show(self, job_id: str) -> jobs.Job:
        return self._client.call(jobs.SHOW, params=jobs.JobParams(job_id))

    @verb
    def results(
        self, job_id: str, *, after: int = -1, failed: bool | None = None, limit: int = 50
    ) -> jobs.JobResultsResponse:
        """What is stored so far, in the order of the items; go on with `after=answer.next_after`."""
        return self._client.call(jobs.RESULTS, params=jobs.JobResultsParams(job_id, after, failed, limit))

    @verb
    def cancel(self, job_id: str) -> jobs.Job:
        """Nothing of it runs any more when this returns; what it has done is kept."""
        return self._client.call(jobs.CANCEL, params=jobs.JobParams(job_id))

    @verb
    def resume(self, job_id: str) -> jobs.Job:
        return self._client.call(jobs.RESUME, params=jobs.JobParams(job_id))

    @verb
    def remove(self, job_id: str) -> jobs.JobRemoveResponse:
        return self._client.call(jobs.REMOVE, params=jobs.JobParams(job_id))
