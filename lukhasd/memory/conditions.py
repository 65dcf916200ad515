"""A filter's tree, asked of the text index on disk and of memories that it does not hold yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import tantivy

from lukhasd.memory.catalogue import Entry
from lukhasd.memory.expression import Between, Every, Fact, Node, Not, Prefix, Some, Verbatim, Word, fact
from lukhasd.memory.item import SearchText
from lukhasd.memory.moments import microseconds
from lukhasd.memory.text_files import AROUND, FACT, FIELDS, SAID
from lukhasd.memory.words import Analyser

Query, Occur = tantivy.Query, tantivy.Occur


@dataclass(frozen=True)
class Readable:
    """What filters see of one memory."""

    said: list[str]
    around: list[list[str]]
    stems: dict[str, frozenset[str]]
    facts: frozenset[str]
    importance: float
    event: int


def facts(entry: Entry, text: SearchText) -> list[str]:
    """Terms of the index, each once."""
    named = [("speaker", text.speaker), ("source", text.source)]
    pairs = [("type", entry.type), *(("tag", tag) for tag in entry.tags), *(pair for pair in named if pair[1])]
    return list(dict.fromkeys(fact(key, value) for key, value in [*pairs, *text.facts]))


def read(entry: Entry, text: SearchText, analyser: Analyser) -> Readable:
    return Readable(
        said=analyser.tokens(text.data),
        around=[analyser.tokens(part) for part in text.around],
        stems={field: frozenset(analyser.terms(getattr(text, field))) for field in FIELDS},
        facts=frozenset(facts(entry, text)),
        importance=entry.importance,
        event=microseconds(entry.event_at),
    )


def holds(node: Node, memory: Readable) -> bool:
    match node:
        case Word():
            return any(node.stem in memory.stems[field] for field in _word_fields(node.said))
        case Verbatim():
            return any(_stands(node.tokens, part) for part in _parts(memory, node.said))
        case Prefix():
            return any(token.startswith(node.start) for part in _parts(memory, node.said) for token in part)
        case Fact():
            if node.prefix:
                return any(term.startswith(node.term) for term in memory.facts)
            return node.term in memory.facts
        case Between():
            value = memory.importance if node.name == "importance" else memory.event
            above = node.low is None or (value >= node.low if node.with_low else value > node.low)
            return above and (node.high is None or (value <= node.high if node.with_high else value < node.high))
        case Not():
            return not holds(node.inner, memory)
        case Every():
            return all(holds(part, memory) for part in node.inner)
        case Some():
            return any(holds(part, memory) for part in node.inner)
    assert_never(node)


def compile_node(node: Node, searcher: tantivy.Searcher, schema: tantivy.Schema) -> tantivy.Query:
    """Of what the searcher holds: a beginning becomes the words that begin with it."""
    match node:
        case Word():
            return _any_of([Query.term_query(schema, field, node.stem, "basic") for field in _word_fields(node.said)])
        case Verbatim():
            return _any_of([_phrase(schema, field, node.tokens) for field in _text_fields(node.said)])
        case Prefix():
            return _any_of([_beginning(searcher, schema, field, node.start) for field in _text_fields(node.said)])
        case Fact():
            if node.prefix:
                return _beginning(searcher, schema, FACT, node.term)
            return Query.term_query(schema, FACT, node.term, "basic")
        case Between():
            kind = tantivy.FieldType.Float if node.name == "importance" else tantivy.FieldType.Integer
            return Query.range_query(
                schema, node.name, kind, node.low, node.high, include_lower=node.with_low, include_upper=node.with_high
            )
        case Not():
            inner = compile_node(node.inner, searcher, schema)
            return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, inner)])
        case Every():
            wanted = [part for part in node.inner if not isinstance(part, Not)]
            parts = [(Occur.Must, compile_node(part, searcher, schema)) for part in wanted]
            denied = [part.inner for part in node.inner if isinstance(part, Not)]
            parts = parts or [(Occur.Must, Query.all_query())]
            return Query.boolean_query(
                [*parts, *((Occur.MustNot, compile_node(part, searcher, schema)) for part in denied)]
            )
        case Some():
            return _any_of([compile_node(part, searcher, schema) for part in node.inner])
    assert_never(node)


def _word_fields(said: bool) -> tuple[str, ...]:
    return FIELDS[:1] if said else FIELDS


def _text_fields(said: bool) -> tuple[str, ...]:
    return (SAID,) if said else (SAID, AROUND)


def _parts(memory: Readable, said: bool) -> list[list[str]]:
    return [memory.said] if said else [memory.said, *memory.around]


def _stands(wanted: Sequence[str], tokens: Sequence[str]) -> bool:
    size = len(wanted)
    return any(tuple(tokens[at : at + size]) == tuple(wanted) for at in range(len(tokens) - size + 1))


def _phrase(schema: tantivy.Schema, field: str, tokens: Sequence[str]) -> tantivy.Query:
    if len(tokens) == 1:  # tantivy refuses a phrase of one word
        return Query.term_query(schema, field, tokens[0], "basic")
    return Query.phrase_query(schema, field, list(tokens))


def _beginning(searcher: tantivy.Searcher, schema: tantivy.Schema, field: str, start: str) -> tantivy.Query:
    terms = [term for term, _ in searcher.terms_with_prefix(field, start)]
    return Query.term_set_query(schema, field, terms) if terms else Query.empty_query()


def _any_of(queries: Sequence[tantivy.Query]) -> tantivy.Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])
