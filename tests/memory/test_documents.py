"""Files and texts as memories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lukhas_sdk.documents import (
    SECTION_CHARS,
    count,
    iterate_path,
    read_json_lines,
    split_markdown,
    split_text,
)
from lukhas_sdk.errors import NotFound, ValidationError

NOTES = """---
title: "Field notes"
date: 2024-03-05
tags: [birds, 'spring walk']
---
Before any heading.

# Birds
Robins sing.

```sh
# not a heading
```
~~~
```
## nor this
~~~

## Owls ##
They hunt at night.
# Empty
# Trees
#hashtag stays text
"""


def test_markdown_is_cut_by_section() -> None:
    found = list(split_markdown(NOTES, source="notes.md"))
    assert [(item.content.context.get("heading"), item.content.data.split("\n")[0]) for item in found] == [
        (None, "Before any heading."),
        ("Birds", "Robins sing."),
        ("Birds > Owls", "They hunt at night."),
        ("Empty", "Empty"),
        ("Trees", "#hashtag stays text"),
    ]
    assert "# not a heading" in found[1].content.data and "## nor this" in found[1].content.data
    for item in found:
        assert item.content.type == "semantic"
        assert item.tags == ["birds", "spring walk"]
        context = item.content.context
        assert (context["source"], context["title"], context["timestamp"]) == ("notes.md", "Field notes", "2024-03-05")


def test_front_matter_lists_and_windows_line_ends() -> None:
    text = "---\r\ntags:\r\n  - one\r\n  - two\r\ndate: some day\r\n---\r\nBody\r\n"
    (item,) = split_markdown(text, source="a.md")
    assert (item.tags, item.content.context, item.content.data) == (["one", "two"], {"source": "a.md"}, "Body")


def test_a_rule_is_not_front_matter() -> None:
    (item,) = split_markdown("Text\n\n---\n\nMore", source="a.md")
    assert item.content.data == "Text\n\n---\n\nMore"


def test_a_long_section_is_cut_between_paragraphs() -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 80 for number in range(20)]
    found = list(split_markdown("# Long\n" + "\n\n".join(paragraphs), source="a.md"))
    assert len(found) > 3
    assert all(len(item.content.data) <= SECTION_CHARS for item in found)
    assert {item.content.context["heading"] for item in found} == {"Long"}
    joined = " ".join(item.content.data for item in found)
    assert joined.split() == " ".join(paragraphs).split()


def test_text_is_cut_by_paragraph_line_or_not_at_all() -> None:
    text = "one\ntwo\n \n\nthree\n"
    assert [item.content.data for item in split_text(text, source="x")] == ["one\ntwo", "three"]
    assert [item.content.data for item in split_text(text, source="x", by="line")] == ["one", "two", "three"]
    assert [item.content.data for item in split_text(text, source="x", by="whole")] == ["one\ntwo\n \n\nthree"]
    unbroken = list(split_text("x" * 5000, source="x"))
    assert "".join(item.content.data for item in unbroken) == "x" * 5000


def test_json_lines_whole_and_flat() -> None:
    rows = [
        {"content": {"type": "procedural", "data": "boil water", "context": {"place": "kitchen"}}, "importance": 0.9},
        {"text": "hi there", "speaker": "Ada", "date": "2024-01-02", "tags": ["t"], "mood": "good"},
        {"data": "a plain fact", "importance": 0.1},
        {"content": "a string content", "type": "reflective"},
    ]
    lines = [json.dumps(row) for row in rows]
    whole, flat, fact, reflective = read_json_lines([lines[0], "", *lines[1:]], source="r.jsonl")
    assert (whole.content.type, whole.importance, whole.content.context["place"]) == ("procedural", 0.9, "kitchen")
    assert flat.content.type == "episodic" and flat.tags == ["t"]
    assert flat.content.context == {"source": "r.jsonl", "speaker": "Ada", "timestamp": "2024-01-02", "mood": "good"}
    assert (fact.content.type, fact.importance) == ("semantic", 0.1)
    assert (reflective.content.type, reflective.content.data) == ("reflective", "a string content")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("{not json", "r.jsonl, line 2"),
        ("[1]", "r.jsonl, line 2"),
        ('{"text": NaN}', "r.jsonl, line 2"),
        ('{"speaker": "Ada"}', "$.text"),
        ('{"text": "x", "importance": 2}', "$.importance"),
        ('{"text": "x", "date": "soon"}', "$.timestamp"),
        ('{"text": "x", "type": "other"}', "$.content.type"),
        ('{"content": {"type": "episodic"}}', "$.content"),
        ('{"text": ""}', "$.content.data"),
    ],
)
def test_a_bad_row_names_its_line_and_field(line: str, field: str) -> None:
    with pytest.raises(ValidationError, match="line 2") as caught:
        list(read_json_lines(['{"text": "fine"}', line], source="r.jsonl"))
    assert caught.value.details["field"] == field


def test_a_folder_is_read_in_order_and_says_what_it_left_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    root = tmp_path / "notes"
    (root / "b").mkdir(parents=True)
    (root / "b" / "two.txt").write_text("two\n\nthree")
    (root / "a.md").write_text("# One\nfirst")
    (root / "c.ndjson").write_text('{"text": "four"}\n')
    (root / ".hidden.md").write_text("hidden")
    (root / "binary.txt").write_bytes(b"\0\1\2")
    (root / "latin.txt").write_bytes(b"caf\xe9")
    (root / "photo.png").write_bytes(b"png")
    (root / "link.md").symlink_to(outside / "secret.md")
    (root / "linked").symlink_to(outside)
    (root / "loop").symlink_to(root)
    skipped: dict[str, str] = {}
    found = list(iterate_path(root, on_skip=lambda path, reason: skipped.update({path.name: reason})))
    assert [(item.content.data, item.content.context["source"]) for item in found] == [
        ("first", "a.md"),
        ("two", "b/two.txt"),
        ("three", "b/two.txt"),
        ("four", "c.ndjson"),
    ]
    assert skipped.keys() == {".hidden.md", "binary.txt", "latin.txt", "photo.png", "link.md", "linked", "loop"}
    assert all(skipped.values())
    assert count(root) == 4


def test_one_file_is_known_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("# A\nx\n# B\ny")
    assert [item.content.context["source"] for item in iterate_path(file)] == ["README.md", "README.md"]
    assert [item.content.data for item in iterate_path(file, split="whole")] == ["# A\nx\n# B\ny"]
    with pytest.raises(ValidationError):
        list(iterate_path(file, split="page"))
    with pytest.raises(NotFound):
        list(iterate_path(tmp_path / "none.md"))
    (tmp_path / "program").write_bytes(b"\x7fELF\0")
    with pytest.raises(ValidationError, match="binary"):
        list(iterate_path(tmp_path / "program"))
