"""Cascade prevention: faults are put into folds, and a checker of its own looks for what got through.

A run is a chain of interactions, each fold caused by memories and by folds before it; one fold of it is broken in one
of the ways below (or none: a control). The checker reads the database itself and shares no code with what it checks:
a fault got through when a fold that long-term memory uses is not well formed, or comes from one that is not. A fault
prevented in a run means that nothing got through and that the whole rest of the chain was kept.

    python tests/benchmarks/bench_cascade.py [--runs 1300] [--small]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from lukhasd.database import Database
from lukhasd.memory import folds
from lukhasd.memory.folds import Fold, FoldStore, Interaction

CHAIN = 6
MEMORIES = 5
START = datetime(2026, 1, 1, tzinfo=UTC)
Z = 1.96


def no_source(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, interaction_id="")


def dangling_memory(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, parents=(*fold.parents, "mem_that_never_was"))


def dangling_fold(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, parents=(*fold.parents, "fold_that_never_was"))


def own_parent(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, parents=(*fold.parents, fold.fold_id))


def from_the_future(fold: Fold, others: list[str]) -> Fold:
    """A fold that is still to come: a circle once it names this one."""
    return replace(fold, parents=(*fold.parents, others[-1]))


def twice(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, parents=(*fold.parents, fold.parents[0]))


def importance_high(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, importance=1.0001)


def importance_nan(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, importance=math.nan)


def valence_low(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, valence=-1.5)


def valence_infinite(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, valence=math.inf)


def anothers_memory(fold: Fold, others: list[str]) -> Fold:
    return replace(fold, parents=(*fold.parents, "mem_of_bob"))


def intact(fold: Fold, others: list[str]) -> Fold:
    return fold


FAULTS: tuple[Callable[[Fold, list[str]], Fold], ...] = (
    no_source, dangling_memory, dangling_fold, own_parent, from_the_future, twice, importance_high, importance_nan,
    valence_low, valence_infinite, anothers_memory, intact,
)  # fmt: skip


async def run(store: FoldStore, database: Database, number: int, chance: random.Random) -> tuple[str, bool]:
    """The fault's name, and whether it was prevented."""
    owner, fault = f"owner {number}", FAULTS[number % len(FAULTS)]
    memories = [f"mem_{number}_{place}" for place in range(MEMORIES)]
    await database.write(lambda cursor: _add_memories(cursor, owner, memories))
    names = [f"fold_{number}_{place}" for place in range(CHAIN)]
    broken = chance.randrange(CHAIN - 1)
    for place, name in enumerate(names):
        moment = START + timedelta(minutes=number, seconds=place)
        interaction = Interaction(
            f"interaction_{number}_{place}", owner, None, "s", f"interaction_{number}_{place - 1}" if place else None,
            "asked", "answered", "ask", "memory", (), "APPROVED", 1.0, moment,
        )  # fmt: skip
        caused = tuple(chance.sample(memories, 2))
        fold = Fold(name, interaction.interaction_id, owner, caused, chance.random(), None, moment)
        if place == broken:
            fold = fault(fold, names)
        await store.save(interaction, fold)
    return fault.__name__, await database.read(
        lambda cursor: _checked(cursor, owner, None if fault is intact else names[broken])
    )


def _add_memories(cursor: object, owner: str, names: list[str]) -> None:
    for name in names:
        cursor.execute(  # type: ignore[attr-defined]
            "INSERT INTO memories (row_id, sequence, memory_id, helix_id, owner, type, origin, current, context, tags,"
            " importance, event_at, created_at, content_hash) SELECT coalesce(max(row_id), 0) + 1, 1, ?, 'h', ?,"
            " 'semantic', 'x', 'x', '{}', '[]', 0.5, now()::TIMESTAMP, now()::TIMESTAMP, 'x' FROM memories",
            [name, owner],
        )


def _checked(cursor: object, owner: str, broken: str | None) -> bool:
    """By the rows alone, with a graph walk of its own."""
    rows = cursor.execute(  # type: ignore[attr-defined]
        "SELECT fold_id, interaction_id, parents, importance, valence, state FROM folds WHERE owner = ?", [owner]
    ).fetchall()
    own = {row[0] for row in cursor.execute("SELECT memory_id FROM memories WHERE owner = ?", [owner]).fetchall()}  # type: ignore[attr-defined]
    used = {row[0]: json.loads(row[2]) for row in rows if row[5] != "quarantined"}
    expected = {row[0] for row in rows} - {broken}
    if set(used) != expected:
        return False
    for fold_id, interaction_id, parents, importance, valence, state in rows:
        if state == "quarantined":
            continue
        listed = json.loads(parents)
        sound = (
            bool(interaction_id)
            and len(listed) == len(set(listed))
            and all(parent in own or parent in used for parent in listed)
            and isinstance(importance, float)
            and 0 <= importance <= 1
            and (valence is None or -1 <= valence <= 1)
            and not _comes_back(fold_id, used)
        )
        if not sound:
            return False
    return True


def _comes_back(start: str, parents: dict[str, list[str]]) -> bool:
    seen, stack = set(), [name for name in parents[start] if name in parents]
    while stack:
        name = stack.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            stack.extend(parent for parent in parents[name] if parent in parents)
    return False


def wilson(successes: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    share, spread = successes / total, Z * Z / total
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return middle - half, middle + half


async def measure(runs: int) -> list[tuple[str, bool]]:
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        database = await asyncio.to_thread(Database.open, Path(folder) / "folds.duckdb")
        store = FoldStore(database)
        await database.write(lambda cursor: _add_memories(cursor, "bob", ["mem_of_bob"]))
        results = [await run(store, database, number, chance) for number in range(runs)]
        await asyncio.to_thread(database.close)
    return results


def report(results: list[tuple[str, bool]]) -> None:
    totals, prevented = Counter(name for name, _ in results), Counter(name for name, held in results if held)
    for name, total in sorted(totals.items()):
        print(f"{name:18} {prevented[name]:5} of {total}")
    held, runs = sum(prevented.values()), len(results)
    low, high = wilson(held, runs)
    print(f"prevented, and the rest kept: {held} of {runs} runs, {held / runs:.4f} [{low:.4f}, {high:.4f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1320)
    parser.add_argument("--small", action="store_true", help="24 runs")
    given = parser.parse_args()
    report(asyncio.run(measure(24 if given.small else given.runs)))
    print("\npeer: the same faults with the check taken out")
    with patch.object(folds, "malformed", lambda *_, **__: None):
        report(asyncio.run(measure(24 if given.small else given.runs // 10)))


if __name__ == "__main__":
    main()
