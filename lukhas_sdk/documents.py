"""Files and texts as memories to store: Markdown by section, text by paragraph, JSON Lines by row."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from lukhas_sdk.contract.memory import MemoryContent, MemoryType, StoreRequest
from lukhas_sdk.errors import NotFound, ValidationError

Split = Literal["paragraph", "line", "whole"]
OnSkip = Callable[[Path, str], None]

SECTION_CHARS = 2_000
"""About what a person reads at a glance, and two windows of the embedding model."""
DATA_LIMIT_CHARS = 1_000_000
FILE_LIMIT_BYTES = 20_000_000
MARKDOWN = frozenset({".md", ".markdown", ".mdown"})
JSON_LINES = frozenset({".jsonl", ".ndjson"})
TEXT = frozenset({".txt", ".text", ".rst", ".log", ".org", ".adoc", ".tex", ".csv", ".tsv", ""})
DATA_KEYS = ("data", "text", "content")
TIME_KEYS = ("timestamp", "date")
ROW_HINT = "give one JSON object a line"

HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def split_markdown(text: str, *, source: str) -> Iterator[StoreRequest]:
    """A semantic memory a section, its `context.heading` the path of headings ("A > B"). Front matter gives `title`,
    `timestamp` (from `date`) and tags to every one; a section over SECTION_CHARS is cut between paragraphs."""
    text = _tidy(text)
    matter = FRONT_MATTER.match(text)
    given, tags = _front_matter(matter[1] or "") if matter else ({}, [])
    for heading, body in _sections(text[matter.end() :] if matter else text):
        context = {"source": source, **given, **({"heading": heading} if heading else {})}
        for part in _pack(body.split("\n\n")):
            yield _semantic(part, context, tags)


def split_text(text: str, *, source: str, by: Split = "paragraph") -> Iterator[StoreRequest]:
    """A semantic memory a paragraph (between blank lines), a line, or one of the whole."""
    text = _tidy(text)
    if by == "whole":
        parts: Iterable[str] = _pieces(text.strip(), DATA_LIMIT_CHARS)
    elif by == "line":
        parts = (piece for line in text.split("\n") for piece in _pieces(line.strip(), DATA_LIMIT_CHARS))
    else:
        parts = (part for paragraph in re.split(r"\n[ \t]*\n", text) for part in _pack([paragraph]))
    return (_semantic(part, {"source": source}, []) for part in parts if part.strip())


def read_json_lines(lines: Iterable[str], *, source: str) -> Iterator[StoreRequest]:
    """A memory a row: a whole request as the API takes it, or a flat object with `text` (or `data`, `content`) and, if
    wanted, `type`, `tags`, `importance`, `timestamp` or `date`; its other keys become context. A row with a time or a
    speaker is episodic unless it says otherwise. ValidationError names the line and the field."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _read_row(line, f"{source}, line {number}", source)


def iterate_path(path: Path, *, split: str | None = None, on_skip: OnSkip | None = None) -> Iterator[StoreRequest]:
    """The memories of a file, or of a folder's files in order. `context.source` is the path below `path`, or the file's
    name. `split` (paragraph, line, whole) overrides how Markdown and text are cut; JSON Lines stay rows. Links out of
    the folder, hidden, binary and large files are left out, and `on_skip` told why. NotFound where there is nothing."""
    by = _check_split(split)
    for file in list_files(path, on_skip=on_skip):
        source = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            _skip(file, f"cannot be read as UTF-8 text: {error}", on_skip)
            continue
        yield from _split_file(text, file.suffix.lower(), source=source, by=by)


def count(path: Path, *, split: str | None = None) -> int:
    """How many memories `iterate_path` gives: a progress bar's total. Reads every file."""
    return sum(1 for _ in iterate_path(path, split=split))


def list_files(path: Path, *, on_skip: OnSkip | None = None) -> Iterator[Path]:
    """The files of `path` that can be imported, in order."""
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}", hint="check the path")
    if not path.is_dir():
        why = _why_not(path, by_suffix=False)
        if why:
            raise ValidationError(f"{path} cannot be imported: {why}", field=str(path), hint="give a text file")
        yield path
        return
    root = path.resolve()
    for file in _walk(path, on_skip):
        why = None if file.resolve().is_relative_to(root) else "a link out of the folder"
        why = why or _why_not(file, by_suffix=True)
        if why:
            _skip(file, why, on_skip)
        else:
            yield file


def _walk(folder: Path, on_skip: OnSkip | None) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        _skip(folder, f"cannot be listed: {error.strerror}", on_skip)
        return
    for entry in inside:
        if entry.name.startswith("."):
            _skip(entry, "hidden", on_skip)
        elif entry.is_dir():
            if entry.is_symlink():
                _skip(entry, "a linked folder", on_skip)
            else:
                yield from _walk(entry, on_skip)
        else:
            yield entry


def _why_not(file: Path, *, by_suffix: bool) -> str | None:
    if not file.is_file():
        return "not a regular file"
    if by_suffix and file.suffix.lower() not in MARKDOWN | JSON_LINES | TEXT:
        return f"not a kind that is read ({file.suffix})"
    size = file.stat().st_size
    if size > FILE_LIMIT_BYTES:
        return f"larger than {FILE_LIMIT_BYTES // 1_000_000} MB"
    try:
        with file.open("rb") as opened:
            return "binary" if b"\0" in opened.read(8192) else None
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _skip(path: Path, reason: str, on_skip: OnSkip | None) -> None:
    if on_skip is not None:
        on_skip(path, reason)


def _split_file(text: str, suffix: str, *, source: str, by: Split | None) -> Iterator[StoreRequest]:
    if suffix in JSON_LINES:
        return read_json_lines(text.split("\n"), source=source)
    if suffix in MARKDOWN and by is None:
        return split_markdown(text, source=source)
    return split_text(text, source=source, by=by or "paragraph")


def _check_split(split: str | None) -> Split | None:
    if split not in (None, "paragraph", "line", "whole"):
        raise ValidationError(
            f"split cannot be {split!r}",
            field="split",
            hint="paragraph, line or whole; leave it out for the file's own",
        )
    return split  # type: ignore[return-value]  # checked in the line above


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
            if heading[2]:
                path.append((level, heading[2]))


def _front_matter(block: str) -> tuple[dict[str, Any], list[str]]:
    """`title`, `timestamp` and tags from the simple YAML that notes use: `key: value`, `[a, b]`, and `- item` lists."""
    values: dict[str, str | list[str]] = {}
    key = ""
    for line in block.split("\n"):
        item = re.match(r"\s*-\s+(.*)", line)
        pair = re.match(r"([A-Za-z_][\w-]*)\s*:\s*(.*)", line)
        if item and key:
            listed = values.get(key)
            values[key] = [*(listed if isinstance(listed, list) else []), _unquote(item[1])]
        elif pair:
            key = pair[1].lower()
            values[key] = _unquote(pair[2])
    context: dict[str, Any] = {}
    if isinstance(values.get("title"), str) and values["title"]:
        context["title"] = values["title"]
    stamp = values.get("date")
    if isinstance(stamp, str) and _is_time(stamp):
        context["timestamp"] = stamp
    tags = values.get("tags", [])
    if isinstance(tags, str):
        tags = [_unquote(tag) for tag in re.split(r"," if "," in tags or "[" in tags else r"\s", tags.strip("[]"))]
    return context, list(dict.fromkeys(tag.lstrip("#")[:100] for tag in tags if tag.lstrip("#")))[:100]


def _unquote(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _is_time(text: str) -> bool:
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
        for piece in _pieces(paragraph.strip("\n"), SECTION_CHARS):
            if held and len(held) + len(piece) + 2 > SECTION_CHARS:
                yield held
                held = ""
            held = f"{held}\n\n{piece}" if held else piece
    if held.strip():
        yield held


def _pieces(text: str, limit: int) -> Iterator[str]:
    while len(text) > limit:
        window = text[:limit]
        cuts = [
            window.rfind(mark) + len(mark.rstrip()) for mark in ("\n", ". ", " ") if window.rfind(mark) > limit // 2
        ]
        cut = cuts[0] if cuts else limit
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text


def _read_row(line: str, where: str, source: str) -> StoreRequest:
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValidationError(
            f"{where} is not JSON: {error}", field=where, hint="give one JSON object a line"
        ) from None
    if not isinstance(row, dict):
        raise ValidationError(f"{where} is not a JSON object", field=where, hint="give one JSON object a line")
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
        if not isinstance(stamp, str) or not _is_time(stamp):
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
