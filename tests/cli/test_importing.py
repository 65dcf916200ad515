"""Importing: batches that the daemon takes, an end by Ctrl-C, errors that say how far it came."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
from stand_in import StandIn

from lukhas_cli.importing import BATCH_BYTES, BATCH_ITEMS, batches
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest


def stored(body: Any) -> tuple[int, Any]:
    count = len(body["items"])
    return 200, {"stored": count, "skipped": 0, "memory_ids": ["mem_1"] * count}


def item(text: str) -> StoreRequest:
    return StoreRequest(MemoryContent("semantic", text))


def test_batches_are_bounded_by_items_and_by_bytes() -> None:
    many = [item(str(number)) for number in range(BATCH_ITEMS * 2 + 1)]
    assert [len(batch) for batch in batches(many)] == [BATCH_ITEMS, BATCH_ITEMS, 1]
    large = [item("x" * 900_000) for _ in range(10)]
    found = [*batches(large)]
    assert [each for batch in found for each in batch] == large
    assert all(sum(len(msgspec.json.encode(each)) for each in batch) <= BATCH_BYTES for batch in found)
    assert [*batches([])] == []
    oversized = item("y" * (BATCH_BYTES + 1))
    assert [*batches([item("a"), oversized, item("b")])] == [[item("a")], [oversized], [item("b")]]


def test_stdin_by_paragraph_or_line(stand_in: StandIn, home: Any) -> None:
    stand_in.answers["POST /v1/memory/import"] = stored
    home.run("memory", "import", "-", "--source", "git", "--tag", "log", input="one\ntwo\n\nthree\n", check=True)
    home.run("memory", "import", "-", "--type", "episodic", input="one\ntwo\nthree\n", check=True)
    home.run("memory", "import", "-", "--format", "jsonl", input='{"text": "a\u2028b", "speaker": "Ana"}\n', check=True)
    home.run("memory", "import", "-", "--format", "markdown", input="# A\n\nunder a\n\n# B\n\nunder b\n", check=True)
    sent = [body["items"] for line, body in stand_in.seen if line.startswith("POST")]
    assert [entry["content"]["data"] for entry in sent[0]] == ["one\ntwo", "three"]
    assert (sent[0][0]["tags"], sent[0][0]["content"]["context"]) == (["log"], {"source": "git"})
    assert [(entry["content"]["data"], entry["content"]["type"]) for entry in sent[1]] == [
        ("one", "episodic"), ("two", "episodic"), ("three", "episodic")]  # fmt: skip
    assert sent[2][0]["content"]["data"] == "a\u2028b"
    assert sent[2][0]["content"]["context"]["speaker"] == "Ana"
    assert [entry["content"]["context"]["heading"] for entry in sent[3]] == ["A", "B"]


def test_what_is_rejected_is_left_out_and_named(stand_in: StandIn, home: Any) -> None:
    def guarded(body: Any) -> tuple[int, Any]:
        texts = [entry["content"]["data"] for entry in body["items"]]
        if "bad" not in texts:
            return stored(body)
        details = {"decision": "REJECTED", "items": [{"index": texts.index("bad"), "why": "a secret"}]}
        return 403, {"error": {"code": "GUARDIAN_REJECTION", "message": "rejected", "details": details}}

    stand_in.answers["POST /v1/memory/import"] = guarded
    done = home.run("memory", "import", "-", "--split", "line", "--source", "notes", input="good\nbad\nfine\n")
    assert (done.returncode, done.stdout) == (6, "stored\t2\nskipped\t0\nrejected\t1\n")
    assert done.stderr == "rejected: notes: a secret\n"


def test_ctrl_c_says_what_was_stored(stand_in: StandIn, home: Any, tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"line {number}\n" for number in range(BATCH_ITEMS * 3)))
    process = subprocess.Popen(
        [sys.executable, "-m", "lukhas_cli", "memory", "import", str(file), "--split", "line", "--json"],
        env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    gone = threading.Event()

    def interrupted(body: Any) -> tuple[int, Any]:
        if sum(line.startswith("POST") for line, _ in stand_in.seen) == 2:
            process.send_signal(signal.SIGINT)
            gone.wait(20)
        return stored(body)

    stand_in.answers["POST /v1/memory/import"] = interrupted
    written, complaints = process.communicate(timeout=30)
    gone.set()
    assert process.returncode == 130
    summary = json.loads(written)["data"]
    assert (summary["stored"], summary["interrupted"]) == (BATCH_ITEMS, True)
    assert b"Traceback" not in complaints


def test_a_broken_row_is_left_out_and_named(stand_in: StandIn, home: Any, tmp_path: Path) -> None:
    stand_in.answers["POST /v1/memory/import"] = stored
    file, report = tmp_path / "rows.jsonl", tmp_path / "report.json"
    file.write_text('{"text": "good"}\n' * BATCH_ITEMS + '{"speaker": "nobody"}\n{"text": "one more"}\n')
    done = home.run("memory", "import", str(file), "--report", str(report))
    assert (done.returncode, done.stdout) == (1, f"stored\t{BATCH_ITEMS + 1}\nskipped\t0\nbroken\t1\n")
    assert done.stderr == f"broken: rows.jsonl, line {BATCH_ITEMS + 1}: line {BATCH_ITEMS + 1} has no text\n"
    assert json.loads(report.read_text())["broken"][0]["what"] == f"rows.jsonl, line {BATCH_ITEMS + 1}"


def test_an_error_says_how_far_it_came(stand_in: StandIn, home: Any, tmp_path: Path) -> None:
    def full(body: Any) -> tuple[int, Any]:
        if sum(line.startswith("POST") for line, _ in stand_in.seen) == 1:
            return stored(body)
        return 507, {"error": {"code": "INTERNAL_ERROR", "message": "the disk is full", "details": {}}}

    stand_in.answers["POST /v1/memory/import"] = full
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f'{{"text": "row {number}"}}\n' for number in range(BATCH_ITEMS * 2)))
    done = home.run("memory", "import", str(file), "--json")
    error = json.loads(done.stdout)["errors"][0]
    assert (done.returncode, error["message"]) == (1, "the disk is full")
    assert error["details"]["stored"] == BATCH_ITEMS

    stand_in.answers["POST /v1/memory/import"] = stored
    again = json.loads(home.run("memory", "import", str(file), "--json", check=True).stdout)["data"]
    assert (again["resumed"], again["stored"]) == (BATCH_ITEMS, BATCH_ITEMS)
    assert stand_in.seen[-1][1]["items"][0]["content"]["data"] == f"row {BATCH_ITEMS}"
    anew = json.loads(home.run("memory", "import", str(file), "--json", check=True).stdout)["data"]
    assert (anew["resumed"], anew["stored"]) == (0, BATCH_ITEMS * 2)


def test_what_the_daemon_cannot_take_is_left_out(stand_in: StandIn, home: Any) -> None:
    def strict(body: Any) -> tuple[int, Any]:
        texts = [entry["content"]["data"] for entry in body["items"]]
        if "bad" not in texts:
            return stored(body)
        field = f"$.items[{texts.index('bad')}].content.context.timestamp"
        return 422, {"error": {"code": "VALIDATION_ERROR", "message": "no date", "details": {"field": field}}}

    stand_in.answers["POST /v1/memory/import"] = strict
    done = home.run("memory", "import", "-", "--split", "line", input="good\nbad\nfine\n")
    assert (done.returncode, done.stdout) == (1, "stored\t2\nskipped\t0\nbroken\t1\n")
    assert done.stderr == "broken: stdin: no date\n"


def test_options_that_do_not_fit_are_refused_before_anything_is_sent(
    stand_in: StandIn, home: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text("# A\nfirst")
    (tmp_path / "b.txt").write_text("one\n\ntwo")
    done = home.run("memory", "import", str(tmp_path / "a.md"), str(tmp_path / "b.txt"), "--split", "section")
    assert (done.returncode, stand_in.seen) == (2, [])
    assert "b.txt is read as text" in done.stderr and "--split" in done.stderr

    stand_in.answers["POST /v1/memory/import"] = stored
    done = home.run("memory", "import", str(tmp_path), "--split", "section", check=True)
    assert "left out" in done.stderr and "b.txt" in done.stderr
    home.run("memory", "import", str(tmp_path), "--format", "text", check=True)
    sent = [[entry["content"]["data"] for entry in body["items"]] for line, body in stand_in.seen if "POST" in line]
    assert sent == [["first"], ["# A", "first", "one", "two"]]


def test_a_named_file_that_holds_nothing_is_told(stand_in: StandIn, home: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text("\n\n")
    done = home.run("memory", "import", str(empty))
    assert done.returncode == 1
    assert done.stderr == f"nothing to store was found in {empty}\n"
    unknown = tmp_path / "data.json"
    unknown.write_text('{"weather": "fine"}')
    done = home.run("memory", "import", str(unknown))
    assert done.returncode == 2 and "of no kind that is known" in done.stderr


def test_a_missing_path_stores_nothing(stand_in: StandIn, home: Any, tmp_path: Path) -> None:
    good = tmp_path / "good.md"
    good.write_text("something")
    done = home.run("memory", "import", str(good), str(tmp_path / "missing"))
    assert done.returncode == 5
    assert stand_in.seen == []
