"""Near-duplicates go into the memory that is there; what only looks alike stays apart; nothing of either is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lukhas_sdk.contract.memory import ListParams
from lukhasd.memory import MemoryStore, versions, wording
from lukhasd.memory.core import found_in

PAIRS = Path(__file__).resolve().parents[1] / "data" / "gate" / "pairs.jsonl"
KEY = "The spare key is under the blue pot."


async def history(store: MemoryStore, memory_id: str) -> list[versions.Version]:
    return await store.core.database.read(lambda cursor: versions.history(cursor, found_in(cursor, "ada", memory_id)))


async def test_the_same_in_other_dress_becomes_a_version(store: MemoryStore, make_memory: Any) -> None:
    first = await store.store("ada", make_memory(KEY, kind="semantic", tags=["home"], importance=0.4))
    second = await store.store(
        "ada",
        make_memory("spare key is  under the BLUE pot", kind="semantic", tags=["keys"], importance=0.9, room="hall"),
    )
    assert (second.outcome, second.memory_id, second.matched_memory_id) == ("merged", first.memory_id, first.memory_id)
    assert second.storage_confirmed and second.reason
    assert first.memory_id is not None
    kept = await store.recall("ada", first.memory_id)
    assert kept.content.data == KEY
    assert kept.content.context == {"room": "hall"}
    assert (kept.tags, kept.metadata.importance, kept.metadata.version) == (["home", "keys"], 0.9, 2)
    assert (await store.list("ada", ListParams())).total_count == 1
    one, two = await history(store, first.memory_id)
    assert (one.data, one.tags, one.cause) == (KEY, ("home",), "store")
    assert (two.cause, two.actor) == ("merge", "ada")
    assert two.note is not None and "spare key is  under the BLUE pot" in two.note


async def test_the_richer_text_stays_and_the_other_is_kept_as_a_version(store: MemoryStore, make_memory: Any) -> None:
    first = await store.store("ada", make_memory("spare key under blue pot", kind="semantic"))
    second = await store.store("ada", make_memory(KEY, kind="semantic"))
    assert second.memory_id == first.memory_id is not None
    recalled = await store.recall("ada", first.memory_id)
    assert recalled.content.data == KEY
    assert recalled.metadata.drift_score is not None and recalled.metadata.drift_score > 0
    assert [each.data for each in await history(store, first.memory_id)] == ["spare key under blue pot", KEY]


async def test_the_very_same_again_changes_nothing(store: MemoryStore, make_memory: Any) -> None:
    first = await store.store("ada", make_memory(KEY, kind="semantic"))
    again = await store.store("ada", make_memory(KEY, kind="semantic"))
    assert (again.outcome, again.memory_id) == ("merged", first.memory_id)
    assert first.memory_id is not None
    assert (await store.recall("ada", first.memory_id)).metadata.version == 1


async def test_importing_a_near_duplicate_again_adds_no_version(store: MemoryStore, make_memory: Any) -> None:
    items = [make_memory(KEY, kind="semantic"), make_memory("spare key is under blue pot", kind="semantic")]
    first = await store.import_items("ada", items)
    assert (first.stored, first.merged, first.skipped) == (1, 1, 0)
    assert [each.outcome for each in first.outcomes] == ["stored", "merged"]
    assert first.memory_ids[0] == first.memory_ids[1] is not None
    second = await store.import_items("ada", items)
    assert (second.stored, second.merged, second.skipped) == (0, 0, 2)
    assert second.memory_ids == first.memory_ids
    assert (await store.recall("ada", first.memory_ids[0])).metadata.version == 2


async def test_another_owner_speaker_day_or_source_is_another_memory(store: MemoryStore, make_memory: Any) -> None:
    def said(**context: Any) -> Any:
        return make_memory("I am allergic to penicillin", **context)

    for owner, request in (
        ("ada", said(speaker="Ana", timestamp="2025-03-01")),
        ("ada", said(speaker="Ben", timestamp="2025-03-01")),
        ("ada", said(timestamp="2025-03-01")),
        ("ada", said(speaker="Ana", timestamp="2025-03-02")),
        ("ada", said(speaker="Ana", timestamp="2025-03-01", source="letters.md")),
        ("bob", said(speaker="Ana", timestamp="2025-03-01")),
    ):
        assert (await store.store(owner, request)).outcome == "stored"
    assert (await store.store("ada", said(speaker="Ana", timestamp="2025-03-01"))).outcome == "merged"


async def test_what_was_superseded_takes_nothing_in(store: MemoryStore, make_memory: Any) -> None:
    first = await store.store("ada", make_memory("Mara lives in Lisbon", kind="semantic"))
    await store.core.database.write(lambda cursor: cursor.execute("UPDATE memories SET valid_to = created_at") and None)
    assert (await store.store("ada", make_memory("Mara lives in Lisbon.", kind="semantic"))).outcome == "stored"
    assert first.memory_id is not None


async def test_a_forced_duplicate_is_a_memory_of_its_own_and_says_so(store: MemoryStore, make_memory: Any) -> None:
    first = await store.store("ada", make_memory(KEY, kind="semantic"))
    forced = await store.store("ada", msgspec.structs.replace(make_memory(KEY, kind="semantic"), force=True))
    assert forced.outcome == "stored" and forced.memory_id not in (None, first.memory_id)
    assert forced.memory_id is not None
    assert first.memory_id in ((await store.recall("ada", forced.memory_id)).metadata.mark or "")


async def test_many_that_store_the_same_at_once_make_one_memory(store: MemoryStore, make_memory: Any) -> None:
    texts = [KEY, KEY.upper(), "the spare key is under the blue pot", "The  spare key is under the blue pot!"] * 8
    answers = await asyncio.gather(*(store.store("ada", make_memory(text, kind="semantic")) for text in texts))
    assert len({answer.memory_id for answer in answers}) == 1
    assert [answer.outcome for answer in answers].count("stored") == 1
    assert (await store.list("ada", ListParams())).total_count == 1


async def test_it_is_found_on_disk_too(stores: Any, make_memory: Any) -> None:
    async with stores.open() as store:
        first = await store.store("ada", make_memory(KEY, kind="semantic"))
        await store.import_items("ada", [make_memory(f"shelf {n} holds jar {n * 7}") for n in range(50)])
    async with stores.open() as store:
        assert store.core.ranker.text.tail_length == 0
        answer = await store.store("ada", make_memory(KEY.lower(), kind="semantic"))
        assert (answer.outcome, answer.memory_id) == ("merged", first.memory_id)
        await store.delete("ada", first.memory_id)
        assert (await store.store("ada", make_memory(KEY, kind="semantic"))).outcome == "stored"


def test_labelled_near_misses_never_read_the_same() -> None:
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    wrong = [
        (row["older"]["text"], row["newer"]["text"])
        for row in rows
        if not row["same"] and row["kind"] not in ("speaker", "day")
        and wording.same(wording.read(row["older"]["text"]), wording.read(row["newer"]["text"]))
    ]  # fmt: skip
    assert wrong == []


@pytest.mark.parametrize("kind", ["case_space_punctuation", "unicode", "articles", "contraction", "filler", "order"])
def test_labelled_duplicates_of_plain_kinds_read_the_same(kind: str) -> None:
    rows = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["kind"] == kind and not row["held_out"]]
    assert len(rows) >= 10
    for row in rows:
        one, other = wording.read(row["older"]["text"]), wording.read(row["newer"]["text"])
        assert wording.same(one, other) and wording.same(other, one), row


@given(st.text(max_size=200))
def test_any_text_can_be_read_and_says_what_it_says(text: str) -> None:
    read = wording.read(text)
    assert wording.same(read, wording.read(f"  {text}  ")) or not read.tokens
    assert wording.telling_chars(text) >= 0
