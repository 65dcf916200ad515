"""Consolidation on a home of many memories: what it takes, and whether undo and kill -9 leave the export as it was.

`python bench_consolidation.py [--memories 2000] [--kills 5] [--small]`. A daemon of its own, in a new folder, without
the search for contradictions, which changes memories by itself for as long as it lasts. Each kill comes at a random
moment of an `--apply` that runs; the export after the next start, and after an undo where the kill came after the end,
must be the one from before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).parents[1] / "data" / "contrast"
TWINS = 0.05
SMALL = 120


class Home:
    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        backend = "keyring.backends.null.Keyring"
        named = {"LUKHAS_HOME": str(folder), "LUKHAS_PORT": str(port), "PYTHON_KEYRING_BACKEND": backend}
        self.environment = {**os.environ, **named}

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "lukhas_cli", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def exported(self) -> str:
        return hashlib.sha256(self.run("export", "-").encode()).hexdigest()

    def searchable(self) -> None:
        while json.loads(self.run("memory", "stats", "--json"))["data"]["pending_vectors"]:
            time.sleep(0.5)

    def pid(self) -> int:
        return int(json.loads(self.run("daemon", "status", "--json"))["data"]["pid"])


def lines(count: int, chance: random.Random) -> str:
    files = (DATA / "examples_talk.jsonl", DATA / "examples_prompts.jsonl")
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    harmless = sorted({row["text"] for row in rows if not row["y"] and 30 < len(row["text"]) < 400})
    texts = chance.sample(harmless, int(count * (1 - TWINS)))
    texts += [f"Note to self: {text}" for text in chance.sample(texts, count - len(texts))]
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def run(count: int, kills: int) -> None:
    chance = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        home = Home(Path(folder))
        try:
            home.run("config", "set", "memory.gate", "off")
            home.run("config", "set", "memory.supersession", "off")
            started_s = time.perf_counter()
            notes = Path(folder) / "notes.jsonl"
            notes.write_text(lines(count, chance))
            home.run("memory", "import", str(notes), "--type", "semantic")
            home.searchable()
            print(f"{count} memories stored in {time.perf_counter() - started_s:.0f} s", flush=True)
            before = home.exported()
            started_s = time.perf_counter()
            report = json.loads(home.run("dream", "consolidate", "--apply", "--json"))["data"]
            took_s = time.perf_counter() - started_s
            print(f"{report['state']}: {len(report['merges'])} merges, {len(report['abstractions'])} abstractions in"
                  f" {took_s:.1f} s; recall {report['replay']['recall_before']:.3f} →"
                  f" {report['replay']['recall_after']:.3f}", flush=True)  # fmt: skip
            started_s = time.perf_counter()
            if report["state"] == "applied":
                home.run("dream", "undo", report["consolidation_id"])
            same = home.exported() == before
            print(
                f"undone in {time.perf_counter() - started_s:.1f} s, the export the same to the byte: {same}",
                flush=True,
            )
            held = 0
            for number in range(kills):
                pid = home.pid()
                command = [sys.executable, "-m", "lukhas_cli", "dream", "consolidate", "--apply"]
                running = subprocess.Popen(
                    command, env=home.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                time.sleep(took_s * chance.uniform(0.1, 0.95))
                os.kill(pid, signal.SIGKILL)
                running.wait()
                found = json.loads(home.run("dream", "consolidations", "--json"))["data"]["consolidations"]
                newest = found[0]
                if newest["state"] == "applied":
                    home.run("dream", "undo", newest["consolidation_id"])
                held += home.exported() == before
                print(f"kill {number + 1}: {newest['state']}, {held} of {number + 1} the same", flush=True)
        finally:
            home.run("daemon", "stop")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--memories", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--small", action="store_true")
    chosen = parser.parse_args()
    run(SMALL if chosen.small else chosen.memories, 1 if chosen.small else chosen.kills)
