"""`--json`, exit codes and errors: the same whatever goes wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from stand_in import StandIn

COMMANDS = [
    ["process", "hello"],
    ["memory", "search", "x"],
    ["memory", "stats"],
    ["guardian", "validate", "x"],
    ["auth", "status"],
    ["auth", "key", "list"],
    ["model", "list"],
    ["status"],
]


def envelope(text: str) -> dict[str, Any]:
    found = json.loads(text)
    assert [*found] == ["schema", "command", "status", "data", "errors"]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_unreachable_is_an_envelope_and_exit_3(home: Any, args: list[str]) -> None:
    done = home.run(*args, "--json", "--no-autostart")
    assert done.returncode == 3
    found = envelope(done.stdout)
    assert (found["status"], found["data"], found["errors"][0]["code"]) == ("error", None, "DAEMON_UNREACHABLE")
    assert found["schema"].startswith("lukhas.") and found["schema"].endswith("/1")
    assert done.stderr == ""


def test_no_autostart_by_environment(home: Any) -> None:
    home.env["LUKHAS_NO_AUTOSTART"] = "1"
    done = home.run("memory", "stats")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines()[0].startswith("error: no daemon answers at ")
    assert done.stderr.splitlines()[1] == "hint: start it: lukhas daemon start"
    assert home.pids() == []


@pytest.mark.parametrize(
    ("args", "command", "named"),
    [
        (["memory", "serach", "x"], "memory", "did you mean search?"),
        (["memory", "search", "x", "--limit", "many"], "memory search", "--limit"),
        (["memory", "search", "x", "--type", "odd"], "memory search", "episodic"),
        (["memory", "search"], "memory search", "QUERY"),
        (["process", "x", "--memory-depth", "9"], "process", "--memory-depth"),
        (["memory", "delete", "mem_1"], "memory delete", "--yes"),
        (["config", "set", "daemon.prot", "1"], "config set", "daemon.prot"),
        (["frobnicate"], "", "frobnicate"),
        (["memory"], "memory", "missing command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors(home: Any, args: list[str], command: str, named: str) -> None:
    done = home.run(*args, "--json")
    assert done.returncode == 2
    found = envelope(done.stdout)
    assert (found["status"], found["command"]) == ("error", command)
    assert named in found["errors"][0]["message"] + str(found["errors"][0]["hint"]) + str(found["errors"][0]["details"])


def test_a_usage_error_for_people(home: Any) -> None:
    done = home.run("memory", "serach", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: no such command: lukhas memory serach; did you mean search?\nhint: see: lukhas memory --help\n"
    )
    bare = home.run("memory")
    assert (bare.returncode, bare.stdout) == (2, "")
    assert "Examples:" in bare.stderr


@pytest.mark.parametrize(
    ("status", "code", "details", "expected"),
    [
        (401, "INVALID_TOKEN", {}, 4),
        (403, "INSUFFICIENT_PERMISSIONS", {}, 4),
        (404, "NOT_FOUND", {}, 5),
        (403, "GUARDIAN_REJECTION", {"decision": "REJECTED"}, 6),
        (403, "GUARDIAN_REJECTION", {"decision": "REVIEW"}, 7),
        (429, "RATE_LIMIT_EXCEEDED", {}, 8),
        (422, "VALIDATION_ERROR", {"field": "$.input"}, 2),
        (504, "MODULE_TIMEOUT", {}, 1),
        (500, "INTERNAL_ERROR", {}, 1),
        (500, "A_CODE_OF_THE_FUTURE", {}, 1),
    ],
)
def test_exit_codes(
    stand_in: StandIn, home: Any, status: int, code: str, details: dict[str, str], expected: int
) -> None:
    stand_in.fails("POST /v1/matriz/process", status, code, "it is\x1b[31m so", suggestion="do that", **details)
    done = home.run("process", "hello", "--json")
    assert done.returncode == expected
    error = envelope(done.stdout)["errors"][0]
    assert (error["message"], error["trace_id"], error["hint"]) == ("it is\x1b[31m so", "trace_1", "do that")


def test_an_error_for_people_goes_to_stderr(stand_in: StandIn, home: Any) -> None:
    stand_in.fails("POST /v1/matriz/process", 500, "INTERNAL_ERROR", "it is\x1b[31m so", suggestion="do that")
    done = home.run("process", "hello")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: it is\\x1b[31m so\nhint: do that\ntrace: trace_1\n"


def test_a_key_is_sent_and_the_handshake_comes_first(stand_in: StandIn, home: Any) -> None:
    home.run("memory", "stats")
    assert [line for line, _ in stand_in.seen] == ["GET /v1/ready", "GET /v1/memory/stats"]
    assert "x-api-key" not in stand_in.headers[0]
    assert stand_in.headers[1]["x-api-key"] == "a-local-key"


def test_an_answer_that_is_not_ours_is_an_error_without_a_traceback(stand_in: StandIn, home: Any) -> None:
    stand_in.answers["GET /v1/memory/stats"] = (200, {"memories": "many"})
    done = home.run("memory", "stats")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    home.env["LUKHAS_DEBUG"] = "1"
    assert "Traceback" in home.run("memory", "stats").stderr


def test_raw_status_is_passed_on_whole(stand_in: StandIn, home: Any) -> None:
    stand_in.answers["GET /v1/status"] = (200, {"version": "0.1.0", "of the future": [1.50]})
    found = envelope(home.run("status", "--json", check=True).stdout)
    assert found["data"] == {"version": "0.1.0", "of the future": [1.5]}
    assert found["schema"] == "lukhas.status/1"


def test_a_reader_that_goes_away_is_no_noise(warm_home: Any) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lukhas_cli", "config", "list"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=warm_home.env | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=20) == 1
    process.stderr.close()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_ctrl_c_while_the_daemon_works(stand_in: StandIn, home: Any, options: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lukhas_cli", "process", "hello", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.env, text=True,
    )  # fmt: skip
    gone = threading.Event()

    def interrupt(_: Any) -> tuple[int, Any]:
        process.send_signal(signal.SIGINT)
        gone.wait(20)
        return 200, {}

    stand_in.answers["POST /v1/matriz/process"] = interrupt
    written, complaints = process.communicate(timeout=20)
    gone.set()
    assert process.returncode == 130
    if options:
        assert envelope(written)["errors"][0]["code"] == "INTERRUPTED"
    else:
        assert (written, complaints) == ("", "\ninterrupted\n")


def test_arguments_that_are_not_utf8(stand_in: StandIn, home: Any) -> None:
    done = home.run("process", "\udcff")
    assert done.returncode == 2
    assert "UTF-8" in done.stderr
