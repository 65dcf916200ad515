"""What the door does with a batch: limits, shapes, the stream, and what a failure shows."""

from __future__ import annotations

import asyncio
import json

from serving import Served

from lukhas_sdk.settings import LimitsSettings

LIMIT = LimitsSettings().process


def of(count: int, **rest: object) -> dict[str, object]:
    return {"queries": ["Hi"] * count, **rest}


async def test_each_query_counts_and_none_is_begun_where_they_do_not_fit(served: Served) -> None:
    answer = await served.call("POST", "/matriz/batch", json=of(40))
    assert answer.status == 200
    assert answer.headers["x-ratelimit-remaining"] == str(LIMIT - 40)
    served.parts.pipeline.began.clear()  # type: ignore[attr-defined]
    refused = await served.call("POST", "/matriz/batch", json=of(21))
    assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.details["left"] == LIMIT - 41
    assert int(refused.headers["retry-after"]) <= 60
    assert not served.parts.pipeline.began.is_set()  # type: ignore[attr-defined]
    fits = await served.call("POST", "/matriz/batch", json=of(LIMIT - 41))
    assert fits.status == 200
    assert fits.headers["x-ratelimit-remaining"] == "0"


async def test_over_the_machine_s_own_socket_nothing_is_counted(served: Served) -> None:
    for _ in range(2):
        assert (await served.call("POST", "/matriz/batch", json=of(50), unix=True)).status == 200


async def test_a_job_counts_once(served: Served) -> None:
    answer = await served.call("POST", "/matriz/batch", json=of(51))
    assert answer.status == 200
    assert answer.headers["x-ratelimit-remaining"] == str(LIMIT - 1)
    assert answer.body["responses"] == []
    assert answer.body["succeeded"] is None
    assert set(answer.body["reasons"]) >= {"responses", "succeeded", "failed", "processing_time_ms"}
    job = (await served.call("GET", f"/ops/jobs/{answer.body['job']['job_id']}")).body
    assert (job["total"], job["state"]) == (51, "queued")


async def test_a_failure_of_ours_shows_its_trace_alone(served: Served) -> None:
    answer = await served.call("POST", "/matriz/batch", json=of(1))
    assert (answer.body["succeeded"], answer.body["failed"]) == (0, 1)
    error = answer.body["responses"][0]["error"]
    assert error["code"] == "INTERNAL_ERROR"
    assert error["trace_id"].startswith("trace_")
    assert b"hunter2" not in answer.raw


async def test_bad_batches_name_the_field(served: Served) -> None:
    for body, field in (
        ({"queries": []}, "$.queries"),
        ({"queries": ["ok", "  "]}, "$.queries[1]"),
        ({"queries": ["ok", {"input": "x", "colour": 1}]}, "$.queries[1].colour"),
        (of(51, as_job=False), "$.as_job"),
    ):
        answer = await served.call("POST", "/matriz/batch", json=body)
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
        assert answer.details["field"] == field


async def test_items_are_streamed_as_they_are_done(served: Served) -> None:
    answer = await served.call("POST", "/matriz/batch", json=of(3), headers={"Accept": "application/x-ndjson"})
    events = [json.loads(line) for line in answer.raw.splitlines()]
    assert [event["type"] for event in events] == ["item"] * 3 + ["result", "end"]
    assert sorted(event["item"]["index"] for event in events[:3]) == [0, 1, 2]
    assert [item["index"] for item in events[3]["result"]["responses"]] == [0, 1, 2]


async def test_single_requests_go_beside_a_batch(served: Served) -> None:
    """A batch that waits in the pipeline holds its two places, and nobody else's."""
    pipeline = served.parts.pipeline
    pipeline.go = asyncio.Event()  # type: ignore[attr-defined]
    batch = asyncio.create_task(served.call("POST", "/matriz/batch", json=of(5)))
    await asyncio.wait_for(pipeline.began.wait(), 5)  # type: ignore[attr-defined]
    pipeline.began.clear()  # type: ignore[attr-defined]
    single = asyncio.create_task(served.call("POST", "/matriz/process", json={"input": "Hi"}))
    await asyncio.wait_for(pipeline.began.wait(), 5)  # type: ignore[attr-defined]
    pipeline.go.set()  # type: ignore[attr-defined]
    assert (await single).status == 500
    assert (await batch).body["failed"] == 5
