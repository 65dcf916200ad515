"""`client.t4`, `client.perf` and `client.ops`."""

from __future__ import annotations

from lukhas_sdk.contract import ops, perf, t4
from lukhas_sdk.verbs import Client, Noun, verb


class T4Noun(Noun[Client]):
    @verb
    def report(self) -> t4.T4ReportResponse:
        """The budgets, held against what was served."""
        return self._client.call(t4.REPORT)


class PerfNoun(Noun[Client]):
    @verb
    def metrics(self) -> perf.PerfMetricsResponse:
        """What there are figures of, for `series`."""
        return self._client.call(perf.NAMES)

    @verb
    def series(self, metric: str, *, window: str = "1h", step: str = "1m") -> perf.PerfSeriesResponse:
        """One metric over time; `window` and `step` as 30m or 24h."""
        return self._client.call(perf.SERIES, params=perf.PerfSeriesParams(metric, window, step))

    @verb
    def prometheus(self) -> perf.MetricsText:
        return self._client.call(perf.METRICS)


class OpsNoun(Noun[Client]):
    @verb
    def backup(self) -> ops.BackupResponse:
        return self._client.call(ops.BACKUP)

    @verb
    def migrations(self) -> ops.MigrationsResponse:
        return self._client.call(ops.MIGRATIONS)

    @verb
    def storage(self) -> ops.StorageResponse:
        return self._client.call(ops.STORAGE)

    @verb
    def queues(self) -> ops.QueuesResponse:
        return self._client.call(ops.QUEUES)
