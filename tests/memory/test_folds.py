"""Folds: what is not well formed is quarantined, and the active thousand is a thousand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lukhas_sdk.contract.folds import FoldListParams
from lukhas_sdk.errors import NotFound
from lukhasd.database import Database
from lukhasd.memory import folds
from lukhasd.memory.folds import Fold, FoldStore, Interaction, malformed, new_fold_id

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FOLD = Fold("fold_1", "interaction_1", "ada", ("mem_1",), 0.5, None, NOW)
INTERACTION = Interaction(
    "interaction_1", "ada", None, "s", None, "input", "response", "ask", "memory", ("mem_1",), "APPROVED", 1.0, NOW
)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"interaction_id": ""}, "source"),
        ({"parents": ("mem_1", "mem_gone")}, "mem_gone does not exist"),
        ({"parents": ("mem_1", "mem_1")}, "twice"),
        ({"fold_id": "mem_1"}, "its own parent"),
        ({"importance": 1.5}, "importance"),
        ({"importance": float("nan")}, "importance"),
        ({"valence": -2.0}, "valence"),
    ],
)
def test_what_is_not_well_formed_is_told(change: dict[str, object], why: str | None) -> None:
    found = malformed(replace(FOLD, **change), known=frozenset({"mem_1"}))
    assert found is None if why is None else why in (found or "")


async def test_a_dangling_fold_is_quarantined_and_counted_apart(tmp_path: Path) -> None:
    database = await asyncio.to_thread(Database.open, tmp_path / "folds.duckdb")
    store = FoldStore(database)
    assert await store.save(INTERACTION, FOLD) == "quarantined"
    states = await database.read(lambda cursor: cursor.execute("SELECT state, reason FROM folds").fetchall())
    assert states == [("quarantined", "its parent mem_1 does not exist")]
    assert await store.companions("ada", ["mem_1"]) == {"mem_1": []}
    assert await store.get("ada", "interaction_1") == INTERACTION
    assert await store.get("bob", "interaction_1") is None
    await asyncio.to_thread(database.close)


@pytest.mark.parametrize(
    ("every", "expected"), [(1, [1, 2, 3, 4, 5, 4, 5, 4, 5, 4]), (2, [1, 2, 3, 4, 4, 5, 4, 5, 4, 5])]
)
async def test_the_oldest_beyond_the_limit_are_archived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, expected: list[int]
) -> None:
    monkeypatch.setattr(folds, "ACTIVE_LIMIT", 5)
    monkeypatch.setattr(folds, "ARCHIVED_TOGETHER", 2)
    monkeypatch.setattr(folds, "COUNTED_EVERY", every)
    database = await asyncio.to_thread(Database.open, tmp_path / "folds.duckdb")
    store = FoldStore(database)
    active = []
    for number in range(len(expected)):
        moment = NOW + timedelta(minutes=number)
        interaction = replace(INTERACTION, interaction_id=f"interaction_{number}", created_at=moment)
        fold = replace(
            FOLD, fold_id=f"fold_{number}", interaction_id=f"interaction_{number}", parents=(), created_at=moment
        )
        assert await store.save(interaction, fold) == "active"
        active.append((await store.list("ada", FoldListParams())).counts.active)
    rows = await database.read(lambda cursor: cursor.execute("SELECT fold_id, state FROM folds ORDER BY 1").fetchall())
    archived = len(expected) - expected[-1]
    assert rows == [(f"fold_{number}", "archived" if number < archived else "active") for number in range(len(rows))]
    assert active == expected
    await asyncio.to_thread(database.close)


async def test_companions_are_those_of_the_newest_folds_that_name_a_memory(tmp_path: Path) -> None:
    database, store = await opened(tmp_path)
    named = [("mem_1", "mem_2"), *((other, "mem_1") for other in ("mem_3", "mem_4", "mem_5", "mem_6", "mem_3"))]
    for number, parents in enumerate([*named, ("mem_10", "mem_6")]):
        assert await save(store, number, parents=parents, parents_stand=True) == "active"
    assert await store.companions("ada", ["mem_1", "mem_10", "mem_2"]) == {
        "mem_1": ["mem_3", "mem_6", "mem_5", "mem_4"],
        "mem_10": ["mem_6"],
        "mem_2": ["mem_1"],
    }
    assert await store.companions("bob", ["mem_1"]) == {"mem_1": []}
    assert await store.companions("ada", []) == {}
    await asyncio.to_thread(database.close)


def test_names_hold_the_day_and_telling_words() -> None:
    name = new_fold_id("Where is the spare key?", NOW)
    assert name.startswith("fold_2026_01_02_spare_key_")
    assert new_fold_id("?!", NOW).startswith("fold_2026_01_02_interaction_")


async def opened(tmp_path: Path) -> tuple[Database, FoldStore]:
    database = await asyncio.to_thread(Database.open, tmp_path / "folds.duckdb")
    return database, FoldStore(database)


async def save(store: FoldStore, number: int, *, parents_stand: bool = False, **changes: object) -> str:
    """The fold of an interaction that follows the one before it."""
    moment = NOW + timedelta(minutes=number)
    before = f"interaction_{number - 1}" if number else None
    interaction = replace(
        INTERACTION,
        interaction_id=f"interaction_{number}",
        previous_id=before,
        input=f"question {number} about kites",
        created_at=moment,
    )
    fold = replace(
        FOLD, fold_id=f"fold_{number}", interaction_id=f"interaction_{number}", parents=(), created_at=moment
    )
    fold = replace(fold, **changes)  # type: ignore[arg-type]
    return await store.save(interaction, fold, parents_stand=parents_stand)


async def test_the_fold_before_it_is_a_parent_unless_it_was_quarantined(tmp_path: Path) -> None:
    database, store = await opened(tmp_path)
    assert await save(store, 0) == "active"
    assert await save(store, 1, importance=float("nan")) == "quarantined"
    assert await save(store, 2) == "active"
    assert await save(store, 3) == "active"
    assert [(await store.show("ada", f"fold_{number}")).parents for number in (2, 3)] == [[], ["fold_2"]]
    broken = await store.show("ada", "fold_1")
    assert broken.importance is None
    assert "importance nan" in (broken.reason or "")
    await asyncio.to_thread(database.close)


async def test_a_circle_of_folds_is_quarantined(tmp_path: Path) -> None:
    database, store = await opened(tmp_path)
    await save(store, 0)
    await save(store, 1)
    await database.write(
        lambda cursor: cursor.execute("UPDATE folds SET parents = '[\"fold_9\"]' WHERE fold_id = 'fold_0'")
    )
    assert await save(store, 9, parents=("fold_1",)) == "quarantined"
    assert "circle" in ((await store.show("ada", "fold_9")).reason or "")
    await asyncio.to_thread(database.close)


async def test_folds_are_listed_by_page_searched_and_never_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "ACTIVE_LIMIT", 3)
    monkeypatch.setattr(folds, "ARCHIVED_TOGETHER", 1)
    monkeypatch.setattr(folds, "COUNTED_EVERY", 1)
    database, store = await opened(tmp_path)
    for number in range(5):
        await save(store, number)
    first = await store.list("ada", FoldListParams(limit=3))
    assert [fold.fold_id for fold in first.folds] == ["fold_4", "fold_3", "fold_2"]
    assert (first.counts.active, first.counts.archived) == (3, 2)
    rest = await store.list("ada", FoldListParams(limit=3, cursor=first.next_cursor))
    assert [(fold.fold_id, fold.state) for fold in rest.folds] == [("fold_1", "archived"), ("fold_0", "archived")]
    assert rest.next_cursor is None
    found = await store.list("ada", FoldListParams(query="KITES 1", state="archived"))
    assert [fold.fold_id for fold in found.folds] == ["fold_1"]
    assert (await store.list("bob", FoldListParams())).folds == []
    with pytest.raises(NotFound):
        await store.show("bob", "fold_1")
    await asyncio.to_thread(database.close)
