"""Other systems' data as memories: small files of each kind, with broken records among them."""

from __future__ import annotations

import json
import random
import sqlite3
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.errors import NotFound, ValidationError
from lukhas_sdk.importers import Source, detect, export_file, list_sources, read_folder, read_source


class Read:
    """What a file gave, and what was left out of it."""

    def __init__(self, path: Path, **how: Any) -> None:
        self.left_out: list[tuple[str, str]] = []
        source = Source(path, path.name, lambda what, why: self.left_out.append((what, why)))
        self.format = detect(path, path.name)
        self.items: list[StoreRequest] = list(read_source(source, **how))

    @property
    def texts(self) -> list[str]:
        return [item.content.data for item in self.items]

    def context(self, place: int) -> dict[str, Any]:
        return self.items[place].content.context


def write(path: Path, content: Any) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def message(role: str, *parts: Any, at: float = 1_700_000_000.5, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"author": {"role": role}, "create_time": at, "content": {"content_type": kind, "parts": parts}, **more}


CHATGPT = [
    {
        "title": "Bread",
        "create_time": 1_700_000_000.0,
        "conversation_id": "conv-1",
        "current_node": "d",
        "mapping": {
            "root": {"id": "root", "message": None, "parent": None, "children": ["s"]},
            "s": {"id": "s", "message": message("system", "be kind"), "parent": "root"},
            "a": {"id": "a", "message": message("user", "How long \ud83d does dough rest?"), "parent": "s"},
            "b": {"id": "b", "message": message("assistant", "An hour."), "parent": "a"},
            "c": {"id": "c", "message": message("assistant", "Two hours.", at=1_700_000_100), "parent": "a"},
            "d": {
                "id": "d",
                "message": message("user", {"content_type": "image"}, "And \0this?", kind="multimodal_text"),
                "parent": "c",
            },
            "e": {"id": "e", "message": message("tool", "result"), "parent": "d"},
        },
    },
    {"title": "no mapping"},
    "not even an object",
    {
        "title": "A circle, and nothing current",
        "id": "conv-2",
        "current_node": "gone",
        "mapping": {
            "x": {"message": message("user", "first", at=1.0), "parent": "y"},
            "y": {"message": message("assistant", "second", at=2.0), "parent": "x"},
        },
    },
]
CLAUDE = [
    {
        "uuid": "c-1",
        "name": "Trip",
        "created_at": "2024-02-01T10:00:00Z",
        "chat_messages": [
            {"sender": "human", "text": "old", "created_at": "2024-02-01T10:00:01.5Z", "content": []},
            {
                "sender": "assistant",
                "text": "flattened",
                "created_at": None,
                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "said"}],
                "attachments": [{"file_name": "plan.txt", "extracted_content": "day one"}],
            },
            {"sender": "human", "text": "  ", "content": []},
        ],
    },
    {"uuid": "c-2", "chat_messages": None},
]


def test_chatgpt_follows_the_branch_that_was_seen_last(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "conversations.json", CHATGPT))
    assert read.format == "chatgpt"
    assert read.texts == ["How long \ufffd does dough rest?", "Two hours.", "And this?", "first", "second"]
    assert read.context(1) == {
        "source": "chatgpt",
        "speaker": "ChatGPT",
        "timestamp": "2023-11-14T22:15:00+00:00",
        "session": "conv-1",
        "title": "Bread",
    }
    assert [what for what, _ in read.left_out] == ["conversations.json, record 2", "conversations.json, record 3"]
    assert {item.content.type for item in read.items} == {"episodic"}


def test_claude(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "conversations.json", CLAUDE))
    assert read.format == "claude"
    assert read.texts == ["old", "said", "day one"]
    assert [read.context(place)["speaker"] for place in range(3)] == ["user", "Claude", "Claude"]
    assert read.context(1)["timestamp"] == "2024-02-01T10:00:00Z"
    assert read.context(2)["attachment"] == "plan.txt"
    assert [what for what, _ in read.left_out] == ["conversations.json, record 2"]


@pytest.mark.parametrize(("rows", "kind"), [(CHATGPT, "chatgpt"), (CLAUDE, "claude")])
def test_an_export_in_its_zip_is_read_and_nothing_is_extracted(tmp_path: Path, rows: Any, kind: str) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("../../user.json", '{"email": "x"}')
        made.writestr("../../deep/conversations.json", json.dumps(rows))
        made.writestr("/conversations-001.json", json.dumps(rows[:1]))
    read = Read(archive)
    alone = Read(write(tmp_path / "conversations.json", rows))
    assert read.format == kind
    assert sorted(read.texts) == sorted([*alone.texts, *[text for text in alone.texts if text in str(read.texts)][:3]])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["conversations.json", "export.zip"]
    assert not (tmp_path.parent / "deep").exists()


def test_an_archive_that_grows_too_large_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_file, "RATIO_FROM_BYTES", 1_000_000)
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("conversations.json", json.dumps(CHATGPT[:1])[:-1] + "," + " " * 20_000_000 + "]")
    read = Read(archive)
    assert read.texts[0].startswith("How long")
    assert len(read.left_out) == 1 and "it unpacks to more than" in read.left_out[0][1]


@pytest.mark.parametrize("damage", ["truncated", "encrypted", "empty"])
def test_a_damaged_zip_is_told(tmp_path: Path, damage: str) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("notes.txt" if damage == "empty" else "conversations.json", json.dumps(CHATGPT))
    raw = bytearray(archive.read_bytes())
    if damage == "truncated":
        del raw[len(raw) // 2 :]
    if damage == "encrypted":
        raw[6] |= 1
        raw[raw.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(raw)
    with pytest.raises(ValidationError, match="of no kind that is known"):
        Read(archive)
    if damage != "empty":
        source = Source(archive, "export.zip", lambda what, why: told.append(why))
        told: list[str] = []
        assert list(read_source(source, format="chatgpt")) == []
        assert len(told) == 1


@given(st.lists(st.recursive(st.none() | st.text() | st.integers(), st.lists), max_size=8), st.integers(1, 40))
def test_records_are_cut_apart_wherever_a_chunk_ends(rows: list[Any], size: int) -> None:
    for text in (json.dumps(rows), json.dumps({"a": [1, {"results": 2}], "results": rows, "b": []}, indent=1)):
        file = BytesIO(text.encode())

        class Slow:
            def read(self, _: int) -> bytes:
                return file.read(size)  # noqa: B023

        assert [json.loads(raw) for raw in export_file.split(Slow(), "results|other")] == rows


def test_a_file_that_ends_too_early_gives_what_came_before(tmp_path: Path) -> None:
    whole = json.dumps(CLAUDE[:1] * 3)
    read = Read(write(tmp_path / "conversations.json", whole[: len(whole) * 2 // 3 + 20]))
    assert read.texts == ["old", "said", "day one"] * 2
    assert read.left_out == [("conversations.json, the rest", "cannot be read: it ends in the middle of the list")]


def test_mem0_json(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "memory": "Likes tea", "user_id": "ana", "created_at": "2024-07-01T12:00:00.123456-07:00",
         "updated_at": None, "hash": "x", "metadata": {"category": "food"}, "categories": ["food"]},
        {"id": "2", "memory": "", "user_id": "ana"},
        {"id": "3", "memory": "Has a dog", "metadata": None, "created_at": "some day"},
    ]  # fmt: skip
    for name, content in (("all.json", {"results": rows, "relations": [{"source": "x"}]}), ("bare.json", rows)):
        read = Read(write(tmp_path / name, content))
        assert read.format == "mem0"
        assert read.texts == ["Likes tea", "Has a dog"]
        assert read.context(0)["speaker"] == "ana"
        assert read.context(0)["timestamp"] == "2024-07-01T12:00:00.123456-07:00"
        assert "timestamp" not in read.context(1)
        assert read.items[0].tags == ["mem0", "food"]
        assert read.left_out == [(f"{name}, record 2", "it has no text under `memory`")]


def test_mem0_history(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    connection = sqlite3.connect(file)
    connection.execute(
        "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT,"
        " created_at DATETIME, updated_at DATETIME, is_deleted INTEGER)"
    )
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, NULL, 0)",
        [
            ("a", "1", None, "Lives in Rome", "ADD", "2024-01-01 08:00:00"),
            ("b", "2", None, "Has a cat", "ADD", "2024-01-02"),
            ("c", "1", "Lives in Rome", "Lives in Oslo", "UPDATE", "2024-02-01"),
            ("d", "2", "Has a cat", None, "DELETE", "2024-02-02"),
            ("e", "3", None, None, "ADD", "2024-02-03"),
        ],
    )
    connection.commit()
    connection.close()
    before = file.read_bytes()
    read = Read(file)
    assert (read.format, read.texts, read.context(0)["timestamp"]) == ("mem0", ["Lives in Oslo"], "2024-02-01")
    assert [what for what, _ in read.left_out] == ["history.db, memory 3"]
    assert file.read_bytes() == before


BASIC = """---
title: Coffee Brewing
type: note
permalink: coffee-brewing
tags: [coffee]
---
# Coffee Brewing
Some prose.

## Observations
- [method] Pour over is clean #brewing (tried at home)
- [ ] an open task
- [x] a done task
- [link](https://example.org)

## Relations
- relates_to [[Coffee Beans]]
- [[Water]]
- pairs well with [[Cake]] (in winter)
"""


def test_basic_memory(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "note.md", BASIC))
    assert read.format == "basic-memory"
    texts = read.texts
    assert texts[-4:] == [
        "Pour over is clean #brewing",
        "Coffee Brewing relates to [[Coffee Beans]]",
        "Coffee Brewing relates to [[Water]]",
        "Coffee Brewing pairs well with [[Cake]]",
    ]
    assert "an open task" in "\n".join(texts[:-4]) and "[link](https" in "\n".join(texts[:-4])
    seen = read.items[-4]
    assert (seen.content.context["category"], seen.content.context["note"]) == ("method", "tried at home")
    assert seen.tags == ["coffee", "brewing"]
    assert read.context(-1)["target"] == "Cake"
    assert Read(write(tmp_path / "other.md", BASIC.replace("permalink:", "link:"))).format == "markdown"


MAIL = b"""From ana@example.org Mon Jan  1 10:00:00 2024
From: =?utf-8?q?Ana_P=C3=A9rez?= <ana@example.org>
To: ben@example.org
Subject: Re: Fwd: The keys
Date: Mon, 01 Jan 2024 10:00:00 +0100
Message-ID: <2@example.org>
References: <1@example.org> <0@example.org>
Content-Type: text/plain; charset=utf-8

They are under the pot.
>From now on, always.

On Sun, 31 Dec 2023 at 09:00,
Ben <ben@example.org> wrote:
> Where are the keys?
>> And when?

See you.
--\x20
Ana
+34 555

From ben@example.org Tue Jan  2 10:00:00 2024
From: ben@example.org
Subject: pictures
Date: not a date
Content-Type: multipart/alternative; boundary=B

--B
Content-Type: text/html; charset=who-knows

<html><head><style>p {}</style></head><body><p>Two</p><p>lines &amp; more</p><blockquote>old</blockquote></body></html>
--B--

From nobody Wed Jan  3 10:00:00 2024
Content-Type: application/pdf

%PDF
"""


def test_mbox(tmp_path: Path) -> None:
    file = write(tmp_path / "Inbox", MAIL)
    read = Read(file)
    assert read.format == "mbox"
    assert read.texts[0].startswith("They are under the pot.") and read.texts[0].endswith("See you.")
    assert "Where are" not in read.texts[0] and "wrote" not in read.texts[0] and "+34" not in read.texts[0]
    assert read.texts[1].split("\n") == ["Two", "", "lines & more"]
    first = read.context(0)
    assert (first["speaker"], first["title"], first["session"]) == ("Ana Pérez", "The keys", "<1@example.org>")
    assert first["timestamp"] == "2024-01-01T10:00:00+01:00"
    assert "timestamp" not in read.context(1)
    assert len(read.left_out) == 1 and read.left_out[0][0] == "Inbox, message 3"
    assert file.read_bytes() == MAIL


@pytest.mark.parametrize(
    ("name", "content", "entries"),
    [
        (
            "history",
            b"#1700000000\nls -la\n#1700000060\nfor f in *\ndo echo $f\ndone\n#1700000090\nls -la\n",
            [("ls -la", "2023-11-14T22:13:20+00:00"), ("for f in *\ndo echo $f\ndone", "2023-11-14T22:14:20+00:00")],
        ),
        (".bash_history", b"make\ngit push\nmake\n", [("make", None), ("git push", None)]),
        (
            "hist",
            b": 1700000000:0;echo one\\\ntwo\n: 1700000060:3;echo caf\x83\xe3\x83\x89\nplain\n",
            [("echo one\ntwo", "2023-11-14T22:13:20+00:00"), ("echo café", "2023-11-14T22:14:20+00:00"),
             ("plain", None)],
        ),
        (
            "fish_history",
            b"- cmd: echo \\\\a\\nb\n  when: 1700000000\n  paths:\n    - x\n- cmd: ls\n",
            [("echo \\a\nb", "2023-11-14T22:13:20+00:00"), ("ls", None)],
        ),
    ],
)  # fmt: skip
def test_shell_history(tmp_path: Path, name: str, content: bytes, entries: list[Any]) -> None:
    read = Read(write(tmp_path / name, content))
    assert read.format == "shell-history"
    assert [(item.content.data, item.content.context.get("timestamp")) for item in read.items] == entries
    assert {item.content.type for item in read.items} == {"procedural"}


def test_a_folder_is_read_in_order_and_says_what_it_left_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    root = tmp_path / "notes"
    (root / "b").mkdir(parents=True)
    write(root / "b" / "two.txt", "two\n\nthree")
    write(root / "a.md", "# One\nfirst")
    write(root / "c.ndjson", '{"text": "four"}\n{"speaker": "nobody"}\n')
    write(root / "conversations.json", CLAUDE[:1])
    write(root / "weather.json", {"rain": True})
    write(root / ".hidden.md", "hidden")
    write(root / "binary.txt", b"\0\1\2")
    write(root / "latin.txt", b"caf\xe9")
    write(root / "photo.png", b"png")
    (root / "link.md").symlink_to(outside / "secret.md")
    (root / "linked").symlink_to(outside)
    (root / "loop").symlink_to(root)
    left_out: dict[str, str] = {}
    found = list(read_folder(root, leave_out=lambda what, why: left_out.update({Path(what).name: why})))
    assert [(item.content.data, item.content.context["source"]) for item in found] == [
        ("first", "a.md"),
        ("two", "b/two.txt"),
        ("three", "b/two.txt"),
        ("four", "c.ndjson"),
        ("old", "claude"),
        ("said", "claude"),
        ("day one", "claude"),
    ]
    assert left_out.keys() == {
        ".hidden.md", "binary.txt", "latin.txt", "photo.png", "link.md", "linked", "loop", "weather.json",
        "c.ndjson, line 2",
    }  # fmt: skip
    assert all(left_out.values())


def test_what_a_single_file_is_refused_for(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(list_sources(tmp_path / "none.md", lambda what, why: None))
    with pytest.raises(ValidationError, match="is of no kind that is known"):
        Read(write(tmp_path / "program", b"\x7fELF\0"))
    with pytest.raises(ValidationError, match="cannot be cut by section"):
        Read(write(tmp_path / "a.txt", "text"), split="section")
    with pytest.raises(ValidationError, match="cannot be cut by line"):
        Read(write(tmp_path / "conversations.json", CLAUDE), split="line")
    with pytest.raises(ValidationError, match="an export of LUKHAS's own"):
        Read(write(tmp_path / "mine.jsonl", '{"format":"lukhas-export","version":1}\n'))
    assert Read(write(tmp_path / "a.md", "# A\nx\n# B\ny"), split="whole").texts == ["# A\nx\n# B\ny"]


def test_no_file_whatever_is_in_it_ends_an_import(tmp_path: Path) -> None:
    """Damage anywhere: whatever is still read is fit for the daemon, and nothing but ValidationError is raised."""
    chance = random.Random(4)
    originals = {
        "conversations.json": json.dumps(CHATGPT).encode(), "c.json": json.dumps(CLAUDE).encode(), "Inbox": MAIL,
        "n.md": BASIC.encode(), "fish_history": b"- cmd: ls\n  when: 1700000000\n", "hist": b": 1700000000:0;ls\n",
    }  # fmt: skip
    for name, original in originals.items():
        for _ in range(60):
            raw = bytearray(original)
            for _ in range(chance.randrange(1, 6)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            try:
                read = Read(write(tmp_path / name, bytes(raw)))
            except ValidationError:
                continue
            for item in read.items:
                assert item.content.data.strip() and "\0" not in item.content.data
                json.dumps(item.content.context).encode()
                item.content.data.encode()
