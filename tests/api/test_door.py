"""What every request meets on its way to a route, and every response on its way back."""

from __future__ import annotations

import asyncio
import os
import re

import pytest
from serving import FORBIDDEN, Served, TestPipeline, read_answer, serving

from lukhas_sdk.contract.operations import ALL
from lukhas_sdk.contract.system import LIVE
from lukhasd.api.app import match_handlers
from lukhasd.api.routes import TABLES

STORE = {"content": {"type": "episodic", "data": "The lamp is green."}}


async def test_every_response_carries_version_protocol_and_trace(served: Served) -> None:
    for method, path, key in (
        ("GET", "/live", None),
        ("GET", "/health", ""),
        ("GET", "/nowhere", ""),
        ("PUT", "/live", ""),
    ):
        answer = await served.call(method, path, key=key)
        assert re.fullmatch(r"trace_[0-9a-f]{16}", answer.headers["x-trace-id"]), path
        assert answer.headers["x-lukhas-protocol"] == "1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_error_body_is_the_references(served: Served) -> None:
    answer = await served.call("GET", "/memory/recall/mem_nowhere")
    assert answer.status == 404
    error = answer.body["error"]
    assert set(error) == {"code", "message", "details", "trace_id", "timestamp"}
    assert error["code"] == "NOT_FOUND"
    assert error["details"] == {"suggestion": "see: lukhas memory list"}
    assert error["trace_id"] == answer.headers["x-trace-id"]
    assert error["timestamp"].endswith("Z")


async def test_unknown_path_and_wrong_method(served: Served) -> None:
    assert (await served.call("GET", "/nowhere")).code == "NOT_FOUND"
    answer = await served.call("POST", "/health", json={})
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "VALIDATION_ERROR", "GET")


async def test_a_failure_shows_its_trace_id_alone(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    answer = await served.call("POST", "/matriz/process", json={"input": "hello"})
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert b"hunter2" not in answer.raw
    assert b"RuntimeError" not in answer.raw
    record = next(record for record in caplog.records if record.exc_info)
    assert vars(record)["trace_id"] == answer.headers["x-trace-id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"content": {"type": "dreamt", "data": "x"}}, "$.content.type"),
        ({"content": {"type": "episodic"}}, "$.content.data"),
        ({"content": {"type": "episodic", "data": "x"}, "colour": 1}, "$.colour"),
        ({"content": {"type": "episodic", "data": ""}}, "$.content.data"),
        ({"content": {"type": "episodic", "data": "x"}, "importance": 1.5}, "$.importance"),
        ({"content": {"type": "episodic", "data": "x"}, "tags": ["a", 7]}, "$.tags[1]"),
        ([], "$"),
    ],
)
async def test_wrong_shape_names_the_field(served: Served, body: object, field: str) -> None:
    answer = await served.call("POST", "/memory/store", json=body)
    assert (answer.status, answer.code, answer.details["field"]) == (422, "VALIDATION_ERROR", field)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("limit=0", 422, "$.limit"),
        ("limit=many", 422, "$.limit"),
        ("colour=red", 422, "$.colour"),
        ("limit=1&limit=2", 422, "$.limit"),
        ("cursor=%00", 400, "$.cursor"),
    ],
)
async def test_wrong_parameter_names_the_field(served: Served, query: str, status: int, field: str) -> None:
    answer = await served.call("GET", f"/memory/list?{query}")
    assert (answer.status, answer.details["field"]) == (status, field)


async def test_text_parameters_are_converted(served: Served) -> None:
    for _ in range(3):
        assert (await served.call("POST", "/memory/store", json=STORE)).status == 200
    answer = await served.call("GET", "/memory/list?limit=2")
    assert (len(answer.body["memories"]), answer.body["total_count"]) == (2, 3)


async def test_limit_headers_and_the_end_of_the_allowance(served: Served) -> None:
    first = await served.call("GET", "/memory/stats")
    assert first.headers["x-ratelimit-limit"] == "100"
    assert first.headers["x-ratelimit-remaining"] == "99"
    wrong = await served.call("POST", "/memory/store", json={})
    assert wrong.status == 422
    assert wrong.headers["x-ratelimit-remaining"] == "98"
    for _ in range(98):
        last = await served.call("GET", "/memory/stats")
    assert (last.status, last.headers["x-ratelimit-remaining"]) == (200, "0")
    over = await served.call("GET", "/memory/stats")
    assert (over.status, over.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(over.headers["retry-after"]) <= 60
    assert over.headers["x-ratelimit-remaining"] == "0"
    other = await served.call("GET", "/health")
    assert other.headers["x-ratelimit-limit"] == "300"


async def test_owner_on_the_unix_socket_is_not_limited(served: Served) -> None:
    for _ in range(102):
        answer = await served.call("GET", "/memory/stats", unix=True)
    assert answer.status == 200
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_created_key_on_the_unix_socket_is_limited(served: Served) -> None:
    made = await served.call("POST", "/auth/keys", json={"name": "script"}, unix=True)
    answer = await served.call("GET", "/memory/stats", key=made.body["api_key"], unix=True)
    assert answer.headers["x-ratelimit-remaining"] == "99"


async def test_guardian_stands_before_memory(served: Served) -> None:
    hidden = {"content": {"type": "semantic", "data": "fine", "context": {"note": [{"deep": FORBIDDEN}]}}}
    answer = await served.call("POST", "/memory/store", json=hidden)
    assert (answer.status, answer.code) == (403, "GUARDIAN_REJECTION")
    assert answer.details["decision"] == "REJECTED"
    batch = await served.call("POST", "/memory/import", json={"items": [STORE, hidden]})
    assert (batch.status, [item["index"] for item in batch.details["items"]]) == (403, [1])
    assert (await served.call("GET", "/memory/list")).body["total_count"] == 0


async def test_verdict_is_200_whatever_it_is(served: Served) -> None:
    for content, decision in ((FORBIDDEN, "REJECTED"), ("fine", "APPROVED")):
        body = {"action": {"type": "message", "content": content}}
        answer = await served.call("POST", "/guardian/validate", json=body)
        assert (answer.status, answer.body["decision"]) == (200, decision)


async def test_handlers_match_the_operations() -> None:
    assert list(match_handlers(ALL, TABLES)) == list(ALL)
    with pytest.raises(RuntimeError, match=r"system\.live"):
        match_handlers([operation for operation in ALL if operation is not LIVE], TABLES)
    with pytest.raises(RuntimeError, match=r"system\.live"):
        match_handlers(ALL, [*TABLES, {LIVE: TABLES[0][LIVE]}])
    with pytest.raises(RuntimeError, match=r"memory\.store"):
        match_handlers(ALL, [table for table in TABLES if not any(o.id == "memory.store" for o in table)])


async def test_health_has_no_figures_before_there_are_any(served: Served) -> None:
    modules = (await served.call("GET", "/health")).body["modules"]
    assert modules["brain_hub"]["latency_ms"] is None
    assert "latency_ms" in modules["brain_hub"]["reasons"]
    assert modules["memory"]["drift_level"] is None
    served.parts.metrics.record("process", 40.0)
    modules = (await served.call("GET", "/health")).body["modules"]
    assert modules["brain_hub"]["latency_ms"] == 40.0


async def test_status_is_measured(served: Served) -> None:
    before = (await served.call("GET", "/status")).body
    assert before["performance"] == {
        "average_response_time_ms": None,
        "p95_response_time_ms": None,
        "p99_response_time_ms": None,
        "samples": 0,
    }
    assert before["guardian"]["approval_rate"] is None
    for decision in ("APPROVED", "APPROVED", "CONDITIONAL", "REVIEW"):
        served.parts.metrics.increment(f"guardian.{decision}")
    after = (await served.call("GET", "/status")).body
    assert after["guardian"]["approval_rate"] == 0.75
    assert after["system"]["uptime_seconds"] > before["system"]["uptime_seconds"]
    assert 0.01 < after["system"]["memory_usage_gb"] < 10


async def test_compliance_is_the_reports_word(served: Served) -> None:
    async def standing() -> tuple[str, str]:
        compliance = (await served.call("GET", "/matriz/status")).body["t4_compliance"]
        return compliance["performance_standards"], compliance["reasons"]["performance_standards"]

    served_ones = ("matriz.process", "memory.search", "guardian.validate", "auth.token")
    for name in served_ones:
        for _ in range(100):
            served.parts.metrics.answered(name, 200, 10.0)
    word, why = await standing()
    assert word == "insufficient_data" and "process_p95 pass over 100" in why, "the error budget needs more"
    for _ in range(30_000):
        served.parts.metrics.answered("memory.search", 200, 10.0)
    assert (await standing())[0] == "met"
    for _ in range(20):
        served.parts.metrics.answered("matriz.process", 200, 900.0)
    assert (await standing())[0] == "not_met"


async def test_probes(served: Served) -> None:
    for path, state in (("/live", "live"), ("/ready", "ready")):
        body = (await served.call("GET", path, key=None)).body
        assert (body["status"], body["pid"], body["protocol"]) == (state, os.getpid(), 1)


async def test_stop_waits_for_open_requests() -> None:
    async with serving() as served:
        pipeline = served.parts.pipeline
        assert isinstance(pipeline, TestPipeline)
        pipeline.go = asyncio.Event()
        asked = asyncio.create_task(served.call("POST", "/matriz/process", json={"input": "hello"}))
        await asyncio.wait_for(pipeline.began.wait(), 5)
        stopping = asyncio.create_task(served.server.stop())
        while served.parts.paths.socket.exists():
            await asyncio.sleep(0)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", served.port)
        assert not stopping.done()
        pipeline.go.set()
        assert (await asyncio.wait_for(asked, 5)).status == 500
        await asyncio.wait_for(stopping, 5)


async def test_stop_does_not_wait_for_ever() -> None:
    async with serving(drain_timeout_s=0.2) as served:
        pipeline = served.parts.pipeline
        assert isinstance(pipeline, TestPipeline)
        pipeline.go = asyncio.Event()
        asked = asyncio.create_task(served.call("POST", "/matriz/process", json={"input": "hello"}))
        await asyncio.wait_for(pipeline.began.wait(), 5)
        await asyncio.wait_for(served.server.stop(), 5)
        with pytest.raises(Exception, match="disconnect"):
            await asyncio.wait_for(asked, 5)


async def test_one_connection_serves_many_requests(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for _ in range(3):
        writer.write(f"GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
        assert (await read_answer(reader)).status == 200
    writer.close()
    await writer.wait_closed()
