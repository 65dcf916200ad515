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


def test_an_error_says_how_far_it_came(stand_in: StandIn, home: Any, tmp_path: Path) -> None:
    stand_in.answers["POST /v1/memory/import"] = stored
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "good"}\n' * BATCH_ITEMS + '{"text": "one more"}\n{"speaker": "nobody"}\n')
    done = home.run("memory", "import", str(file), "--json")
    error = json.loads(done.stdout)["errors"][0]
    assert done.returncode == 2
    assert f"line {BATCH_ITEMS + 2}" in error["message"]
    assert error["details"]["stored"] == BATCH_ITEMS


def test_a_missing_path_stores_nothing(stand_in: StandIn, home: Any, tmp_path: Path) -> None:
    good = tmp_path / "good.md"
    good.write_text("something")
    done = home.run("memory", "import", str(good), str(tmp_path / "missing"))
    assert done.returncode == 5
    assert stand_in.seen == []
