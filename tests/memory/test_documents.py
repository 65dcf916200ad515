"""Files and texts as memories."""

from __future__ import annotations

import json

import pytest

from lukhas_sdk.documents import SECTION_CHARS, inline_tags, read_row, split_markdown, split_text
from lukhas_sdk.errors import ValidationError

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
        hashtags = ["hashtag"] if item.content.data.startswith("#hashtag") else []
        assert item.tags == ["birds", "spring walk", *hashtags]
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
    whole, flat, fact, reflective = (read_row(json.dumps(row), "line 1", "r.jsonl") for row in rows)
    assert (whole.content.type, whole.importance, whole.content.context["place"]) == ("procedural", 0.9, "kitchen")
    assert flat.content.type == "episodic" and flat.tags == ["t"]
    assert flat.content.context == {"source": "r.jsonl", "speaker": "Ada", "timestamp": "2024-01-02", "mood": "good"}
    assert (fact.content.type, fact.importance) == ("semantic", 0.1)
    assert (reflective.content.type, reflective.content.data) == ("reflective", "a string content")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("{not json", "line 2"),
        ("[1]", "line 2"),
        ('{"text": NaN}', "line 2"),
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
        read_row(line, "line 2", "r.jsonl")
    assert caught.value.details["field"] == field


def test_obsidian_notes() -> None:
    text = "---\naliases: [Kea, Mountain parrot]\ndate created: 2024-05-01 09:30\ntag: bird\n---\n"
    text += "Seen with [[Mara|her]] at #trip/alps, `#no` and #ff8800, see https://a.b/c#d.\n\n```\n#nor this\n```\n"
    (item,) = split_markdown(text, source="kea.md")
    assert item.tags == ["bird", "trip/alps"]
    assert item.content.context["aliases"] == ["Kea", "Mountain parrot"]
    assert item.content.context["timestamp"] == "2024-05-01 09:30"
    assert "[[Mara|her]]" in item.content.data


@pytest.mark.parametrize("text", ["# heading", "C# and F#", "issue #12", "&#39;", "a##b", "#"])
def test_what_is_no_tag(text: str) -> None:
    assert inline_tags(text) == []
