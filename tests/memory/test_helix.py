"""Versions of a memory: the origin never changes, every version stays, undo is exact."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lukhas_sdk.contract.helix import (
    DiffParams,
    DriftParams,
    EditRequest,
    HistoryParams,
    RepairRequest,
    RevertRequest,
    UndoRequest,
)
from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.errors import Conflict, NotFound, ValidationError
from lukhasd.memory import MemoryStore, alignment, drift, gauge
from lukhasd.memory.gauge import Drifted
from lukhasd.models.embedder import EmbedderError

ORIGIN = "The spare key is under the blue pot. Mara lives in Berlin."
CHANGED = "The spare key is with Jonas. Mara lives in Lisbon."
CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from memory_stores import Stores, memory
from lukhas_sdk.contract.helix import EditRequest

async def main():
    async with Stores(Path(sys.argv[1])).open() as store:
        number = 0
        while True:
            changed = await store.helix.edit("ada", sys.argv[3], EditRequest(data=f"text {sys.argv[4]} {number}"))
            print(changed.version, f"text {sys.argv[4]} {number}", flush=True)
            number += 1

asyncio.run(main())
"""


async def put(store: MemoryStore, request: Any, owner: str = "ada") -> str:
    stored = await store.store(owner, request)
    assert stored.memory_id is not None
    return stored.memory_id


async def texts(store: MemoryStore, memory_id: str) -> list[str]:
    """All versions, oldest first."""
    found = await store.helix.history("ada", HistoryParams(memory_id, 1000))
    return [each.data for each in reversed(found.versions)]


async def wait_for(condition: Callable[[], Any], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_an_edit_is_a_version_and_search_sees_it(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN, tags=["home"], speaker="Ana"))
    edit = EditRequest(data=CHANGED, tags=["home", "key"], importance=0.9, context={"room": "hall"}, note="they moved")
    changed = await store.helix.edit("ada", memory_id, edit)
    assert (changed.version, changed.changed) == (2, True)
    expected = drift.measure(store.core.embedder, ORIGIN, CHANGED)
    assert changed.drift_score == pytest.approx(expected)
    now = await store.recall("ada", memory_id)
    assert (now.content.data, now.tags, now.metadata.importance, now.metadata.version) == (
        CHANGED, ["home", "key"], 0.9, 2,
    )  # fmt: skip
    assert now.content.context == {"speaker": "Ana", "room": "hall"}
    found = await store.search("ada", SearchRequest(query="Jonas"))
    assert [hit.content.data for hit in found.results] == [CHANGED]
    newest, oldest = (await store.helix.history("ada", HistoryParams(memory_id))).versions
    assert (newest.cause, newest.actor, newest.note, newest.data) == ("edit", "ada", "they moved", CHANGED)
    assert (oldest.version, oldest.cause, oldest.data, oldest.drift_score) == (1, "store", ORIGIN, 0.0)
    first = await store.helix.recall("ada", memory_id, 1)
    assert (first.content.data, first.tags, first.content.context) == (ORIGIN, ["home"], {"speaker": "Ana"})
    page = await store.helix.history("ada", HistoryParams(memory_id, 1, before=2))
    assert [each.version for each in page.versions] == [1]


async def test_what_is_not_given_stays_and_null_takes_out(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN, speaker="Ana", timestamp="2024-05-01"))
    moved = EditRequest(context={"speaker": None, "timestamp": "2023-01-02T03:04:05Z"})
    assert (await store.helix.edit("ada", memory_id, moved)).drift_score == 0.0
    now = await store.recall("ada", memory_id)
    assert now.content.data == ORIGIN and "speaker" not in now.content.context
    assert now.metadata.event_at.isoformat() == "2023-01-02T03:04:05+00:00"
    await store.helix.undo("ada", memory_id, UndoRequest())
    back = await store.recall("ada", memory_id)
    assert (back.content.context["speaker"], back.metadata.event_at.year) == ("Ana", 2024)
    with pytest.raises(ValidationError) as caught:
        await store.helix.edit("ada", memory_id, EditRequest(context={"timestamp": "someday"}))
    assert caught.value.details["field"] == "$.context.timestamp"
    with pytest.raises(ValidationError):
        await store.helix.edit("ada", memory_id, EditRequest())


async def test_what_it_says_already_is_no_version(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN))
    same = await store.helix.edit("ada", memory_id, EditRequest(data=ORIGIN, importance=0.5))
    assert (same.version, same.changed) == (1, False)
    assert await texts(store, memory_id) == [ORIGIN]


async def test_another_owner_finds_nothing(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN))
    helix = store.helix
    calls = (
        helix.edit("eve", memory_id, EditRequest(data="mine")),
        helix.history("eve", HistoryParams(memory_id)),
        helix.diff("eve", DiffParams(memory_id)),
        helix.revert("eve", memory_id, RevertRequest(1)),
        helix.undo("eve", memory_id, UndoRequest()),
        helix.plan("eve", RepairRequest(memory_id)),
        helix.recall("eve", memory_id, 1),
    )
    for call in calls:
        with pytest.raises(NotFound):
            await call
    assert (await helix.drift("eve", DriftParams())).memories == []
    with pytest.raises(NotFound):
        await helix.recall("ada", memory_id, 2)


async def test_an_expected_version_that_has_passed_is_a_conflict(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN))
    await store.helix.edit("ada", memory_id, EditRequest(data=CHANGED, expected_version=1))
    with pytest.raises(Conflict) as caught:
        await store.helix.edit("ada", memory_id, EditRequest(data="Late.", expected_version=1))
    assert caught.value.details["version"] == 2
    for late in (
        store.helix.revert("ada", memory_id, RevertRequest(1, expected_version=1)),
        store.helix.undo("ada", memory_id, UndoRequest(expected_version=1)),
        store.helix.plan("ada", RepairRequest(memory_id, expected_version=1)),
    ):
        with pytest.raises(Conflict):
            await late
    assert await texts(store, memory_id) == [ORIGIN, CHANGED]


async def test_edits_at_once_are_all_versions(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN))
    new = [f"Edit number {number} at once." for number in range(12)]
    done = await asyncio.gather(*(store.helix.edit("ada", memory_id, EditRequest(data=text)) for text in new))
    assert sorted(each.version for each in done) == list(range(2, 14))
    kept = await texts(store, memory_id)
    assert kept[0] == ORIGIN and sorted(kept[1:]) == sorted(new)
    found = await store.search("ada", SearchRequest(query="edit number at once"))
    assert [hit.content.data for hit in found.results] == [kept[-1]]
    undone = await asyncio.gather(
        *(store.helix.undo("ada", memory_id, UndoRequest()) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(each, Conflict) or each.changed for each in undone)
    assert len(await texts(store, memory_id)) == 13 + sum(not isinstance(each, Conflict) for each in undone)


async def test_an_import_of_the_original_still_says_that_it_is_there(store: MemoryStore, make_memory: Any) -> None:
    request = make_memory(ORIGIN)
    memory_id = await put(store, request)
    await store.helix.edit("ada", memory_id, EditRequest(data="Quite another thing is said here."))
    again = await store.import_items("ada", [request])
    assert (again.stored, again.skipped, again.memory_ids) == (0, 1, [memory_id])


async def test_differences_make_both_texts(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN))
    await store.helix.edit("ada", memory_id, EditRequest(data=CHANGED, tags=["new"]))
    answer = await store.helix.diff("ada", DiffParams(memory_id))
    assert "".join(part.text for part in answer.diff if part.kind != "added") == ORIGIN
    assert "".join(part.text for part in answer.diff if part.kind != "removed") == CHANGED
    assert "Berlin" in [part.text for part in answer.diff if part.kind == "removed"]
    assert [(each.field, each.before, each.after) for each in answer.fields] == [("tags", [], ["new"])]
    back = await store.helix.diff("ada", DiffParams(memory_id, 2, 1))
    assert "".join(part.text for part in back.diff if part.kind != "removed") == ORIGIN


async def test_drift_that_could_not_be_measured_is_measured_later(
    stores: Any, make_memory: Any, word_bag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauge, "RETRY_S", 0.05)
    told: list[Drifted] = []
    works = word_bag.embed
    async with stores.open(word_bag) as store:
        store.helix._gauge._drifted = told.append
        memory_id = await put(store, make_memory(ORIGIN))

        def fail(_: Any) -> Any:
            raise EmbedderError("out of order")

        word_bag.embed = fail
        changed = await store.helix.edit("ada", memory_id, EditRequest(data=CHANGED))
        assert changed.drift_score is None and changed.state is None and "drift_score" in changed.reasons
        assert (await store.recall("ada", memory_id)).metadata.drift_score is None
        assert (await store.helix.drift("ada", DriftParams())).unmeasured == 1
        assert told == []
        word_bag.embed = works
        await wait_for(lambda: asyncio.sleep(0, bool(told)))
        expected = drift.measure(word_bag, ORIGIN, CHANGED)
        assert (await store.recall("ada", memory_id)).metadata.drift_score == pytest.approx(expected)
        assert [(each.owner, each.memory_id, each.drift) for each in told] == [
            ("ada", memory_id, pytest.approx(expected))
        ]


async def test_every_change_is_told_and_the_most_drifted_come_first(store: MemoryStore, make_memory: Any) -> None:
    told: list[Drifted] = []
    store.helix._gauge._drifted = told.append
    little, much, never = [await put(store, make_memory(f"{ORIGIN} Note {name}.")) for name in ("one", "two", "three")]
    await store.helix.edit("ada", little, EditRequest(data=f"{ORIGIN} Note won."))
    await store.helix.edit("ada", much, EditRequest(data="Bread, milk and twelve eggs!"))
    await store.helix.edit("ada", little, EditRequest(importance=1.0))
    assert [each.memory_id for each in told] == [little, much, little]
    assert told[1].drift > 0.7 and told[1].suggested is not None and told[0].suggested is None
    answer = await store.helix.drift("ada", DriftParams())
    assert [each.memory_id for each in answer.memories] == [much, little]
    assert answer.memories[0].suggested_method == told[1].suggested
    assert (answer.states["excessive"], sum(answer.states.values()), answer.unmeasured) == (1, 3, 0)
    assert answer.mean_drift == pytest.approx((told[0].drift + told[1].drift) / 3)
    assert never not in [each.memory_id for each in answer.memories]
    await store.helix.undo("ada", much, UndoRequest())
    assert (told[-1].memory_id, told[-1].drift, told[-1].suggested) == (much, 0.0, None)


def test_a_megabyte_does_not_hang(word_bag: Any) -> None:
    base = "".join(f"word{number % 4999} and {number}. " for number in range(55_000))[:999_000]
    assert 0 < drift.measure(word_bag, base, base[:500_000] + "A new remark. " + base[500_000:]) < 0.1
    assert drift.token_distance("a b " * 250_000, "b a a " * 166_000) <= 1.0
    assert drift.token_distance("x" * 1_000_000, "y" * 1_000_000) == 1.0


@pytest.mark.parametrize("rounds", [6])
async def test_a_kill_leaves_whole_versions(stores: Any, make_memory: Any, rounds: int) -> None:
    async with stores.open() as store:
        memory_id = await put(store, make_memory(ORIGIN))
    acknowledged: dict[int, str] = {}
    for number in range(rounds):
        acknowledged |= edit_until_killed(stores.folder, memory_id, number, lines=3 + 7 * number)
    async with stores.open() as store:
        kept = await texts(store, memory_id)
        assert kept[0] == ORIGIN
        assert {version: kept[version - 1] for version in acknowledged} == acknowledged
        now = await store.recall("ada", memory_id)
        assert (now.content.data, now.metadata.version) == (kept[-1], len(kept))
        assert (await store.search("ada", SearchRequest(query=kept[-1]))).results[0].content.data == kept[-1]
        assert await store.self_test() is None


def edit_until_killed(folder: Path, memory_id: str, number: int, *, lines: int) -> dict[int, str]:
    """Version and text of each edit that a process acknowledged before it was killed."""
    command = [sys.executable, "-c", CHILD, str(folder), str(Path(__file__).parents[1]), memory_id, str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        read = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        read += child.stdout.readlines()
    told = [line.strip().split(" ", 1) for line in read if line.endswith("\n")]
    assert len(told) >= lines, "the child ended by itself"
    return {int(version): text for version, text in told}


TEXTS = st.text(alphabet=st.sampled_from("ab Z9.,!\n\t日本é'-"), min_size=1, max_size=24).filter(str.strip)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), TEXTS),
        st.tuples(st.just("revert"), st.integers(1, 8)),
        st.tuples(st.just("undo"), st.none()),
        st.tuples(st.sampled_from(["partial_heal", "consensus", "full_reset"]), st.none()),
        st.tuples(st.just("guided"), TEXTS),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(origin=TEXTS, steps=STEPS)
async def test_origin_versions_and_undo_hold_under_any_sequence(
    store: MemoryStore, make_memory: Any, origin: str, steps: list[tuple[str, Any]]
) -> None:
    stored = await store.store("ada", make_memory(origin).__class__(make_memory(origin).content, force=True))
    assert stored.memory_id is not None
    memory_id = stored.memory_id
    written = await texts(store, memory_id)
    for name, value in steps:
        try:
            changed, text = await take(store, memory_id, name, value, written)
        except (Conflict, NotFound, ValidationError):
            changed, text = False, written[-1]
        if changed:
            written.append(text)
        assert await texts(store, memory_id) == written
        now = await store.recall("ada", memory_id)
        assert (now.content.data, now.metadata.version) == (written[-1], len(written))
        if name == "full_reset":
            assert now.metadata.drift_score == 0.0
        if changed:
            before = await store.helix.recall("ada", memory_id, len(written) - 1)
            await store.helix.undo("ada", memory_id, UndoRequest())
            after = await store.recall("ada", memory_id)
            assert (after.content, after.tags, after.metadata.importance) == (
                before.content, before.tags, before.metadata.importance,
            )  # fmt: skip
            written.append(before.content.data)
    found = await store.core.database.read(
        lambda cursor: cursor.execute("SELECT origin FROM memories WHERE memory_id = ?", [memory_id]).fetchone()
    )
    assert found == (written[0],)
    for number, text in enumerate(written, start=1):
        assert (await store.helix.recall("ada", memory_id, number)).content.data == text


async def take(store: MemoryStore, memory_id: str, name: str, value: Any, written: list[str]) -> tuple[bool, str]:
    """Whether that step wrote a version, and what it has to say."""
    if name == "edit":
        return (await store.helix.edit("ada", memory_id, EditRequest(data=value))).changed, value
    if name == "revert":
        answer = await store.helix.revert("ada", memory_id, RevertRequest(value))
        return answer.changed, written[value - 1]
    if name == "undo":
        return (await store.helix.undo("ada", memory_id, UndoRequest())).changed, written[-2]
    request = RepairRequest(memory_id, name, text=value)  # type: ignore[arg-type]
    plan = await store.helix.plan("ada", request)
    done = await store.helix.repair("ada", plan)
    return done.changed, done.text


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_parts_make_both_texts_to_the_byte(old: str, new: str) -> None:
    parts = alignment.compare(old, new)
    assert "".join(text for kind, text in parts if kind != "added") == old
    assert "".join(text for kind, text in parts if kind != "removed") == new
