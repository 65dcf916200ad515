"""Items a second: a batch and a job against the same inputs sent one by one.

python tests/benchmarks/bench_batch.py [--small]

Starts a daemon with 200 memories (--small: 20) in a folder of its own, without a language model, and sends it the same
questions over its unix socket in turn: one request each on one connection, batches of 50 answered at once, with and
without `parallel`, and one job. Prints the rate of each and its ratio to one by one. Each way goes three times
(--small: once), in alternating order; the median counts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lukhas_sdk import LukhasClient
from lukhas_sdk.contract.batch import AT_ONCE_MOST
from lukhas_sdk.contract.jobs import ENDED
from lukhas_sdk.paths import Paths

PLACES = ("attic", "cellar", "garage", "study", "kitchen", "garden", "hall", "workshop")


def fill(client: LukhasClient, memories: int) -> None:
    for number in range(memories):
        place = PLACES[number % len(PLACES)]
        client.memory.store(f"Crate {number} stands in the {place} and holds {number * 7 % 31} tins of paint.")
    deadline_s = time.monotonic() + 60
    while client.memory.stats().pending_vectors and time.monotonic() < deadline_s:
        time.sleep(0.1)


def one_by_one(client: LukhasClient, questions: list[str]) -> None:
    for question in questions:
        client.process(question)


def at_once(client: LukhasClient, questions: list[str], *, parallel: bool) -> None:
    for start in range(0, len(questions), AT_ONCE_MOST):
        answer = client.batch_process(queries=questions[start : start + AT_ONCE_MOST], parallel=parallel)
        assert answer.failed == 0, answer


def as_job(client: LukhasClient, questions: list[str]) -> None:
    job = client.batch_process(queries=questions, as_job=True).job
    while job is not None and job.state not in ENDED:
        time.sleep(0.05)
        job = client.jobs.show(job.job_id)
    assert job is not None
    assert (job.state, job.failed) == ("done", 0)


def measure(client: LukhasClient, questions: list[str], rounds: int) -> dict[str, list[float]]:
    ways: dict[str, Callable[[], None]] = {
        "one by one": lambda: one_by_one(client, questions),
        "batch, not parallel": lambda: at_once(client, questions, parallel=False),
        "batch, parallel": lambda: at_once(client, questions, parallel=True),
        "job, parallel": lambda: as_job(client, questions),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds):
        for name in [*ways][:: -1 if round_number % 2 else 1]:
            started_s = time.perf_counter()
            ways[name]()
            rates[name].append(len(questions) / (time.perf_counter() - started_s))
    return rates


def main() -> None:
    small = "--small" in sys.argv
    memories, count, rounds = (20, 8, 1) if small else (200, 60, 3)
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        home = Path(folder)
        env = {**os.environ, "LUKHAS_HOME": folder, "LUKHAS_PORT": "0"}
        env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        lukhas = [sys.executable, "-m", "lukhas_cli", "daemon"]
        try:
            subprocess.run([*lukhas, "start"], env=env, check=True, capture_output=True)
            with LukhasClient(paths=Paths(home / "config", home / "data", home / "state", home / "run")) as client:
                fill(client, memories)
                questions = [f"What does crate {number % memories} hold?" for number in range(count)]
                one_by_one(client, questions[:5])  # the models are loaded
                rates = measure(client, questions, rounds)
        finally:
            subprocess.run([*lukhas, "stop"], env=env, check=False, capture_output=True)
    peer = statistics.median(rates["one by one"])
    print(f"{count} questions over {memories} memories, {rounds} rounds, {os.cpu_count()} processors")
    for name, each in rates.items():
        rate = statistics.median(each)
        print(f"{name:<20} {rate:6.1f} items/s  ({min(each):.1f} to {max(each):.1f})  {rate / peer:.2f} of one by one")


if __name__ == "__main__":
    main()
