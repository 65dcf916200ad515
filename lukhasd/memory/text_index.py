"""Full text: a tantivy index on disk, and the tail of memories that it does not hold yet.

The index holds nothing that the rows do not. Beside it `state.json` says which change is the last it contains; it is
written after the index's own commit, so that replaying the changes beyond it is always right.

Word statistics are those of the whole store: another owner's memories weigh on how rare a word counts, and on nothing
else.
"""

from __future__ import annotations

import contextlib
import json
import logging
import mmap
import shutil
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import tantivy

from lukhas_sdk.paths import write_private
from lukhasd.memory.catalogue import Mask, Rows
from lukhasd.memory.item import SearchText
from lukhasd.memory.tail import Statistics, Tail, Term
from lukhasd.memory.words import Analyser

LOG = logging.getLogger(__name__)
FORMAT = 1
"""Raised when the schema or the analyser changes: an index of another format is rebuilt."""
FIELDS = ("data", "context", "tags")
WRITER_HEAP_BYTES = 30_000_000
FOOTER = struct.Struct("<II")
FOOTER_MAGIC = 1337


class State(msgspec.Struct, frozen=True):
    format: int
    sequence: int
    added: int
    """Documents ever added, over which `words` (by field) was counted."""
    words: dict[str, int]


@dataclass(frozen=True)
class Document:
    row_id: int
    sequence: int
    owner: str
    text: SearchText


@dataclass(frozen=True)
class View:
    """The index at one moment: what is on disk, and the tail's scores."""

    searcher: tantivy.Searcher
    terms: tuple[Term, ...]
    tail: dict[int, float]
    deleted: tuple[int, ...]


class TextIndex:
    """`state` is what the index on disk contains. `view`, `add` and `remove` are quick; the others write and wait for
    one another."""

    def __init__(self, folder: Path, state: State, index: tantivy.Index, analyser: Analyser) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._writing = threading.RLock()
        self._analyser = analyser
        self._index = index
        self._writer: tantivy.IndexWriter | None = index.writer(WRITER_HEAP_BYTES, 1)
        self._searcher = index.searcher()
        self._tail = Tail()
        self._deleted: dict[int, int] = {}
        self._words = dict(state.words)
        self._added = state.added
        self.state = state

    @classmethod
    def open(cls, folder: Path, analyser: Analyser) -> TextIndex:
        """The index in `folder`; an empty one (sequence 0) if there is none, or it is damaged or of another format."""
        state = _read_state(folder)
        index = _open_index(folder, analyser) if state is not None else None
        if state is None or index is None:
            if folder.is_symlink() or folder.is_file():
                folder.unlink()
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
            state = State(format=FORMAT, sequence=0, added=0, words=dict.fromkeys(FIELDS, 0))
            index = _make_index(folder, analyser)
        return cls(folder, state, index, analyser)

    @property
    def documents(self) -> int:
        """On disk; the tail not counted."""
        return self._searcher.num_docs

    @property
    def tail_length(self) -> int:
        return len(self._tail)

    @property
    def size_bytes(self) -> int:
        total = 0
        for file in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # a merge removes files at any moment
                total += file.stat().st_size
        return total

    def add(self, documents: Sequence[Document]) -> None:
        """Makes them findable at once."""
        analysed = [{field: self._analyser.terms(getattr(each.text, field)) for field in FIELDS} for each in documents]
        with self._lock:
            for document, fields in zip(documents, analysed, strict=True):
                if document.sequence > self.state.sequence:
                    self._tail.add(document.row_id, document.sequence, fields)

    def remove(self, row_id: int, sequence: int) -> None:
        """Makes it vanish at once."""
        with self._lock:
            self._tail.remove(row_id)
            if sequence > self.state.sequence:
                self._deleted[row_id] = sequence

    def view(self, query: str, allowed: Mask) -> View:
        """Hold the view through one search: its parts agree."""
        words = self._analyser.query_terms(query)
        terms = tuple((field, word) for word in words for field in FIELDS)
        with self._lock:
            searcher = self._searcher
            statistics = Statistics(
                documents=searcher.num_docs,
                holding=lambda term: searcher.doc_freq(*term),
                mean_length=lambda field: self._words[field] / self._added if self._added else None,
            )
            tail = self._tail.score(terms, allowed, statistics)
            return View(searcher, terms, tail, tuple(self._deleted))

    def search(self, view: View, owner: str, *, rows: Rows | None, limit: int) -> tuple[dict[int, float], int]:
        """The best `limit` memories by BM25 (row → score), and how many share a word with the query.

        `rows` narrows it down to those; None: all of the owner's.
        """
        among = None if rows is None else set(rows.tolist())
        tail = {row: score for row, score in view.tail.items() if among is None or row in among}
        scores, count = self._search_disk(view, owner, rows, limit)
        scores.update(tail)
        best = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        return dict(best), count + len(tail)

    def apply(self, documents: Iterable[Document], deletions: Iterable[int]) -> None:
        """Brings changes to the writer; `commit` makes them last. The same change may come twice."""
        with self._writing:
            writer = self._open_writer()
            for document in documents:
                writer.delete_documents_by_term("row", document.row_id)
                writer.add_document(self._count(document))
            for row_id in deletions:
                writer.delete_documents_by_term("row", row_id)

    def commit(self, sequence: int) -> None:
        """Puts what was applied on disk and serves it; `sequence` is the last change that it contains."""
        with self._writing:
            self._open_writer().commit()
            self._index.reload()
            searcher = self._index.searcher()
            state = State(format=FORMAT, sequence=sequence, added=self._added, words=dict(self._words))
            with self._lock:
                self._searcher = searcher
                self._tail.drop_until(sequence)
                self._deleted = {row: at for row, at in self._deleted.items() if at > sequence}
                self.state = state
            write_private(self._folder / "state.json", msgspec.json.encode(state).decode())

    def rollback(self) -> None:
        """Forgets what was applied since the last commit, after an error of it."""
        with self._writing:
            self._words, self._added = dict(self.state.words), self.state.added
            self._open_writer().rollback()

    def clear(self) -> None:
        """Empties the index, to be rebuilt from sequence 0."""
        with self._writing:
            self._open_writer().delete_all_documents()
            self._words, self._added = dict.fromkeys(FIELDS, 0), 0
            self.commit(0)

    def close(self) -> None:
        with self._writing:
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def _count(self, document: Document) -> tantivy.Document:
        row = tantivy.Document()
        row.add_unsigned("row", document.row_id)
        row.add_text("owner", document.owner)
        for field in FIELDS:
            text = getattr(document.text, field)
            row.add_text(field, text)
            self._words[field] += len(self._analyser.terms(text))
        self._added += 1
        return row

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise RuntimeError("the text index is closed")
        return self._writer

    def _search_disk(self, view: View, owner: str, rows: Rows | None, limit: int) -> tuple[dict[int, float], int]:
        if not view.terms or not view.searcher.num_docs or (rows is not None and not len(rows)):
            return {}, 0
        schema, occur = self._index.schema, tantivy.Occur
        words = [(occur.Should, tantivy.Query.term_query(schema, *term, "freq")) for term in view.terms]
        parts = [
            (occur.Must, tantivy.Query.boolean_query(words)),
            (occur.Must, _silent(tantivy.Query.term_query(schema, "owner", owner, "basic"))),
        ]
        if rows is not None:
            parts.append((occur.Must, _silent(tantivy.Query.term_set_query(schema, "row", rows.tolist()))))
        if view.deleted:
            parts.append((occur.MustNot, tantivy.Query.term_set_query(schema, "row", view.deleted)))
        found = view.searcher.search(tantivy.Query.boolean_query(parts), limit=limit, count=True)
        numbers = view.searcher.fast_field_values("row", [address for _, address in found.hits])
        scores = {
            int(row): float(score) for row, (score, _) in zip(numbers, found.hits, strict=True) if row is not None
        }
        return scores, int(found.count)  # type: ignore[attr-defined]  # left out of tantivy's own stub


def as_rows(row_ids: Iterable[int]) -> Rows:
    return np.fromiter(row_ids, dtype=np.int64)


def _silent(query: tantivy.Query) -> tantivy.Query:
    """A condition that adds nothing to the score."""
    return tantivy.Query.const_score_query(query, 0.0)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("row", indexed=True, fast=True)
    builder.add_text_field("owner", tokenizer_name="raw", index_option="basic")
    for field in FIELDS:
        builder.add_text_field(field, tokenizer_name="lukhas", index_option="freq")
    return builder.build()


def _make_index(folder: Path, analyser: Analyser) -> tantivy.Index:
    index = tantivy.Index(_schema(), path=str(folder))
    index.register_tokenizer("lukhas", analyser.stemming)
    return index


def _open_index(folder: Path, analyser: Analyser) -> tantivy.Index | None:
    """None for a damaged index."""
    damaged = [file.name for file in folder.iterdir() if _has_footer(file) and not _is_intact(file)]
    if damaged:
        LOG.warning("the text index is damaged (%s) and will be rebuilt", ", ".join(damaged))
        return None
    try:
        return _make_index(folder, analyser)
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


def _read_state(folder: Path) -> State | None:
    try:
        state = msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None
    return state if state.format == FORMAT and state.words.keys() == set(FIELDS) else None
