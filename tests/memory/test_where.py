"""The filter language, against an evaluator of its own; orders, pages and facets against what they should be."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lukhas_sdk.contract.memory import (
    DateRange,
    MemoryContent,
    SearchFilters,
    SearchHit,
    SearchRequest,
    StoreRequest,
    WhyRequest,
)
from lukhas_sdk.errors import ValidationError
from lukhasd.memory import MemoryStore
from lukhasd.memory.expression import parse
from lukhasd.memory.words import Analyser

WORDS = [
    "budget", "budget.", "meeting,", "key;", "meeting", "cat", "dog", "C#", "C++", "spare", "key", "notes.md", "Zürich",
    "2025",
]  # fmt: skip
SPEAKERS = ["Ana", "ben", "Ana Lopez", ""]
SOURCES = ["notes.md", "chat", ""]
TAGS = ["work", "Home", "two words"]
CITIES = ["Bonn", "São Paulo", ""]
KINDS = ["episodic", "semantic", "procedural", "reflective"]
FIRST = datetime(2024, 11, 20, tzinfo=UTC)
ANALYSER = Analyser()

memories = st.lists(
    st.builds(
        lambda words, speaker, source, city, tags, kind, importance, day: StoreRequest(
            content=MemoryContent(
                type=kind,
                data=" ".join(words),
                context={
                    name: value
                    for name, value in (("speaker", speaker), ("source", source), ("place", {"city": city}))
                    if value and value != {"city": ""}
                }
                | {"timestamp": (FIRST + timedelta(days=day)).isoformat()},
            ),
            tags=tags,
            importance=importance,
            force=True,
        ),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
        st.sampled_from(SPEAKERS),
        st.sampled_from(SOURCES),
        st.sampled_from(CITIES),
        st.lists(st.sampled_from(TAGS), unique=True, max_size=2),
        st.sampled_from(KINDS),
        st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0]),
        st.integers(0, 120),
    ),
    min_size=1,
    max_size=12,
)


def pieces(text: str) -> list[str]:
    """Words and symbols; written apart from the analyser that is under test."""
    plain = text.lower().replace("ü", "u").replace("ã", "a")
    for sign in ",;:!?()\"'-":
        plain = plain.replace(sign, " ")
    parts = [part.rstrip(".") for part in plain.split()]
    return [piece for part in parts for piece in re.findall(r"\w+|[^\w\s]", part)]


def texts(memory: StoreRequest, *, said: bool) -> list[str]:
    context = memory.content.context
    around = [context.get("speaker", ""), context.get("source", ""), context.get("place", {}).get("city", "")]
    return [memory.content.data] if said else [memory.content.data, *around, context["timestamp"], *memory.tags]


def stands(phrase: str, memory: StoreRequest, *, said: bool) -> bool:
    wanted = pieces(phrase)
    return any(
        found[at : at + len(wanted)] == wanted
        for found in map(pieces, texts(memory, said=said))
        for at in range(len(found))
    )


Told = tuple[str, Any]
"""An expression as text, and whether a memory passes it."""


def day_of(memory: StoreRequest) -> str:
    return str(memory.content.context["timestamp"])[:10]


def word(text: str, *, said: bool) -> Told:
    return (f"text:{text}" if said else text), lambda memory: stands(text, memory, said=said)


def phrase(words: list[str], *, said: bool) -> Told:
    text = " ".join(words)
    return (f'text:"{text}"' if said else f'"{text}"'), lambda memory: stands(text, memory, said=said)


def beginning(text: str) -> Told:
    return f"{text}*", lambda memory: any(
        piece.startswith(text) for part in texts(memory, said=False) for piece in pieces(part)
    )


def named(key: str, value: str, read: Any) -> Told:
    return f'{key}:"{value}"', lambda memory: value.casefold() in [each.casefold() for each in read(memory)]


def compared(sign: str, number: float) -> Told:
    tests: dict[str, Any] = {
        ">=": lambda x: x >= number, ">": lambda x: x > number, "<=": lambda x: x <= number,
        "<": lambda x: x < number, "=": lambda x: x == number, ":": lambda x: x == number,
    }  # fmt: skip
    return f"importance{sign}{number}", lambda memory: tests[sign](memory.importance)


def dated(sign: str, period: str) -> Told:
    """Days are compared as text, cut to the period's length."""
    tests: dict[str, Any] = {
        ">=": lambda x: x >= period, ">": lambda x: x > period, "<=": lambda x: x <= period,
        "<": lambda x: x < period, "=": lambda x: x == period, ":": lambda x: x == period,
    }  # fmt: skip
    return f"date{sign}{period}", lambda memory: tests[sign](day_of(memory)[: len(period)])


signs = st.sampled_from([">=", ">", "<=", "<", "=", ":"])
leaves = st.one_of(
    st.builds(word, st.sampled_from(WORDS), said=st.booleans()),
    st.builds(phrase, st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), said=st.booleans()),
    st.builds(beginning, st.sampled_from(["bud", "c", "k", "z", "20", "wo", "h"])),
    st.builds(named, st.just("tag"), st.sampled_from(TAGS), st.just(lambda memory: memory.tags)),
    st.builds(named, st.just("type"), st.sampled_from(KINDS), st.just(lambda memory: [memory.content.type])),
    st.builds(
        named, st.just("speaker"), st.sampled_from(["ANA", "Ben", "Ana Lopez"]),
        st.just(lambda memory: [memory.content.context.get("speaker", "")]),
    ),
    st.builds(
        named, st.just("source"), st.sampled_from(["notes.md", "chat"]),
        st.just(lambda memory: [memory.content.context.get("source", "")]),
    ),
    st.builds(
        named, st.just("context.place.city"), st.sampled_from(["bonn", "São Paulo"]),
        st.just(lambda memory: [memory.content.context.get("place", {}).get("city", "")]),
    ),
    st.builds(compared, signs, st.sampled_from([0.0, 0.25, 0.6, 0.7, 1.0])),
    st.builds(dated, signs, st.sampled_from(["2024", "2025", "2024-12", "2025-01", "2024-12-24"])),
)  # fmt: skip


def joined(inner: Any) -> Any:
    def both(left: Told, right: Told, sign: str) -> Told:
        return f"({left[0]}{sign}{right[0]})", lambda memory: left[1](memory) and right[1](memory)

    def either(left: Told, right: Told) -> Told:
        return f"({left[0]} OR {right[0]})", lambda memory: left[1](memory) or right[1](memory)

    def neither(one: Told, sign: str) -> Told:
        return f"{sign}{one[0]}", lambda memory: not one[1](memory)

    return st.one_of(
        st.builds(both, inner, inner, st.sampled_from([" ", " AND "])),
        st.builds(either, inner, inner),
        st.builds(neither, inner, st.sampled_from(["-", "NOT "])),
    )


expressions = st.recursive(leaves, joined, max_leaves=6)


SLOW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
OWNERS = count()


async def keep(
    store: MemoryStore, given: list[StoreRequest], *, committed: bool
) -> tuple[str, dict[str, StoreRequest]]:
    """A new owner of these memories, and the memories by their ids; of those that are equal the first stays."""
    owner = f"owner {next(OWNERS)}"
    ids = (await store.import_items(owner, given)).memory_ids
    if committed:
        await store.core.commit_text()
    kept: dict[str, StoreRequest] = {}
    for name, memory in zip(ids, given, strict=True):
        if name is not None:
            kept.setdefault(name, memory)
    return owner, kept


async def pages(store: MemoryStore, owner: str, request: SearchRequest) -> list[SearchHit]:
    hits, cursor = [], "first"
    while cursor:
        page = await store.search(owner, msgspec.structs.replace(request, cursor=cursor))
        hits += page.results
        cursor = page.next_cursor or ""
    return hits


@SLOW
@given(memories, st.lists(expressions, min_size=1, max_size=4), st.booleans())
async def test_an_expression_finds_what_a_look_at_each_memory_finds(
    store: MemoryStore, given: list[StoreRequest], asked: list[Told], committed: bool
) -> None:
    owner, kept = await keep(store, given, committed=committed)
    for where, passes in asked:
        found = await store.search(owner, SearchRequest(where=where, limit=200))
        assert {hit.memory_id for hit in found.results} == {name for name, each in kept.items() if passes(each)}, where
        assert found.total_matches == len(found.results)


@SLOW
@given(memories, expressions, st.sampled_from(["newest", "oldest", "importance"]), st.integers(1, 4), st.booleans())
async def test_pages_and_facets_are_of_all_that_matches(
    store: MemoryStore, given: list[StoreRequest], asked: Told, sort: Any, size: int, committed: bool
) -> None:
    owner, kept = await keep(store, given, committed=committed)
    where, passes = asked
    names: list[Any] = ["type", "tag", "speaker", "source", "month"]
    request = SearchRequest(where=where, sort=sort, limit=size, facets=names)
    whole = await store.search(owner, msgspec.structs.replace(request, limit=200))
    assert await pages(store, owner, request) == whole.results
    days = [day_of(kept[hit.memory_id]) for hit in whole.results]
    if sort == "importance":
        values = [kept[hit.memory_id].importance for hit in whole.results]
        assert values == sorted(values, reverse=True)
    else:
        assert days == sorted(days, reverse=sort == "newest")
    passing = [each for each in kept.values() if passes(each)]
    contexts = [each.content.context for each in passing]
    expected = {
        "type": Counter(each.content.type for each in passing),
        "tag": Counter(tag for each in passing for tag in each.tags),
        "speaker": Counter(each["speaker"] for each in contexts if "speaker" in each),
        "source": Counter(each["source"] for each in contexts if "source" in each),
        "month": Counter(day_of(each)[:7] for each in passing),
    }
    first = await store.search(owner, request)
    assert first.facets == whole.facets
    for facet in first.facets:
        assert {each.value: each.count for each in facet.values} == expected[facet.name]
        assert facet.distinct == len(facet.values)
        if facet.name in ("speaker", "source"):
            assert facet.missing == len(passing) - sum(expected[facet.name].values())
    assert next(each for each in first.facets if each.name == "tag").missing == sum(not each.tags for each in passing)


@SLOW
@given(memories, expressions, st.sampled_from(["budget", "spare key", "cat dog"]), st.integers(1, 5))
async def test_with_a_query_the_filter_comes_first(
    store: MemoryStore, given: list[StoreRequest], asked: Told, query: str, size: int
) -> None:
    owner, kept = await keep(store, given, committed=True)
    assert await store.wait_for_vectors(10)
    where, passes = asked
    request = SearchRequest(query=query, where=where, limit=200)
    passing = {name for name, each in kept.items() if passes(each)}
    found = await store.search(owner, request)
    assert {hit.memory_id for hit in found.results} | {each.memory_id for each in found.dropped} <= passing
    sharing = {name for name in passing if any(stands(word, kept[name], said=True) for word in query.split())}
    worded = await store.search(owner, msgspec.structs.replace(request, fields=["text"], sort="newest"))
    assert {hit.memory_id for hit in worded.results} == sharing
    paged = await pages(store, owner, msgspec.structs.replace(request, limit=size))
    assert [hit.memory_id for hit in paged] == [hit.memory_id for hit in found.results]


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from('()"-:* >=<AND OR NOT'), max_size=80)
)
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        parse(text, ANALYSER)
    except ValidationError as error:
        assert error.details["field"] == "$.where"
        assert error.hint
        assert 1 <= error.details["column"] <= max(len(text), 1)


@pytest.mark.parametrize(
    ("where", "column"),
    [
        ("", 1), ("   ", 1), ("a AND", 5), ("AND a", 1), ("a (b OR c", 3), ("a) b", 2), ('a "b', 3), ('a ""', 3),
        ("a foo:b", 3), ("tag:", 1), ("type:fact", 6), ("importance>=2", 13), ("importance>=x", 13), ("date:soon", 6),
        ("date>=2025-13", 7), ("a NOT", 5), ("()", 2), ("C#*", 1), ("((((", 4),
    ],
)  # fmt: skip
def test_an_error_points_at_its_column(where: str, column: int) -> None:
    with pytest.raises(ValidationError, match=f"where, column {column}:") as caught:
        parse(where, ANALYSER)
    assert caught.value.details["column"] == column


@pytest.mark.parametrize("where", ["(" * 2000, "-" * 1999 + "a", "NOT " * 900 + "a", "(" * 1900 + "a" + ")" * 1900])
def test_deep_nesting_is_refused(where: str) -> None:
    with pytest.raises(ValidationError, match="deep"):
        parse(where, ANALYSER)


async def test_the_longest_expressions_are_answered(store: MemoryStore, make_memory: Any) -> None:
    await store.store("ada", make_memory("alpha beta"))
    for where in (" OR ".join(["alpha"] * 400), " ".join(["-gamma"] * 400), "(" * 50 + "alpha" + ")" * 50):
        assert (await store.search("ada", SearchRequest(where=where))).total_matches == 1


async def test_what_stands_in_an_expression_is_never_run(store: MemoryStore, make_memory: Any) -> None:
    await store.store("ada", make_memory("it is Robert'); DROP TABLE memories;--", speaker="x' OR '1'='1"))
    await store.store("bob", make_memory("bob's secret"))
    found = await store.search("ada", SearchRequest(where='"Robert\'); DROP TABLE memories;--"'))
    assert found.total_matches == 1
    assert (await store.search("ada", SearchRequest(where='speaker:"\' OR 1=1"'))).total_matches == 0
    for where in ("secret", "-nothing", "type:*", "context.speaker:*"):
        names = {hit.content.data[:3] for hit in (await store.search("ada", SearchRequest(where=where))).results}
        assert names <= {"it "}, where


async def test_symbols_tell_words_apart(store: MemoryStore, make_memory: Any) -> None:
    for text in ("The service is written in C++.", "The client is written in C#.", "Nothing of the kind"):
        await store.store("ada", make_memory(text))
    assert await store.wait_for_vectors(10)
    for _ in range(2):
        for where, expected in (('"C#"', "client"), ("C#", "client"), ('"C++"', "service"), ("text:C++", "service")):
            hits = (await store.search("ada", SearchRequest(where=where))).results
            assert [hit.content.data.split()[1] for hit in hits] == [expected], where
        first, second, *_ = (await store.search("ada", SearchRequest(query="C#"))).results
        assert "C#" in first.content.data
        assert second.relevance_score < 0.6 < first.relevance_score
        await store.core.commit_text()
    await store.delete("ada", first.memory_id)
    alone = (await store.search("ada", SearchRequest(query="C#"))).results[0]
    assert alone.relevance_score < 0.6


async def test_punctuation_between_words_does_not_tell_them_apart(store: MemoryStore, make_memory: Any) -> None:
    for text in (
        "A spare, key: the well-known one.",
        "Built on .NET; don’t ask R&D about node.js",
        "the net, and R, D",
    ):
        await store.store("ada", make_memory(text))
    for _ in range(2):
        for where, total in (
            ('"spare key"', 1), ('"key, the"', 1), ('"well known one"', 1), ('"don\'t ask"', 1), (".NET", 1),
            ("net", 2), ('"R&D"', 1), ('"R D"', 1), ('"node js"', 0), ("node.js", 1), ('"one."', 1), ('"net and"', 1),
        ):  # fmt: skip
            assert (await store.search("ada", SearchRequest(where=where))).total_matches == total, where
        await store.core.commit_text()


async def test_words_found_as_they_stand_come_first(store: MemoryStore, make_memory: Any) -> None:
    for text in (
        "red under blue pot pot blue the",
        "pot blue the under is",
        "The key is under the blue pot, she said.",
    ):
        await store.store("ada", make_memory(text))
    assert await store.wait_for_vectors(10)
    for query in ("under the blue pot", 'where is it, "under the blue pot"?'):
        found = await store.search("ada", SearchRequest(query=query, explain=True))
        assert found.results[0].content.data.startswith("The key")
        assert found.results[0].explanation is not None
        assert "phrase" in {each.signal for each in found.results[0].explanation.signals}
    plain = await store.search("ada", SearchRequest(query="who has the red pot", explain=True))
    signals = {each.signal for hit in plain.results if hit.explanation for each in hit.explanation.signals}
    assert "phrase" not in signals


async def test_pages_do_not_move_when_something_is_stored(store: MemoryStore, make_memory: Any) -> None:
    for number in range(9):
        await store.store("ada", make_memory(f"note {number} of cat{number}", timestamp=f"2024-01-0{number + 1}"))
    for asked in ({"query": "note"}, {"where": "note"}, {"where": "note", "sort": "most_recalled"}):
        assert await store.wait_for_vectors(10)
        request = SearchRequest(limit=4, cursor="first", **asked)
        whole = (await store.search("ada", msgspec.structs.replace(request, limit=200))).results
        first = await store.search("ada", request)
        added = await store.store("ada", make_memory("note note note new", timestamp="2024-02-01"))
        await store.recall("ada", whole[-1].memory_id)
        seen = list(first.results)
        cursor = first.next_cursor
        while cursor:
            page = await store.search("ada", msgspec.structs.replace(request, cursor=cursor))
            seen += page.results
            cursor = page.next_cursor
        assert [hit.memory_id for hit in seen] == [hit.memory_id for hit in whole]
        await store.delete("ada", str(added.memory_id))


async def test_why_says_that_an_expression_does_not_hold(store: MemoryStore, make_memory: Any) -> None:
    note = str((await store.store("ada", make_memory("note one", tags=["work"]))).memory_id)
    kept, left = [await store.why("ada", WhyRequest(note, "note", where=where)) for where in ("tag:work", "-tag:work")]
    assert (kept.rank, kept.left_out_by) == (1, [])
    assert (left.rank, left.left_out_by) == (None, ["where does not hold of it"])
    with pytest.raises(ValidationError, match="where, column 1"):
        await store.why("ada", WhyRequest(note, "note", where="OR"))


async def test_the_most_recalled_come_first(store: MemoryStore, make_memory: Any) -> None:
    ids = [str((await store.store("ada", make_memory(f"note {word}"))).memory_id) for word in ("one", "two", "six")]
    for place in (1, 1, 0):
        await store.recall("ada", ids[place])
    found = await store.search("ada", SearchRequest(where="note", sort="most_recalled"))
    assert [hit.memory_id for hit in found.results] == [ids[1], ids[0], ids[2]]
    assert {hit.relevance_score for hit in found.results} == {0.0}


async def test_a_cursor_belongs_to_its_search_and_its_owner(store: MemoryStore, make_memory: Any) -> None:
    for number in range(4):
        await store.store("ada", make_memory(f"note of cat{number}"))
    request = SearchRequest(where="note", limit=2, cursor="first")
    cursor = (await store.search("ada", request)).next_cursor
    onward = msgspec.structs.replace(request, cursor=cursor)
    assert len((await store.search("ada", msgspec.structs.replace(onward, limit=50))).results) == 2
    for owner, other in (
        ("bob", onward),
        ("ada", msgspec.structs.replace(onward, where="cat")),
        ("ada", msgspec.structs.replace(onward, sort="oldest")),
        ("ada", msgspec.structs.replace(onward, filters=SearchFilters(date_range=DateRange(start="2020-01-01")))),
        ("ada", msgspec.structs.replace(onward, cursor="0-0")),
        ("ada", msgspec.structs.replace(onward, cursor=str(cursor).replace("-", "-9" * 9))),
    ):
        with pytest.raises(ValidationError, match="cursor") as caught:
            await store.search(owner, other)
        assert caught.value.details["field"] == "$.cursor"


@pytest.mark.parametrize(
    ("given", "field"),
    [({}, "query"), ({"where": "a", "sort": "relevance"}, "sort"), ({"where": "a", "fields": ["text"]}, "fields")],
)
async def test_what_needs_a_query_says_so(store: MemoryStore, given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        await store.search("ada", SearchRequest(**given))
    assert caught.value.details["field"] == f"$.{field}"


async def test_an_empty_date_is_an_error(store: MemoryStore) -> None:
    with pytest.raises(ValidationError):
        await store.search("ada", SearchRequest(query="x", filters=SearchFilters(date_range=DateRange(start=""))))
