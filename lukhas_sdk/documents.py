"""Files and texts as memories to store: Markdown by section, text by paragraph, JSON Lines by row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from lukhas_sdk.contract.memory import MemoryContent, MemoryType, StoreRequest
from lukhas_sdk.errors import ValidationError

Split = Literal["paragraph", "line", "whole"]

SECTION_CHARS = 2_000
"""About what a person reads at a glance, and two windows of the embedding model."""
DATA_LIMIT_CHARS = 1_000_000
TAGS_LIMIT = 100
FILE_LIMIT_BYTES = 20_000_000
MARKDOWN = frozenset({".md", ".markdown", ".mdown"})
JSON_LINES = frozenset({".jsonl", ".ndjson"})
TEXT = frozenset({".txt", ".text", ".rst", ".log", ".org", ".adoc", ".tex", ".csv", ".tsv", ""})
DATA_KEYS = ("data", "text", "content")
TIME_KEYS = ("timestamp", "date")
ROW_HINT = "give one JSON object a line"

HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)$")
"""Its title is to be taken with `_title`: a pattern that leaves the closing `#` out takes quadratic time."""
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
NOTE_TIME_KEYS = ("date", "created", "created_at", "date created", "timestamp")
INLINE_TAG = re.compile(r"(?<![\w#/&])#(?=[\w/-]*[^\W\d])([\w/-]+)")
INLINE_CODE = re.compile(r"(`+)[^`]*\1")
SURROGATE = re.compile("[\ud800-\udfff]")
NESTING_LIMIT = 90
"""Levels within a memory; the daemon takes 100 in the whole request."""
SPACES = re.compile(r"\s*")
COLOUR = re.compile(r"(?=.*\d)([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)


def split_markdown(text: str, *, source: str) -> Iterator[StoreRequest]:
    """A semantic memory a section, its `context.heading` the path of headings ("A > B"). Front matter gives `title`,
    `timestamp` (from `date` or `created`), `aliases` and tags to every one; `#tags` in the text are tags of their
    section, and stay in it, as [[links]] do. A section over SECTION_CHARS is cut between paragraphs."""
    matter, rest = read_front_matter(_tidy(text))
    given, tags = _front_matter(matter)
    for heading, body in _sections(rest):
        context = {"source": source, **given, **({"heading": heading} if heading else {})}
        for part in _pack(body.split("\n\n")):
            yield _semantic(part, context, list(dict.fromkeys([*tags, *inline_tags(part)]))[:TAGS_LIMIT])


def read_front_matter(text: str) -> tuple[str, str]:
    """The lines of a Markdown text's front matter, and the text after it."""
    matter = FRONT_MATTER.match(text)
    return (matter[1] or "", text[matter.end() :]) if matter else ("", text)


def inline_tags(text: str) -> list[str]:
    """The `#tags` that stand in Markdown, without those in code and without colours (`#ff8800`)."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark:
            fence = "" if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence:
            lines.append(INLINE_CODE.sub("", line))
    found = dict.fromkeys(tag.strip("/-")[:100] for tag in INLINE_TAG.findall("\n".join(lines)))
    return [tag for tag in found if tag and not COLOUR.fullmatch(tag)]


def split_text(text: str, *, source: str, by: Split = "paragraph") -> Iterator[StoreRequest]:
    """A semantic memory a paragraph (between blank lines), a line, or one of the whole."""
    text = _tidy(text)
    if by == "whole":
        parts: Iterable[str] = pieces(text.strip(), DATA_LIMIT_CHARS)
    elif by == "line":
        parts = (piece for line in text.split("\n") for piece in pieces(line.strip(), DATA_LIMIT_CHARS))
    else:
        parts = (part for paragraph in re.split(r"\n[ \t]*\n", text) for part in _pack([paragraph]))
    return (_semantic(part, {"source": source}, []) for part in parts if part.strip())


def _semantic(data: str, context: dict[str, Any], tags: list[str]) -> StoreRequest:
    return StoreRequest(content=MemoryContent(type="semantic", data=data, context=dict(context)), tags=tags)


def _tidy(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """(path of headings, text below the last of them); a heading with nothing below it is its own text."""
    path: list[tuple[int, str]] = []
    body: list[str] = []
    fence = ""
    for line in [*text.split("\n"), None]:
        mark = FENCE.match(line) if line is not None else None
        if mark and not fence:
            fence = mark[1]
        elif mark and line is not None and mark[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
        heading = HEADING.match(line) if line is not None and not fence else None
        if line is not None and not heading:
            body.append(line)
            continue
        deeper = heading is not None and bool(path) and len(heading[1]) > path[-1][0]
        joined = "\n".join(body).strip("\n")
        if joined.strip():
            yield " > ".join(title for _, title in path), joined
        elif path and not deeper:
            yield " > ".join(title for _, title in path), path[-1][1]
        body = []
        if heading:
            level = len(heading[1])
            path = [(depth, title) for depth, title in path if depth < level]
            if title := _title(heading[2]):
                path.append((level, title))


def _title(text: str) -> str:
    return text.rstrip(" \t").rstrip("#").rstrip(" \t")


def _front_matter(block: str) -> tuple[dict[str, Any], list[str]]:
    """`title`, `timestamp` and tags from the simple YAML that notes use: `key: value`, `[a, b]`, and `- item` lists."""
    values: dict[str, str | list[str]] = {}
    key = ""
    for line in block.split("\n"):
        item = re.match(r"\s*-\s+(.*)", line)
        pair = re.match(r"([A-Za-z_][\w-]*(?: [\w-]+)*)\s*:\s*(.*)", line)
        if item and key:
            listed = values.get(key)
            if isinstance(listed, list):
                listed.append(_unquote(item[1]))
            else:
                values[key] = [_unquote(item[1])]
        elif pair:
            key = pair[1].lower()
            values[key] = _unquote(pair[2])
    context: dict[str, Any] = {}
    if isinstance(values.get("title"), str) and values["title"]:
        context["title"] = values["title"]
    stamps = (values.get(name) for name in NOTE_TIME_KEYS)
    stamp = next((each for each in stamps if isinstance(each, str) and is_time(each)), None)
    if stamp is not None:
        context["timestamp"] = stamp
    aliases = _listed(values.get("aliases") or values.get("alias") or [])
    if aliases:
        context["aliases"] = aliases
    tags = _listed(values.get("tags") or values.get("tag") or [])
    return context, list(dict.fromkeys(tag.lstrip("#")[:100] for tag in tags if tag.lstrip("#")))[:100]


def _listed(value: str | list[str]) -> list[str]:
    """A list as it was written: one item a line, `[a, b]`, `a, b` or, without a comma, words."""
    if isinstance(value, list):
        return value
    parts = re.split(r"," if "," in value or "[" in value else r"\s", value.strip("[]"))
    return [_unquote(part) for part in parts if part.strip()]


def _unquote(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def is_time(text: str) -> bool:
    """Whether it is an ISO 8601 date or date-time."""
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            read(text)
        except ValueError:
            continue
        return True
    return False


def _pack(paragraphs: Iterable[str]) -> Iterator[str]:
    """Paragraphs joined up to SECTION_CHARS, one that is longer cut between lines, sentences or words."""
    held = ""
    for paragraph in paragraphs:
        for piece in pieces(paragraph.strip("\n"), SECTION_CHARS):
            if held and len(held) + len(piece) + 2 > SECTION_CHARS:
                yield held
                held = ""
            held = f"{held}\n\n{piece}" if held else piece
    if held.strip():
        yield held


def pieces(text: str, limit: int) -> Iterator[str]:
    """`text` cut between lines, sentences or words where it is longer than `limit` characters."""
    if len(text) > limit:
        text = text.rstrip()
    start = 0
    while len(text) - start > limit:
        window = text[start : start + limit]
        cuts = [
            window.rfind(mark) + len(mark.rstrip()) for mark in ("\n", ". ", " ") if window.rfind(mark) > limit // 2
        ]
        cut = cuts[0] if cuts else limit
        if piece := window[:cut].strip():
            yield piece
        start = SPACES.match(text, start + cut).end()  # type: ignore[union-attr]  # it matches nothing too
    if start < len(text):
        yield text[start:]


def clean(value: Any, levels: int = NESTING_LIMIT) -> Any:
    """Texts without NUL, and without the halves of characters that JSON's escapes can leave behind, however deep.
    ValueError where that is deeper than `levels`."""
    if isinstance(value, str):
        if SURROGATE.search(value):
            value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value.replace("\0", "")
    if not isinstance(value, dict | list):
        return value
    if not levels:
        raise ValueError(f"it is nested deeper than {NESTING_LIMIT} levels")
    if isinstance(value, dict):
        return {clean(key): clean(entry, levels - 1) for key, entry in value.items()}
    return [clean(entry, levels - 1) for entry in value]


def read_row(line: str, where: str, source: str) -> StoreRequest:
    """The memory that a row of JSON Lines is: a whole request as the API takes it, or a flat object with `text` (or
    `data`, `content`) and, if wanted, `type`, `tags`, `importance`, `timestamp` or `date`; its other keys become
    context. A row with a time or a speaker is episodic unless it says otherwise. ValidationError names `where` and the
    field."""
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValidationError(f"{where} is not JSON: {error}", field=where, hint=ROW_HINT) from None
    try:
        row = clean(row)
    except ValueError as error:
        raise ValidationError(f"{where} cannot be kept: {error}", field=where, hint="flatten it") from None
    if not isinstance(row, dict):
        raise ValidationError(f"{where} is not a JSON object", field=where, hint=ROW_HINT)
    whole = row if isinstance(row.get("content"), dict) else _unflatten(row, where)
    try:
        request = msgspec.convert(whole, StoreRequest)
    except msgspec.ValidationError as error:
        field = str(error).partition(" - at `")[2].rstrip("`") or "$"
        raise ValidationError(f"{where}: {error}", field=field, details={"line": where}) from None
    content = request.content
    if "source" in content.context:
        return request
    content = msgspec.structs.replace(content, context={"source": source, **content.context})
    return msgspec.structs.replace(request, content=content)


def _unflatten(row: dict[str, Any], where: str) -> dict[str, Any]:
    rest = dict(row)
    data = next((rest.pop(key) for key in DATA_KEYS if rest.get(key) is not None), None)
    if data is None:
        raise ValidationError(
            f"{where} has no text", field="$.text", hint="name it text, data or content", details={"line": where}
        )
    stamp = next((rest.pop(key) for key in TIME_KEYS if rest.get(key) is not None), None)
    if stamp is not None:
        if not isinstance(stamp, str) or not is_time(stamp):
            raise ValidationError(
                f"{where}: timestamp is not an ISO 8601 date or date-time", field="$.timestamp",
                hint="write it as 2024-01-15 or 2024-01-15T10:30:00Z", details={"line": where},
            )  # fmt: skip
        rest["timestamp"] = stamp
    kind: MemoryType = "episodic" if stamp is not None or rest.get("speaker") is not None else "semantic"
    whole = {key: rest.pop(key) for key in ("tags", "importance") if rest.get(key) is not None}
    content = {"type": rest.pop("type", None) or kind, "data": data, "context": rest}
    if isinstance(rest.get("query"), str):
        content["query"] = rest.pop("query")
    return {**whole, "content": content}


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
