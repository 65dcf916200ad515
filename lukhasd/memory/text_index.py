"""Full text: a tantivy index on disk, and the tail of memories that it does not hold yet.

The index holds nothing that the rows do not. Beside it `state.json` says which change is the last it contains; it is
written after the index's own commit, so that replaying the changes beyond it is always right.

Word statistics are those of the whole store: another owner's memories weigh on how rare a word counts, and on nothing
else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import tantivy

from lukhas_sdk.paths import write_private
from lukhasd.memory import conditions
from lukhasd.memory.catalogue import Entry, Mask, Rows, Selection
from lukhasd.memory.expression import Node, Not
from lukhasd.memory.item import SearchText
from lukhasd.memory.moments import microseconds
from lukhasd.memory.tail import Statistics, Tail, Term
from lukhasd.memory.text_files import AROUND, FACT, FIELDS, FORMAT, SAID, State, make_index, open_index, read_state
from lukhasd.memory.words import Analyser, spell

SUPERSEDED = "superseded"
SINGLE_TERMS = 1_000
WRITER_HEAP_BYTES = 30_000_000
Query, Occur = tantivy.Query, tantivy.Occur


@dataclass(frozen=True)
class Document:
    entry: Entry
    sequence: int
    text: SearchText

    @property
    def row_id(self) -> int:
        return self.entry.row_id


@dataclass(frozen=True)
class Sharing:
    """The rarest of some terms at one moment, with how many documents hold each, and the tail's rows that hold at
    least `needed` of them; `hidden` is as in `View`."""

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    terms: tuple[tuple[int, Term], ...]
    needed: int
    tail: tuple[int, ...]
    hidden: frozenset[int]


@dataclass(frozen=True)
class View:
    """The index at one moment: what is on disk, and the tail's scores."""

    searcher: tantivy.Searcher
    terms: tuple[Term, ...]
    tail: dict[int, float]
    hidden: tuple[int, ...]
    """Rows that the disk still holds, though they are gone or say something else."""


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
        self._unwritten: dict[int, conditions.Readable] = {}
        """Of the tail, what filters see."""
        self._hidden: dict[int, int] = {}
        self._applied: set[int] = set()
        self.turn = asyncio.Lock()
        """Held from reading changes to committing them: two that do it at once would apply an older one last."""
        self._words = dict(state.words)
        self._added = state.added
        self.state = state

    @classmethod
    def open(cls, folder: Path, analyser: Analyser) -> TextIndex:
        """The index in `folder`; an empty one (sequence 0) if there is none, or it is damaged or of another format."""
        state = read_state(folder)
        index = open_index(folder, analyser) if state is not None else None
        if state is None or index is None:
            if folder.is_symlink() or folder.is_file():
                folder.unlink()
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
            state = State(format=FORMAT, sequence=0, added=0, words=dict.fromkeys(FIELDS, 0))
            index = make_index(folder, analyser)
        return cls(folder, state, index, analyser)

    def sharing(self, terms: Sequence[Term], most: int) -> Sharing:
        """Over the rarest `most` of the terms, of which a row may lack one."""
        with self._lock:
            searcher = self._searcher
            held = sorted((searcher.doc_freq(*term) + self._tail.count(term), term) for term in terms)[:most]
            needed = max(len(held) - 1, min(len(held), 1))
            tail = tuple(self._tail.holding([term for _, term in held], needed))
            return Sharing(searcher, self._index.schema, tuple(held), needed, tail, frozenset(self._hidden))

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
        """Makes them findable at once, in place of what the index holds of the same rows."""
        analysed = [{field: self._analyser.terms(getattr(each.text, field)) for field in FIELDS} for each in documents]
        readable = [conditions.read(each.entry, each.text, self._analyser) for each in documents]
        with self._lock:
            for document, fields, seen in zip(documents, analysed, readable, strict=True):
                if document.sequence > self.state.sequence:
                    self._tail.add(document.row_id, document.sequence, fields)
                    self._unwritten[document.row_id] = seen
                    if self._searcher.doc_freq("row", document.row_id):
                        self._hidden[document.row_id] = document.sequence

    def remove(self, row_id: int, sequence: int) -> None:
        """Makes it vanish at once."""
        with self._lock:
            self._tail.remove(row_id)
            self._unwritten.pop(row_id, None)
            if sequence > self.state.sequence:
                self._hidden[row_id] = sequence

    def view(self, query: str, allowed: Mask, *, fields: Sequence[str] = FIELDS) -> View:
        """Hold the view through one search: its parts agree."""
        words = self._analyser.query_terms(query)
        terms = tuple((field, word) for word in words for field in fields)
        with self._lock:
            searcher = self._searcher
            statistics = Statistics(
                documents=searcher.num_docs,
                holding=lambda term: searcher.doc_freq(*term),
                mean_length=lambda field: self._words[field] / self._added if self._added else None,
            )
            tail = self._tail.score(terms, allowed, statistics)
            return View(searcher, terms, tail, tuple(self._hidden))

    def search(
        self, view: View, chosen: Selection, *, rows: Rows | None = None, limit: int
    ) -> tuple[dict[int, float], int]:
        """The best `limit` memories by BM25 (row → score) among the chosen, and how many share a word with the query.

        `chosen` is what the view's mask was made of. `rows` narrows it down to those, at best to a few hundred: a
        filter that `Selection` can say costs much less.
        """
        among = None if rows is None else set(rows.tolist())
        tail = {row: score for row, score in view.tail.items() if among is None or row in among}
        scores, count = self._search_disk(view, chosen, rows, limit)
        scores.update(tail)
        best = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        return dict(best), count + len(tail)

    def passes(self, owner: str, where: Node, size: int) -> Mask:
        """Whether the expression holds of each row number below `size`: right for the owner's memories alone."""
        with self._lock:
            searcher, hidden, unwritten = self._searcher, tuple(self._hidden), list(self._unwritten.items())
        asked = self._asked(searcher, owner, where, hidden)
        # Each row that is read costs: of most of the memories those are read that it does not hold of.
        most = 2 * _count(searcher, asked) > searcher.num_docs
        rows = self._read_rows(searcher, self._asked(searcher, owner, Not(where), hidden) if most else asked)
        mask = np.full(size, most)
        mask[rows[rows < size]] = not most
        for row, seen in unwritten:
            if row < size:
                mask[row] = conditions.holds(where, seen)
        return mask

    def apply(self, documents: Iterable[Document], deletions: Iterable[int]) -> None:
        """Brings changes to the writer; `commit` makes them last. The same change may come twice."""
        with self._writing:
            writer = self._open_writer()
            for document in documents:
                self._drop(document.row_id)
                self._applied.add(document.row_id)
                writer.add_document(self._count(document))
            for row_id in deletions:
                self._drop(row_id)

    def commit(self, sequence: int) -> None:
        """Puts what was applied on disk and serves it; `sequence` is the last change that it contains."""
        with self._writing:
            self._open_writer().commit()
            self._applied.clear()
            self._index.reload()
            searcher = self._index.searcher()
            state = State(format=FORMAT, sequence=sequence, added=self._added, words=dict(self._words))
            with self._lock:
                self._searcher = searcher
                self._tail.drop_until(sequence)
                self._unwritten = {row: self._unwritten[row] for row, _ in self._tail.sequences()}
                self._hidden = {row: at for row, at in self._hidden.items() if at > sequence}
                self._hidden |= {row: at for row, at in self._tail.sequences() if searcher.doc_freq("row", row)}
                self.state = state
            write_private(self._folder / "state.json", msgspec.json.encode(state).decode())

    def rollback(self) -> None:
        """Forgets what was applied since the last commit, after an error of it."""
        with self._writing:
            self._words, self._added = dict(self.state.words), self.state.added
            self._applied.clear()
            self._open_writer().rollback()

    def clear(self) -> None:
        """Empties the index, to be rebuilt from sequence 0."""
        with self._writing:
            self._applied.clear()
            self._open_writer().delete_all_documents()
            self._words, self._added = dict.fromkeys(FIELDS, 0), 0
            self.commit(0)

    def beside_deleted(self) -> Rows:
        """Rows in the files that still hold something deleted: applied again, they leave those files."""
        with self._writing:
            self._settle()
            segments = json.loads((self._folder / "meta.json").read_bytes())["segments"]
            found: list[int] = []
            for order, segment in enumerate(segments):
                if segment["deletes"] is not None:
                    places = [tantivy.DocAddress(order, place) for place in range(segment["max_doc"])]
                    found.extend(int(row or 0) for row in self._searcher.fast_field_values("row", places))
            return as_rows(found)

    def sweep(self) -> None:
        """Commits, and returns when no file holds what was deleted or applied again."""
        with self._writing:
            self.commit(self.state.sequence)
            self._settle()
            self._open_writer().garbage_collect_files()

    def close(self) -> None:
        with self._writing:
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def _count(self, document: Document) -> tantivy.Document:
        entry = document.entry
        row = tantivy.Document()
        row.add_unsigned("row", entry.row_id)
        row.add_text("owner", entry.owner)
        row.add_text("type", entry.type)
        for tag in entry.tags:
            row.add_text("tag", tag)
        row.add_integer("event", microseconds(entry.event_at))
        row.add_float("importance", entry.importance)
        if entry.valid_to is not None:
            row.add_text("state", SUPERSEDED)
            row.add_integer("valid_to", microseconds(entry.valid_to))
        row.add_text(SAID, spell(document.text.data))
        for part in document.text.around:
            row.add_text(AROUND, spell(part))
        for fact in conditions.facts(entry, document.text):
            row.add_text(FACT, fact)
        for field in FIELDS:
            text = getattr(document.text, field)
            row.add_text(field, text)
            self._words[field] += len(self._analyser.terms(text))
        self._added += 1
        return row

    def _drop(self, row_id: int) -> None:
        if row_id in self._applied or self._searcher.doc_freq("row", row_id):
            # By a query: of a number by its term, the binding makes one of another type, which matches nothing.
            self._open_writer().delete_documents_by_query(Query.term_query(self._index.schema, "row", row_id, "basic"))

    def _settle(self) -> None:
        """Waits for the merges, which hold on to files, and serves what they made."""
        self._open_writer().wait_merging_threads()
        self._writer = self._index.writer(WRITER_HEAP_BYTES, 1)
        self._index.reload()
        with self._lock:
            self._searcher = self._index.searcher()

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise RuntimeError("the text index is closed")
        return self._writer

    def _search_disk(
        self, view: View, chosen: Selection, rows: Rows | None, limit: int
    ) -> tuple[dict[int, float], int]:
        if not view.terms or not view.searcher.num_docs or (rows is not None and not len(rows)):
            return {}, 0
        words = [(Occur.Should, Query.term_query(self._index.schema, *term, "freq")) for term in view.terms]
        parts = [(Occur.Must, Query.boolean_query(words)), *self._conditions(view, chosen)]
        if rows is not None:
            parts.append((Occur.Must, _silent(self._any("row", rows.tolist()))))
        if view.hidden:
            parts.append((Occur.MustNot, self._any("row", view.hidden)))
        found = view.searcher.search(Query.boolean_query(parts), limit=limit, count=True)
        numbers = view.searcher.fast_field_values("row", [address for _, address in found.hits])
        scores = {
            int(row): float(score) for row, (score, _) in zip(numbers, found.hits, strict=True) if row is not None
        }
        return scores, int(found.count)  # type: ignore[attr-defined]  # left out of tantivy's own stub

    def _conditions(self, view: View, chosen: Selection) -> Iterator[tuple[tantivy.Occur, tantivy.Query]]:
        """What `Catalogue.select` asks, of the fields. A selection is at most a few terms and ranges: a set of row
        numbers would cost 20 ms at 100,000."""
        yield from self._owned(view.searcher, chosen.owner)
        if chosen.where is not None:
            yield Occur.Must, _silent(conditions.compile_node(chosen.where, view.searcher, self._index.schema))
        if chosen.types is not None:
            yield Occur.Must, _silent(self._any("type", chosen.types))
        for tag in chosen.tags:
            yield Occur.Must, self._holds("tag", tag)
        if chosen.start is not None or chosen.end is not None:
            yield Occur.Must, self._between("event", chosen.start, chosen.end)
        if chosen.min_importance is not None:
            schema, kind = self._index.schema, tantivy.FieldType.Float
            yield Occur.Must, _silent(Query.range_query(schema, "importance", kind, chosen.min_importance, None))
        if chosen.as_of is not None:
            yield Occur.Must, self._between("event", None, chosen.as_of)
            yield Occur.MustNot, self._between("valid_to", None, chosen.as_of)
        elif not chosen.include_superseded:
            yield Occur.MustNot, self._holds("state", SUPERSEDED)

    def _asked(self, searcher: tantivy.Searcher, owner: str, where: Node, hidden: Sequence[int]) -> tantivy.Query:
        asked = conditions.compile_node(where, searcher, self._index.schema)
        parts = [(Occur.Must, asked), *self._owned(searcher, owner)]
        if hidden:
            parts.append((Occur.MustNot, self._any("row", hidden)))
        return _silent(Query.boolean_query(parts))

    def _read_rows(self, searcher: tantivy.Searcher, query: tantivy.Query) -> Rows:
        if not searcher.num_docs:
            return as_rows([])
        found = searcher.search(query, limit=searcher.num_docs, count=False)
        numbers = searcher.fast_field_values("row", [address for _, address in found.hits])
        return np.array(numbers, dtype=np.int64)

    def _owned(self, searcher: tantivy.Searcher, owner: str) -> Iterator[tuple[tantivy.Occur, tantivy.Query]]:
        owners = [name for name, _ in searcher.terms_with_prefix("owner", "", limit=2)]
        if owners != [owner]:  # where all is one owner's, asking it of everything costs 10 ms in a million
            yield Occur.Must, self._holds("owner", owner)

    def _holds(self, field: str, word: str | int) -> tantivy.Query:
        return _silent(Query.term_query(self._index.schema, field, word, "basic"))

    def _any(self, field: str, words: Sequence[str] | Sequence[int]) -> tantivy.Query:
        """Single terms are four times cheaper than a set, until they are many."""
        schema = self._index.schema
        if len(words) > SINGLE_TERMS:
            return Query.term_set_query(schema, field, words)
        return Query.boolean_query([(Occur.Should, Query.term_query(schema, field, word, "basic")) for word in words])

    def _between(self, field: str, first: datetime | None, last: datetime | None) -> tantivy.Query:
        """Both inclusive."""
        lower, upper = (microseconds(moment) if moment is not None else None for moment in (first, last))
        return _silent(Query.range_query(self._index.schema, field, tantivy.FieldType.Integer, lower, upper))


def as_rows(row_ids: Iterable[int]) -> Rows:
    return np.fromiter(row_ids, dtype=np.int64)


def _count(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    return int(searcher.search(query, limit=1, count=True).count)  # type: ignore[attr-defined]  # not in tantivy's stub


def _silent(query: tantivy.Query) -> tantivy.Query:
    """A condition that adds nothing to the score."""
    return tantivy.Query.const_score_query(query, 0.0)
