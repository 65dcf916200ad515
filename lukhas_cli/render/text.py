"""Stored text made safe for a terminal: what would move the cursor, recolour or reorder is shown, not obeyed."""

from __future__ import annotations

import re

BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{BIDI}\ufeff]")
"""C0 (but tab and newline), DEL, C1, line and paragraph separators, bidi controls."""


def printable(text: str) -> str:
    """`text` with every control character shown as `\\x1b` or `\\u202e`; newlines and tabs stay."""
    return UNSAFE.sub(_show, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`printable`, with each run of white space one space: a cell of a table or of a tab-separated line."""
    return printable(" ".join(text.split()))


def _show(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def more(next_cursor: str | None) -> str:
    """What a list's last line says where it goes on."""
    return f"; go on with --cursor {next_cursor}" if next_cursor else ""
