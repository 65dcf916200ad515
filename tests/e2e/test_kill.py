"""Again and again kill -9 while memories are stored through the daemon: none that was acknowledged is lost."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest

from lukhas_sdk import LukhasClient
from lukhas_sdk.contract.memory import RECALL, MemoryParams
from lukhas_sdk.errors import LukhasError, NotFound
from lukhas_sdk.paths import Paths

ROUNDS = 8


def paths_of(home) -> Paths:
    return Paths(home.path / "config", home.path / "data", home.path / "state", home.path / "run")


@pytest.mark.timeout(300)
def test_no_acknowledged_memory_is_lost(home) -> None:
    acknowledged: list[str] = []
    chance = random.Random(5)
    for round_number in range(ROUNDS):
        home.run("daemon", "start", check=True)
        (pid,) = home.pids()
        before = len(acknowledged)
        killer = threading.Timer(chance.uniform(0.05, 0.6), os.kill, (pid, signal.SIGKILL))
        with LukhasClient(paths=paths_of(home), retries=0) as client:
            try:
                while True:
                    number = len(acknowledged)
                    stored = client.memory.store(f"Round {round_number}, note {number}: the code is {number * 7919}.")
                    acknowledged.append(stored.memory_id)
                    if number == before:
                        killer.start()
            except LukhasError:
                pass
        killer.join()
        assert len(acknowledged) > before
    home.run("daemon", "start", check=True)
    with LukhasClient(paths=paths_of(home)) as client:
        lost = []
        for memory_id in acknowledged:
            try:
                client.call(RECALL, params=MemoryParams(memory_id=memory_id))
            except NotFound:
                lost.append(memory_id)
        assert lost == []
        stats = client.memory.stats()
        assert stats.memories >= len(acknowledged)
        newest = client.memory.search(f"code {(len(acknowledged) - 1) * 7919}", limit=3)
        assert acknowledged[-1] in [hit.memory_id for hit in newest.results]
