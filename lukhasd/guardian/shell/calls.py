"""Finds what a tool call would run: shell text, code, SQL or a list of words among its arguments.

The call may be JSON, JSON inside a JSON string, or written as a function call. Keys are looked for with patterns
rather than by parsing, so that a call that is not quite JSON is read all the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["shell", "maybe", "code", "sql"]
"""`maybe`: shell text if it is any; that it cannot be read says nothing."""
MAX_DEPTH = 4
KEYS: dict[str, Kind] = {
    **dict.fromkeys(
        ("command", "cmd", "commands", "script", "bash", "shell", "shell_command", "cmdline", "command_line", "run",
         "powershell", "sh"), "shell"
    ),
    **dict.fromkeys(("input", "args", "argv", "arguments", "params", "parameters", "stdin", "exec"), "maybe"),
    **dict.fromkeys(("code", "source", "python", "javascript", "js", "snippet"), "code"),
    **dict.fromkeys(("sql", "query", "statement", "queries", "statements"), "sql"),
}  # fmt: skip
STRING = r'"(?:[^"\\]|\\.){0,100000}"'
PAIR = re.compile(rf'"(\w{{1,40}})"\s{{0,20}}:\s{{0,20}}({STRING})', re.S)
LIST = re.compile(
    rf'"(\w{{1,40}})"\s{{0,20}}:\s{{0,20}}(\[\s{{0,20}}{STRING}(?:\s{{0,20}},\s{{0,20}}{STRING}){{0,500}}\s{{0,20}}\])',
    re.S,
)
CALL = re.compile(r"^\s{0,20}([\w.:/-]{1,80})\s{0,4}\(", re.S)
KEYWORD = re.compile(r"""(?:[(,]\s{0,20})(\w{1,40})\s{0,4}=\s{0,4}(?=(["']))""", re.S)
FIRST = re.compile(r"""\(\s{0,20}(?=(["']))""")
RUNS = re.compile(r"bash|shell|exec|run|terminal|command|cmd|powershell|subprocess|system|popen|spawn", re.I)
SQL = re.compile(r"\s{0,200}(?:drop|truncate|delete|update|alter|insert|create|select|with|grant|revoke)\s", re.I)


@dataclass(frozen=True)
class Piece:
    """`text` stood in the content between `start` and `end`."""

    kind: Kind
    text: str
    start: int
    end: int


def pieces(content: str) -> list[Piece]:
    """What the tool call `content` would run; its whole text where it names nothing to run."""
    found = list(scan(content, None, 0))
    if not found and not content.lstrip().startswith(("{", "[")) and not CALL.match(content):
        found.append(Piece("maybe", content, 0, len(content)))
    return found


def scan(text: str, fixed: tuple[int, int] | None, depth: int) -> list[Piece]:
    found: list[Piece] = []
    for match in PAIR.finditer(text):
        value = unquote(match[2])
        if value is None:
            continue
        span = fixed or (match.start(2) + 1, match.end(2) - 1)
        if value.lstrip().startswith(("{", "[")) and depth < MAX_DEPTH:
            found += scan(value, span, depth + 1)
        elif kind := KEYS.get(match[1].lower()):
            found += as_piece(kind, value, *span)
    for match in LIST.finditer(text):
        kind = KEYS.get(match[1].lower())
        items = words(match[2])
        if kind and items:
            span = fixed or match.span(2)
            found.append(Piece("shell" if kind == "shell" else "maybe", joined(items), *span))
    if call := CALL.match(text):
        found += function_call(call[1], text, fixed)
    return found


def function_call(name: str, text: str, fixed: tuple[int, int] | None) -> list[Piece]:
    """The arguments of `name(key="…")` or `run_shell("…")`."""
    found: list[Piece] = []
    for match in KEYWORD.finditer(text):
        if kind := KEYS.get(match[1].lower()):
            value, start, end = literal(text, match.end())
            found += as_piece(kind, value, *(fixed or (start, end)))
    if not found and RUNS.search(name) and (first := FIRST.search(text)):
        value, start, end = literal(text, first.end())
        found.append(Piece("shell", value, *(fixed or (start, end))))
    return found


def literal(text: str, at: int) -> tuple[str, int, int]:
    """The string literal that begins at `at`, and where its inside stands."""
    quote = text[at]
    mark = quote * 3 if text.startswith(quote * 3, at) else quote
    start = at + len(mark)
    end = start
    while end < len(text) and not text.startswith(mark, end):
        end += 2 if text[end] == "\\" else 1
    inside = text[start : min(end, len(text))]
    plain = re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), inside, flags=re.S)
    return plain, start, min(end, len(text))


def as_piece(kind: Kind, text: str, start: int, end: int) -> list[Piece]:
    if kind == "sql" and not SQL.match(text):
        return []
    return [Piece(kind, text, start, end)] if text.strip() else []


def words(items: str) -> list[str]:
    try:
        return [str(item) for item in json.loads(items, strict=False)]
    except ValueError:
        return []


def unquote(text: str) -> str | None:
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return text[1:-1]


def joined(items: list[str]) -> str:
    """A list of words as shell text; a single one is taken for a whole command line."""
    if len(items) == 1:
        return items[0]
    if all(" " in item for item in items):
        return "\n".join(items)
    return " ".join("'" + item.replace("'", "'\\''") + "'" for item in items)
