"""A language model chosen, tried, used and put away again from the command line."""

from __future__ import annotations

import json

from servers.fixtures import chat_url  # noqa: F401


def test_a_model_from_the_command_line(home, chat_url: str) -> None:  # noqa: F811
    home.run("memory", "store", "The spare key hangs behind the pantry door.", check=True)
    lacking = home.run("model", "use", chat_url, "--model", "gone")
    assert lacking.returncode == 2
    assert "good" in lacking.stderr
    home.run("model", "use", chat_url, "--model", "good", check=True)
    assert home.run("model", "test").returncode == 0
    answer = json.loads(home.run("process", "Where is the spare key?", "--json", check=True).stdout)["data"]
    assert answer["metadata"]["answer_source"] == "model"
    assert "pantry door" in answer["response"]
    assert answer["citations"]
    home.run("daemon", "restart", check=True)
    assert "good" in home.run("model", "list", check=True).stdout
    home.run("model", "use", "none", check=True)
    answer = json.loads(home.run("process", "Where is the spare key?", "--json", check=True).stdout)["data"]
    assert answer["metadata"]["answer_source"] == "memory"
    assert home.run("model", "test").returncode == 5


def test_the_models_key_is_kept_out_of_sight(home, chat_url: str) -> None:  # noqa: F811
    home.run("model", "use", chat_url, "--model", "good", "--api-key-stdin", input="sesame-open-4711\n", check=True)
    home.run("process", "Hello?", check=True)
    for file in home.path.rglob("*"):
        if file.is_file() and b"sesame-open-4711" in file.read_bytes():
            assert file.name == "model.key"
            assert file.stat().st_mode & 0o077 == 0
    assert "sesame" not in home.run("model", "list", "--json", check=True).stdout
    assert "sesame" not in home.run("config", "list", "--resolved", check=True).stdout


def test_a_model_that_went_away(home, chat_url: str) -> None:  # noqa: F811
    home.run("memory", "store", "The spare key hangs behind the pantry door.", check=True)
    home.run("model", "use", chat_url, "--model", "dies", check=True)
    answer = home.run("process", "Where is the spare key?", check=True)
    assert "pantry door" in answer.stdout
    assert "dies failed" in answer.stdout
    home.run("model", "use", chat_url, "--model", "dies", "--on-failure", "error", check=True)
    failed = home.run("process", "Where is the spare key?", "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errors"][0]["code"] == "MODULE_TIMEOUT"
