"""Another embedder chosen, waited for, tried and put away again from the command line."""

from __future__ import annotations

import json
from typing import Any

from servers.fixtures import chat_url  # noqa: F401


def test_an_embedder_from_the_command_line(home: Any, chat_url: str) -> None:  # noqa: F811
    home.run("memory", "store", "The spare key hangs behind the pantry door.", check=True)
    refused = home.run("embedder", "use", chat_url, "--model", "zeros")
    assert refused.returncode == 2
    assert "zeros" in refused.stderr
    home.run(
        "embedder", "use", chat_url, "--model", "hash", "--wait", "--api-key-stdin", input="sesame-4711\n", check=True
    )
    status = json.loads(home.run("embedder", "status", "--json", check=True).stdout)["data"]
    assert status["serving"]["base_url"] == chat_url
    assert (status["changing_to"], status["memories"], status["former"]["kind"]) == (None, 1, "builtin")
    assert "stays on this machine" in home.run("embedder", "show", check=True).stdout
    assert home.run("embedder", "test").returncode == 0
    found = json.loads(home.run("memory", "search", "pantry door key", "--json", check=True).stdout)["data"]["results"]
    assert found[0]["cosine"] is not None
    answer = json.loads(home.run("process", "Where is the spare key?", "--json", check=True).stdout)["data"]
    assert "pantry door" in answer["response"]
    home.run("daemon", "restart", check=True)
    assert chat_url in home.run("embedder", "show", check=True).stdout
    findings = json.loads(home.run("doctor", "--json").stdout)["data"]
    assert next(each for each in findings if each["check"] == "embedder")["found"] == f"hash at {chat_url}"
    for file in home.path.rglob("*"):
        if file.is_file() and b"sesame-4711" in file.read_bytes():
            assert file.name in ("embedder.key", "embedder.former.key")
            assert file.stat().st_mode & 0o077 == 0
    home.run("embedder", "use", "builtin", "--wait", check=True)
    status = json.loads(home.run("embedder", "status", "--json", check=True).stdout)["data"]
    assert status["serving"]["kind"] == "builtin"
    assert home.run("embedder", "use", "builtin", "--model", "hash").returncode == 2
    assert home.run("embedder", "use", chat_url).returncode == 2
