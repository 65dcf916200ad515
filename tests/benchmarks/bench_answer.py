"""How long does an answer take without a model? Questions to a running daemon that holds 10,000 memories.

python tests/benchmarks/bench_answer.py --data shared/data/memory [--memories N] [--small]

Memories are the turns of LoCoMo's development conversations and sentences of Cranfield's documents, imported with
`lukhas memory import`; questions are LoCoMo's, each asked once by one client on the same machine, after some others,
and then all of them once more. Printed are the whole round trip, the pipeline by its own clock and, as the peer, a
search for the same questions through the same daemon. It begins once the daemon rests. For measuring only (LoCoMo is
CC BY-NC).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep

import numpy as np
from bench_cranfield import read_collection
from bench_locomo import read_conversations

from lukhas_cli.daemon_control import probe
from lukhas_sdk import LukhasClient
from lukhas_sdk.paths import Paths

CONVERSATIONS = 3
WARMING = 10
ASKED = 180
SMALL = (300, 20)
"""Memories, and questions with those to warm up."""
SENTENCE_CHARS = (60, 350)
RESTS_S = 10.0
"""Longer than the pause before anything is computed beforehand."""
RESTING_CPU = 0.05
LONGEST_WAIT_S = 1_200.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--small", action="store_true", help=f"{SMALL[0]} memories, {SMALL[1] - WARMING} questions")
    given = parser.parse_args()
    memories, asked = SMALL if given.small else (given.memories, WARMING + ASKED)
    conversations = read_conversations(given.data / "locomo-dev.json.gz", CONVERSATIONS)
    questions = [question.text for each in conversations for question in each.questions]
    asking = random.Random(1).sample(questions, asked)
    lines = [
        json.dumps({"text": turn.content.data, **turn.content.context}) for each in conversations for turn in each.turns
    ]
    lines += [json.dumps({"text": sentence}) for sentence in sentences(given.data / "cranfield")]
    with daemon(lines[:memories]) as (client, pid):
        wait_until_it_rests(client, pid, LONGEST_WAIT_S)
        held = client.memory.stats().memories
        print(f"{held} memories, {len(asking) - WARMING} questions", flush=True)
        for question in asking[:WARMING]:
            client.process(question)
        first = report("asked first", client, asking[WARMING:])
        report("asked again", client, asking[WARMING:])
        search = timed(lambda question: client.memory.search(question, limit=20), asking[WARMING:])
        print(f"{'search, again':14} p50 {np.median(search):5.1f}  p95 {np.percentile(search, 95):5.1f} ms")
        print(f"ratio of an answer asked first to that search, p50: {np.median(first) / np.median(search):.2f}")


def sentences(folder: Path) -> Iterator[str]:
    least, most = SENTENCE_CHARS
    for document in read_collection(folder).turns:
        yield from (
            sentence for sentence in re.split(r"(?<=[.]) ", document.content.data) if least < len(sentence) < most
        )


@contextmanager
def daemon(lines: Sequence[str]) -> Iterator[tuple[LukhasClient, int]]:
    """A client, and the daemon's process."""
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        home = Path(folder)
        env = {**os.environ, "LUKHAS_HOME": folder, "LUKHAS_PORT": "0", "LUKHAS_LIMITS_PROCESS": "0"}
        env |= {"LUKHAS_LIMITS_MEMORY": "0", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        env["LUKHAS_MEMORY_SUPERSESSION"] = "off"  # comparing that many new facts would take an hour of waiting
        lukhas = [sys.executable, "-m", "lukhas_cli"]
        file = home / "memories.jsonl"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            subprocess.run([*lukhas, "memory", "import", str(file)], env=env, check=True, stdout=subprocess.DEVNULL)
            paths = Paths(home / "config", home / "data", home / "state", home / "run")
            with LukhasClient(paths=paths, timeout_s=600) as client:
                probed = probe(paths)
                assert probed is not None
                yield client, probed.pid
        finally:
            subprocess.run([*lukhas, "daemon", "stop"], env=env, check=False, capture_output=True)


def wait_until_it_rests(client: LukhasClient, pid: int, limit_s: float) -> None:
    """Vectors are computed, and what is computed beforehand."""
    deadline = monotonic() + limit_s
    while client.memory.stats().pending_vectors and monotonic() < deadline:
        sleep(0.5)
    while monotonic() < deadline:
        before = processor_s(pid)
        sleep(RESTS_S)
        if processor_s(pid) - before < RESTING_CPU * RESTS_S:
            return
    print("the daemon is still at work", file=sys.stderr)


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(ask: Callable[[str], object], questions: Sequence[str]) -> list[float]:
    """Milliseconds each."""
    durations = []
    for question in questions:
        started = perf_counter()
        ask(question)
        durations.append((perf_counter() - started) * 1000)
    return durations


def report(name: str, client: LukhasClient, questions: Sequence[str]) -> list[float]:
    own: list[float] = []
    whole = timed(lambda question: own.append(client.process(question).metadata.processing_time_ms), questions)
    told = "; ".join(
        f"{what} p50 {np.median(each):5.1f}  p95 {np.percentile(each, 95):5.1f} ms"
        for what, each in (("round trip", whole), ("pipeline", own))
    )
    print(f"{name:14} {told}", flush=True)
    return whole


if __name__ == "__main__":
    main()
