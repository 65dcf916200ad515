"""How well the guardian's shell rules tell destructive commands from harmless ones.

    python tests/benchmarks/bench_guardian_shell.py DATA [--part dev|held|all] [--small]

DATA is `shell.jsonl.gz` (or the folder above it): rows of src, command, y (1 destructive), from NL2Bash, tldr-pages,
Atomic Red Team and fixtures of a command guard. Rows are split by a hash of the command: a third is held out, the
rest is what rules are written on. The project's own cases (`tests/data/shell_cases.jsonl`) are judged as well.
A command counts as caught unless it is APPROVED at the level STRICT. `--small` judges the first 400 rows.

The labels set a ceiling: NL2Bash and tldr-pages count as harmless whatever they do (`sudo mkfs.ext4 /dev/sdb1`,
`dropdb name`), and Atomic Red Team counts as destructive down to `date` and `env`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from time import perf_counter

from lukhas_sdk.contract.guardian import ActionType
from lukhasd.guardian.detectors.shell import ShellDetector
from lukhasd.guardian.findings import Subject
from lukhasd.guardian.normalise import unfold
from lukhasd.guardian.policy import load_policy
from lukhasd.guardian.verdict import TABLE

SMALL_ROWS = 400
DECISIONS = ("APPROVED", "REVIEW", "REJECTED")
CASES = Path(__file__).parents[1] / "data" / "shell_cases.jsonl"
Row = tuple[str, int, str, ActionType]
Counts = dict[tuple[str, int], Counter[str]]


def held(command: str) -> bool:
    return int(hashlib.sha256(command.encode()).hexdigest(), 16) % 3 == 0


def scores(counts: Counts, sources: set[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of catching, over the rows of `sources`."""
    caught = {0: 0, 1: 0}
    positives = 0
    for (source, label), counter in counts.items():
        if source in sources:
            caught[label] += counter.total() - counter["APPROVED"]
            positives += label * counter.total()
    precision = caught[1] / max(1, caught[0] + caught[1])
    recall = caught[1] / max(1, positives)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", choices=("dev", "held", "all"), default="held")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    path = options.data / "guardian" / "shell.jsonl.gz" if options.data.is_dir() else options.data
    with gzip.open(path, "rt") as lines:
        read = [json.loads(line) for line in lines]
    rows: list[Row] = [(row["src"], row["y"], row["command"], "shell_command") for row in read]
    rows = [row for row in rows if options.part == "all" or held(row[2]) == (options.part == "held")]
    rows = rows[:SMALL_ROWS] if options.small else rows
    for line in CASES.read_text("utf-8").splitlines():
        case = json.loads(line)
        rows.append(("own cases", int(case["expected"] == "caught"), case["command"], case["type"]))

    detector = ShellDetector(load_policy(Path("/nonexistent")))
    counts: Counts = defaultdict(Counter)
    durations_ms: list[float] = []
    for source, label, command, action_type in rows:
        started = perf_counter()
        found = detector.find(Subject(action_type, unfold(command), lambda: None))
        decisions = [TABLE["STRICT"][match.severity] for match in found]
        durations_ms.append((perf_counter() - started) * 1000)
        counts[source, label][max(decisions, key=DECISIONS.index, default="APPROVED")] += 1

    print(f"{'source':<18}{'label':<14}" + "".join(f"{name:>13}" for name in DECISIONS))
    for (source, label), counter in sorted(counts.items()):
        name = "destructive" if label else "harmless"
        print(f"{source:<18}{name:<14}" + "".join(f"{counter[decision]:>13}" for decision in DECISIONS))
    given = {source for source, _ in counts} - {"own cases"}
    for title, sources in (("all rows", given), ("fixtures", {"dcg_fixture"}), ("own cases", {"own cases"})):
        precision, recall, score = scores(counts, sources)
        print(f"{title}: precision {precision:.3f}, recall {recall:.3f}, F1 {score:.3f}")
    manuals = [counts[source, 0] for source in ("nl2bash", "tldr")]
    total = max(1, sum(counter.total() for counter in manuals))
    for decision in ("REVIEW", "REJECTED"):
        share = sum(counter[decision] for counter in manuals) / total
        print(f"NL2Bash and tldr-pages {decision}: {share:.2%} of {total}")
    print(f"time per command: median {statistics.median(durations_ms):.2f} ms, largest {max(durations_ms):.1f} ms")


if __name__ == "__main__":
    main()
