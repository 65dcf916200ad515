"""The node registry: what may be registered, by whom, who sees it, and what it says of a node."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from reference import REGISTER
from registered import QUESTION, add, asked, once

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.matriz import ProcessRequest
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.contract.nodes import (
    NodeListParams,
    NodePlace,
    NodeReport,
    RegisterNodeRequest,
    TestNodeRequest,
)
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.constellation.node import NodeInput
from lukhasd.constellation.registry import NodeRegistry
from lukhasd.identity.caller import Caller
from lukhasd.matriz.nodes import modules
from lukhasd.parts import Parts

BUILT_IN = [
    "hybrid_search", "link_hops", "mmr_attention", "extractive_draft", "language_model_draft", "guardian_rules",
    "intent_classifier", "fold_writer",
]  # fmt: skip


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_references_own_example_is_registered_as_it_stands(parts: Parts, caller: Caller) -> None:
    registered = await parts.nodes.register(caller, msgspec.convert(REGISTER, RegisterNodeRequest))
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
    assert sorted(node.node_id for node in answer.nodes) == sorted(BUILT_IN)
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
    spec = {**REGISTER, "constructor_config": {"dependencies": ["memory_module", "telepathy_module"]}}
    with pytest.raises(ValidationError, match="telepathy_module") as refused:
        await parts.nodes.register(caller, msgspec.convert(spec, RegisterNodeRequest))
    assert refused.value.details["field"] == "$.constructor_config.dependencies[1]"
    with pytest.raises(NotFound):
        await parts.nodes.show(caller, "custom_analytics_node")


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
        await parts.nodes.register(who, msgspec.convert(REGISTER, RegisterNodeRequest))
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
    spec = msgspec.convert(REGISTER, RegisterNodeRequest)
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
