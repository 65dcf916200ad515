"""How well the guardian tells destructive shell commands from harmless ones.

    python tests/benchmarks/bench_guardian_shell.py DATA [--all] [--small]

DATA is `shell.jsonl.gz`: rows of src, command, y (1 destructive), from NL2Bash, tldr-pages, Atomic Red Team and
fixtures of a command guard. By default the third that was held out when the rules were written is judged (seed 7);
`--all` judges every row, `--small` the first 400 of them. A command counts as stopped unless it is APPROVED.

The labels set a ceiling: NL2Bash and tldr-pages count as harmless whatever they do (`sudo mkfs.ext4 /dev/sdb1`,
`gh repo delete`), and Atomic Red Team counts as destructive down to `date` and `env`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
from collections import Counter, defaultdict
from pathlib import Path

from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian import Guardian
from lukhasd.records.metrics import Metrics

SEED = 7
SMALL_ROWS = 400
DECISIONS = ("APPROVED", "CONDITIONAL", "REVIEW", "REJECTED")


def f1(counts: dict[tuple[str, int], Counter[str]], sources: set[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of stopping, over the rows of `sources`."""
    stopped = {0: 0, 1: 0}
    positives = 0
    for (source, label), counter in counts.items():
        if source in sources:
            stopped[label] += counter.total() - counter["APPROVED"]
            positives += label * counter.total()
    precision = stopped[1] / max(1, stopped[0] + stopped[1])
    recall = stopped[1] / max(1, positives)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    path = options.data / "guardian" / "shell.jsonl.gz" if options.data.is_dir() else options.data
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(SEED).shuffle(rows)
    rows = rows if options.all else rows[: len(rows) // 3]
    rows = rows[:SMALL_ROWS] if options.small else rows

    guardian = Guardian.open(settings=GuardianSettings(), policy_dir=Path("/nonexistent"), metrics=Metrics())
    counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    durations: list[float] = []
    for row in rows:
        verdict = guardian.judge(ValidateRequest(GuardianAction("shell_command", row["command"])))
        counts[row["src"], row["y"]][verdict.decision] += 1
        durations.append(verdict.duration_ms)
    guardian.close()

    print(f"{'source':<18}{'label':<14}" + "".join(f"{name:>13}" for name in DECISIONS))
    for (source, label), counter in sorted(counts.items()):
        name = "destructive" if label else "harmless"
        print(f"{source:<18}{name:<14}" + "".join(f"{counter[decision]:>13}" for decision in DECISIONS))
    everything = {source for source, _ in counts}
    for title, sources in (("all rows", everything), ("fixtures", {"dcg_fixture"})):
        precision, recall, score = f1(counts, sources)
        print(f"{title}: precision {precision:.3f}, recall {recall:.3f}, F1 {score:.3f}")
    harmless = [counter for (_, label), counter in counts.items() if not label]
    total = sum(counter.total() for counter in harmless)
    for decision in ("REVIEW", "REJECTED"):
        print(f"harmless commands {decision}: {sum(c[decision] for c in harmless) / max(1, total):.2%} of {total}")
    print(f"time per verdict: median {statistics.median(durations):.2f} ms, largest {max(durations):.1f} ms")


if __name__ == "__main__":
    main()
