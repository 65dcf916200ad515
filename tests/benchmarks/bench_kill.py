"""kill -9 in a writing loop: acknowledged memories that were lost, and rows on which an index disagrees afterwards.

Each run opens the store that the run before left behind, writes in four lanes until it is killed at a random moment,
and is then checked: every acknowledged memory must be among the rows, every acknowledged deletion must not, and the
filters' columns, the text index and the vectors must hold exactly what the rows say.

    python tests/benchmarks/bench_kill.py [--runs 200] [--small]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lukhasd.memory.catalogue import Selection

HELP = str(Path(__file__).parents[1])
sys.path.insert(0, HELP)
from memory_stores import Stores  # type: ignore[import-not-found]  # noqa: E402

CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from memory_stores import Stores, memory

async def main():
    async with Stores(Path(sys.argv[1])).open() as store:
        async def write(lane):
            number = 0
            while True:
                stored = await store.store("ada", memory(f"{sys.argv[3]}: lane {lane} number {number}"))
                print("+" + stored.memory_id, flush=True)
                if number % 5 == 4:
                    print("?" + stored.memory_id, flush=True)
                    await store.delete("ada", stored.memory_id)
                    print("-" + stored.memory_id, flush=True)
                number += 1
        await asyncio.gather(*(write(lane) for lane in range(4)))

asyncio.run(main())
"""


class Ledger:
    """What the writers said before they were killed."""

    def __init__(self) -> None:
        self.stored: set[str] = set()
        self.doomed: set[str] = set()
        self.deleted: set[str] = set()

    def read(self, lines: list[str]) -> None:
        for line in lines:
            if line.endswith("\n"):
                kind = {"+": self.stored, "?": self.doomed, "-": self.deleted}[line[0]]
                kind.add(line[1:].strip())


def write_until_killed(folder: Path, number: int, *, lines: int) -> list[str]:
    command = [sys.executable, "-c", CHILD, str(folder), HELP, f"run {number}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        if child.stdout is None:
            raise RuntimeError("the child has no output")
        read = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        return read + child.stdout.readlines()


async def check(folder: Path, ledger: Ledger) -> tuple[int, int]:
    """Acknowledged changes that were lost, and rows that an index disagrees about."""
    async with Stores(folder).open() as store:
        rows: dict[int, str] = dict(
            await store.core.database.read(
                lambda cursor: cursor.execute("SELECT row_id, memory_id FROM memories").fetchall()
            )
        )
        kept = set(rows.values())
        lost = len(ledger.stored - ledger.doomed - kept) + len(ledger.deleted & kept)
        await store.wait_for_vectors(60)
        held = await indexed(store, rows)
        return lost, sum(len(set(rows) ^ numbers) for numbers in held)


async def indexed(store: Any, rows: dict[int, str]) -> list[set[int]]:
    """Row numbers that the filters let through, those that the text index finds, and those with vectors."""
    core, chosen = store.core, Selection("ada", include_superseded=True)
    newest = await core.run(core.ranker.newest, chosen)
    text = core.ranker.text
    view = await core.run(text.view, "lane", np.ones(max(rows, default=0) + 1, dtype=bool))
    found, _ = await core.run(lambda: text.search(view, chosen, limit=len(rows) + 1000))
    means = await core.run(core.ranker.means, list(rows))
    return [set(newest.tolist()), set(found), set(means)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--small", action="store_true", help="5 runs")
    given = parser.parse_args()
    chance, ledger, runs = random.Random(11), Ledger(), 5 if given.small else given.runs
    lost = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            ledger.read(write_until_killed(Path(folder), number, lines=chance.randint(1, 120)))
            run_lost, run_wrong = asyncio.run(check(Path(folder), ledger))
            lost, wrong = lost + run_lost, wrong + run_wrong
    print(f"{runs} kills, {len(ledger.stored)} memories and {len(ledger.deleted)} deletions acknowledged")
    print(f"lost {lost}; rows that an index disagrees about {wrong}")


if __name__ == "__main__":
    main()
