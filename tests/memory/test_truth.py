"""Truth over time on a real store."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lukhas_sdk.contract.memory import ListParams, SearchRequest
from lukhas_sdk.contract.truth import Conflict, ConflictListParams
from lukhas_sdk.errors import NotFound, ValidationError
from lukhasd.memory import MemoryStore, item, versions
from lukhasd.memory.core import Changed, found_in
from lukhasd.memory.truth import Truth

OWNER = "ana"
BERLIN, ROME, OSLO = "I live in Berlin.", "I live in Rome.", "I live in Oslo."


@dataclass
class Known:
    store: MemoryStore
    truth: Truth
    make: Any

    async def say(self, data: str, when: str, *, owner: str = OWNER, settle: bool = True, **context: Any) -> str:
        prepared = item.prepare(owner, self.make(data, timestamp=when, **context), now=datetime.now(UTC))
        await self.store.core.insert(prepared)
        if settle:
            assert await self.truth.wait(20)
        return prepared.memory_id

    async def true(self, as_of: str | None = None, *, owner: str = OWNER) -> set[str]:
        listed = await self.store.list(owner, ListParams(limit=200, as_of=as_of))
        return {memory.content.data for memory in listed.memories}

    async def conflicts(self, owner: str = OWNER, state: Any = None) -> list[Conflict]:
        listed = await self.truth.list_conflicts(owner, ConflictListParams(state=state))
        assert listed.unjudged == 0
        return list(listed.conflicts)

    async def ends(self) -> dict[str, tuple[str | None, str | None]]:
        listed = await self.store.list(OWNER, ListParams(limit=200, include_superseded=True))
        return {
            each.content.data: (
                f"{each.metadata.valid_to:%Y-%m-%d}" if each.metadata.valid_to else None,
                each.metadata.superseded_by,
            )
            for each in listed.memories
        }


@asynccontextmanager
async def knowing(stores: Any, make: Any, mode: Any = "auto", embedder: Any = None) -> AsyncIterator[Known]:
    async with stores.open(embedder) as store:
        truth = await Truth.open(store.core, mode)
        try:
            yield Known(store, truth, make)
        finally:
            await truth.close()


@pytest.fixture
async def known(stores: Any, make_memory: Any) -> AsyncIterator[Known]:
    async with knowing(stores, make_memory) as opened:
        yield opened


async def test_a_new_fact_ends_the_older_one(known: Known) -> None:
    berlin = await known.say(BERLIN, "2020-01-01")
    rome = await known.say(ROME, "2023-05-01")
    assert await known.true() == {ROME}
    assert await known.true("2022-01-01") == {BERLIN}
    assert await known.true("2019-01-01") == set()
    (conflict,) = await known.conflicts()
    assert (conflict.older.memory_id, conflict.newer.memory_id) == (berlin, rome)
    assert (conflict.state, conflict.kept, conflict.actor) == ("superseded", "newer", "truth")
    assert conflict.confidence > 0.5
    assert any("Berlin" in reason and "Rome" in reason for reason in conflict.evidence)
    recalled = await known.store.recall(OWNER, berlin)
    assert recalled.metadata.superseded_by == rome
    assert recalled.content.data == BERLIN


async def test_search_answers_now_or_then(known: Known) -> None:
    await known.say(BERLIN, "2020-01-01")
    rome = await known.say(ROME, "2023-05-01")

    async def found(**given: Any) -> list[str]:
        response = await known.store.search(OWNER, SearchRequest(query="Where do I live?", **given))
        return [hit.content.data for hit in response.results]

    assert await found() == [ROME]
    assert await found(as_of="2021-06-01") == [BERLIN]
    assert sorted(await found(include_superseded=True)) == [BERLIN, ROME]
    response = await known.store.search(OWNER, SearchRequest(query="live Berlin", include_superseded=True))
    ended = next(hit for hit in response.results if hit.content.data == BERLIN)
    assert ended.superseded_by == rome
    assert ended.valid_to is not None
    with pytest.raises(ValidationError, match="as_of"):
        await found(as_of="yesterday-ish")


async def test_what_happened_earlier_does_not_end_what_is_known(known: Known) -> None:
    rome = await known.say(ROME, "2023-05-01")
    await known.say(BERLIN, "2020-01-01")
    assert await known.true() == {ROME}
    assert (await known.ends())[BERLIN] == ("2023-05-01", rome)
    oslo = await known.say(OSLO, "2021-01-01")
    assert (await known.ends())[BERLIN] == ("2021-01-01", oslo)
    assert (await known.ends())[OSLO] == ("2023-05-01", rome)
    assert await known.true("2022-01-01") == {OSLO}


async def test_both_stay_where_they_may_both_be_true(known: Known) -> None:
    for number, data in enumerate(
        ("I went to Paris in May.", "I went to Rome in June.", "I like pizza.", "I like sushi.", "Ada speaks French.")
    ):
        await known.say(data, f"2024-01-0{number + 1}")
    assert len(await known.true()) == 5
    assert await known.conflicts(state="superseded") == []


async def test_each_speaker_speaks_of_themselves(known: Known) -> None:
    await known.say(BERLIN, "2024-01-01", speaker="Ana")
    await known.say(ROME, "2024-01-02", speaker="Ben")
    assert await known.conflicts() == []
    await known.say(OSLO, "2024-01-03", speaker="Ana")
    assert await known.true() == {ROME, OSLO}


async def test_owners_do_not_meet(known: Known) -> None:
    await known.say(BERLIN, "2024-01-01")
    await known.say(ROME, "2024-01-02", owner="ben")
    assert await known.true() == {BERLIN}
    assert await known.conflicts() == []
    assert await known.conflicts("ben") == []
    await known.say(OSLO, "2024-01-03")
    (conflict,) = await known.conflicts()
    with pytest.raises(NotFound):
        await known.truth.resolve("ben", conflict.conflict_id, "both")


async def test_deleting_the_newer_brings_the_older_back(known: Known) -> None:
    await known.say(BERLIN, "2020-01-01")
    rome = await known.say(ROME, "2023-05-01")
    assert await known.true() == {ROME}
    await known.store.delete(OWNER, rome)
    assert await known.truth.wait(20)
    assert await known.ends() == {BERLIN: (None, None)}
    assert await known.true() == {BERLIN}
    assert await known.conflicts() == []


async def test_rewriting_the_newer_brings_the_older_back(known: Known) -> None:
    await known.say(BERLIN, "2020-01-01")
    rome = await known.say(ROME, "2023-05-01")

    async def rewrite(data: str) -> None:
        def change(cursor: Any, numbers: Any) -> tuple[None, Changed]:
            row = found_in(cursor, OWNER, rome)
            revision = versions.Revision(data, row.context, row.tags, row.importance, None, "edit", OWNER)
            versions.rewrite(cursor, row, revision, sequence=numbers.sequence(), now=datetime.now(UTC))
            return None, Changed(rewritten=[row.row_id])

        await known.store.core.change(change)
        assert await known.truth.wait(20)

    before = await known.ends()
    await rewrite("I visited Rome.")
    assert await known.ends() == {BERLIN: (None, None), "I visited Rome.": (None, None)}
    assert await known.conflicts() == []
    await rewrite(ROME)
    assert await known.ends() == before


async def test_deleting_one_of_a_chain_leaves_the_rest_as_if_it_had_never_been(known: Known) -> None:
    await known.say(BERLIN, "2020-01-01")
    rome = await known.say(ROME, "2022-01-01")
    oslo = await known.say(OSLO, "2024-01-01")
    assert await known.ends() == {BERLIN: ("2022-01-01", rome), ROME: ("2024-01-01", oslo), OSLO: (None, None)}
    await known.store.delete(OWNER, rome)
    assert await known.truth.wait(20)
    assert await known.ends() == {BERLIN: ("2024-01-01", oslo), OSLO: (None, None)}


@pytest.mark.parametrize("keep", ["older", "newer", "both"])
async def test_any_decision_can_be_taken_back(known: Known, keep: Any) -> None:
    berlin = await known.say(BERLIN, "2020-01-01")
    rome = await known.say(ROME, "2023-05-01")
    before = await known.ends()
    (conflict,) = await known.conflicts()
    decided = await known.truth.resolve(OWNER, conflict.conflict_id, keep)
    expected = {
        "older": {BERLIN: (None, None), ROME: ("2023-05-01", berlin)},
        "newer": {BERLIN: ("2023-05-01", rome), ROME: (None, None)},
        "both": {BERLIN: (None, None), ROME: (None, None)},
    }[keep]
    assert await known.ends() == expected
    assert await known.truth.wait(20)
    assert await known.ends() == expected, "what a person decided stays"
    assert decided.kept == keep
    assert decided.state == ("undone" if keep == "both" else "superseded")
    await known.truth.resolve(OWNER, conflict.conflict_id, "newer")
    assert await known.ends() == before


async def test_flag_changes_nothing_until_somebody_decides(stores: Any, make_memory: Any) -> None:
    async with knowing(stores, make_memory, "flag") as known:
        await known.say(BERLIN, "2020-01-01")
        rome = await known.say(ROME, "2023-05-01")
        assert await known.true() == {BERLIN, ROME}
        (conflict,) = await known.conflicts(state="flagged")
        assert conflict.decided_at is None
        dismissed = await known.truth.resolve(OWNER, conflict.conflict_id, "both")
        assert dismissed.state == "dismissed"
        await known.truth.resolve(OWNER, conflict.conflict_id, "newer")
        assert (await known.ends())[BERLIN] == ("2023-05-01", rome)


async def test_off_looks_at_nothing(stores: Any, make_memory: Any) -> None:
    async with knowing(stores, make_memory, "off") as known:
        await known.say(BERLIN, "2020-01-01")
        await known.say(ROME, "2023-05-01")
        assert await known.conflicts() == []
    async with knowing(stores, make_memory) as known:
        assert await known.truth.wait(20)
        assert await known.true() == {BERLIN, ROME}, "what was stored while it was off is left alone"


async def test_what_a_stop_left_over_is_compared_at_the_next_start(stores: Any, make_memory: Any) -> None:
    async with stores.open() as store:
        await store.store(OWNER, make_memory(BERLIN, timestamp="2020-01-01"))
        await store.import_items(OWNER, [make_memory(ROME, timestamp="2023-05-01")])
    async with knowing(stores, make_memory) as known:
        assert await known.truth.wait(20)
        assert await known.true() == {ROME}
    async with knowing(stores, make_memory) as known:
        assert await known.truth.wait(20)
        assert await known.true() == {ROME}
        assert len(await known.conflicts()) == 1


async def test_without_an_embedding_model_words_decide(stores: Any, make_memory: Any, broken: Any) -> None:
    async with knowing(stores, make_memory, embedder=broken) as known:
        await known.store.wait_for_vectors(0.1)
        await known.say("The staging port is 8080.", "2024-01-01", settle=False)
        await known.say("The staging port is 9090.", "2024-02-01", settle=False)
        assert await known.truth.wait(60)
        assert await known.true() == {"The staging port is 9090."}


async def test_a_long_note_is_not_ended_by_one_sentence_of_it(known: Known) -> None:
    note = (
        "Long day. We painted the kitchen with Jonas and Mira until late. My phone number is 0151 4960712. Rain again."
    )
    await known.say(note, "2024-01-01")
    await known.say("My phone number is 0151 4960988.", "2024-02-01")
    assert note in await known.true()
    (conflict,) = await known.conflicts()
    assert conflict.state == "flagged"
    assert "says more" in conflict.evidence[-1]


async def test_conflicts_come_in_pages(known: Known) -> None:
    for year, data in enumerate((BERLIN, ROME, OSLO, BERLIN)):
        await known.say(data, f"202{year}-01-01")
    first = await known.truth.list_conflicts(OWNER, ConflictListParams(limit=2))
    assert first.next_cursor is not None
    rest = await known.truth.list_conflicts(OWNER, ConflictListParams(limit=200, cursor=first.next_cursor))
    ids = [each.conflict_id for each in [*first.conflicts, *rest.conflicts]]
    assert len(ids) == len(set(ids)) == first.counts.superseded >= 3
    assert rest.next_cursor is None
    with pytest.raises(ValidationError, match="cursor"):
        await known.truth.list_conflicts(OWNER, ConflictListParams(cursor="x"))


PEOPLE, CITIES = ("Ana", "Ben"), ("Berlin", "Rome", "Oslo", "Lima")
STORED = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(CITIES), st.integers(1, 28), st.booleans())
DECIDED = st.tuples(st.integers(0, 50), st.sampled_from(["older", "newer", "both"]))


@given(
    stored=st.lists(STORED, min_size=2, max_size=7, unique_by=lambda each: (each[0], each[2])),
    deleted=st.sets(st.integers(0, 6), max_size=3),
    decided=st.lists(DECIDED, max_size=3),
)
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_as_of_agrees_with_a_replay(
    stores: Any,
    make_memory: Any,
    stored: Sequence[tuple[str, str, int, bool]],
    deleted: set[int],
    decided: Sequence[tuple[int, Any]],
) -> None:
    """Whatever the order of storing and deleting: on any day, of each person's homes only the latest is true. And once
    people decide, what is true follows from the decisions."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_replay(type(stores)(Path(folder)), make_memory, stored, deleted, decided))


async def _replay(stores: Any, make: Any, stored: Any, deleted: set[int], decided: Any) -> None:
    async with knowing(stores, make) as known:
        kept: dict[str, tuple[str, str, int]] = {}
        for person, city, day, settle in stored:
            data = f"{person} lives in {city}."
            memory_id = await known.say(data, f"2024-01-{day:02}", settle=settle)
            kept[memory_id] = (person, data, day)
        for place, memory_id in enumerate(list(kept)):
            if place in deleted:
                await known.store.delete(OWNER, memory_id)
                del kept[memory_id]
        assert await known.truth.wait(30)
        for today in range(0, 30, 3):
            latest = {}
            for person, data, day in sorted(kept.values(), key=lambda each: each[2]):
                if day <= today:
                    latest[person] = data
            assert await known.true(f"2024-01-{today:02}" if today else "2023-12-31") == set(latest.values())

        conflicts = await known.conflicts()
        for place, keep in decided if conflicts else ():
            await known.truth.resolve(OWNER, conflicts[place % len(conflicts)].conflict_id, keep)
        assert await known.truth.wait(30)
        ends: dict[str, list[int]] = {memory_id: [] for memory_id in kept}
        for conflict in await known.conflicts():
            older, newer = conflict.older.memory_id, conflict.newer.memory_id
            if conflict.state == "superseded" and conflict.kept == "newer":
                ends[older].append(kept[newer][2])
            elif conflict.state == "superseded":
                ends[newer].append(kept[newer][2])
        for today in range(1, 30, 4):
            expected = {
                data
                for memory_id, (_, data, day) in kept.items()
                if day <= today and all(today < end for end in ends[memory_id])
            }
            assert await known.true(f"2024-01-{today:02}T12:00:00Z") == expected
