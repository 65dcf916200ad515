"""The text index's files: made, opened, and looked over for damage."""

from __future__ import annotations

import json
import logging
import mmap
import struct
import zlib
from pathlib import Path

import msgspec
import tantivy

from lukhasd.memory.words import Analyser

LOG = logging.getLogger(__name__)
FORMAT = 4
"""Raised when the schema or the analyser changes: an index of another format is rebuilt."""
FIELDS = ("data", "context", "tags")
SAID, AROUND, FACT = "said", "around", "fact"
"""For filters: the memory's text and each text of its context and tags, all as `spell` gives them, and what is known
of it."""
FOOTER = struct.Struct("<II")
FOOTER_MAGIC = 1337


class State(msgspec.Struct, frozen=True):
    format: int
    sequence: int
    added: int
    """Documents ever added, over which `words` (by field) was counted."""
    words: dict[str, int]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    for field in ("owner", "type", "tag", "state"):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(FACT, tokenizer_name="raw", index_option="basic")
    for field in (SAID, AROUND):
        builder.add_text_field(field, tokenizer_name="verbatim", index_option="position")
    for field in ("event", "valid_to"):
        builder.add_integer_field(field, fast=True)
    builder.add_float_field("importance", fast=True)
    for field in FIELDS:
        builder.add_text_field(field, tokenizer_name="lukhas", index_option="freq")
    return builder.build()


def make_index(folder: Path, analyser: Analyser) -> tantivy.Index:
    index = tantivy.Index(_schema(), path=str(folder))
    index.register_tokenizer("lukhas", analyser.stemming)
    index.register_tokenizer("verbatim", analyser.verbatim)
    return index


def open_index(folder: Path, analyser: Analyser) -> tantivy.Index | None:
    """None for a damaged index."""
    damaged = [file.name for file in folder.iterdir() if _has_footer(file) and not _is_intact(file)]
    if damaged:
        LOG.warning("the text index is damaged (%s) and will be rebuilt", ", ".join(damaged))
        return None
    try:
        return make_index(folder, analyser)
    except (ValueError, OSError) as error:
        LOG.warning("the text index cannot be opened and will be rebuilt: %s", error)
        return None


def _has_footer(file: Path) -> bool:
    return not file.name.startswith(".") and file.suffix not in (".json", ".lock", ".tmp")


def _is_intact(file: Path) -> bool:
    """Whether a tantivy segment file matches its checksum: body, {"crc": …}, that JSON's length, a magic number."""
    if file.stat().st_size < FOOTER.size:
        return False
    with file.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
        length, magic = FOOTER.unpack(content[-FOOTER.size :])
        body = len(content) - FOOTER.size - length
        if magic != FOOTER_MAGIC or body < 0:
            return False
        try:
            expected = json.loads(content[body : -FOOTER.size])["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        with memoryview(content) as view:
            return bool(zlib.crc32(view[:body]) == expected)


def read_state(folder: Path) -> State | None:
    try:
        state = msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None
    return state if state.format == FORMAT and state.words.keys() == set(FIELDS) else None
