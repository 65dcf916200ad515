"""Files made to hang or break an import, and forged exports: what is broken is left out, and the rest comes in."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lukhas_sdk.errors import ValidationError
from lukhas_sdk.importers import Source, read_source
from lukhasd.memory import transfer

SIZE = 400_000
WITHIN_S = 20.0
"""In linear time each takes under a second here; in quadratic time, minutes."""
MAIL = "From a@b Thu Jan  1 00:00:00 2020\n"
HTML = f"{MAIL}From: a@b\nSubject: x\nContent-Type: text/html\n\n"
NOTE = "---\npermalink: x\n---\n- [aa] b\n"
HOSTILE = {
    "closing hashes.md": "# " + "#" * SIZE + "x",
    "listed tags.md": "---\ntags:\n" + "- a\n" * (SIZE // 4) + "---\nx",
    "one line.txt": "a" * (10 * SIZE),
    "observation.md": NOTE + "- [aa] x" + " " * SIZE + "y",
    "relation.md": NOTE + "- " + " " * SIZE + "x",
    "relation end.md": NOTE + "- a [[b]]" + " " * SIZE + "x",
    "zsh_history": ": 1700000000:0;" + "a\\\n" * (SIZE // 3),
    "quotations.mbox": f"{MAIL}Subject: x\n\n" + "a\n>b\n" * (SIZE // 5),
    "attributions.mbox": f"{MAIL}Subject: x\n\n" + "x wrote:\n>b\n" * (SIZE // 12),
    "subject.mbox": f"{MAIL}Subject: " + "=?utf-8?q?a?= " * (SIZE // 14) + "\n\nhello\n",
    "sender.mbox": f"{MAIL}From: " + "a@b, " * (SIZE // 5) + "\n\nhello\n",
    "quotes.mbox": f"{MAIL}To: " + '"' * (SIZE // 10) + "\n\nhello\n",
    "parameters.mbox": f"{MAIL}Content-Type: text/plain; " + "a=b; " * (SIZE // 20) + "\n\nhello\n",
    "tags.mbox": HTML + "<a " * (SIZE // 3),
    "comments.mbox": HTML + "<!--" * (SIZE // 4),
}


def read(path: Path, content: str, **how: Any) -> tuple[list[str], list[str]]:
    path.write_text(content)
    left_out: list[str] = []
    source = Source(path, path.name, lambda what, why: left_out.append(why))
    return [item.content.data for item in read_source(source, **how)], left_out


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_takes_quadratic_time(tmp_path: Path, name: str) -> None:
    reading = threading.Thread(target=read, args=(tmp_path / name, HOSTILE[name]), daemon=True)
    reading.start()
    reading.join(WITHIN_S)
    assert not reading.is_alive()


@pytest.mark.parametrize("header", ["From", "To"])
def test_a_mail_that_nests_too_deep_costs_itself_alone(tmp_path: Path, header: str) -> None:
    first = f"{MAIL}Subject: x\n{header}: {'(' * 100_000}\n\nlost\n\n"
    texts, left_out = read(tmp_path / "a.mbox", f"{first}{MAIL}Subject: y\n\nkept\n")
    assert texts == ["kept"] and len(left_out) == 1


@pytest.mark.parametrize("depth", [91, 500, 100_000])
@pytest.mark.parametrize(
    ("name", "record", "format"),
    [
        ("a.json", '[{"memory":"lost","user_id":"u","metadata":{"x":%s}},{"memory":"kept","user_id":"u"}]', "mem0"),
        ("a.jsonl", '{"text":"lost","x":%s}\n{"text":"kept"}\n', None),
        ("b.json", '[{"uuid":%s,"chat_messages":[{"sender":"human","text":"lost"}]},'
         '{"chat_messages":[{"sender":"human","text":"kept"}]}]', "claude"),
    ],
)  # fmt: skip
def test_what_the_daemon_would_refuse_costs_itself_alone(
    tmp_path: Path, name: str, record: str, format: Any, depth: int
) -> None:
    texts, left_out = read(tmp_path / name, record % ("[" * depth + "]" * depth), format=format)
    assert texts == ["kept"] and len(left_out) == 1


def test_half_characters_and_nul_are_taken_out_of_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text":"a\\ud800 b\\u0000","k\\udfff":"\\ud83d\\ude00"}\n')
    (item,) = read_source(Source(path, path.name, lambda what, why: None))
    assert item.content.data == "a\ufffd b"
    assert "\U0001f600" in msgspec.json.encode(item.content.context).decode()


MEMORY = {
    "kind": "memory", "memory_id": "mem_1", "helix_id": "helix_1", "type": "semantic", "origin": "Ana sings.",
    "current": "Ana sings.", "drift": None, "context": {}, "query": None, "tags": ["a"], "importance": 0.5,
    "event_at": "2024-01-01T00:00:00Z", "created_at": "2024-01-01T00:00:00Z", "content_hash": "0" * 64, "version": 1,
    "valid_to": None, "superseded_by": None, "mark": None, "suggested_method": None, "versions": [], "access": [],
}  # fmt: skip
VERSION = {
    "version": 1, "data": "Ana sings.", "context": {}, "tags": [], "importance": 0.5, "drift": None, "cause": "store",
    "actor": "owner", "note": None, "created_at": "2024-01-01T00:00:00Z",
}  # fmt: skip
ACCESS = {"access_count": 1, "last_accessed": "2024-01-01T00:00:00Z"}
FOLD = {
    "kind": "fold", "fold_id": "f", "interaction_id": "i", "parents": [], "importance": 1.0, "valence": None,
    "state": "active", "reason": None, "created_at": "2024-01-01T00:00:00Z",
}  # fmt: skip
HELD = {
    "kind": "quarantine", "quarantine_id": "q", "request": {"content": {"type": "semantic", "data": "a secret word"}},
    "shown": "a *** word", "findings": [], "content_hash": "x", "created_at": "2024-01-01T00:00:00Z",
}  # fmt: skip
FORGED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (MEMORY, {"context": 5}), (MEMORY, {"context": None}), (MEMORY, {"context": {"timestamp": "never"}}),
    (MEMORY, {"tags": 5}), (MEMORY, {"tags": [None]}), (MEMORY, {"tags": {"a": 1}}), (MEMORY, {"tags": ["x" * 101]}),
    (MEMORY, {"created_at": "0001-01-01T00:00:00+14:00"}), (MEMORY, {"event_at": "9999-12-31T23:59:59-14:00"}),
    (MEMORY, {"created_at": "2024-01-01T00:00:00"}), (MEMORY, {"version": 2**40}), (MEMORY, {"version": 0}),
    (MEMORY, {"version": 10**30}), (MEMORY, {"version": 2}), (MEMORY, {"importance": 7.5}), (MEMORY, {"drift": -1.0}),
    (MEMORY, {"memory_id": ""}), (MEMORY, {"memory_id": "a\n\x1b[31m"}), (MEMORY, {"memory_id": "m" * 201}),
    (MEMORY, {"origin": "", "current": ""}), (MEMORY, {"current": "Ana does not sing."}), (MEMORY, {"owner": "ben"}),
    (MEMORY, {"suggested_method": "'; DROP TABLE memories"}), (MEMORY, {"access": [ACCESS, ACCESS]}),
    (MEMORY, {"access": [{**ACCESS, "access_count": -5}]}), (MEMORY, {"versions": [VERSION]}),
    (MEMORY, {"version": 2, "versions": [VERSION, VERSION]}),
    (MEMORY, {"version": 2, "versions": [{**VERSION, "version": 2}, VERSION]}),
    (MEMORY, {"version": 2, "versions": [{**VERSION, "data": "She never did."}, {**VERSION, "version": 2}]}),
    (FOLD, {"parents": 5}), (FOLD, {"state": "lie"}), (FOLD, {"parents": [5]}),
    (HELD, {"request": 5}), (HELD, {"findings": 5}), (HELD, {"shown": "something harmless"}),
]  # fmt: skip


def encoded(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


@pytest.mark.parametrize("record", [MEMORY, FOLD, HELD])
def test_an_honest_line_is_taken(record: dict[str, Any]) -> None:
    assert transfer.read_record(encoded(record), path="$") is not None


@pytest.mark.parametrize(("record", "forged"), FORGED, ids=[str(forged)[:60] for _, forged in FORGED])
def test_a_forged_line_is_refused_by_name(record: dict[str, Any], forged: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        transfer.read_record(encoded(record | forged), path="$.records[3]")
    assert refused.value.details["field"].startswith("$.records[3]")


def test_a_forged_hash_keeps_no_other_text_out() -> None:
    read: Any = transfer.read_record(encoded(MEMORY), path="$")
    again: Any = transfer.read_record(encoded({**MEMORY, "content_hash": "f" * 64}), path="$")
    other: Any = transfer.read_record(encoded({**MEMORY, "origin": "B.", "current": "B."}), path="$")
    assert read.content_hash == again.content_hash != other.content_hash
