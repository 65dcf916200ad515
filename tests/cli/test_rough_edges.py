"""Where a command line is easily rough: full disks, devices, empty values, what stdin ends with, half a success."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stand_in import StandIn

from lukhas_cli.inputs import LONGEST_TEXT, read_text
from lukhas_cli.outputs import private_output
from lukhas_sdk.contract.base import Text
from lukhas_sdk.errors import ValidationError
from lukhas_sdk.paths import resolve


def said(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_status_is_ok_where_the_exit_code_is_0_and_nowhere_else(warm_home: Any, home: Any) -> None:
    stopped = home.run("daemon", "status", "--json")
    assert stopped.returncode == 3
    found = said(stopped)
    assert (found["status"], found["data"]["status"]) == ("error", "stopped")
    assert found["errors"][0]["code"] == "DAEMON_UNREACHABLE"
    assert said(warm_home.run("daemon", "status", "--json", check=True))["errors"] == []

    declined = warm_home.run("memory", "store", "hello", "--json")
    assert declined.returncode == 1
    found = said(declined)
    assert (found["status"], found["data"]["outcome"], found["errors"][0]["code"]) == ("error", "declined", "FAILED")
    assert found["errors"][0]["message"] == found["data"]["reason"]


def test_an_import_that_left_something_out_says_so(warm_home: Any, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "The ladder leans behind the workshop."}\n{not json\n')
    done = warm_home.run("memory", "import", str(file), "--json")
    found = said(done)
    assert (done.returncode, found["status"], found["data"]["stored"]) == (1, "error", 1)
    assert found["errors"][0]["message"] == "1 broken"


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "args", [["memory", "stats"], ["memory", "stats", "--json"], ["--help"], ["--version"]], ids=str
)
def test_no_room_to_print(warm_home: Any, args: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lukhas_cli", *args],
            stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=warm_home.env, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "No space left" in done.stderr
    assert "Traceback" not in done.stderr and "unforeseen" not in done.stderr


def test_a_file_that_is_written_never_takes_a_device_s_place(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValidationError, match="not a regular file"), private_output(pipe, replace=True):
        pass
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_the_newline_that_ends_stdin_is_not_part_of_the_text(warm_home: Any) -> None:
    for written, kept in (
        ("Ruth rows at dawn.\n", "Ruth rows at dawn."),
        ("Two\n\nlines of hers\n\n", "Two\n\nlines of hers\n"),
    ):
        stored = said(warm_home.run("memory", "store", "-", "--json", input=written, check=True))
        memory = said(warm_home.run("memory", "recall", stored["data"]["memory_id"], "--json", check=True))
        assert memory["data"]["content"]["data"] == kept
    assert read_text("as it is\n", field="TEXT") == "as it is\n"


def test_a_text_that_is_too_long_says_how_long_it_may_be(home: Any) -> None:
    assert Text.__metadata__[0].max_length == LONGEST_TEXT
    for args, name in ((["memory", "store", "-"], "TEXT"), (["memory", "search", "-"], "QUERY")):
        done = home.run(*args, input="word " * 210_000)
        assert (done.returncode, done.stderr.startswith(f"error: {name} is 1050000 characters long")) == (2, True)
    assert home.pids() == []


def test_a_relative_home_is_refused(monkeypatch: pytest.MonkeyPatch, home: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("LUKHAS_HOME", "here")
    with pytest.raises(ValidationError, match="LUKHAS_HOME is a relative path: here"):
        resolve()
    monkeypatch.setenv("LUKHAS_HOME", "~/there")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve().data == tmp_path / "there" / "data"
    home.env["LUKHAS_HOME"] = "here"
    assert home.run("memory", "list").returncode == 2


def test_the_password_in_force_names_its_own_option(stand_in: StandIn, home: Any) -> None:
    stand_in.answers["GET /v1/auth/whoami"] = (
        200,
        {
            "lambda_id": "ΛPRIME-2026-0001",
            "name": "ana",
            "tier": "ΛPRIME",
            "method": "local_key",
            "password_set": True,
            "key_name": None,
            "expires_at": None,
        },
    )
    done = home.run("auth", "password", "--password-stdin", input="new-password\n")
    assert done.returncode == 2
    assert "--current-password-file" in done.stderr and "--password-stdin" not in done.stderr


def test_repairs_that_need_more_say_which_option(home: Any) -> None:
    for method, option in (("selective", "--span"), ("guided", "--text")):
        done = home.run("memory", "repair", "mem_2025_01_31_abcdef", "--method", method)
        assert done.returncode == 2
        assert option in done.stderr
    assert home.pids() == [], "nobody had to be asked"


def test_forget_wants_one_of_its_two_ways(home: Any) -> None:
    for args in ([], ["mem_2025_01_31_abcdef", "--query", "x"]):
        done = home.run("memory", "forget", "--yes", *args)
        assert (done.returncode, "either IDs or --query" in done.stderr) == (2, True)


def test_forget_gives_its_receipt_to_a_pipe(warm_home: Any) -> None:
    memory_id = warm_home.run("memory", "store", "The code of the bicycle lock was Karl's birthday.", check=True).stdout
    lines = warm_home.run("memory", "forget", memory_id.strip(), "--yes", check=True).stdout.splitlines()
    assert lines[0].split("\t")[:2] == ["forgot", memory_id.strip()]
    word, files, passages = lines[1].split("\t")
    assert (word, int(files) > 0, int(passages) > 0) == ("searched", True, True)


def test_help_lists_whole_sentences(home: Any) -> None:
    for args in ([], ["memory"], ["memory", "quarantine"]):
        listed = home.run(*args, "--help", check=True).stdout.split("Commands:")[1]
        assert "..." not in listed
    text = home.run("memory", "conflicts", "--help", check=True).stdout
    assert "In a pipe, each line is" in text and "Examples:" in text


def test_usage_errors_are_one_line(home: Any) -> None:
    done = home.run("memory", "conflicts", "resolve", "conflict_0123456789abcdef")
    assert done.returncode == 2
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


def test_a_search_on_a_terminal_says_what_is_not_true_any_more_and_how_sure_it_is(
    stand_in: StandIn, home: Any, on_terminal: Any
) -> None:
    hit = {
        "memory_id": "mem_2025_01_01_abc", "relevance_score": 0.9, "context": {}, "tags": [], "text_score": 0.5,
        "content": {"type": "semantic", "data": "Anna lives in Lisbon."}, "event_at": "2025-01-01T00:00:00Z",
        "vector_score": 0.4, "valid_to": "2026-03-01T00:00:00Z", "mark": "kept by force",
        "explanation": {"signals": [{"signal": "words", "share": 0.5}, {"signal": "meaning", "share": 0.4}]},
    }  # fmt: skip
    stand_in.answers["POST /v1/memory/search"] = (
        200, {"results": [hit], "total_matches": 1, "search_time_ms": 1.0, "answerable": 0.77},
    )  # fmt: skip
    code, written = on_terminal({**home.env, "NO_COLOR": "1"}, "memory", "search", "x", "--explain")
    assert code == 0
    for words in ("true until 2026-03-01", "marked: kept by force", "words 0.500 + meaning 0.400", "probability 0.77"):
        assert words in written
    assert (
        home.run("memory", "search", "x", check=True).stdout.rstrip("\n").endswith("\tended=2026-03-01T00:00:00+00:00")
    )
