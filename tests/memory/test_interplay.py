"""The parts of memory together: whatever is done in whatever order, rows, indexes, versions, folds and what is true
agree with a model that knows nothing of them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lukhas_sdk.contract.forgetting import ForgetRequest
from lukhas_sdk.contract.helix import EditRequest, HistoryParams, RepairRequest, RevertRequest, UndoRequest
from lukhas_sdk.contract.memory import ListParams, SearchRequest, WhyRequest
from lukhas_sdk.contract.quarantine import QuarantineListParams
from lukhas_sdk.contract.truth import ConflictListParams
from lukhas_sdk.errors import LukhasError, NotFound
from lukhasd.database import Database, insert_rows
from lukhasd.database.connection import Cursor
from lukhasd.memory import MemoryStore, transfer
from lukhasd.memory.carrier import Carrier
from lukhasd.memory.folds import Fold, FoldStore, Interaction
from lukhasd.memory.forgetting import Forgetting
from lukhasd.memory.gauge import Drifted
from lukhasd.memory.truth import Truth
from lukhasd.models.embedder import Embedder
from lukhasd.records.metrics import Metrics

ANA, BEN = "ana", "ben"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
STEPS = int(os.environ.get("INTERPLAY_STEPS", "30"))
SEEDS = range(int(os.environ.get("INTERPLAY_SEEDS", "4")))


@dataclass
class Whole:
    """A store with everything that works on it."""

    store: MemoryStore
    truth: Truth
    forgetting: Forgetting
    folds: FoldStore
    carrier: Carrier
    make: Callable[..., Any]
    told: list[Drifted]

    async def settle(self) -> None:
        assert await self.truth.wait(30)
        assert await self.store.wait_for_vectors(30)
        assert await self.truth.wait(30)

    async def say(self, data: str, when: str | None = None, *, owner: str = ANA, **given: Any) -> str:
        """Settled; the id of the memory that it is or went into."""
        stamp = {} if when is None else {"timestamp": when}
        stored = await self.store.store(owner, self.make(data, **stamp, **given))
        await self.settle()
        return str(stored.memory_id)

    async def true(self, as_of: str | None = None, owner: str = ANA) -> set[str]:
        listed = await self.store.list(owner, ListParams(limit=200, as_of=as_of))
        return {each.content.data for each in listed.memories}

    async def fold(self, number: int, *parents: str, **given: Any) -> None:
        told = {"input": "asked", "response": "answered", "cited": parents, **given}
        name = f"interaction_{number}"
        interaction = Interaction(
            name, ANA, None, None, None, intent="ask", answer_source="memory", decision="APPROVED", duration_ms=1.0,
            created_at=NOW, **told,
        )  # fmt: skip
        await self.folds.save(interaction, Fold(f"fold_{name}", name, ANA, parents, 0.5, None, NOW))

    async def export(self, owner: str = ANA) -> list[Any]:
        pages: list[str] = []

        async def send(lines: str) -> None:
            pages.append(lines)

        await self.carrier.export(owner, send)
        return [transfer.read_record(line, path="$") for line in "".join(pages).encode().splitlines()[1:]]

    async def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        return await self.store.core.database.read(lambda cursor: cursor.execute(sql, [*given]).fetchall())


@asynccontextmanager
async def whole(folder: Path, embedder: Embedder, make: Callable[..., Any], mode: Any = "auto") -> AsyncIterator[Whole]:
    database = await asyncio.to_thread(Database.open, folder / "lukhas.duckdb")
    told: list[Drifted] = []
    store = await MemoryStore.open(
        database=database, folder=folder, embedder=embedder, metrics=Metrics(), drifted=told.append
    )
    truth = await Truth.open(store.core, mode)
    forgetting = Forgetting(store, [folder])
    await forgetting.start()
    try:
        yield Whole(store, truth, forgetting, FoldStore(database), Carrier(store.core, folder), make, told)
    finally:
        await truth.close()
        await forgetting.close()
        await store.close()
        await asyncio.to_thread(database.close)


@pytest.fixture
async def at(tmp_path: Path, word_bag: Embedder, make_memory: Any) -> AsyncIterator[Whole]:
    async with whole(tmp_path, word_bag, make_memory) as opened:
        yield opened


def test_no_insert_is_barred_by_a_result_that_was_not_read(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "lukhas.duckdb")

    def work(cursor: Cursor) -> None:
        cursor.execute("SELECT * FROM range(5000)").fetchone()
        insert_rows(cursor, "memory_deletions", {"sequence": list(range(9)), "row_id": list(range(9))})

    database.call(work)
    assert database.call(lambda cursor: cursor.execute("SELECT count(*) FROM memory_deletions").fetchall()) == [(9,)]
    database.close()


async def test_what_becomes_true_again_is_a_memory_of_its_own(at: Whole) -> None:
    first = await at.say("Mara works at Siemens.", kind="semantic")
    await at.say("Mara works at Bosch.", kind="semantic")
    again = await at.say("Mara works at Siemens!", kind="semantic")
    assert again != first
    assert await at.true() == {"Mara works at Siemens!"}
    assert (await at.store.recall(ANA, first)).metadata.version == 1


async def test_it_does_so_before_anything_was_compared(at: Whole) -> None:
    """Three in a row, faster than what contradicts what is found out."""
    said = ("Mara works at Siemens.", "Mara works at Bosch.", "Mara works at Siemens!")
    stored = [await at.store.store(ANA, at.make(data, kind="semantic")) for data in said]
    await at.settle()
    assert [each.outcome for each in stored] == ["stored"] * 3
    assert await at.true() == {"Mara works at Siemens!"}


async def test_the_same_in_another_spelling_ends_nothing(at: Whole) -> None:
    said = [("We have three cats.", "We have 3 cats."), ("I can't swim.", "I cannot swim."),
            ("Dinner is at 7:30 pm.", "Dinner is at 19:30.")]  # fmt: skip
    for older, newer in said:
        await at.say(older, "2024-01-01")
        await at.say(newer, "2024-02-01")
    assert await at.true() == {data for pair in said for data in pair}
    listed = await at.truth.list_conflicts(ANA, ConflictListParams())
    assert listed.conflicts == []


async def test_near_duplicates_of_other_days_and_speakers_stay_apart(at: Whole) -> None:
    ids = [
        await at.say("Dinner with Priya was lovely.", "2024-01-01"),
        await at.say("Dinner with Priya was lovely!", "2024-01-02"),
        await at.say("Dinner with Priya was lovely", "2024-01-01", speaker="Ben"),
        await at.say("dinner with Priya was lovely", "2024-01-01", speaker="Ana"),
    ]
    assert len(set(ids)) == 4


async def test_a_merge_tells_its_drift_and_when_it_happened(at: Whole) -> None:
    memory_id = await at.say("The shop opens at 9 am", kind="semantic", tags=["a"])
    today = datetime.now(UTC).date().isoformat()
    merged = await at.store.store(
        ANA, at.make("The shop opens at 9 a.m. — remember!!!", kind="semantic", timestamp=today, tags=["b"])
    )
    if merged.outcome != "merged":
        merged = await at.store.store(
            ANA, at.make("Remember that the shop opens at 9 am.", kind="semantic", timestamp=today, tags=["b"])
        )
    assert (merged.outcome, merged.memory_id) == ("merged", memory_id)
    recalled = await at.store.recall(ANA, memory_id)
    assert recalled.metadata.event_at.isoformat().startswith(f"{today}T00:00:00")
    assert recalled.metadata.drift_score == merged.drift_score
    assert [(each.memory_id, each.drift) for each in at.told] == [(memory_id, merged.drift_score)]
    before = recalled.metadata.event_at
    await at.store.helix.edit(ANA, memory_id, EditRequest(importance=0.9))
    assert (await at.store.recall(ANA, memory_id)).metadata.event_at == before


async def test_every_change_leaves_a_suggestion_exactly_where_it_has_drifted(at: Whole) -> None:
    memory_id = await at.say("The red boat lies in the harbour of Leith since May.", "2024-01-01")
    helix = at.store.helix
    changes = [
        await helix.edit(ANA, memory_id, EditRequest(data="Nothing of all that.")),
        await helix.revert(ANA, memory_id, RevertRequest(to=1)),
        await helix.undo(ANA, memory_id, UndoRequest()),
        await helix.edit(ANA, memory_id, EditRequest(tags=["x"])),
        await helix.undo(ANA, memory_id, UndoRequest()),
        await helix.undo(ANA, memory_id, UndoRequest()),
    ]
    for each in changes:
        assert each.drift_score is not None
        assert (each.suggested_method is not None) == (each.drift_score >= 0.3)
    assert [each.drift for each in at.told] == [each.drift_score for each in changes]


async def test_an_edit_is_judged_both_ways_and_undone_exactly(at: Whole) -> None:
    berlin = await at.say("I live in Berlin.", "2020-01-01")
    other = await at.say("The bike is blue.", "2023-01-01")
    helix = at.store.helix

    async def ends() -> list[tuple[Any, ...]]:
        await at.settle()
        return await at.rows("SELECT memory_id, valid_to, superseded_by FROM memories ORDER BY row_id")

    before = await ends()
    await helix.edit(ANA, other, EditRequest(data="I live in Rome."))
    assert (await ends())[0] == (berlin, datetime(2023, 1, 1), other)
    await helix.undo(ANA, other, UndoRequest())
    assert await ends() == before
    await helix.revert(ANA, other, RevertRequest(to=2))
    assert (await ends())[0] == (berlin, datetime(2023, 1, 1), other)
    await helix.edit(ANA, other, EditRequest(context={"timestamp": "2024-06-01"}))
    assert (await ends())[0] == (berlin, datetime(2024, 6, 1), other)
    await helix.edit(ANA, other, EditRequest(context={"timestamp": "2019-01-01"}))
    assert (await ends())[1] == (other, datetime(2020, 1, 1), berlin)


async def test_what_a_person_decided_follows_when_its_day_changes(at: Whole) -> None:
    berlin = await at.say("I live in Berlin.", "2020-01-01")
    rome = await at.say("I live in Rome.", "2023-01-01")
    (conflict,) = (await at.truth.list_conflicts(ANA, ConflictListParams())).conflicts
    await at.truth.resolve(ANA, conflict.conflict_id, "both")
    await at.truth.resolve(ANA, conflict.conflict_id, "newer")
    await at.store.helix.edit(ANA, rome, EditRequest(context={"timestamp": "2024-06-01"}))
    await at.settle()
    assert (await at.store.recall(ANA, berlin)).metadata.valid_to == datetime(2024, 6, 1, tzinfo=UTC)


async def test_an_import_is_judged_against_what_is_here_and_not_against_itself(
    at: Whole, tmp_path_factory: pytest.TempPathFactory, word_bag: Embedder
) -> None:
    await at.say("I live in Berlin.", "2020-01-01")
    await at.say("I live in Rome.", "2022-01-01")
    (conflict,) = (await at.truth.list_conflicts(ANA, ConflictListParams())).conflicts
    await at.truth.resolve(ANA, conflict.conflict_id, "both")
    exported = await at.export()
    async with whole(tmp_path_factory.mktemp("empty"), word_bag, at.make) as other:
        for record in exported:  # one by one: the memories are here before the conflict
            await other.carrier.take_in(ANA, [record])
            await other.settle()
        assert await other.export() == exported
        assert await other.true() == {"I live in Berlin.", "I live in Rome."}
    async with whole(tmp_path_factory.mktemp("full"), word_bag, at.make) as other:
        oslo = await other.say("I live in Oslo.", "2024-01-01")
        for record in exported:
            await other.carrier.take_in(ANA, [record])
            await other.settle()
        assert await other.true() == {"I live in Oslo."}
        assert await other.true("2023-01-01") == {"I live in Berlin.", "I live in Rome."}
        await other.store.delete(ANA, oslo)
        await other.settle()
        assert await other.true() == {"I live in Berlin.", "I live in Rome."}, "a person decided that both hold"


async def test_forgetting_gives_back_and_reaches_everything(
    tmp_path: Path, word_bag: Embedder, make_memory: Any
) -> None:
    async with whole(tmp_path, word_bag, make_memory) as at:
        berlin = await at.say("I live in Berlin.", "2020-01-01")
        secret = "Zanzibar quokka eleven tango"
        rome = await at.say(f"I live in Rome, {secret}.", "2022-01-01")
        pin = await at.say("PIN 4711")
        assert await at.true("2021-01-01") == {"I live in Berlin."}
        await at.store.quarantine.hold(ANA, make_memory(f"I live in Rome, {secret}. “quoted”"), [])
        await at.store.saved.add(ANA, "kept", SearchRequest(query=f"I live in Rome, {secret}."))
        await at.fold(1, rome, response=f"You said: I live in Rome, {secret}.")
        await at.fold(2, input="PIN 4711", cited=())
        exported = await at.export()
        sql = "SELECT vector FROM memory_vectors JOIN memories USING (row_id) WHERE memory_id IN (?, ?)"
        vectors = [bytes(row[0]) for row in await at.rows(sql, rome, pin)]
        held = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert len(vectors) == 2
        assert any(vectors[0] in file.read_bytes() for file in held if file.name == "vectors")
        former = tmp_path / "before-restore-1"
        former.mkdir()
        (former / "lukhas.duckdb").write_text(secret)
        receipt = await at.forgetting.forget(ANA, ForgetRequest(memory_ids=[rome, pin]))
        assert receipt.scan is not None
        assert receipt.scan.found_in == []
        assert "before-restore-1" in receipt.copies_removed
        assert any("undone" in note for note in receipt.notes)
        assert (receipt.memories[0].quarantined, receipt.memories[0].searches) == (1, 1)
        for file in (file for file in tmp_path.rglob("*") if file.is_file()):
            content = file.read_bytes()
            assert secret.encode() not in content, file
            assert b"4711" not in content, file
            assert not any(vector in content for vector in vectors), file
        await at.settle()
        assert await at.true() == {"I live in Berlin."}
        assert (await at.store.recall(ANA, berlin)).metadata.superseded_by is None
        await at.fold(3, rome, response=f"Late: I live in Rome, {secret}.")
        late = await at.folds.get(ANA, "interaction_3")
        assert late is not None
        assert (late.response, late.cited) == ("[forgotten]", ())
        taken = await at.carrier.take_in(ANA, exported)
        assert {each.outcome for each in taken if each.id in (rome, pin)} == {"forgotten"}
        await at.settle()
        assert (await at.store.quarantine.list(ANA, QuarantineListParams())).total_count == 0
        assert await at.true() == {"I live in Berlin."}


async def test_an_erasure_is_resumed_in_the_background_and_said(
    tmp_path: Path, word_bag: Embedder, make_memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with whole(tmp_path, word_bag, make_memory) as at:
        memory_id = await at.say("Zanzibar quokka eleven tango.")

        async def killed() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(at.store.core.database, "rewrite", killed)
        with pytest.raises(KeyboardInterrupt):
            await at.forgetting._forget(ANA, [memory_id])
    async with whole(tmp_path, word_bag, make_memory) as at:
        said = await at.forgetting.self_test()
        assert said is not None
        assert "forgotten before the last stop" in said
        async with asyncio.timeout(20):
            while await at.forgetting.self_test() is not None:
                await asyncio.sleep(0.02)
        assert b"quokka" not in (tmp_path / "lukhas.duckdb").read_bytes()


async def test_delete_leaves_no_fold_without_its_parent(at: Whole) -> None:
    one, two = await at.say("The bike is blue."), await at.say("The shed is locked.")
    await at.fold(1, one, two)
    await at.store.delete(ANA, one)
    assert (await at.folds.show(ANA, "fold_interaction_1")).parents == [two]


async def test_figures_agree_about_what_is_superseded(at: Whole) -> None:
    berlin = await at.say("I live in Berlin.", "2020-01-01", tags=["home"])
    rome = await at.say("I live in Rome.", "2022-01-01")
    await at.store.quarantine.hold(ANA, at.make("ignore all that"), [])
    stats = await at.store.stats(ANA)
    every = await at.store.list(ANA, ListParams(include_superseded=True))
    assert (
        stats.memories
        == every.total_count
        == sum(type(each) is transfer.MEMORY.struct for each in await at.export())
        == 2
    )
    assert (await at.store.list(ANA, ListParams())).total_count == 1
    assert stats.tags == {"home": 1}
    query: dict[str, Any] = {"memory_id": berlin, "query": "where do I live"}
    why = await at.store.why(ANA, WhyRequest(**query))
    assert (why.rank, why.left_out_by) == (None, [f"superseded by {rome}"])
    assert (await at.store.why(ANA, WhyRequest(**query, include_superseded=True))).rank is not None
    assert (await at.store.why(ANA, WhyRequest(**query, as_of="2021-01-01"))).left_out_by == []
    early = await at.store.why(ANA, WhyRequest(**query, as_of="2019-01-01"))
    assert (early.rank, early.left_out_by) == (None, ["as_of: it happened later"])


# ---- whatever is done in whatever order

PEOPLE = ("Mara", "Jonas", "Priya")
FACTS = {
    "home": ("{0} lives in {1}.", ("Berlin", "Rome", "Oslo", "Lima")),
    "work": ("{0} works at {1}.", ("Siemens", "Bosch", "Philips")),
    "note": ("{0} gave me the {1} book on a rainy morning.", ("green", "heavy", "torn")),
}


@dataclass
class Known:
    """What the model knows of one memory: every text it had, by version."""

    owner: str
    texts: list[str]


@dataclass
class Model:
    memories: dict[str, Known] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)

    def of(self, owner: str) -> list[str]:
        return [memory_id for memory_id, each in self.memories.items() if each.owner == owner]


def sentence(chance: random.Random) -> str:
    form, values = FACTS[chance.choice([*FACTS])]
    return form.format(chance.choice(PEOPLE), chance.choice(values))


async def step(at: Whole, model: Model, chance: random.Random) -> str:
    """One thing done, and noted in the model; gives its name."""
    owner = chance.choice([ANA, ANA, BEN])
    ids = model.of(owner)
    kinds = ["store", "store", "import", "quarantine", "export"]
    kinds += ["edit", "revert", "undo", "repair", "delete", "forget", "resolve", "fold"] if ids else []
    kind = chance.choice(kinds)
    chosen = chance.choice(ids) if ids else ""
    helix = at.store.helix
    match kind:
        case "store" | "import":
            data = sentence(chance)
            request = at.make(data, timestamp=f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}")
            if kind == "store":
                stored = await at.store.store(owner, request)
                outcome, memory_id = stored.outcome, stored.memory_id
            else:
                answer = await at.store.import_items(owner, [request])
                outcome, memory_id = answer.outcomes[0].outcome, answer.memory_ids[0]
            if outcome == "stored":
                assert memory_id is not None
                assert memory_id not in model.memories
                model.memories[memory_id] = Known(owner, [data])
            elif outcome == "merged":
                assert memory_id is not None
                await adopt(at, model.memories[memory_id], memory_id)
        case "quarantine":
            data = f"{sentence(chance)} Quarantined {chance.randint(0, 999)}."
            await at.store.quarantine.hold(owner, at.make(data), [])
            model.held.add(data)
        case "edit":
            changed = await helix.edit(owner, chosen, EditRequest(data=(data := sentence(chance))))
            model.memories[chosen].texts += [data] if changed.changed else []
        case "revert":
            number = chance.randint(1, len(model.memories[chosen].texts))
            changed = await helix.revert(owner, chosen, RevertRequest(to=number))
            model.memories[chosen].texts += [model.memories[chosen].texts[number - 1]] if changed.changed else []
        case "undo":
            texts = model.memories[chosen].texts
            if len(texts) > 1:
                changed = await helix.undo(owner, chosen, UndoRequest())
                texts += [texts[-2]] if changed.changed else []
        case "repair":
            try:
                plan = await helix.plan(owner, RepairRequest(memory_id=chosen, method="full_reset", preview=False))
                repaired = await helix.repair(owner, plan)
            except LukhasError:
                return kind
            model.memories[chosen].texts += [model.memories[chosen].texts[0]] if repaired.changed else []
        case "delete" | "forget":
            if kind == "delete":
                await at.store.delete(owner, chosen)
            else:
                await at.forgetting.forget(owner, ForgetRequest(memory_ids=[chosen]))
                model.forgotten.add(chosen)
            del model.memories[chosen]
            model.gone.add(chosen)
        case "resolve":
            found = (await at.truth.list_conflicts(owner, ConflictListParams())).conflicts
            if found:
                keep: Any = chance.choice(["older", "newer", "both"])
                await at.truth.resolve(owner, chance.choice(found).conflict_id, keep)
        case "fold":
            if owner == ANA:
                parents = tuple(dict.fromkeys(chance.choice(ids) for _ in range(2)))
                await at.fold(chance.randint(0, 10**12), *parents, response=f"As you said: {sentence(chance)}")
        case "export":
            exported = await at.export(owner)
            if chosen and chance.random() < 0.5:
                await at.store.delete(owner, chosen)
                del model.memories[chosen]
                model.gone.add(chosen)
            for taken in await at.carrier.take_in(owner, exported):
                if taken.kind == "memory" and taken.outcome == "added":
                    assert taken.id not in model.forgotten
                    model.gone.discard(taken.id)
                    model.memories[taken.id] = Known(owner, [])
                    await adopt(at, model.memories[taken.id], taken.id)
    return kind


async def adopt(at: Whole, known: Known, memory_id: str) -> None:
    """Takes the texts as they are now; those that were known stay as they were."""
    answer = await at.store.helix.history(known.owner, HistoryParams(memory_id=memory_id, limit=200))
    texts = [each.data for each in reversed(answer.versions)]
    assert texts[: len(known.texts)] == known.texts
    known.texts = texts


async def check(at: Whole, model: Model) -> None:
    rows = await agree(at)
    assert {row[1] for row in rows} == model.memories.keys()
    for _, memory_id, owner, origin, current, version, *_ in rows:
        known = model.memories[memory_id]
        assert (owner, origin, current, version) == (known.owner, known.texts[0], known.texts[-1], len(known.texts))
        answer = await at.store.helix.history(owner, HistoryParams(memory_id=memory_id, limit=200))
        assert [each.data for each in reversed(answer.versions)] == known.texts
    for memory_id in list(model.gone)[:3]:
        with pytest.raises(NotFound):
            await at.store.recall(ANA, memory_id)

    for owner in (ANA, BEN):
        found = await at.store.search(owner, SearchRequest(query="Quarantined", limit=50, include_superseded=True))
        assert not any(hit.content.data in model.held for hit in found.results)


async def agree(at: Whole) -> list[tuple[Any, ...]]:
    """Everything that can be said without having seen what was done; gives the rows."""
    await at.settle()
    core = at.store.core
    await core.commit_text()
    rows = await at.rows(
        "SELECT row_id, memory_id, owner, origin, current, version, event_at, valid_to, superseded_by"
        " FROM memories ORDER BY row_id"
    )
    for row in rows:
        kept = await at.rows("SELECT version, data FROM memory_versions WHERE row_id = ? ORDER BY version", row[0])
        kept = kept or [(1, row[4])]
        assert [number for number, _ in kept] == list(range(1, row[5] + 1))
        assert (kept[0][1], kept[-1][1]) == row[3:5]

    # the indexes hold the rows, in their current version
    assert core.ranker.text.documents == len(core.ranker) == len(rows)
    assert await at.store.self_test() is None
    numbers, _ = core.ranker.vectors.held()
    assert numbers.tolist() == [row[0] for row in rows]
    for row in rows:
        stored = await at.rows("SELECT vector FROM memory_vectors WHERE row_id = ? ORDER BY chunk", row[0])
        fresh = core.embedder.embed(core.embedder.chunks(f"{row[4]}"))
        assert [bytes(each[0]) for each in stored] == [each.tobytes() for each in core.ranker.vectors.stored(row[0])]
        assert len(stored) == len(fresh)
        assert bytes(stored[0][0]) == fresh[0].tobytes(), row[4]

    # what is true follows from the conflicts, and as_of from that
    events = {row[0]: row[6] for row in rows}
    ids = {row[0]: row[1] for row in rows}
    ends: dict[int, list[tuple[datetime, str]]] = {row[0]: [] for row in rows}
    pairs = await at.rows("SELECT older_row, newer_row, state, kept, owner FROM memory_conflicts")
    assert len({frozenset(pair[:2]) for pair in pairs}) == len(pairs), "one conflict a pair"
    for older, newer, state, kept, _ in pairs:
        assert state != "released"
        assert {older, newer} <= events.keys()
        if state == "superseded":
            ended, by = (older, newer) if kept == "newer" else (newer, older)
            ends[ended].append((events[newer], ids[by]))
    for row in rows:
        assert (row[7], row[8]) == min(ends[row[0]], default=(None, None)), row
    for owner in (ANA, BEN):
        for moment in (None, "2024-03-15", "2024-08-01"):
            end = datetime.fromisoformat(f"{moment}T23:59:59.999999") if moment else None
            expected = {
                row[1] for row in rows
                if row[2] == owner
                and (row[7] is None if end is None else row[6] <= end and not (row[7] and row[7] <= end))
            }  # fmt: skip
            listed = await at.store.list(owner, ListParams(limit=200, as_of=moment))
            assert {each.memory_id for each in listed.memories} == expected
            for query in ("Mara lives works", "rainy morning book"):
                found = await at.store.search(owner, SearchRequest(query=query, limit=50, as_of=moment))
                assert {hit.memory_id for hit in found.results} <= expected

    # folds that are used have parents that are there
    there = {row[1] for row in rows}
    for fold_id, parents in await at.rows("SELECT fold_id, parents FROM folds WHERE state <> 'quarantined'"):
        assert set(json.loads(parents)) <= there, fold_id
    for table in ("memory_versions", "memory_access", "memory_vectors"):
        orphans = await at.rows(f"SELECT count(*) FROM {table} WHERE row_id NOT IN (SELECT row_id FROM memories)")
        assert orphans == [(0,)], table
    return rows


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_done_everything_agrees(
    tmp_path: Path, word_bag: Embedder, make_memory: Any, seed: int, nothing_blocks: Any
) -> None:
    chance, model, done = random.Random(seed), Model(), 0
    log: list[str] = []
    while done < STEPS:
        async with whole(tmp_path, word_bag, make_memory) as at:
            await check(at, model)
            for _ in range(chance.randint(3, 10)):
                log.append(await step(at, model, chance))
                done += 1
                if chance.random() < 0.25:
                    await check(at, model)
    async with whole(tmp_path, word_bag, make_memory) as at:
        await check(at, model)
    assert len(set(log)) > 6, log


CHILD = """
import asyncio, random, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:4]
import test_interplay as interplay
from memory_stores import WordBag, memory

async def main():
    chance, model = random.Random(int(sys.argv[4])), interplay.Model()
    async with interplay.whole(Path(sys.argv[1]), WordBag(), memory) as at:
        listed = await at.rows("SELECT memory_id, owner FROM memories")
        for memory_id, owner in listed:
            model.memories[memory_id] = interplay.Known(owner, [])
            await interplay.adopt(at, model.memories[memory_id], memory_id)
        while True:
            print(await interplay.step(at, model, chance), len(model.memories), flush=True)

asyncio.run(main())
"""
ROUNDS = int(os.environ.get("INTERPLAY_ROUNDS", "3"))


async def test_whatever_is_killed_everything_agrees(tmp_path: Path, word_bag: Embedder, make_memory: Any) -> None:
    chance = random.Random(5)
    here = Path(__file__).resolve().parent
    for number in range(ROUNDS):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(here), str(here.parent), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            told = [child.stdout.readline() for _ in range(chance.randint(8, 40))]
            child.send_signal(signal.SIGKILL)
        assert all(told), "the child ended by itself"
        async with whole(tmp_path, word_bag, make_memory) as at:
            async with asyncio.timeout(30):
                while await at.forgetting.self_test() is not None:
                    await asyncio.sleep(0.02)
            rows = await agree(at)
            assert len(rows) > 1
