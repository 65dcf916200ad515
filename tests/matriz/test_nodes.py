"""The node registry against real callback servers: what they do wrong is reported and harms nobody else."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.matriz import ProcessRequest
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.contract.nodes import (
    NodeCallback,
    NodeListParams,
    NodePlace,
    NodeReport,
    RegisterNodeRequest,
    RegisterNodeResponse,
    TestNodeRequest,
)
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.constellation import run_record, running
from lukhasd.constellation.callback import loopback
from lukhasd.constellation.node import NodeInput
from lukhasd.constellation.registry import NodeRegistry
from lukhasd.identity.caller import Caller
from lukhasd.matriz.nodes import modules
from lukhasd.parts import Parts

REFERENCE = {
    "node_id": "custom_analytics_node",
    "node_type": "cognitive_processor",
    "capabilities": ["data_analysis", "pattern_recognition"],
    "constructor_config": {
        "t4_compliant": True,
        "instantiation_pattern": "constructor_aware",
        "dependencies": ["memory_module", "attention_module"],
    },
    "constellation_metadata": {"compatible_pillars": ["🧠"], "pipeline_stages": ["attention", "thought"]},
}
BUILT_IN = [
    "hybrid_search", "link_hops", "mmr_attention", "extractive_draft", "language_model_draft", "guardian_rules",
    "intent_classifier", "fold_writer",
]  # fmt: skip
QUESTION = "Where is the spare key?"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def parts(shared_parts: Parts) -> Parts:
    return shared_parts


@pytest.fixture
def caller() -> Caller:
    identity_id = uuid.uuid4().hex
    return Caller(identity_id, f"ΛULTRA-2026-{identity_id[:6]}", Tier.ULTRA, "api_key")


@pytest.fixture
def other(caller: Caller) -> Caller:
    return replace(caller, identity_id=uuid.uuid4().hex, lambda_id="ΛULTRA-2026-0002")


def asked(url: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{url}/asked", timeout=5) as response:
        return list(json.load(response))


async def add(
    parts: Parts, caller: Caller, url: str, name: str = "my_node", *, stage: Any = "thought", timeout_ms: int = 400
) -> RegisterNodeResponse:
    request = RegisterNodeRequest(
        name, "cognitive_processor", NodePlace([stage]), callback=NodeCallback(url, timeout_ms)
    )
    return await parts.nodes.register(caller, request)


async def once(parts: Parts, caller: Caller, name: str = "my_node", text: str = QUESTION) -> NodeReport:
    answer = await parts.nodes.test(caller, name, TestNodeRequest(text))
    assert answer.report is not None
    return answer.report


async def test_the_references_own_example_is_registered_as_it_stands(parts: Parts, caller: Caller) -> None:
    registered = await parts.nodes.register(caller, msgspec.convert(REFERENCE, RegisterNodeRequest))
    assert registered.registration_id.startswith("reg_20")
    assert "_custom_analytics_" in registered.registration_id
    assert registered.status == "registered"
    assert registered.validation_results.t4_compliance is None  # claimed, and nothing was measured
    assert "0 runs" in registered.validation_results.reasons["t4_compliance"]
    assert registered.validation_results.constructor_validation == "passed"
    assert registered.validation_results.constellation_compatibility == "verified"
    assert registered.availability == "inactive"
    assert "nothing to run" in registered.reasons["availability"]
    listed = await parts.nodes.find_all(caller, NodeListParams("attention", "consciousness"))
    assert [node.node_id for node in listed.nodes] == ["mmr_attention", "custom_analytics_node"]
    assert listed.total_count == 2
    tried = await parts.nodes.test(caller, "custom_analytics_node", TestNodeRequest())
    assert tried.report is None
    assert "nothing to run" in tried.reasons["report"]


async def test_the_pipelines_own_processors_are_nodes(parts: Parts, caller: Caller) -> None:
    answer = await parts.nodes.find_all(caller, NodeListParams())
    assert [node.node_id for node in answer.nodes] == BUILT_IN
    states = {node.node_id: node.availability for node in answer.nodes}
    assert states.pop("language_model_draft") == "inactive"
    assert set(states.values()) == {"active"}
    assert answer.registry_health == "optimal"
    assert parts.nodes.instantiation[0] == "active"
    draft = await parts.nodes.show(caller, "extractive_draft")
    assert draft.dependencies == ["memory_module", "attention_module", "thought_module"]
    assert draft.distribution == "lukhas"
    assert {node.node_id for node in (await parts.nodes.find_all(caller, NodeListParams(pillar="🛡️"))).nodes} == {
        "guardian_rules"
    }
    with pytest.raises(ValidationError, match="no star and no pillar"):
        await parts.nodes.find_all(caller, NodeListParams(pillar="brain"))
    with pytest.raises(Conflict, match="comes with the program"):
        await parts.nodes.remove(caller, "extractive_draft")


async def test_a_built_in_node_can_be_tried(parts: Parts, caller: Caller) -> None:
    await parts.memory.store(
        caller.identity_id, StoreRequest(MemoryContent(type="semantic", data="The spare key hangs behind the door."))
    )
    for name in BUILT_IN[:-1]:
        tried = await parts.nodes.test(caller, name, TestNodeRequest(QUESTION))
        assert tried.report is not None, name
        if name == "language_model_draft":
            assert tried.report.status == "failed"
        else:
            assert tried.report.status == "ok", (name, tried.report)
            assert tried.report.answer
    assert (await parts.nodes.test(caller, "fold_writer", TestNodeRequest())).report is None


async def test_a_missing_dependency_is_named(parts: Parts, caller: Caller) -> None:
    spec = {**REFERENCE, "constructor_config": {"dependencies": ["memory_module", "telepathy_module"]}}
    with pytest.raises(ValidationError, match="telepathy_module") as refused:
        await parts.nodes.register(caller, msgspec.convert(spec, RegisterNodeRequest))
    assert refused.value.details["field"] == "$.constructor_config.dependencies[1]"
    with pytest.raises(NotFound):
        await parts.nodes.show(caller, "custom_analytics_node")


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


async def test_a_node_is_its_owners(parts: Parts, caller: Caller, other: Caller, node_url: str) -> None:
    await add(parts, other, f"{node_url}/good-other", "private_node")
    assert "private_node" not in {one.node_id for one in (await parts.nodes.find_all(caller, NodeListParams())).nodes}
    missing = await _refusal(parts.nodes.show(caller, "nobody_node"))
    for refused in (
        parts.nodes.show(caller, "private_node"),
        parts.nodes.remove(caller, "private_node"),
        parts.nodes.test(caller, "private_node", TestNodeRequest()),
    ):
        assert str(await _refusal(refused)).replace("private", "nobody") == str(missing)
    before = len(asked(node_url))
    await parts.pipeline.process(caller, ProcessRequest(QUESTION))
    assert len(asked(node_url)) == before
    await add(parts, caller, f"{node_url}/good", "private_node")  # its name is free for others


async def _refusal(work: Any) -> NotFound:
    with pytest.raises(NotFound) as refused:
        await work
    return refused.value


async def test_an_identity_that_goes_takes_its_nodes_with_it(parts: Parts, caller: Caller, other: Caller) -> None:
    for who in (caller, other):
        await parts.nodes.register(who, msgspec.convert(REFERENCE, RegisterNodeRequest))
    await parts.nodes.remove_all(caller.identity_id)
    with pytest.raises(NotFound):
        await parts.nodes.show(caller, "custom_analytics_node")
    assert (await parts.nodes.show(other, "custom_analytics_node")).runs == 0
    sql = "SELECT count(*) FROM nodes WHERE owner = ?"
    for who, count in ((caller, 0), (other, 1)):
        rows = await parts.database.read(lambda cursor, who=who: cursor.execute(sql, [who.identity_id]).fetchall())
        assert rows == [(count,)]


async def test_the_machines_owners_nodes_run_for_everybody(
    parts: Parts, caller: Caller, other: Caller, node_url: str
) -> None:
    prime = replace(caller, tier=Tier.PRIME)
    await add(parts, prime, f"{node_url}/good", "house_node")
    answer = await parts.pipeline.process(other, ProcessRequest(QUESTION))
    assert "house_node" in answer.constellation_metadata.registry_nodes_utilized
    seen = await parts.nodes.show(other, "house_node")
    assert seen.callback is None
    assert seen.reasons["callback"] == "shown to whoever registered it"
    assert (await parts.nodes.show(prime, "house_node")).callback is not None
    with pytest.raises(Conflict, match="machine's owner"):
        await parts.nodes.remove(other, "house_node")
    assert (await parts.nodes.remove(prime, "house_node")).removed


async def test_registered_nodes_are_there_after_a_restart(parts: Parts, caller: Caller, node_url: str) -> None:
    first = await add(parts, caller, f"{node_url}/good")
    await parts.nodes.register(
        caller,
        RegisterNodeRequest("deep", "t", NodePlace(["thought"]), composition=["link_hops", "extractive_draft"]),
    )
    again = NodeRegistry(parts.database, parts.guardian, parts.stars, plugins=())
    await again.load(dict.fromkeys(parts.nodes._modules))
    try:
        shown = await again.show(caller, "my_node")
        assert shown.registration_id == first.registration_id
        assert shown.callback is not None
        assert (await again.show(caller, "deep")).composition == ["link_hops", "extractive_draft"]
        assert (await again.remove(caller, "my_node")).removed
        with pytest.raises(NotFound):
            await again.show(caller, "my_node")
    finally:
        again.close()


async def test_a_composition_runs_built_in_nodes_in_a_row(parts: Parts, caller: Caller) -> None:
    await parts.memory.store(
        caller.identity_id, StoreRequest(MemoryContent(type="semantic", data="The spare key hangs behind the door."))
    )
    steps = ["link_hops", "mmr_attention", "extractive_draft"]
    request = RegisterNodeRequest("deep_draft", "composition", NodePlace(["thought"]), composition=steps)
    assert (await parts.nodes.register(caller, request)).availability == "active"
    report = await once(parts, caller, "deep_draft")
    assert report.status == "ok"
    assert "behind the door" in (report.answer or "")
    total = await parts.folds.total_interactions()
    for bad, why in ((["fold_writer"], "writes to memory"), (["deep_draft"], "no built-in node")):
        with pytest.raises(ValidationError, match=why):
            await parts.nodes.register(caller, msgspec.structs.replace(request, node_id="bad", composition=bad))
    assert await parts.folds.total_interactions() == total


async def test_an_id_is_taken_once_and_there_is_a_bound(parts: Parts, caller: Caller) -> None:
    spec = msgspec.convert(REFERENCE, RegisterNodeRequest)
    await parts.nodes.register(caller, spec)
    for name in ("custom_analytics_node", "hybrid_search"):
        with pytest.raises(Conflict, match="there already"):
            await parts.nodes.register(caller, msgspec.structs.replace(spec, node_id=name))
    for number in range(15):
        await parts.nodes.register(caller, msgspec.structs.replace(spec, node_id=f"node_{number}"))
    with pytest.raises(Conflict, match="16 may be"):
        await parts.nodes.register(caller, msgspec.structs.replace(spec, node_id="one_more"))


async def test_t4_is_said_of_measured_runs_alone(parts: Parts, caller: Caller, node_url: str) -> None:
    await add(parts, caller, f"{node_url}/good")
    entry = parts.nodes._registered[caller.identity_id, "my_node"]
    for number in range(20):
        assert (await parts.nodes.show(caller, "my_node")).t4_compliant is None, number
        entry.record.end(NodeReport("my_node", "ok", "x", 0.5, 10.0))
    assert (await parts.nodes.show(caller, "my_node")).t4_compliant is True
    entry.record.end(NodeReport("my_node", "failed", None, None, 10.0, "once"))
    shown = await parts.nodes.show(caller, "my_node")
    assert shown.t4_compliant is False
    assert "1 failures in 21 runs" in shown.reasons["t4_compliant"]


PLUGIN = """
import time
from lukhas_sdk.contract.nodes import NodePlace, RegisterNodeRequest
from lukhasd.constellation.node import NodeOutput

def about(name):
    return RegisterNodeRequest(name, "trial", NodePlace(["thought"]), ["trial"])

class Fine:
    about = about("fine")
    def __init__(self, *, memory_module):
        self.memory = memory_module
    async def check(self):
        return None
    async def process(self, given):
        from lukhas_sdk.contract.stages import StageData
        found = await self.memory.run(given.caller, StageData(given.text))
        return NodeOutput(f"{len(found.stage_result.memory.memories)} memories for {given.text}", 0.5)

class Needy(Fine):
    about = about("needy")
    def __init__(self, *, store_module):
        pass

class Blocking(Fine):
    about = about("blocking")
    async def process(self, given):
        time.sleep(3)

class Liar(Fine):
    about = about("liar")
    async def process(self, given):
        return NodeOutput(b"bytes", 7)

class Quitter(Fine):
    about = about("quitter")
    async def process(self, given):
        raise SystemExit(3)

class Same(Fine):
    about = about("hybrid_search")
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package with nodes of every kind."""
    (tmp_path / "trial_nodes.py").write_text(PLUGIN)
    facts = tmp_path / "trial_nodes-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: trial-nodes\nVersion: 1.0\n")
    names = ("Fine", "Needy", "Blocking", "Liar", "Quitter", "Same", "Missing")
    points = "\n".join(f"{name.lower()} = trial_nodes:{name}" for name in names)
    (facts / "entry_points.txt").write_text(f"[lukhas.nodes]\n{points}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "trial-nodes"


async def test_a_plug_in_is_off_unless_it_is_allowed(parts: Parts, caller: Caller, plugin: str) -> None:
    offered = modules(parts.stages, parts.stars, models=parts.models, store=parts.memory)
    without = NodeRegistry(parts.database, parts.guardian, parts.stars, plugins=())
    await without.load(offered)
    assert len((await without.find_all(caller, NodeListParams())).nodes) == len(BUILT_IN)
    assert "trial_nodes" not in sys.modules
    nodes = NodeRegistry(parts.database, parts.guardian, parts.stars, plugins=(plugin, "not-installed"))
    await nodes.load(offered)
    try:
        told = "\n".join(nodes.unloadable)
        for why in ("Missing", "hybrid_search is there already", "not-installed is not installed"):
            assert why in told
        assert nodes.instantiation[0] == "degraded"
        assert "needy lacks store_module" in nodes.instantiation[1]
        needy = await nodes.show(caller, "needy")
        assert needy.availability == "inactive"
        assert needy.validation_results.constructor_validation == "failed: store_module is missing"
        started = time.monotonic()
        running = asyncio.ensure_future(nodes.run(NodeInput(caller, "thought", QUESTION)))
        beats = 0
        while not running.done():
            await asyncio.sleep(0.01)
            beats += 1
        assert time.monotonic() - started < 2.8
        assert beats > 20  # the loop went on while the plug-in blocked its own thread
        reports = {report.node_id: report for report in await running}
        assert reports["fine"].answer == f"0 memories for {QUESTION}"
        statuses = {name: report.status for name, report in reports.items()}
        assert statuses == {"fine": "ok", "blocking": "timeout", "liar": "invalid", "quitter": "failed"}
    finally:
        nodes.close()
        without.close()
