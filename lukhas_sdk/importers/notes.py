"""Notes and texts: Markdown (Obsidian's too), plain text, JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from lukhas_sdk import documents
from lukhas_sdk.contract.memory import StoreRequest
from lukhas_sdk.errors import ValidationError
from lukhas_sdk.importers.base import Source


def read_markdown(source: Source, split: str | None) -> Iterator[StoreRequest]:
    text = _text(source)
    if split in (None, "section"):
        return documents.split_markdown(text, source=source.name)
    return documents.split_text(text, source=source.name, by=cast("documents.Split", split))


def read_text(source: Source, split: str | None) -> Iterator[StoreRequest]:
    return documents.split_text(_text(source), source=source.name, by=cast("documents.Split", split or "paragraph"))


def read_rows(source: Source) -> Iterator[StoreRequest]:
    """A row that is broken is left out. The file is read line by line, whatever its size."""
    with source.path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield documents.read_row(line, f"line {number}", source.name)
                except ValidationError as error:
                    source.broken(f"line {number}", error.message)


def _text(source: Source) -> str:
    try:
        return source.path.read_bytes().decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError as error:
        raise ValidationError(
            f"{source.name} is not UTF-8 text (byte {error.start})",
            field=str(source.path),
            hint="convert it with iconv",
        ) from None
