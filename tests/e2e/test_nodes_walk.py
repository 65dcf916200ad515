"""Nodes, stars and stages from the command line and the client, with a daemon as people run it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reference import REGISTER
from servers.fixtures import node_url  # noqa: F401

from lukhas_sdk.client import LukhasClient
from lukhas_sdk.contract.base import STAGES
from lukhas_sdk.errors import NotFound
from lukhas_sdk.paths import Paths


def test_nodes_from_the_command_line(warm_home: Any, node_url: str) -> None:  # noqa: F811
    home = warm_home
    home.run("node", "register", "echo", "--stage", "thought", "--callback", f"{node_url}/good", check=True)
    rows = [line.split("\t") for line in home.run("node", "list", "--stage", "thought", check=True).stdout.splitlines()]
    assert [row[:3] for row in rows if row[0] == "echo"] == [["echo", "callback", "active"]]
    tried = home.run("node", "test", "echo", "What now?", check=True)
    assert "You asked: What now?" in tried.stdout
    shown = json.loads(home.run("node", "show", "echo", "--json", check=True).stdout)["data"]
    assert shown["callback"]["url"] == f"{node_url}/good"
    assert home.run("node", "register", "echo", "--stage", "thought").returncode == 1  # its id is taken
    far = home.run("node", "register", "far", "--stage", "thought", "--callback", "http://10.1.2.3:80/x")
    assert far.returncode == 2
    assert "not this machine" in far.stderr
    home.run("node", "register", "bad", "--stage", "thought", "--callback", f"{node_url}/lies", check=True)
    failed = home.run("node", "test", "bad", "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["data"]["report"]["status"] == "invalid"
    spec = json.dumps({**REGISTER, "node_id": "declared"})
    assert "nothing to run" in home.run("node", "register", "--from", "-", input=spec, check=True).stdout
    answer = json.loads(home.run("process", "What now?", "--json", check=True).stdout)["data"]
    assert "echo" in answer["constellation_metadata"]["registry_nodes_utilized"]
    for name in ("echo", "bad", "declared"):
        home.run("node", "remove", name, check=True)
    assert home.run("node", "show", "echo").returncode == 5


def test_stars_from_the_command_line(warm_home: Any) -> None:
    answer = json.loads(warm_home.run("star", "list", "--json", check=True).stdout)["data"]
    states = {star["name"]: star["status"] for star in answer["stars"]}
    assert list(states) == ["identity", "memory", "vision", "bio", "dream", "ethics", "guardian", "quantum"]
    for name in ("identity", "memory", "dream", "ethics", "guardian", "quantum"):
        assert states[name] == "active", answer
    for star in answer["stars"]:
        assert (star["reason"] is None) == (star["status"] == "active")
    assert answer["active_count"] == list(states.values()).count("active")
    assert "✦ Memory" in answer["constellation_alignment"]
    assert "Vision" not in answer["constellation_alignment"]
    assert warm_home.run("star", "test", "ethics").returncode == 0
    vision = warm_home.run("star", "test", "vision")
    assert vision.returncode == 1
    assert "carries an image" in vision.stdout


def test_a_stage_takes_what_the_one_before_printed(warm_home: Any) -> None:
    printed = warm_home.run("stage", "memory", "Where is the ladder?", "--json", check=True).stdout
    for stage in STAGES[1:]:
        printed = warm_home.run("stage", stage, "-", "--json", input=printed, check=True).stdout
    answer = json.loads(printed)["data"]
    assert answer["next_stage"] is None
    assert answer["stage_result"]["action"]["memory_fold_created"].startswith("fold_")
    lacking = warm_home.run("stage", "thought", "Where is the ladder?")
    assert lacking.returncode == 2
    assert "input_data.attention" in lacking.stderr


def test_the_client_speaks_of_nodes_stars_and_stages(warm_home: Any, node_url: str) -> None:  # noqa: F811
    root = warm_home.path
    with LukhasClient(paths=Paths(root / "config", root / "data", root / "state", root / "run")) as client:
        client.nodes.register("spoken", stages=["thought"], callback=f"{node_url}/good")
        assert client.nodes.test("spoken").availability == "active"
        assert "spoken" in {node.node_id for node in client.nodes.list(stage="thought").nodes}
        assert client.nodes.remove("spoken").removed
        with pytest.raises(NotFound):
            client.nodes.show("spoken")
        assert client.stars.test("memory").status == "active"
        assert len(client.stars.list().stars) == 8
        first = client.stage("memory", "Where is the ladder?")
        assert client.stage(first.next_stage or "action", first.stage_result).step
