"""The gate on writes, judged on labelled texts: junk kept, valid lost, and how many merges are right.

    python tests/benchmarks/bench_gate.py [--small] [--part all|held-out|development] [--data /work/shared/data/memory]

Every text goes through a real store: each on its own, pairs one after the other. Intervals are Wilson's, of 95 %.
`--data` adds valid texts that nothing was fitted to: LoCoMo turns (and how many that answer a question were declined
or merged away), fact updates, and Cranfield abstracts. Public originals: snap-research/locomo, Cranfield 1400.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import math
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from memory_stores import WordBag

from lukhas_sdk.contract.memory import ImportResponse, MemoryContent, StoreRequest
from lukhasd.database import Database
from lukhasd.memory import MemoryStore, junk
from lukhasd.records.metrics import Metrics

GATE = Path(__file__).resolve().parents[1] / "data" / "gate"
QUESTIONS = GATE.parent / "questions" / "notes.jsonl"


def wilson(hits: int, total: int) -> str:
    """Share with its interval (Wilson 1927), in percent."""
    if not total:
        return "no data"
    z, share = 1.96, hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    low, high = 100 * max(centre - reach, 0), 100 * min(centre + reach, 1)
    return f"{100 * share:5.1f} % ({hits}/{total}; {low:.1f} to {high:.1f})"


def lines(name: str, part: str, *, small: bool) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (GATE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    chosen = [row for row in rows if part == "all" or row["held_out"] == (part == "held-out")]
    return chosen[::5] if small else chosen


def request(text: str, **context: Any) -> StoreRequest:
    kind = "episodic" if context else "semantic"
    return StoreRequest(content=MemoryContent(type=kind, data=text, context=context))  # type: ignore[arg-type]


def side(given: dict[str, Any]) -> StoreRequest:
    return request(given["text"], **{key: given[key] for key in ("speaker", "timestamp") if key in given})


async def measure(store: MemoryStore, part: str, *, small: bool) -> None:
    for name, what in (("junk", "junk kept"), ("valid", "valid lost")):
        wrong: Counter[str] = Counter()
        rows = lines(name, part, small=small)
        for n, row in enumerate(rows):
            answer = await store.store(f"{name}-{n}", request(row["text"]))
            if (answer.outcome == "declined") != (name == "junk"):
                wrong[row["kind"]] += 1
        print(f"{what:32} {wilson(wrong.total(), len(rows))}  {dict(wrong) or ''}")
    merged: Counter[bool] = Counter()
    pairs = lines("pairs", part, small=small)
    for n, row in enumerate(pairs):
        await store.store(f"pair-{n}", side(row["older"]))
        answer = await store.store(f"pair-{n}", side(row["newer"]))
        merged[row["same"]] += answer.outcome == "merged"
    same = sum(row["same"] for row in pairs)
    print(f"{'merge precision':32} {wilson(merged[True], merged.total())}")
    print(f"{'merge recall':32} {wilson(merged[True], same)}")
    print(f"{'near misses merged':32} {wilson(merged[False], len(pairs) - same)}")


async def measure_texts(store: MemoryStore, name: str, texts: Iterable[StoreRequest]) -> ImportResponse:
    requests = list(texts)
    outcomes, ids = [], []
    for start in range(0, len(requests), 200):
        answer = await store.import_items(name, requests[start : start + 200])
        outcomes += answer.outcomes
        ids += answer.memory_ids
    for what in ("declined", "merged"):
        count = sum(each.outcome == what for each in outcomes)
        print(f"{f'{name}: {what}':32} {wilson(count, len(requests))}")
    return ImportResponse(0, 0, ids, outcomes=outcomes)


async def measure_public(store: MemoryStore, folder: Path, *, small: bool) -> None:
    conversations = json.loads(gzip.decompress((folder / "locomo-dev.json.gz").read_bytes()))
    for number, conversation in enumerate(conversations[:1] if small else conversations):
        turns = [
            (turn["dia_id"], request(turn["text"], speaker=turn["speaker"], timestamp=f"2023-01-{day:02}T10:00:00"))
            for day, (_, session) in enumerate(
                ((key, value) for key, value in conversation["conversation"].items() if isinstance(value, list)), 1
            )
            for turn in session
            if day <= 31
        ]
        answer = await measure_texts(store, f"LoCoMo {number}", [turn for _, turn in turns])
        lost = {name for (name, _), outcome in zip(turns, answer.outcomes, strict=True) if outcome.outcome != "stored"}
        evidence = {name for question in conversation["qa"] for name in question.get("evidence", [])}
        print(f"{f'LoCoMo {number}: evidence lost':32} {wilson(len(lost & evidence), len(evidence))}")
    facts = [
        json.loads(line) for line in gzip.decompress((folder / "fact-update-dev.jsonl.gz").read_bytes()).splitlines()
    ]
    texts = sorted({text for row in facts for text in _texts(row) if len(text.split()) > 2})
    judge = junk.load()
    print(f"{'fact updates: declined':32} {wilson(sum(judge.judge(text) is not None for text in texts), len(texts))}")
    raw = (folder / "cranfield" / "cran.all.1400").read_text(encoding="utf-8")
    abstracts = [part.split("\n.W\n", 1)[1].strip() for part in re.split(r"(?m)^\.I \d+\n", raw) if "\n.W\n" in part]
    kept = [text for text in abstracts if text]
    await measure_texts(store, "Cranfield", [request(text) for text in (kept[:100] if small else kept)])


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for entry in value.values() for text in _texts(entry)]
        case list():
            return [text for entry in value for text in _texts(entry)]
    return []


async def run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = await asyncio.to_thread(Database.open, Path(folder) / "lukhas.duckdb")
        store = await MemoryStore.open(database=database, folder=Path(folder), embedder=WordBag(), metrics=Metrics())
        await measure(store, options.part, small=options.small)
        notes = [json.loads(line)["text"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
        await measure_texts(store, "own notes", [request(text) for text in notes])
        if options.data is not None:
            await measure_public(store, options.data, small=options.small)
        await store.close()
        await asyncio.to_thread(database.close)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="every fifth text")
    parser.add_argument("--part", choices=["all", "held-out", "development"], default="all")
    parser.add_argument("--data", type=Path, help="the folder with locomo-dev.json.gz")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
