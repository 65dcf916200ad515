"""Two daemons at once, a database from the future, a full disk."""

from __future__ import annotations

import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import duckdb
import pytest

from lukhas_sdk import LukhasClient
from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import Paths

DEADLINE_S = 20.0


def daemon(home: Any, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lukhasd"], env=home.env, stderr=subprocess.PIPE, text=True, **options
    )


def client_of(home: Any) -> LukhasClient:
    return LukhasClient(paths=Paths(home.path / "config", home.path / "data", home.path / "state", home.path / "run"))


def wait_until_ready(home: Any) -> LukhasClient:
    deadline = monotonic() + DEADLINE_S
    while True:
        client = client_of(home)
        try:
            client.health()
            return client
        except LukhasError:
            client.close()
            assert monotonic() < deadline, "the daemon did not become ready"
            sleep(0.05)


def test_of_two_daemons_one_runs_and_the_other_says_why(home: Any) -> None:
    first, second = daemon(home), daemon(home)
    deadline = monotonic() + DEADLINE_S
    while first.poll() is None and second.poll() is None:
        assert monotonic() < deadline, "both run"
        sleep(0.05)
    loser, winner = (first, second) if first.poll() is not None else (second, first)
    assert loser.wait() == 1
    assert "runs already" in loser.stderr.read()  # type: ignore[union-attr]
    with wait_until_ready(home) as client:
        assert client.memory.store("Only one holds the pen.").storage_confirmed
    assert winner.poll() is None
    winner.terminate()
    assert winner.wait(DEADLINE_S) == 0
    for process in (first, second):
        process.stderr.close()  # type: ignore[union-attr]


def test_a_database_from_the_future_is_refused_and_left_alone(home: Any) -> None:
    home.run("memory", "store", "Kept from before.", check=True)
    home.run("daemon", "stop", check=True)
    path = home.path / "data" / "lukhas.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, 'future', ?)", [datetime.now(UTC)])
    before = path.read_bytes()
    refused = home.run("memory", "stats")
    assert refused.returncode == 3
    assert "newer LUKHAS" in refused.stderr
    assert path.read_bytes() == before


@pytest.mark.timeout(120)
def test_a_full_disk_loses_nothing_that_was_acknowledged(home: Any) -> None:
    """No file of the daemon may grow past 1.5 MB: to it, that is a disk that is full."""
    small = 1_500_000
    process = daemon(home, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (small, small)))
    acknowledged: list[str] = []
    failure: LukhasError | None = None
    with wait_until_ready(home) as client:
        for number in range(400):
            text = f"Note {number}: " + " ".join(f"word{number * place % 9973}" for place in range(4000))
            try:
                acknowledged.append(str(client.memory.store(text[:20_000]).memory_id))
            except LukhasError as error:
                failure = error
                break
    assert failure is not None, "the disk never was full"
    assert failure.status == 507
    assert "disk" in failure.message
    assert acknowledged
    process.kill()
    process.wait()
    process.stderr.close()  # type: ignore[union-attr]
    home.run("daemon", "start", check=True)
    with client_of(home) as client:
        lost = [memory_id for memory_id in acknowledged if not _there(client, memory_id)]
        assert lost == []
        assert client.memory.store("There is room again.").storage_confirmed


def _there(client: LukhasClient, memory_id: str) -> bool:
    try:
        return bool(client.memory.recall(memory_id))
    except LukhasError:
        return False


def test_stop_finishes_what_was_begun(home: Any) -> None:
    home.run("daemon", "start", check=True)
    with client_of(home) as client:
        kept = [client.memory.store(f"Before the stop {number}.").memory_id for number in range(20)]
    home.run("daemon", "stop", check=True)
    assert not (home.path / "run" / "lukhasd.sock").exists()
    assert not Path(home.path / "data" / "lukhas.duckdb.wal").exists()
    home.run("daemon", "start", check=True)
    with client_of(home) as client:
        assert all(_there(client, memory_id) for memory_id in kept)


def test_a_socket_that_was_removed_comes_back(home: Any) -> None:
    home.run("memory", "store", "Still here.", check=True)
    (home.path / "run" / "lukhasd.sock").unlink()
    assert "Still here." in home.run("memory", "search", "here", check=True).stdout
    assert len(home.pids()) == 1
