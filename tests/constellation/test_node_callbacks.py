"""Nodes that are asked over HTTP, by real callback servers: what they do wrong is reported and harms nobody else."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from typing import Any

import pytest
from registered import QUESTION, add, asked, once

from lukhas_sdk.contract.matriz import ProcessRequest
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.contract.nodes import NodeListParams, NodeReport
from lukhas_sdk.errors import ValidationError
from lukhasd.constellation import run_record, running
from lukhasd.constellation.callback import loopback
from lukhasd.constellation.node import NodeInput
from lukhasd.identity.caller import Caller
from lukhasd.parts import Parts

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com:80/x", "http://10.0.0.1:80/x", "http://169.254.169.254:80/latest", "http://0.0.0.0:80/x",
        "http://127.0.0.1.nip.io:80/x", "http://127.0.0.1@evil.example:80/x", "http://user:pw@127.0.0.1:80/x",
        "http://127.0.0.1/x", "http://127.1:80/x", "http://2130706433:80/x", "http://[::ffff:127.0.0.1]:80/x",
        "http://[::]:80/x", "http://127.0.0.1:80/x#y", "http://127.0.0.1:99999/x", "http://127.0.0.1:80/a b",
        "http://127.0.0.1:80/a\r\nX: y", "http://localhost.evil.example:80/", "http://:80/", "http://127.0.0.1:0/",
    ],
)  # fmt: skip
async def test_only_this_machine_is_called(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        loopback(url)
    assert refused.value.details["field"] == "$.callback.url"


async def test_an_address_of_this_machine_is_read_without_looking_a_name_up() -> None:
    assert loopback("http://localhost:81/a?b=1") == ("127.0.0.1", 81, "/a?b=1")
    assert loopback("http://[::1]:81") == ("::1", 81, "/")
    assert loopback("http://127.0.0.2:81/") == ("127.0.0.2", 81, "/")


async def test_a_node_that_answers(parts: Parts, caller: Caller, node_url: str) -> None:
    registered = await add(parts, caller, f"{node_url.replace('127.0.0.1', 'localhost')}/good")
    assert registered.availability == "active"
    report = await once(parts, caller)
    assert report.status == "ok"
    assert report.answer == f"You asked: {QUESTION}"
    assert report.confidence == 0.75
    assert 0 < report.processing_time_ms < 400
    assert asked(node_url)[-1] == {"node_id": "my_node", "stage": "thought", "input": QUESTION}
    with urllib.request.urlopen(f"{node_url}/asked/headers", timeout=5) as response:
        sent = {name.lower() for name in json.load(response)}
    assert sent == {"host", "accept-encoding", "content-length", "content-type", "accept"}
    shown = await parts.nodes.show(caller, "my_node")
    assert (shown.runs, shown.failures, shown.last_error) == (1, 0, None)


WRONG = [
    ("lies", "invalid", "1.5"), ("negative", "invalid", "-0.1"), ("nan", "invalid", "answer"),
    ("words", "invalid", "float"), ("late-words", "invalid", "processing_time_ms"),
    ("backwards", "invalid", "no duration"), ("more", "invalid", "risk"), ("less", "invalid", "confidence"),
    ("list", "invalid", "object"), ("deep", "invalid", ""), ("garbage", "invalid", ""), ("empty", "invalid", ""),
    ("long", "invalid", "characters"), ("surrogate", "invalid", ""), ("nul", "invalid", "not text"),
    ("orders", "invalid", "guardian"), ("endless", "invalid", "bytes"), ("redirects", "failed", "307"),
    ("fails", "failed", "500"), ("dies", "failed", "broke off"), ("hangs", "timeout", "0.4 s"),
    ("drips", "timeout", "0.4 s"), ("silent", "ok", ""),
]  # fmt: skip


async def test_what_a_node_does_wrong_is_reported(parts: Parts, caller: Caller, node_url: str) -> None:
    for path, status, why in WRONG:
        await add(parts, caller, f"{node_url}/{path}")
        before = len(asked(node_url))
        started = time.monotonic()
        report = await once(parts, caller)
        assert time.monotonic() - started < 2, path
        assert report.status == status, (path, report)
        assert report.answer is None, path
        assert report.confidence is None, path
        assert why in (report.error or ""), (path, report)
        assert len(asked(node_url)) == before + 1  # a redirect was not followed, nothing was asked again
        shown = await parts.nodes.show(caller, "my_node")
        assert shown.failures == (status != "ok"), path
        assert shown.availability == ("active" if status == "ok" else "degraded"), path
        await parts.nodes.remove(caller, "my_node")


async def test_nothing_that_listens_is_degraded(parts: Parts, caller: Caller) -> None:
    registered = await add(parts, caller, "http://127.0.0.1:9/x")
    assert registered.availability == "degraded"
    assert "nothing answers" in registered.reasons["availability"]
    assert (await parts.nodes.find_all(caller, NodeListParams())).registry_health == "degraded"


async def test_a_node_that_fails_in_a_row_is_suspended_and_tried_again(
    parts: Parts, caller: Caller, node_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(parts, caller, f"{node_url}/fails")
    given = NodeInput(caller, "thought", QUESTION)
    for _ in range(3):
        assert [one.status for one in await parts.nodes.run(given)] == ["failed"]
    count = len(asked(node_url))
    assert await parts.nodes.run(given) == []
    assert len(asked(node_url)) == count
    shown = await parts.nodes.show(caller, "my_node")
    assert shown.availability == "suspended"
    assert shown.retry_at is not None
    later_s = time.monotonic() + run_record.FIRST_PAUSE_S + 1
    monkeypatch.setattr(run_record, "monotonic", lambda: later_s)
    reports = await asyncio.gather(*(parts.nodes.run(given) for _ in range(3)))
    assert sorted(len(each) for each in reports) == [0, 0, 1]  # one of them is let through
    assert await parts.nodes.run(given) == []
    later_s += 2 * run_record.FIRST_PAUSE_S + 1
    shown = await parts.nodes.show(caller, "my_node")
    assert shown.failures == 4


async def test_a_suspended_node_that_works_again_is_active(parts: Parts, caller: Caller, node_url: str) -> None:
    await add(parts, caller, f"{node_url}/good")
    entry = parts.nodes._registered[caller.identity_id, "my_node"]
    for _ in range(3):
        entry.record.end(NodeReport("my_node", "failed", None, None, 1.0, "it was away"))
    assert (await parts.nodes.show(caller, "my_node")).availability == "suspended"
    assert (await once(parts, caller)).status == "ok"
    assert (await parts.nodes.show(caller, "my_node")).availability == "active"


async def test_a_node_shows_in_the_trace_and_harms_no_answer(parts: Parts, caller: Caller, node_url: str) -> None:
    await parts.memory.store(
        caller.identity_id,
        StoreRequest(MemoryContent(type="semantic", data="The spare key hangs behind the pantry door.")),
    )
    plain = await parts.pipeline.process(caller, ProcessRequest(QUESTION))
    assert all(row.nodes == [] for row in plain.matriz_pipeline_trace)
    for stage in ("memory", "risk", "action"):
        await add(parts, caller, f"{node_url}/good-{stage}", f"{stage}_node", stage=stage)
    await add(parts, caller, f"{node_url}/hangs", "hanging", stage="intent", timeout_ms=150)
    await add(parts, caller, f"{node_url}/orders", "ordering", stage="thought")
    answer = await parts.pipeline.process(caller, ProcessRequest(QUESTION))
    assert answer.response == plain.response
    assert answer.metadata.guardian_decision == plain.metadata.guardian_decision
    told = {row.stage: [(one.node_id, one.status) for one in row.nodes] for row in answer.matriz_pipeline_trace}
    assert told["memory"] == [("memory_node", "ok")]
    assert told["risk"] == [("risk_node", "ok")]
    assert told["intent"] == [("hanging", "timeout")]
    assert told["thought"] == [("ordering", "invalid")]
    used = answer.constellation_metadata.registry_nodes_utilized
    assert {"memory_node", "risk_node", "action_node"} <= set(used)
    assert not {"hanging", "ordering"} & set(used)
    assert all(each["input"] == QUESTION for each in asked(node_url)[-5:])  # no memory, no draft


async def test_all_nodes_of_a_stage_share_a_budget(
    parts: Parts, caller: Caller, node_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lukhasd.constellation.registry.BUDGET_S", 0.5)
    for number in range(12):
        await add(parts, caller, f"{node_url}/hangs", f"node_{number}", timeout_ms=5000)
    started = time.monotonic()
    reports = await parts.nodes.run(NodeInput(caller, "thought", QUESTION))
    assert time.monotonic() - started < 1.5
    assert {one.status for one in reports} == {"timeout"}
    blamed = [node async for node in _failures(parts, caller)]
    assert sum(blamed) == running.AT_ONCE  # those that never had their turn are not blamed


async def _failures(parts: Parts, caller: Caller) -> Any:
    for number in range(12):
        yield (await parts.nodes.show(caller, f"node_{number}")).failures
