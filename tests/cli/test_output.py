"""What reaches a terminal or a pipe."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in import StandIn

from lukhas_cli.render.screen import show, size
from lukhas_cli.render.text import one_line, printable

HOSTILE = "before\x1b]0;owned\x07\x1b[2J\x9b31m\u202eafter\rreturn\x00\x7f"


def hit(text: str) -> dict[str, Any]:
    return {
        "memory_id": "mem_2025_01_01_abc", "relevance_score": 0.5, "context": {"source": f"no{HOSTILE}tes"},
        "content": {"type": "semantic", "data": text}, "tags": [], "event_at": "2025-01-01T00:00:00Z",
        "text_score": 0.5, "vector_score": None,
    }  # fmt: skip


@pytest.fixture
def hostile(stand_in: StandIn) -> StandIn:
    answer = {"results": [hit(f"{HOSTILE}\n\tsecond line")], "total_matches": 1, "search_time_ms": 1.0}
    stand_in.answers["POST /v1/memory/search"] = (200, answer)
    return stand_in


def test_a_pipe_gets_one_plain_line(hostile: StandIn, home: Any) -> None:
    written = home.run("memory", "search", "x", check=True).stdout
    assert written.count("\n") == 1
    assert len(written.split("\t")) == 6
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", written)
    assert "\\x1b[2J" in written and "\\u202e" in written


def test_a_terminal_gets_colour_and_none_of_the_text_s_own(hostile: StandIn, home: Any, on_terminal: Any) -> None:
    code, written = on_terminal(home.env, "memory", "search", "x")
    assert code == 0
    assert "\x1b[" in written, "it is coloured"
    left = re.sub(r"\x1b\[[\d;]*m", "", written)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", left)
    assert "\\x1b]0;owned\\x07" in left


def test_json_escapes_what_a_terminal_obeys(hostile: StandIn, home: Any) -> None:
    written = home.run("memory", "search", "x", "--json", check=True).stdout
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", written)
    assert json.loads(written)["data"]["results"][0]["content"]["data"] == f"{HOSTILE}\n\tsecond line"


def test_no_color(hostile: StandIn, home: Any, on_terminal: Any) -> None:
    _, written = on_terminal(home.env | {"TERM": "dumb"}, "config", "path")
    assert "\x1b[" not in written


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_trace_fits_its_terminal(warm_home: Any, on_terminal: Any, columns: int) -> None:
    warm_home.run("memory", "store", "The lighthouse keeper is called Ivo.", check=True)
    code, written = on_terminal(warm_home.env, "process", "Who keeps the lighthouse?", columns=columns)
    assert code == 0
    lines = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", written).split("\n")
    final = "\n".join(line.rpartition("\r")[2] for line in lines)
    assert "Ivo" in final
    assert [line for line in final.split("\n") if len(line) > columns] == []
    assert [
        stage for stage in ("memory", "attention", "thought", "risk", "intent", "action") if stage not in final
    ] == []


def test_delete_asks_on_a_terminal(warm_home: Any, on_terminal: Any) -> None:
    memory_id = warm_home.run("memory", "store", "A passing thought.", check=True).stdout.strip()
    code, written = on_terminal(warm_home.env, "memory", "delete", memory_id, typed="n\n")
    assert code != 0
    assert "A passing thought." in written
    assert warm_home.run("memory", "recall", memory_id).returncode == 0
    assert on_terminal(warm_home.env, "memory", "delete", memory_id, typed="y\n")[0] == 0
    assert warm_home.run("memory", "recall", memory_id).returncode == 5


def test_import_shows_a_bar_on_a_terminal(warm_home: Any, on_terminal: Any, tmp_path: Any) -> None:
    file = tmp_path / "many.txt"
    file.write_text("\n\n".join(f"Paragraph {number} of the register." for number in range(450)))
    code, written = on_terminal(warm_home.env, "memory", "import", str(file))
    assert code == 0
    assert "450" in written and "importing" in written
    assert re.search(r"stored\s+450", written)


@given(st.text())
def test_printable_text_holds_nothing_to_obey(text: str) -> None:
    shown = printable(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert "\n" not in one_line(text) and "\t" not in one_line(text)
    if text.isascii() and text.isprintable():
        assert shown == text


def test_cells() -> None:
    assert [show(cell) for cell in (None, "", 0, 0.12345, 123.4, "a\tb")] == ["–", "", "0", "0.123", "123", "a b"]
    assert [size(count) for count in (5, 1500, 2_500_000, 3e9)] == ["5 bytes", "1.5 kB", "2.5 MB", "3.0 GB"]


def test_the_stages_are_shown_as_they_end(warm_home: Any, on_terminal: Any) -> None:
    code, written = on_terminal(warm_home.env, "process", "What is the gate code?", columns=120)
    assert code == 0
    ticked = [line for line in written.split("\n") if "✓" in line]
    assert any("memory" in line and " ms" in line for line in ticked)


def test_a_closed_stream_is_no_crash(warm_home: Any) -> None:
    """`lukhas … >&-` and `2>&-`: the work is done all the same."""
    for closed, expected in ((">&-", 0), ("2>&-", 0), ("<&-", 2)):
        text = "-" if closed == "<&-" else "The bike lock opens with 4711."
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m lukhas_cli memory store '{text}' {closed}"],
            env=warm_home.env, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == expected, done.stderr
        assert "Traceback" not in done.stderr
        assert "unforeseen" not in done.stderr


def test_an_empty_text_is_not_judged(warm_home: Any) -> None:
    for text in ("", "   "):
        assert warm_home.run("guardian", "validate", text).returncode == 2
    assert warm_home.run("guardian", "validate", "--type", "shell_command", "-", input="").returncode == 2
