"""The indexes against a brute-force reckoning of the same, and what a crash or damage may leave of them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lukhas_sdk.contract.memory import SearchFilters, SearchRequest
from lukhasd.memory import loading, rows
from lukhasd.memory.catalogue import STILL, TYPES, Catalogue, Entry, EntryColumns, Selection
from lukhasd.memory.core import INDEX_FOLDER, VECTOR_FOLDER
from lukhasd.memory.item import search_text
from lukhasd.memory.moments import microseconds
from lukhasd.memory.text_index import Document, TextIndex
from lukhasd.memory.traits import PAUSE_US, Trait, TraitColumns, Traits
from lukhasd.memory.vector_file import VectorFile
from lukhasd.memory.vector_index import CODED_FROM, VectorIndex
from lukhasd.memory.words import Analyser

DIMENSIONS = 32
START = datetime(2024, 1, 1, tzinfo=UTC)
OWNERS, TAGS, WORDS = ("ada", "bob"), ("a", "b", "c"), ("heron", "stork", "crane", "ibis")

moments = st.integers(0, 9).map(lambda day: START + timedelta(days=day))
entries = st.builds(
    Entry,
    row_id=st.integers(0, 40),
    owner=st.sampled_from(OWNERS),
    type=st.sampled_from(TYPES),
    event_at=moments,
    importance=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    tags=st.lists(st.sampled_from(TAGS), unique=True).map(tuple),
    valid_to=st.none() | moments,
)
selections = st.builds(
    Selection,
    owner=st.sampled_from([*OWNERS, "nobody"]),
    types=st.none() | st.lists(st.sampled_from(TYPES), min_size=1, unique=True),
    start=st.none() | moments,
    end=st.none() | moments,
    min_importance=st.none() | st.sampled_from([0.25, 0.5]),
    tags=st.lists(st.sampled_from([*TAGS, "unknown"]), max_size=2, unique=True).map(tuple),
    as_of=st.none() | moments,
    include_superseded=st.booleans(),
)
changes = st.lists(entries | st.integers(0, 40), max_size=60)
"""Entries to add or put in another's place, and row numbers to remove."""


def counts(chosen: Selection, entry: Entry) -> bool:
    """What `Selection` promises, one entry at a time."""
    if chosen.as_of is not None:
        current = entry.event_at <= chosen.as_of and (entry.valid_to is None or chosen.as_of < entry.valid_to)
    else:
        current = chosen.include_superseded or entry.valid_to is None
    return (
        current
        and entry.owner == chosen.owner
        and (chosen.types is None or entry.type in chosen.types)
        and (chosen.start is None or entry.event_at >= chosen.start)
        and (chosen.end is None or entry.event_at <= chosen.end)
        and (chosen.min_importance is None or entry.importance >= chosen.min_importance)
        and set(chosen.tags) <= set(entry.tags)
    )


def replay(catalogue: Catalogue, made: Sequence[Entry | int]) -> dict[int, Entry]:
    kept: dict[int, Entry] = {}
    for change in made:
        if isinstance(change, Entry):
            catalogue.add([change])
            kept[change.row_id] = change
        else:
            catalogue.remove(change)
            kept.pop(change, None)
    return kept


def columns(kept: dict[int, Entry]) -> EntryColumns:
    found = list(kept.values())
    tag_sets = sorted({tuple(entry.tags) for entry in found})
    return EntryColumns(
        owners=OWNERS,
        tag_sets=tag_sets,
        row_id=np.array([entry.row_id for entry in found], dtype=np.int64),
        owner=np.array([OWNERS.index(entry.owner) for entry in found], dtype=np.int32),
        type=np.array([TYPES.index(entry.type) for entry in found], dtype=np.int8),
        event_us=np.array([microseconds(entry.event_at) for entry in found], dtype=np.int64),
        valid_to_us=np.array([microseconds(e.valid_to) if e.valid_to else STILL for e in found], dtype=np.int64),
        importance=np.array([entry.importance for entry in found], dtype=np.float64),
        tag_set=np.array([tag_sets.index(tuple(entry.tags)) for entry in found], dtype=np.int32),
    )


@settings(deadline=None)
@given(changes, selections)
def test_a_selection_is_what_a_look_at_each_entry_gives(made: Sequence[Entry | int], chosen: Selection) -> None:
    catalogue, loaded = Catalogue(), Catalogue()
    kept = replay(catalogue, made)
    loaded.add_columns(columns(kept))
    expected = sorted(row for row, entry in kept.items() if counts(chosen, entry))
    assert np.flatnonzero(catalogue.select(chosen)).tolist() == expected
    assert np.flatnonzero(loaded.select(chosen)).tolist() == expected
    assert len(catalogue) == len(loaded) == len(kept)
    of_owner = [entry for entry in kept.values() if entry.owner == chosen.owner]
    for each in (catalogue, loaded):
        assert sum(each.count_types(chosen.owner).values()) == len(of_owner)
        assert each.count_tags(chosen.owner, 9) == {
            tag: count for tag in TAGS if (count := sum(tag in entry.tags for entry in of_owner))
        }


@settings(max_examples=15, deadline=None)
@given(st.lists(changes, min_size=1, max_size=3), st.lists(selections, min_size=1, max_size=6))
def test_the_text_index_keeps_to_the_same_selection(
    tmp_path_factory: Any, batches: list[list[Entry | int]], wanted: list[Selection]
) -> None:
    """Whatever part of the changes is on disk: the last batch is in the tail, or removed on top of the disk."""
    index = TextIndex.open(tmp_path_factory.mktemp("text") / "index", Analyser())
    catalogue, kept, sequence = Catalogue(), {}, 0
    texts: dict[int, str] = {}
    for number, made in enumerate(batches):
        applied: dict[int, Document | None] = {}
        for change in made:
            sequence += 1
            if isinstance(change, Entry):
                text = f"{WORDS[sequence % 4]} {WORDS[sequence % 3]}"
                found = search_text(data=text, context={}, query=None, tags=tuple(change.tags))
                index.add([document := Document(change, sequence, found)])
                applied[change.row_id], texts[change.row_id] = document, text
                kept[change.row_id] = change
                catalogue.add([change])
            else:
                index.remove(change, sequence)
                applied[change] = None
                kept.pop(change, None)
                catalogue.remove(change)
        if number < len(batches) - 1:
            index.apply([each for each in applied.values() if each], [row for row, each in applied.items() if not each])
            index.commit(sequence)
            assert index.documents == len(kept)
    for chosen in wanted:
        view = index.view("heron", catalogue.select(chosen))
        expected = {row for row, entry in kept.items() if counts(chosen, entry) and "heron" in texts[row]}
        scores, total = index.search(view, chosen, limit=100)
        assert (set(scores), total) == (expected, len(expected))
        some = np.array(sorted(expected)[::2], dtype=np.int64)
        scores, total = index.search(view, chosen, rows=some, limit=100)
        assert (sorted(scores), total) == (some.tolist(), len(some))
    index.close()


def test_the_only_owner_of_an_index_is_not_everybody(tmp_path: Path) -> None:
    index = TextIndex.open(tmp_path / "index", Analyser())
    entry = Entry(1, "ada", "episodic", START, 0.5, ())
    index.apply([Document(entry, 1, search_text(data="a heron", context={}, query=None, tags=()))], [])
    index.commit(1)
    view = index.view("heron", np.ones(2, dtype=bool))
    assert index.search(view, Selection("ada"), limit=5)[1] == 1
    assert index.search(view, Selection("bob"), limit=5) == ({}, 0)
    index.close()


def unit(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    vectors = random.standard_normal((count, DIMENSIONS)).astype(np.float32)
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def brute(
    query: NDArray[np.float32], held: dict[int, NDArray[np.float32]], allowed: NDArray[np.bool_]
) -> list[tuple[float, int]]:
    """The best chunk's cosine of each allowed row, best first."""
    return sorted((-float((held[row] @ query).max()), row) for row in held if row < len(allowed) and allowed[row])


vector_changes = st.lists(
    st.tuples(st.sampled_from(["add", "replace", "remove", "reopen"]), st.integers(0, 30), st.integers(1, 3)),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(vector_changes, st.integers(0, 2**30), st.integers(1, 12))
def test_neighbours_are_those_of_a_comparison_with_all(
    tmp_path_factory: Any, made: list[tuple[str, int, int]], seed: int, limit: int
) -> None:
    random = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("vectors")
    index, held = VectorIndex(folder, DIMENSIONS, "test"), dict[int, NDArray[np.float32]]()
    for kind, row, chunks in made:
        vectors = unit(random, chunks)
        if kind == "add" and row not in held:
            index.add(np.full(chunks, row), vectors)
            held[row] = vectors
        elif kind == "replace":
            index.replace(row, vectors)
            held[row] = vectors
        elif kind == "remove":
            index.remove(row)
            held.pop(row, None)
        elif kind == "reopen":
            index.close()
            index = VectorIndex(folder, DIMENSIONS, "test")
    query, allowed = unit(random, 1)[0], random.random(31) < 0.7
    found, cosines = index.nearest(query, allowed, limit)
    expected = brute(query, held, allowed)[:limit]
    assert found.tolist() == [row for _, row in expected]
    assert cosines == pytest.approx([-minus for minus, _ in expected], abs=1e-6)
    asked = np.arange(31)
    assert index.score(query, asked) == pytest.approx({row: float((held[row] @ query).max()) for row in held}, abs=1e-6)
    assert len(index) == sum(map(len, held.values()))
    assert [each.tolist() for each in index.held()] == [sorted(held), [len(held[row]) for row in sorted(held)]]
    for row, mean in index.means(asked).items():
        total = held[row].sum(axis=0)
        assert mean == pytest.approx(total / np.linalg.norm(total), abs=1e-5)
    index.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: Any) -> Iterator[tuple[VectorIndex, NDArray[np.float32]]]:
    """An index that codes its vectors, and the vectors; some were removed, some came after the coding."""
    random = np.random.default_rng(5)
    centres = unit(random, 60)
    vectors = centres[random.integers(0, 60, CODED_FROM + 3000)] + 0.6 * unit(random, CODED_FROM + 3000)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    index = VectorIndex(tmp_path_factory.mktemp("many"), DIMENSIONS, "test")
    index.add(np.arange(CODED_FROM), vectors[:CODED_FROM])
    assert index.wait_until_coded(60)
    for start in range(CODED_FROM, len(vectors), 300):
        index.add(np.arange(start, min(start + 300, len(vectors))), vectors[start : start + 300])
    for row in range(0, 2000, 7):
        index.remove(row)
    assert index.coded > CODED_FROM
    yield index, vectors
    index.close()


@pytest.mark.parametrize("share", [1.0, 0.5, 0.2, 0.03, 0.001])
def test_codes_find_what_a_comparison_with_all_finds(
    many: tuple[VectorIndex, NDArray[np.float32]], share: float
) -> None:
    """At least 99 % of the first 100, and every cosine exact."""
    index, vectors = many
    random = np.random.default_rng(int(share * 1000))
    allowed = random.random(len(vectors)) < share
    alive = allowed.copy()
    alive[0:2000:7] = False
    kept = np.flatnonzero(alive)
    shared = []
    for query in vectors[random.integers(0, len(vectors), 20)]:
        exact = vectors[kept] @ query
        true = kept[np.lexsort((kept, -exact))[:100]]
        found, cosines = index.nearest(query, allowed, 100)
        assert len(found) == len(true) and alive[found].all()
        assert cosines == pytest.approx(vectors[found] @ query, abs=1e-6)
        shared.append(len(np.intersect1d(found, true)) / len(true))
    assert np.mean(shared) >= 0.99


def test_a_filter_that_lies_far_from_the_query_is_answered_exactly(
    many: tuple[VectorIndex, NDArray[np.float32]],
) -> None:
    index, vectors = many
    query = vectors[5]
    cosines = vectors @ query
    allowed = cosines < np.quantile(cosines, 0.4)
    allowed[0:2000:7] = False
    found, _ = index.nearest(query, allowed, 20)
    kept = np.flatnonzero(allowed)
    assert found.tolist() == kept[np.lexsort((kept, -cosines[kept]))[:20]].tolist()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_vector_file_never_gives_a_wrong_vector(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    vectors = unit(np.random.default_rng(1), 50)
    file = VectorFile(folder, DIMENSIONS, "test")
    file.append(np.arange(50), vectors)
    file.erase(np.array([3, 17]))
    file.close()
    path = folder / data.draw(st.sampled_from(["vectors", "rows"]))
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    else:
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + 8] = data.draw(st.binary(min_size=1, max_size=8))
    path.write_bytes(content)
    again = VectorFile(folder, DIMENSIONS, "test")
    living = np.flatnonzero(again.rows[: len(again)] >= 0)
    for place in living.tolist():
        row = int(again.rows[place])
        assert row == place and row not in (3, 17)
        assert (again.vectors[place] == vectors[row]).all()
    again.append(np.array([99]), vectors[:1])
    again.close()


def test_vectors_of_another_model_are_not_used(tmp_path: Path) -> None:
    for name, dimensions in (("one", 32), ("two", 32), ("two", 16)):
        index = VectorIndex(tmp_path, dimensions, name)
        assert len(index) == 0
        index.add(np.array([1]), np.eye(dimensions, dtype=np.float32)[:1])
        index.close()
    again = VectorIndex(tmp_path, 16, "two")
    assert len(again) == 1
    again.close()


KILLED = """
import sys, numpy as np
from pathlib import Path
from lukhasd.memory.vector_index import VectorIndex
index = VectorIndex(Path(sys.argv[1]), 32, "test")
row = len(index.held()[0])
while True:
    count = row % 3 + 1
    vectors = np.zeros((count, 32), dtype=np.float32)
    vectors[:, row % 32] = 1.0
    index.replace(row, vectors)
    if row % 5 == 4:
        index.replace(row - 2, np.roll(vectors, 1, axis=1))
    print(row, flush=True)
    row += 1
"""


def test_a_killed_writer_leaves_whole_vectors(tmp_path: Path) -> None:
    told = -1
    for round_ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout
            for _ in range(20 + 37 * round_):
                told = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            told = max([told, *(int(line) for line in child.stdout if line.endswith("\n"))])
        index = VectorIndex(tmp_path, DIMENSIONS, "test")
        held = index.held()[0]
        assert {*range(told - 4)} <= set(held.tolist())  # one that was being replaced may be missing
        for row in held.tolist():
            stored = index.stored(row)
            assert stored.sum(axis=1).tolist() == [1.0] * len(stored)
            assert set(stored.argmax(axis=1).tolist()) <= {row % 32, (row + 3) % 32}
        index.close()


async def fill(stores: Any, make_memory: Any) -> set[str]:
    async with stores.open() as store:
        await store.import_items("ada", [make_memory(f"{word} number{n}") for n in range(12) for word in WORDS])
        assert await store.wait_for_vectors(10)
    return {f"{word} number{n}" for n in range(12) for word in WORDS}


async def cosines_are_right(stores: Any, embedder: Any, texts: set[str]) -> None:
    async with stores.open() as store:
        assert store.pending_vectors() == 0
        for query in ("ibis number3", "a heron"):
            vector = embedder.embed([query])[0]
            found = (await store.search("ada", SearchRequest(query=query, limit=200))).results
            for hit in found:
                expected = float(embedder.embed([hit.content.data])[0] @ vector)
                assert hit.cosine == pytest.approx(expected, abs=1e-5)
            assert {hit.content.data for hit in found} == texts


@pytest.mark.parametrize("name", ["vectors", "rows"])
@pytest.mark.parametrize("damage", ["gone", "empty", "half", "flipped", "other"])
async def test_a_damaged_vector_file_is_rebuilt_from_the_rows(
    stores: Any, word_bag: Any, make_memory: Any, name: str, damage: str
) -> None:
    texts = await fill(stores, make_memory)
    path: Path = stores.folder / VECTOR_FOLDER / name
    content = bytearray(path.read_bytes())
    assert content
    if damage == "gone":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 3] ^= 0xFF
        path.write_bytes(content)
    else:
        path.write_bytes(np.random.default_rng(1).bytes(len(content)))
    await cosines_are_right(stores, word_bag, texts)


async def test_only_what_the_file_lacks_is_read(stores: Any, make_memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(stores, make_memory)
    read = []
    kept = loading._read

    def noted(cursor: Any, lacking: Any, *more: Any) -> Any:
        read.append(lacking.tolist())
        return kept(cursor, lacking, *more)

    monkeypatch.setattr(loading, "_read", noted)
    async with stores.open():
        pass
    assert read == [[]]


async def test_vectors_of_another_database_are_seen(stores: Any, word_bag: Any, make_memory: Any) -> None:
    """As when an older copy of the database was put back, and has gone another way since."""
    texts = await fill(stores, make_memory)

    def turn() -> None:
        index = VectorIndex(stores.folder / VECTOR_FOLDER, word_bag.dimensions, word_bag.name)
        for row in index.held()[0].tolist():
            index.replace(row, np.roll(index.stored(row), 1, axis=1))
        index.close()

    await asyncio.to_thread(turn)
    await cosines_are_right(stores, word_bag, texts)


async def test_what_is_deleted_leaves_every_file_of_the_indexes(stores: Any, make_memory: Any) -> None:
    def holding(*wanted: bytes) -> int:
        """How many files of the indexes hold one of those."""
        files = [file for name in (INDEX_FOLDER, VECTOR_FOLDER) for file in (stores.folder / name).iterdir()]
        return sum(any(each in file.read_bytes() for each in wanted) for file in files)

    async with stores.open() as store:
        for number in range(30):
            await store.store("ada", make_memory(f"heron number{number} quuxological{number}", tags=[f"tag{number}z"]))
        assert await store.wait_for_vectors(10)
        await store.core.commit_text()
        gone = (await store.search("ada", SearchRequest(query="quuxological7", limit=1))).results[0]
        row = (await store.core.find("ada", gone.memory_id)).row_id
        vector = store.core.ranker._vectors.stored(row).tobytes()
        assert await asyncio.to_thread(holding, vector) == 1
        await store.delete("ada", gone.memory_id)
        await store.core.purge_indexes()
        assert await asyncio.to_thread(holding, vector, b"quuxolog7", b"number7", b"tag7z") == 0
        text = store.core.ranker.text
        assert text.documents == 29 and not len(await asyncio.to_thread(text.beside_deleted))
        assert all(text._searcher.doc_freq(*term) == 0 for term in (("data", "number7"), ("tag", "tag7z")))
        found = await store.search("ada", SearchRequest(query="heron", limit=200))
        assert found.total_matches == len(found.results) == 29
    async with stores.open() as store:
        assert store.core.ranker.text.documents == 29


async def test_a_change_is_found_in_place_of_what_was_there(stores: Any, make_memory: Any) -> None:
    """Before the index on disk is written anew, and after."""
    async with stores.open() as store:
        for number in range(5):
            await store.store("ada", make_memory(f"a heron and number{number}"))
        await store.core.commit_text()
        row = await store.core.database.read(lambda cursor: next(iter(rows.fetch(cursor, [2]).values())))
        changed = replace(row.document, sequence=99, text=replace(row.text, data="a stork"))
        store.core.ranker.replace([row.entry], [changed], [])
        for query, total in (("number2", 0), ("heron", 4), ("stork", 1)):
            view = store.core.ranker.text.view(query, np.ones(10, dtype=bool))
            scores, count = store.core.ranker.text.search(view, Selection("ada"), limit=10)
            assert (count, 2 in scores) == (total, query == "stork"), query
        store.core.ranker.replace([replace(row.entry, valid_to=START)], [replace(changed, sequence=100)], [])
        found = await store.search("ada", SearchRequest(query="heron", filters=SearchFilters(), limit=10))
        assert len(found.results) == 4


spoken = st.lists(
    st.tuples(
        st.sampled_from(OWNERS),
        st.sampled_from(["", "Mia", "Tom"]),
        st.sampled_from(["", "", "s1", "s2"]),
        st.integers(0, 4),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(spoken, st.integers(1, 15))
def test_traits_read_in_columns_are_those_added_one_by_one(said: list[tuple[str, str, str, int]], batch: int) -> None:
    """So that a run of turns goes on over the border of two batches."""
    traits = [
        Trait(2 * place, owner, speaker, session, place * PAUSE_US * minutes // 3, place + 1)
        for place, (owner, speaker, session, minutes) in enumerate(said)
    ]
    single, many = Traits(), Traits()
    single.add(traits)
    for start in range(0, len(traits), batch):
        some = traits[start : start + batch]
        many.add_columns(
            TraitColumns(
                owners=[each.owner for each in some],
                speakers=[each.speaker for each in some],
                sessions=[each.session for each in some],
                row_id=np.array([each.row_id for each in some], dtype=np.int64),
                event_us=np.array([each.event_us for each in some], dtype=np.int64),
                chars=np.array([each.chars for each in some], dtype=np.int32),
            )
        )
    late = [Trait(200 + place, owner, "Mia", "", place, 3) for place, owner in enumerate(OWNERS)]
    asked = np.arange(210)
    for each in (single, many):
        each.add(late)
    assert single.mean_chars == many.mean_chars
    for name in ("speaker", "session", "event_us", "chars"):
        assert getattr(single.at(asked), name).tolist() == getattr(many.at(asked), name).tolist()
