"""What is written down of answers, and how it is shown: T4, series, Prometheus, operations, the bound on work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import Served, TestPipeline, serving

from lukhas_sdk.contract.perf import METRICS_MEDIA_TYPE

VALIDATE = {"action": {"type": "message", "content": "fine"}}


async def key_of(served: Served, tier: str) -> str:
    made = await served.call("POST", "/auth/keys", json={"name": tier, "tier": tier}, unix=True)
    return str(made.body["api_key"])


async def budget(served: Served, name: str) -> Any:
    report = (await served.call("GET", "/t4/report", unix=True)).body
    return next(each for each in report["budgets"] if each["name"] == name)


async def test_answers_are_counted_once_with_what_they_were(served: Served) -> None:
    for _ in range(3):
        await served.call("POST", "/guardian/validate", json=VALIDATE)
    await served.call("POST", "/guardian/validate", json=VALIDATE, key="lk_wrong")
    await served.call("POST", "/guardian/validate", json={})
    assert (await served.call("POST", "/matriz/process", json={"input": "hello"})).status == 500
    await served.call("GET", "/nowhere")
    await served.call("GET", "/live")
    await served.call("GET", "/ready")
    found = {each["name"]: each for each in (await served.call("GET", "/perf/metrics", unix=True)).body["metrics"]}
    validate = found["operation.guardian.validate"]
    assert (validate["answers"], validate["samples"], validate["failures"]) == (5, 3, 0)
    assert found["operation.matriz.process"]["failures"] == 1
    assert found["operation.unknown"]["answers"] == 1
    assert not [name for name in found if name in ("operation.system.live", "operation.system.ready")]
    errors = await budget(served, "error_budget")
    assert (errors["samples"], errors["worse"]) == (8, 1)  # with the question for the names
    assert errors["verdict"] == "insufficient_data"


async def test_an_error_within_a_stream_is_a_failure(served: Served) -> None:
    answer = await served.call(
        "POST", "/matriz/process", json={"input": "hello"}, headers={"Accept": "application/x-ndjson"}
    )
    assert answer.status == 200
    assert (await budget(served, "error_budget"))["worse"] == 1
    assert served.parts.metrics.counters("answers.")["matriz.process.5xx"] == 1


async def test_a_series_adds_up(served: Served) -> None:
    for _ in range(5):
        await served.call("POST", "/guardian/validate", json=VALIDATE)
    path = "/perf/series?metric=operation.guardian.validate&window=10m&step=2m"
    series = (await served.call("GET", path, unix=True)).body
    assert (series["window_s"], series["step_s"], len(series["points"])) == (600, 120, 5)
    assert sum(point["count"] for point in series["points"]) == 5
    assert series["points"][0]["p95_ms"] is None
    last = [point for point in series["points"] if point["count"]][-1]
    assert 0 < last["p50_ms"] <= last["p95_ms"] <= last["p99_ms"] <= last["max_ms"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("metric=operation.nothing", 404, None),
        ("metric=stage.memory&window=25h", 422, "$.window"),
        ("metric=stage.memory&window=5m&step=6m", 422, "$.step"),
        ("metric=stage.memory&window=soon", 422, "$.window"),
        ("metric=stage.memory&step=0m", 422, "$.step"),
        ("window=5m", 422, "$.metric"),
    ],
)
async def test_series_that_are_not_served(served: Served, query: str, status: int, field: str | None) -> None:
    answer = await served.call("GET", f"/perf/series?{query}", unix=True)
    assert (answer.status, answer.details.get("field")) == (status, field)


async def test_prometheus_reads_it_all(served: Served) -> None:
    for _ in range(4):
        await served.call("POST", "/guardian/validate", json=VALIDATE)
    for decision in ("APPROVED", "REJECTED", "REJECTED"):
        served.parts.metrics.increment(f"guardian.{decision}")
    served.parts.metrics.record("stage.memory", 30.0)
    answer = await served.call("GET", "/metrics", unix=True)
    assert (answer.status, answer.headers["content-type"]) == (200, METRICS_MEDIA_TYPE)
    families = {family.name: family for family in text_string_to_metric_families(answer.raw.decode())}
    assert all(family.documentation and family.type != "unknown" for family in families.values())

    def values(family: str, sample: str = "", **labels: str) -> list[float]:
        return [
            one.value
            for one in families[family].samples
            if one.name == (sample or family) and labels.items() <= one.labels.items()
        ]

    answered = {"operation": "guardian.validate", "status": "2xx"}
    assert values("lukhas_answers", "lukhas_answers_total", **answered) == [4]
    assert values("lukhas_guardian_verdicts", "lukhas_guardian_verdicts_total", decision="REJECTED") == [2]
    for family in ("lukhas_operation_duration_seconds", "lukhas_stage_duration_seconds"):
        assert families[family].type == "histogram"
        for labels in {
            tuple(sorted((k, v) for k, v in one.labels.items() if k != "le")) for one in families[family].samples
        }:
            buckets = values(family, f"{family}_bucket", **dict(labels))
            assert buckets == sorted(buckets)
            assert buckets[-1:] == values(family, f"{family}_count", **dict(labels))
    seconds = values("lukhas_stage_duration_seconds", "lukhas_stage_duration_seconds_sum", stage="memory")
    assert seconds == [pytest.approx(0.03)]
    assert values("lukhas_stage_duration_seconds", "lukhas_stage_duration_seconds_bucket", le="0.025") == [0]
    assert values("lukhas_stage_duration_seconds", "lukhas_stage_duration_seconds_bucket", le="0.05") == [1]
    assert values("process_resident_memory_bytes")[0] > 10_000_000
    assert values("process_start_time_seconds")[0] > 1_600_000_000
    lines = answer.raw.decode().splitlines()
    assert len([line for line in lines if line.startswith("# TYPE")]) == len(families)
    assert len(lines) == len(set(lines)), "no sample and no head stands there twice"


async def test_who_may_see_it(served: Served) -> None:
    user, ultra = await key_of(served, "ΛUSER"), await key_of(served, "ΛULTRA")
    for path, least in (
        ("/t4/report", "user"),
        ("/perf/metrics", "ultra"),
        ("/metrics", "ultra"),
        ("/ops/queues", "prime"),
    ):
        statuses = [(await served.call("GET", path, key=key)).status for key in (None, user, ultra, "")]
        assert statuses == {
            "user": [401, 200, 200, 200], "ultra": [401, 403, 200, 200], "prime": [401, 403, 403, 200],
        }[least], path  # fmt: skip


async def test_operations_say_what_they_know(served: Served) -> None:
    backup = (await served.call("GET", "/ops/backup")).body
    assert backup["made_at"] is None and "lukhas backup" in backup["reasons"]["made_at"]
    migrations = (await served.call("GET", "/ops/migrations")).body
    assert migrations["pending"] == [] and migrations["applied"][-1]["number"] == migrations["newest_known"]
    storage = (await served.call("GET", "/ops/storage")).body
    assert storage["database_bytes"] == await asyncio.to_thread(lambda: served.parts.database.size_bytes) > 0
    assert storage["free_bytes"] > 0
    queues = (await served.call("GET", "/ops/queues")).body
    assert queues["requests"]["guardian"] == {"in_work": 0, "waiting": 0, "refused": 0}


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b'{"made_at":"yesterday"}', b"\xff" * 70_000])
async def test_a_mark_that_cannot_be_read_is_no_backup(served: Served, content: bytes) -> None:
    mark = served.parts.paths.state / "last-backup.json"
    await asyncio.to_thread(mark.write_bytes, content)
    answer = await served.call("GET", "/ops/backup")
    assert (answer.status, answer.body["made_at"]) == (200, None)
    assert "cannot be read" in answer.body["reasons"]["made_at"]


async def test_ready_is_503_while_it_stops(served: Served) -> None:
    served.server.service.phase = "stopping"
    answer = await served.call("GET", "/ready", key=None)
    assert (answer.status, answer.body["status"]) == (503, "stopping")
    assert (await served.call("GET", "/live", key=None)).status == 200
    served.server.service.phase = "ready"
    assert (await served.call("GET", "/ready", key=None)).status == 200


async def test_more_than_can_be_in_work_waits_then_comes_later() -> None:
    async with serving(max_in_work=2, longest_wait_ms=100) as served:
        pipeline = served.parts.pipeline
        assert isinstance(pipeline, TestPipeline)
        pipeline.go = asyncio.Event()
        ask = {"json": {"input": "hello"}, "unix": True}
        held = [asyncio.create_task(served.call("POST", "/matriz/process", **ask)) for _ in range(2)]
        async with asyncio.timeout(5):
            while served.server.service.admission.standing()["process"].in_work < 2:
                await asyncio.sleep(0.01)
        refused = await served.call("POST", "/matriz/process", **ask)
        assert (refused.status, refused.code, refused.headers["retry-after"]) == (429, "RATE_LIMIT_EXCEEDED", "1")
        assert refused.details["max_in_work"] == 2
        assert (await served.call("POST", "/guardian/validate", json=VALIDATE)).status == 200, "its own bound"
        assert (await served.call("GET", "/health")).status == 200
        queues = (await served.call("GET", "/ops/queues")).body
        assert queues["requests"]["process"] == {"in_work": 2, "waiting": 0, "refused": 1}
        pipeline.go.set()
        assert [answer.status for answer in await asyncio.gather(*held)] == [500, 500]
        assert (await served.call("POST", "/matriz/process", **ask)).status == 500, "its turn came"
        assert served.server.service.admission.standing()["process"].in_work == 0


async def test_who_waits_gets_the_turn_that_comes_in_time() -> None:
    async with serving(max_in_work=1, longest_wait_ms=5000) as served:
        pipeline = served.parts.pipeline
        assert isinstance(pipeline, TestPipeline)
        pipeline.go = asyncio.Event()
        ask = {"json": {"input": "hello"}, "unix": True}
        asked = [asyncio.create_task(served.call("POST", "/matriz/process", **ask)) for _ in range(3)]
        async with asyncio.timeout(5):
            while served.server.service.admission.standing()["process"].waiting < 2:
                await asyncio.sleep(0.01)
        pipeline.go.set()
        assert [answer.status for answer in await asyncio.gather(*asked)] == [500] * 3


async def test_a_stream_that_is_not_read_holds_no_place() -> None:
    async with serving(max_in_work=1, longest_wait_ms=50) as served:
        headers = {"Accept": "application/x-ndjson"}
        for _ in range(3):
            answer = await served.call("POST", "/matriz/process", json={"input": "hello"}, headers=headers, unix=True)
            assert answer.status == 200
        assert served.server.service.admission.standing()["process"].in_work == 0


async def test_without_a_bound_everything_comes_in() -> None:
    async with serving(max_in_work=0) as served:
        assert (await served.call("POST", "/guardian/validate", json=VALIDATE)).status == 200
        assert (await served.call("GET", "/ops/queues")).body["requests"] == {}
