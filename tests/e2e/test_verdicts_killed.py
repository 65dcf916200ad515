"""kill -9 while verdicts are given through the daemon: each that was answered is in the log, and the chain holds."""

from __future__ import annotations

import os
import random
import signal
import threading

import pytest

from lukhas_sdk import LukhasClient
from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import Paths

ROUNDS, CLIENTS, LEAST = 6, 3, 200


@pytest.mark.timeout(240)
def test_no_answered_verdict_is_lost(home) -> None:
    paths = Paths(home.path / "config", home.path / "data", home.path / "state", home.path / "run")
    answered: list[tuple[str, str]] = []
    chance = random.Random(11)
    for _ in range(ROUNDS):
        home.run("daemon", "start", check=True)
        (pid,) = home.pids()
        before = len(answered)
        enough = threading.Event()

        def ask(started_with: int = before, enough: threading.Event = enough) -> None:
            with LukhasClient(paths=paths, retries=0) as client:
                try:
                    for number in range(100_000):
                        text = "rm -rf /" if number % 3 == 0 else f"ls -la folder{number}"
                        verdict = client.guardian.validate(text, type="shell_command")
                        answered.append((verdict.validation_id, verdict.decision))
                        if len(answered) - started_with > LEAST / ROUNDS:
                            enough.set()
                except LukhasError:
                    return

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        killer = threading.Timer(chance.uniform(0, 0.2), os.kill, (pid, signal.SIGKILL))
        killer.start()
        for thread in (*threads, killer):
            thread.join()
    assert len(answered) >= LEAST
    home.run("daemon", "start", check=True)
    with LukhasClient(paths=paths) as client:
        recorded: dict[str, str] = {}
        cursor = None
        while True:
            page = client.guardian.log({"cursor": cursor}, limit=200)
            recorded |= {entry.verdict.validation_id: entry.verdict.decision for entry in page.entries}
            cursor = page.next_cursor
            if cursor is None:
                break
        assert [one for one in answered if recorded.get(one[0]) != one[1]] == []
        found = client.guardian.verify_log()
        assert found.ok, found
        assert found.entries >= len(answered)
        rejected = sum(decision == "REJECTED" for _, decision in answered)
        while sum(one.count for one in client.incidents.list(limit=200).incidents) < rejected:
            pass  # bounded by the test's own time limit
