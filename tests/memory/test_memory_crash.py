"""kill -9 while storing: what was acknowledged is there afterwards, and found."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from lukhas_sdk.contract.memory import ListParams, SearchRequest

ROUNDS = 10
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
                stored = await store.store("ada", memory(f"lane {lane} number {number}"))
                print(stored.memory_id, flush=True)
                if number % 5 == 4:
                    print("?" + stored.memory_id, flush=True)
                    await store.delete("ada", stored.memory_id)
                    print("-" + stored.memory_id, flush=True)
                number += 1
        await asyncio.gather(*(write(lane) for lane in range(4)))

asyncio.run(main())
"""


async def test_nothing_acknowledged_is_lost(stores: Any) -> None:
    chance = random.Random(11)
    acknowledged: set[str] = set()
    doomed: set[str] = set()
    deleted: set[str] = set()
    for _ in range(ROUNDS):
        for line in write_until_killed(stores.folder, lines=chance.randint(1, 120)):
            kind = {"?": doomed, "-": deleted}.get(line[0], acknowledged)
            kind.add(line.lstrip("?-"))
    assert len(acknowledged) > 10 * ROUNDS
    async with stores.open() as store:
        kept: set[str] = set()
        cursor = None
        while True:
            page = await store.list("ada", ListParams(limit=200, cursor=cursor))
            kept |= {each.memory_id for each in page.memories}
            cursor = page.next_cursor
            if cursor is None:
                break
        assert acknowledged - doomed <= kept
        assert deleted & kept == set()
        assert store.core.ranker.text.documents == len(kept)
        matches = await store.search("ada", SearchRequest(query="lane", limit=1))
        assert matches.total_matches == len(kept)
        assert await store.self_test() is None


def write_until_killed(folder: Path, *, lines: int) -> list[str]:
    """What a writing process told before it was killed after that many lines: an id that was stored, ? and an id that
    it is about to delete, - and an id that is deleted."""
    command = [sys.executable, "-c", CHILD, str(folder), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        read = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        read += child.stdout.readlines()
    told = [line.strip() for line in read if line.endswith("\n")]
    assert len(told) >= lines, "the child ended by itself"
    return told
