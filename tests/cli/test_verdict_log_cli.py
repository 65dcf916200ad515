"""`lukhas guardian log|explain|appeal` with a real daemon; what is printed cannot drive a terminal."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest


@pytest.fixture(scope="module")
def asked(unlimited_home: Any) -> tuple[Any, str]:
    """A home, and the id of a rejected verdict in it."""
    home = unlimited_home
    done = home.run("guardian", "validate", "--type", "shell_command", "--json", "--", "rm -rf /")
    assert done.returncode == 6
    return home, json.loads(done.stdout)["data"]["validation_id"]


def data(home: Any, *args: str, code: int = 0, **options: Any) -> Any:
    done = home.run(*args, "--json", **options)
    assert done.returncode == code, done
    return json.loads(done.stdout)["data"]


def test_a_list_is_lines_of_columns(asked: tuple[Any, str]) -> None:
    home, validation_id = asked
    done = home.run("guardian", "log", "list", "--decision", "REJECTED", "--limit", "1", check=True)
    number, _, decision, kind, rules, shown = done.stdout.rstrip("\n").split("\t")
    assert (decision, kind, shown) == ("REJECTED", "shell_command", validation_id)
    assert int(number) >= 1
    assert rules
    assert home.run("guardian", "log", "list", "--decision", "REVIEW", "--rule", "no.such", check=True).stdout == ""
    assert home.run("guardian", "log", "list", "--since", "tomorrow").returncode == 2
    assert home.run("guardian", "log", "list", "--cursor", "nonsense").returncode == 2


def test_one_is_shown_and_explained(asked: tuple[Any, str]) -> None:
    home, validation_id = asked
    shown = home.run("guardian", "log", "show", validation_id, check=True).stdout
    assert "REJECTED" in shown
    told = home.run("guardian", "explain", validation_id, check=True).stdout  # never blocks itself
    assert "its hash holds" in told
    assert "what would change it" in told
    assert data(home, "guardian", "explain", validation_id)["decision"] == "REJECTED"
    for verb in (("log", "show"), ("explain",)):
        assert home.run("guardian", *verb, "val_" + "0" * 32).returncode == 5


def test_an_appeal_from_stdin(asked: tuple[Any, str]) -> None:
    home, validation_id = asked
    args = ("guardian", "appeal", validation_id, "--reason", "-")
    made = data(home, *args, input="It was \x1b[2Jmeant\u202e well.\n")
    assert (made["status"], made["decision"]) == ("recorded", "REJECTED")
    for command in (("guardian", "appeals"), ("guardian", "explain", validation_id)):
        printed = home.run(*command, check=True).stdout
        assert "meant" in printed
        assert "\x1b" not in printed
        assert "\u202e" not in printed
    assert home.run(*args, input="  \n").returncode == 2
    assert home.run("guardian", "appeal", "val_" + "0" * 32, "--reason", "x").returncode == 5
    again = home.run("guardian", "validate", "--type", "shell_command", "--", "rm -rf /")
    assert again.returncode == 6


def test_an_export_is_the_log(asked: tuple[Any, str], tmp_path: Any) -> None:
    home, validation_id = asked
    target = tmp_path / "verdicts.jsonl"
    told = data(home, "guardian", "log", "export", str(target))
    content = target.read_bytes()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert validation_id in {line["entry"].get("validation_id") for line in lines}
    assert home.run("guardian", "log", "export", "-", check=True).stdout.encode() == content
    assert home.run("guardian", "log", "export", str(target)).returncode == 1  # it is there already


def test_verify_fails_where_the_log_was_changed(home: Any) -> None:
    for command in ("ls -la", "git status"):
        home.run("guardian", "validate", "--type", "shell_command", "--", command, check=True)
    assert data(home, "guardian", "log", "verify")["ok"]
    (segment,) = (home.path / "data" / "guardian" / "log").glob("*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b'"APPROVED"', b'"REJECTED"', 1))
    done = home.run("guardian", "log", "verify")
    assert done.returncode == 1
    assert "000001.jsonl, line 1: its content is not what its hash was made of" in done.stdout
    assert data(home, "guardian", "log", "verify", code=1)["broken_at"]["line"] == 1
    home.run("daemon", "restart", check=True)
    assert home.run("guardian", "log", "verify").returncode == 1


def test_a_session_name_cannot_drive_the_terminal(asked: tuple[Any, str]) -> None:
    from lukhas_sdk import LukhasClient
    from lukhas_sdk.paths import Paths

    home, _ = asked
    paths = Paths(home.path / "config", home.path / "data", home.path / "state", home.path / "run")
    session = "s\x1b]0;mine\x07\n99\tforged\u202e"
    with LukhasClient(paths=paths) as client:
        made = client.guardian.validate("rm -rf /", type="shell_command", session_id=session)
        assert client.guardian.recorded(made.validation_id).verdict.session_id == session
        assert client.guardian.log({"session_id": session}).entries[0].verdict.validation_id == made.validation_id
    printed = home.run("guardian", "log", "show", made.validation_id, check=True).stdout
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert not [line for line in printed.splitlines() if line.startswith("99\t")]
