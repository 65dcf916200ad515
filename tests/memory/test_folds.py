"""Folds: what is not well formed is quarantined, and the active thousand is a thousand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lukhasd.database import Database
from lukhasd.matriz import folds
from lukhasd.matriz.folds import Fold, FoldStore, Interaction, malformed, new_fold_id

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
    database = Database.open(tmp_path / "folds.duckdb")
    store = FoldStore(database)
    assert await store.save(INTERACTION, FOLD) == "quarantined"
    states = await database.read(lambda cursor: cursor.execute("SELECT state, reason FROM folds").fetchall())
    assert states == [("quarantined", "its parent mem_1 does not exist")]
    assert await store.companions("ada", ["mem_1"]) == {"mem_1": []}
    assert await store.get("ada", "interaction_1") == INTERACTION
    assert await store.get("bob", "interaction_1") is None
    database.close()


async def test_the_oldest_beyond_the_limit_are_archived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "ACTIVE_LIMIT", 3)
    database = Database.open(tmp_path / "folds.duckdb")
    store = FoldStore(database)
    for number in range(5):
        moment = NOW + timedelta(minutes=number)
        interaction = replace(INTERACTION, interaction_id=f"interaction_{number}", created_at=moment)
        fold = replace(
            FOLD, fold_id=f"fold_{number}", interaction_id=f"interaction_{number}", parents=(), created_at=moment
        )
        assert await store.save(interaction, fold) == "active"
    rows = await database.read(lambda cursor: cursor.execute("SELECT fold_id, state FROM folds ORDER BY 1").fetchall())
    assert rows == [(f"fold_{number}", "archived" if number < 2 else "active") for number in range(5)]
    database.close()


def test_names_hold_the_day_and_telling_words() -> None:
    name = new_fold_id("Where is the spare key?", NOW)
    assert name.startswith("fold_2026_01_02_spare_key_")
    assert new_fold_id("?!", NOW).startswith("fold_2026_01_02_interaction_")
