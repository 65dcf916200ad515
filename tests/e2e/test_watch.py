"""A folder of notes kept in step with a real daemon, and exports through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lukhas_cli.pieces import plan, section_of
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest


def memories(home: Any) -> dict[str, dict[str, Any]]:
    page = json.loads(home.run("memory", "list", "--all", "--json", check=True).stdout)["data"]
    return {memory["content"]["data"]: memory for memory in page["memories"]}


def look(home: Any, folder: Path, *more: str, code: int = 0) -> dict[str, int]:
    done = home.run("memory", "watch", str(folder), "--once", "--json", *more)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)["data"]["actions"]


def item(text: str, heading: str = "", **more: Any) -> StoreRequest:
    return StoreRequest(MemoryContent("semantic", text, {"heading": heading, "source": "x", **more}))


def test_pieces_are_matched_to_what_they_were() -> None:
    before = [
        section_of(item(text, heading), memory_id)
        for text, heading, memory_id in (("a", "A", "1"), ("b", "B", "2"), ("c", "C", "3"), ("c2", "C", "4"))
    ]

    def actions(*items: StoreRequest) -> list[tuple[str, str | None]]:
        return [(step.action, step.old.memory_id if step.old else None) for step in plan(before, items)]

    assert actions(item("c", "C"), item("a", "A", source="y"), item("b", "B"), item("c2", "C")) == [
        ("same", "3"), ("same", "1"), ("same", "2"), ("same", "4")]  # fmt: skip
    assert actions(item("a new", "A"), item("b", "moved"), item("c", "C"), item("c2", "C")) == [
        ("edit", "1"), ("edit", "2"), ("same", "3"), ("same", "4")]  # fmt: skip
    # One of two under a heading was rewritten and the other taken out: it cannot be known which, so neither is edited.
    assert actions(item("a", "A"), item("b", "B"), item("new", "C")) == [
        ("same", "1"), ("same", "2"), ("store", None), ("drop", "3"), ("drop", "4")]  # fmt: skip
    assert actions() == [("drop", "1"), ("drop", "2"), ("drop", "3"), ("drop", "4")]
    assert len({section_of(item("a", "A")).whole, section_of(item("a", "B")).whole}) == 2


BRIDGE, BUILT = "The bridge at Arden was built in 1912.", "The bridge at Arden was built in 1908, of stone."
BEES, TRAINS = "Mara keeps bees on the roof of the library.", "Trains to Lisbon leave from platform nine."
PEAS, BOAT = "Soak the chickpeas overnight with some soda.", "The spare boat key hangs behind the map."


def test_notes_and_memory_stay_in_step(home: Any, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text(f"# One\n{BRIDGE}\n\n# Two\n{BEES}\n")
    (folder / "b.txt").write_text(f"{TRAINS}\n\n{PEAS}")
    (folder / "photo.png").write_bytes(b"png")
    assert look(home, folder, "--tag", "vault") == {"stored": 4}
    assert look(home, folder, "--tag", "vault") == {}
    first = memories(home)
    assert first.keys() == {BRIDGE, BEES, TRAINS, PEAS}
    assert first[BRIDGE]["tags"] == ["vault"]

    (folder / "a.md").write_text(f"# One\n{BUILT}\n\n# Two\n{BEES}\n\n# Three\n{BOAT}\n")
    assert look(home, folder, "--tag", "vault") == {"edited": 1, "stored": 1}
    second = memories(home)
    assert second[BUILT]["memory_id"] == first[BRIDGE]["memory_id"]
    assert second[BUILT]["metadata"]["version"] == 2
    assert second[BEES]["metadata"]["version"] == 1

    (folder / "sub").mkdir()
    (folder / "a.md").rename(folder / "sub" / "renamed.md")
    assert look(home, folder, "--tag", "vault") == {"moved": 3}
    third = memories(home)
    assert {text: entry["memory_id"] for text, entry in third.items()} == {
        text: entry["memory_id"] for text, entry in second.items()
    }
    assert third[BEES]["content"]["context"] == {"heading": "Two", "source": "sub/renamed.md"}

    (folder / "sub" / "renamed.md").write_text(f"# Two\n{BEES}\n")
    (folder / "b.txt").unlink()
    assert look(home, folder, "--tag", "vault") == {"kept": 4}
    assert look(home, folder, "--tag", "vault") == {}
    assert memories(home).keys() == third.keys()
    (folder / "sub" / "renamed.md").write_text(f"# Two\n{BEES}\n\n# Three\n{BOAT}\n")
    assert look(home, folder, "--tag", "vault") == {}  # what comes back is known again
    assert look(home, folder, "--tag", "vault", "--prune") == {"deleted": 3}
    assert memories(home).keys() == {BEES, BOAT}
    files = [*(home.path / "state" / "watch").iterdir()]
    assert not any("boat" in file.read_text() for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_a_piece_that_memory_says_already_leaves_that_memory_alone(home: Any, tmp_path: Path) -> None:
    done = home.run("memory", "store", BEES, "--context", "source=bees.md", "--tag", "mine", "--json", check=True)
    own = json.loads(done.stdout)["data"]["memory_id"]
    note = tmp_path / "bees.md"
    note.write_text(f"{BEES}\n")
    assert look(home, tmp_path) == {"merged": 1}
    note.write_text(f"{TRAINS}\n")
    assert look(home, tmp_path) == {"stored": 1}
    found = memories(home)
    assert found[BEES]["memory_id"] == own and TRAINS in found
    note.unlink()
    assert look(home, tmp_path, "--prune") == {"deleted": 1}
    assert memories(home).keys() == {BEES}


def test_what_is_declined_or_cannot_be_read_is_told(home: Any, tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    (tmp_path / "good.md").write_text(f"# A\n{BEES}\n\n# B\nok thanks\n")
    assert look(home, tmp_path, code=1) == {"unreadable": 1, "stored": 1, "declined": 1}
    assert look(home, tmp_path) == {}
    done = home.run("memory", "watch", str(tmp_path / "good.md"), "--once")
    assert done.returncode == 5 and "there is no folder" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_follows_until_ctrl_c(home: Any, tmp_path: Path) -> None:
    home.run("daemon", "start", check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "lukhas_cli", "memory", "watch", str(tmp_path), "--json"],
        env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        deadline = time.monotonic() + 20
        while not list((home.path / "state").glob("watch/*.lock")) and time.monotonic() < deadline:
            time.sleep(0.05)
        other = home.run("memory", "watch", str(tmp_path), "--once")
        assert other.returncode == 1 and "is watched already" in other.stderr
        (tmp_path / "note.md").write_text(f"# A\n{BRIDGE}")
        stored = json.loads(process.stdout.readline())
        assert (stored["action"], stored["note"]) == ("stored", "note.md")
        (tmp_path / "note.md").write_text(f"# A\n{BUILT}")
        edited = json.loads(process.stdout.readline())
        assert (edited["action"], edited["memory_id"]) == ("edited", stored["memory_id"])
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=20)
        assert (process.returncode, rest, complaints) == (130, '{"type":"end"}\n', "")
    finally:
        process.kill()
        process.communicate()


def test_export_and_import_through_the_command_line(home: Any, tmp_path: Path) -> None:
    for number in range(3):
        home.run("memory", "store", f"The code of locker {number} is {number * 7919 + 11}.", check=True)
    file = tmp_path / "all.jsonl"
    told = json.loads(home.run("export", str(file), "--json", check=True).stdout)["data"]
    raw = file.read_bytes()
    assert told["counts"]["memory"] == 3 and told["size_bytes"] == len(raw)
    assert file.stat().st_mode & 0o777 == 0o600
    assert home.run("export", "-", check=True).stdout.encode() == raw
    assert home.run("export", str(file)).returncode == 1
    for memory in memories(home).values():
        home.run("memory", "delete", memory["memory_id"], "--yes", check=True)

    altered = tmp_path / "altered.jsonl"
    for damaged in (
        raw[:-5],
        raw[: len(raw) // 2],
        raw.replace(b"locker 1", b"locker 7"),
        raw[:40],
        b"",
        b"text\n" + raw,
    ):
        altered.write_bytes(damaged)
        assert home.run("import", str(altered)).returncode == 2
    assert memories(home) == {}

    done = json.loads(home.run("import", "-", "--json", input=raw, check=True).stdout)["data"]
    assert done["added"] == {"memory": 3}
    home.run("export", str(file), "--force", check=True)
    assert file.read_bytes() == raw
    again = json.loads(home.run("import", str(file), "--json", check=True).stdout)["data"]
    assert (again["skipped"], again["added"]) == (3, {})
    hint = home.run("memory", "import", str(file))
    assert hint.returncode == 2 and f"lukhas import {file}" in hint.stderr
    notes = tmp_path / "notes.md"
    notes.write_text("# Notes")
    hint = home.run("import", str(notes))
    assert hint.returncode == 2 and f"lukhas memory import {notes}" in hint.stderr
