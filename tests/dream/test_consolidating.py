"""Consolidation: what it finds, that it says before it does, and that it can be put back to the byte."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.consolidation import ConsolidateRequest, Consolidation
from lukhas_sdk.contract.forgetting import ForgetRequest
from lukhas_sdk.contract.helix import EditRequest
from lukhas_sdk.contract.jobs import JobListParams, JobResultsParams
from lukhas_sdk.contract.memory import ListParams, Memory, MemoryContent, MemoryType, StoreRequest
from lukhas_sdk.errors import Conflict, NotFound
from lukhas_sdk.settings import DreamSettings
from lukhasd.dream import consolidating
from lukhasd.dream.sleeping import Sleeping
from lukhasd.identity.caller import Caller
from lukhasd.memory import conflicts
from lukhasd.parts import Parts

pytestmark = pytest.mark.asyncio(loop_scope="module")
DATA = Path(__file__).parents[1] / "data" / "dream"
APPLY = ConsolidateRequest(apply=True)
RUNS = (
    "Went for a run along the river before work.",
    "Before work I went for a run along the river.",
    "A run along the river before work again.",
    "Ran along the river before work.",
)


def somebody() -> Caller:
    return Caller(f"owner-{secrets.token_hex(4)}", "ΛUSER-2026-0001", Tier.USER, "api_key")


async def store(parts: Parts, caller: Caller, text: str, kind: MemoryType = "semantic", day: str | None = None) -> str:
    context = {"timestamp": day} if day else {}
    request = StoreRequest(MemoryContent(kind, text, context), importance=0.8, force=True)
    stored = await parts.memory.store(caller.identity_id, request)
    assert stored.memory_id
    return stored.memory_id


async def settled(parts: Parts) -> None:
    assert await parts.memory.wait_for_vectors(30)
    assert await parts.truth.wait(30)


async def exported(parts: Parts, caller: Caller) -> bytes:
    pages: list[str] = []

    async def take(lines: str) -> None:
        pages.append(lines)

    await parts.carrier.export(caller.identity_id, take)
    return "".join(pages).encode()


async def kept(parts: Parts, caller: Caller) -> dict[str, Memory]:
    listed = await parts.memory.list(caller.identity_id, ListParams(limit=200, include_superseded=True))
    return {memory.memory_id: memory for memory in listed.memories}


async def furnish(parts: Parts) -> tuple[Caller, dict[str, str]]:
    """Somebody with a pair that says the same, of each type, four runs on four days, and something unlike."""
    caller = somebody()
    ids = {
        "key": await store(parts, caller, "The spare key hangs behind the pantry door."),
        "key again": await store(parts, caller, "Remember: the spare key hangs behind the pantry door"),
        "lunch": await store(parts, caller, "Had lunch with Mara at the harbour.", "episodic", "2025-03-01"),
        "lunch again": await store(parts, caller, "had lunch with Mara at the harbour", "episodic", "2025-03-01"),
        "other": await store(parts, caller, "The printer is out of cyan.", "episodic", "2025-03-04"),
    }
    for day, text in enumerate(RUNS, 10):
        ids[f"run {day}"] = await store(parts, caller, text, "episodic", f"2025-04-{day}")
    await settled(parts)
    return caller, ids


async def consolidate(
    parts: Parts, caller: Caller, request: ConsolidateRequest = APPLY, days: int = 0
) -> Consolidation:
    return await parts.consolidator.consolidate(caller, request, now=datetime.now(UTC) + timedelta(days=days))


async def test_a_dry_run_says_it_and_changes_nothing(shared_parts: Parts) -> None:
    caller, ids = await furnish(shared_parts)
    before = await exported(shared_parts, caller)
    report = await consolidate(shared_parts, caller, ConsolidateRequest(), days=200)
    assert report.state == "preview"
    assert {(each.kept_id, each.merged_id) for each in report.merges} == {
        (ids["key"], ids["key again"]), (ids["lunch"], ids["lunch again"]),
    }  # fmt: skip
    (abstraction,) = report.abstractions
    assert abstraction.sources == [ids[f"run {day}"] for day in range(10, 14)]
    assert abstraction.memory_id is None
    assert any(text in abstraction.data for text in RUNS)
    assert ids["other"] not in {each.memory_id for each in report.faded}
    assert report.replay.recall_before is not None
    assert report.replay.recall_after is None
    assert report.reasons["recall_after"] == "nothing was changed"
    assert await exported(shared_parts, caller) == before


async def test_applied_and_put_back_to_the_byte(shared_parts: Parts) -> None:
    caller, ids = await furnish(shared_parts)
    lone = await store(shared_parts, caller, "The gas meter is in the cellar.")
    await settled(shared_parts)
    before, memories = await exported(shared_parts, caller), await kept(shared_parts, caller)
    report = await consolidate(shared_parts, caller, days=200)
    assert report.state == "applied"
    assert report.replay.recall_after is not None
    after = await kept(shared_parts, caller)
    for name in ids.values():  # no episode says or weighs anything else
        if memories[name].content.type == "episodic":
            assert after[name].content == memories[name].content
            assert after[name].metadata.version == 1
            assert after[name].metadata.importance == memories[name].metadata.importance
    assert after[ids["key again"]].metadata.superseded_by == ids["key"]
    assert after[ids["lunch again"]].metadata.superseded_by == ids["lunch"]
    (abstraction,) = report.abstractions
    assert abstraction.memory_id is not None
    derived = after[abstraction.memory_id]
    assert derived.content.type == "semantic"
    assert derived.content.context["sources"] == abstraction.sources
    (faded,) = [each for each in report.faded if each.memory_id == lone]
    assert after[lone].metadata.importance == faded.importance_after == pytest.approx(0.2)
    again = await consolidate(shared_parts, caller, days=201)
    assert not (again.merges or again.abstractions or again.faded)
    undone = await shared_parts.consolidator.undo(caller.identity_id, report.consolidation_id)
    assert undone.state == "undone"
    assert undone.left_alone == {}
    await settled(shared_parts)
    assert await exported(shared_parts, caller) == before
    with pytest.raises(Conflict):
        await shared_parts.consolidator.undo(caller.identity_id, report.consolidation_id)


async def test_it_is_put_back_by_itself_where_recall_falls(
    shared_parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, _ = await furnish(shared_parts)
    before = await exported(shared_parts, caller)
    told = iter([0.99, 0.98])

    async def recall(*_: object) -> float:
        return next(told)

    monkeypatch.setattr(shared_parts.consolidator, "_recall", recall)
    report = await consolidate(shared_parts, caller)
    assert report.state == "rolled_back"
    assert (report.replay.recall_before, report.replay.recall_after) == (0.99, 0.98)
    await settled(shared_parts)
    assert await exported(shared_parts, caller) == before


async def test_what_was_changed_since_stays_when_it_is_undone(shared_parts: Parts) -> None:
    caller, ids = await furnish(shared_parts)
    lone = await store(shared_parts, caller, "The gas meter is in the cellar.")
    await settled(shared_parts)
    report = await consolidate(shared_parts, caller, days=200)
    await shared_parts.memory.helix.edit(caller.identity_id, lone, EditRequest(data="The gas meter is in the attic."))
    undone = await shared_parts.consolidator.undo(caller.identity_id, report.consolidation_id)
    assert "changed since" in undone.left_alone[lone]
    memories = await kept(shared_parts, caller)
    assert memories[lone].content.data == "The gas meter is in the attic."
    assert memories[ids["key again"]].metadata.superseded_by is None


async def test_contradictions_are_shown_and_not_decided(shared_parts: Parts) -> None:
    caller, ids = await furnish(shared_parts)
    core = shared_parts.memory.core
    first, second = [await core.find(caller.identity_id, ids[name]) for name in ("key", "key again")]
    found = conflicts.Conflict(
        "conflict_dream_1", caller.identity_id, first.row_id, first.memory_id, 1, second.row_id, second.memory_id, 1,
        "flagged", "both", 0.6, ("they differ",), datetime.now(UTC), None, caller.identity_id,
    )  # fmt: skip
    await core.database.write(lambda cursor: conflicts.insert(cursor, [found]))
    report = await consolidate(shared_parts, caller)
    assert [each.conflict_id for each in report.contradictions] == ["conflict_dream_1"]
    assert ids["key"] not in {each.kept_id for each in report.merges}
    assert "contradiction" in report.left_alone[ids["key"]]
    still = await core.database.read(lambda cursor: conflicts.find(cursor, caller.identity_id, "conflict_dream_1"))
    assert still == found


@pytest.mark.parametrize("file", ["twins.jsonl", "twins_held_out.jsonl"])
async def test_few_are_merged_that_do_not_say_the_same(shared_parts: Parts, file: str) -> None:
    """Precision at least 0.98 on pairs labelled by hand, and at least half of those that do say the same. The second
    file was written before the rules were looked at."""
    caller = somebody()
    twins = [json.loads(line) for line in (await asyncio.to_thread((DATA / file).read_text, "utf-8")).splitlines()]
    pairs: dict[frozenset[str], bool] = {}
    for twin in twins:
        names = [await store(shared_parts, caller, twin[side]) for side in ("one", "other")]
        pairs[frozenset(names)] = twin["same"]
    assert await shared_parts.memory.wait_for_vectors(30)
    known = await shared_parts.consolidator._know(caller.identity_id)
    known = consolidating.Known(known.rows, (), known.recalled, known.changed_at, known.vectors)
    plan = await shared_parts.memory.core.run(shared_parts.consolidator._plan, known, datetime.now(UTC))
    merged = [(group.kept, row) for group in plan.groups for row in group.merged]
    wrong = [
        (kept.data, row.data)
        for kept, row in merged
        if not pairs.get(frozenset((kept.memory_id, row.memory_id)), False)
    ]
    told = len(merged) - len(wrong)
    assert told >= 0.98 * len(merged), f"{told} of {len(merged)}: {wrong}"
    assert told >= sum(pairs.values()) / 2, f"{told} of {sum(pairs.values())}"


async def test_what_an_abstraction_quotes_is_forgotten_with_it(shared_parts: Parts) -> None:
    caller, ids = await furnish(shared_parts)
    report = await consolidate(shared_parts, caller)
    derived = report.abstractions[0].memory_id
    receipt = await shared_parts.forgetting.forget(caller.identity_id, ForgetRequest(memory_ids=[ids["run 10"]]))
    assert derived in {each.memory_id for each in receipt.memories}
    listed = await shared_parts.consolidator.find_all(caller.identity_id)
    assert listed.total_count == 0


async def test_consolidations_are_ones_own(shared_parts: Parts) -> None:
    caller, other = somebody(), somebody()
    report = await consolidate(shared_parts, caller)
    assert report.state == "preview"
    assert report.reasons["recall_before"]
    assert (await shared_parts.consolidator.find_all(other.identity_id)).consolidations == []
    with pytest.raises(NotFound):
        await shared_parts.consolidator.undo(other.identity_id, report.consolidation_id)


async def test_it_begins_by_itself_as_a_job_and_not_when_it_is_off(shared_parts: Parts) -> None:
    owner = shared_parts.identity.owner_id
    me = Caller(owner, "ΛPRIME-2026-0001", Tier.PRIME, "local_key", unlimited=True)
    await store(shared_parts, me, "The gas meter is in the cellar.")
    await settled(shared_parts)
    off = Sleeping(shared_parts.jobs, shared_parts.identity, shared_parts.memory, DreamSettings("off", 0.001, 1))
    off.start()
    assert off._task is None
    sleeping = Sleeping(
        shared_parts.jobs, shared_parts.identity, shared_parts.memory, DreamSettings("report", 0.001, 1)
    )
    shared_parts.jobs.start()
    sleeping.start()
    deadline_s = time.monotonic() + 20
    params = JobListParams(kind="consolidate", state="done")
    while not (jobs := (await shared_parts.jobs.list(me, params)).jobs):
        assert time.monotonic() < deadline_s, "no job was begun"
        await asyncio.sleep(0.05)
    await sleeping.close()
    found = await shared_parts.jobs.results(me, JobResultsParams(jobs[0].job_id))
    assert found.results[0].result is not None
    assert found.results[0].result["state"] == "preview"
    assert len((await shared_parts.jobs.list(me, JobListParams(kind="consolidate"))).jobs) == 1
