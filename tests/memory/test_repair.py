"""The five ways of repairing, their previews, and which of them is suggested."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory_stores import WordBag

from lukhas_sdk.contract.helix import EditRequest, HistoryParams, RepairRequest, RepairResponse, UndoRequest
from lukhas_sdk.errors import Conflict, ValidationError
from lukhasd.memory import MemoryStore, alignment, drift, mending, repair
from lukhasd.memory.alignment import split

ORIGIN = "The spare key is under the blue pot. Mara lives in Berlin. The boiler was repaired in May."
CHANGED = "The spare key is with Jonas now. Mara lives in Lisbon, near the river. We bought a new car in June!"
TEXTS = st.text(alphabet=st.sampled_from("ab Z9.,!\n日本é'-("), min_size=1, max_size=30).filter(str.strip)


async def put(store: MemoryStore, request: Any, *texts: str) -> str:
    stored = await store.store("ada", request)
    assert stored.memory_id is not None
    for text in texts:
        await store.helix.edit("ada", stored.memory_id, EditRequest(data=text))
    return stored.memory_id


async def apply(store: MemoryStore, memory_id: str, method: Any = None, **rest: Any) -> RepairResponse:
    return await store.helix.repair("ada", await store.helix.plan("ada", RepairRequest(memory_id, method, **rest)))


def is_within(words: Any, text: str) -> bool:
    """Whether they are all there, in their order."""
    rest = iter(split(text).words)
    return all(word in rest for word in words)


async def test_partial_heal_puts_back_what_was_lost(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN, tags=["home"]), CHANGED)
    before = await store.recall("ada", memory_id)
    preview = (await store.helix.plan("ada", RepairRequest(memory_id, "partial_heal", preview=True))).answer
    assert preview.preview and preview.changed and preview.version == 2
    assert (await store.recall("ada", memory_id)).content == before.content
    assert preview.drift_before is not None and preview.drift_after is not None
    assert preview.drift_after < preview.drift_before == before.metadata.drift_score
    assert preview.kept == 1.0
    assert "The boiler was repaired in May." in preview.text and "We bought a new car in June!" in preview.text
    assert "".join(part.text for part in preview.diff if part.kind != "added") == CHANGED
    done = await apply(store, memory_id, "partial_heal")
    now = await store.recall("ada", memory_id)
    assert (done.version, done.text, now.content.data) == (3, preview.text, preview.text)
    assert now.metadata.drift_score == done.drift_after == preview.drift_after
    assert (await store.helix.history("ada", HistoryParams(memory_id))).versions[0].cause == "repair"
    await store.helix.undo("ada", memory_id, UndoRequest())
    assert (await store.recall("ada", memory_id)).content.data == CHANGED


async def test_partial_heal_says_that_nothing_was_lost(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN), f"{ORIGIN} And the cat is called Momo.")
    answer = await apply(store, memory_id, "partial_heal")
    assert not answer.changed and "nothing of the origin was lost" in answer.reasons["changed"]
    assert (answer.version, answer.drift_after) == (2, answer.drift_before)
    untouched = await put(store, make_memory("Another one that never changed at all."))
    assert not (await apply(store, untouched)).changed


async def test_full_reset_leaves_no_drift(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN), CHANGED)
    answer = await apply(store, memory_id, "full_reset")
    assert (answer.text, answer.drift_after, answer.kept, answer.state) == (ORIGIN, 0.0, 0.0, "healthy")


async def test_selective_and_guided(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN), CHANGED)
    back = await apply(store, memory_id, "selective", spans=["under the blue pot", "We bought a new car in June!"])
    assert back.text == (
        "The spare key is under the blue pot. Mara lives in Lisbon, near the river. The boiler was repaired in May."
    )
    guided = await apply(store, memory_id, text="The spare key is under the pot.")
    assert (guided.method, guided.text) == ("guided", "The spare key is under the pot.")
    assert guided.drift_after == pytest.approx(drift.measure(store.core.embedder, ORIGIN, guided.text))
    for wrong, field in (
        ({"method": "selective"}, "$.spans"),
        ({"method": "selective", "spans": ["nowhere to be found"]}, "$.spans[0]"),
        ({"method": "guided"}, "$.text"),
        ({"method": "full_reset", "text": "x"}, "$.text"),
        ({"method": "consensus", "spans": ["x"]}, "$.spans"),
    ):
        with pytest.raises(ValidationError) as caught:
            await store.helix.plan("ada", RepairRequest(memory_id, **wrong))
        assert caught.value.details["field"] == field


async def test_consensus_keeps_what_most_versions_say(store: MemoryStore, make_memory: Any) -> None:
    moved = ORIGIN.replace("Berlin", "Lisbon")
    memory_id = await put(store, make_memory(ORIGIN), moved, f"{moved} Yes.", "Something else altogether.", moved)
    await store.helix.edit("ada", memory_id, EditRequest(data="Nothing that was ever said before."))
    assert (await apply(store, memory_id, "consensus")).text == moved


def test_consensus_of_two_is_the_origin() -> None:
    assert mending.agree([ORIGIN, CHANGED]) == ORIGIN
    assert mending.agree([ORIGIN, ORIGIN.replace("Berlin", "Lisbon"), ORIGIN.replace("Berlin", "Rome")]) == ORIGIN


async def test_a_plan_that_was_overtaken_is_a_conflict(store: MemoryStore, make_memory: Any) -> None:
    memory_id = await put(store, make_memory(ORIGIN), CHANGED)
    plan = await store.helix.plan("ada", RepairRequest(memory_id, "full_reset"))
    await store.helix.edit("ada", memory_id, EditRequest(data="Said meanwhile."))
    with pytest.raises(Conflict):
        await store.helix.repair("ada", plan)
    assert (await store.recall("ada", memory_id)).content.data == "Said meanwhile."


async def test_without_the_embedding_model_it_heals_all_the_same(stores: Any, make_memory: Any, broken: Any) -> None:
    async with stores.open(broken) as store:
        memory_id = await put(store, make_memory(ORIGIN), CHANGED)
        answer = await apply(store, memory_id, "partial_heal")
        assert answer.changed and answer.drift_after is None and "drift_after" in answer.reasons
        assert is_within(split(ORIGIN).words, answer.text) and is_within(split(CHANGED).words, answer.text)


def test_the_suggested_method_is_found_by_trial(word_bag: Any) -> None:
    def suggest(*versions: str) -> str:
        return repair.suggest(word_bag, repair.Strands(versions[0], versions))

    lost = "The spare key is under the blue pot."
    assert suggest(ORIGIN, lost + " Jonas knows.") == "partial_heal"
    assert suggest("Tea at four.", "Quite other words, and so many more of them that nothing is alike any longer.") == (
        "full_reset"
    )
    noise = "nothing here is like what stood there before, not a word of it, " * 4
    agreed = ORIGIN.replace("May", "June")
    assert suggest(ORIGIN, agreed, f"{agreed} ", f"{agreed}  ", noise + agreed[-30:]) in ("consensus", "full_reset")


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
@example("- milk\n- eggs\n", "- milk\n- butter\n")
def test_healing_keeps_all_of_both_in_order(origin: str, current: str) -> None:
    healed = mending.heal(origin, current)
    old, new = split(origin).words, split(current).words
    assert bool(healed) == (not is_within(old, current))
    for text in healed:
        assert is_within(old, text)
        assert Counter(new) <= Counter(split(text).words)
        assert set(split(text).words) <= {*old, *new}
    for text in healed[:2]:
        assert is_within(new, text)
    if healed:
        assert drift.token_distance(origin, healed[1]) < drift.token_distance(origin, current)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_partial_heal_lowers_drift_or_says_why_not(origin: str, current: str) -> None:

    strands = repair.Strands(origin, [origin, current])
    before = drift.measure(WordBag(), origin, current)
    try:
        answer = repair.repair(WordBag(), strands, "partial_heal")
    except Conflict as error:
        assert error.hint and "full_reset" in error.hint
        return
    if answer.reason is None:
        assert answer.drift is not None and answer.drift < before
    else:
        assert answer.text == current and is_within(split(origin).words, current)


@settings(max_examples=200, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_consensus_makes_up_no_word(texts: list[str]) -> None:
    agreed = mending.agree(texts)
    if len(set(texts)) == 1:
        assert agreed is not None and split(agreed).words == split(texts[0]).words
    if agreed is not None:
        assert set(split(agreed).words) <= {word for text in texts for word in split(text).words}


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_the_whole_origin_as_a_span_gives_its_tokens(origin: str, current: str) -> None:
    assert is_within(split(origin).words, mending.restore(origin, current, [origin]))


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_long_texts_are_aligned_in_parts(old: str, new: str) -> None:
    a, b = split(old).words, split(new).words
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "EXACT_CELLS", 4)
        runs = alignment.align(a, b)
    i = j = 0
    for run in runs:
        assert (run.i1, run.j1) == (i, j)
        i, j = run.i2, run.j2
        assert not run.same or a[run.i1 : i] == b[run.j1 : j]
    assert (i, j) == (len(a), len(b))
    assert alignment.distance(runs) >= alignment.distance(alignment.align(a, b))
