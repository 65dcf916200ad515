"""Does a new fact end the fact that it contradicts, and no other?

python tests/benchmarks/bench_supersession.py [--data fact-update-dev.jsonl.gz] [--small]

Prints precision and recall of `supersedes`, with Wilson's 95 % intervals, over this project's own pairs and, with
--data, over the fact updates: each of the ten facts of a core memory with its new fact, and the ten among each other.
What the model was fitted on (`lukhasd.memory.contradiction_training`) and what it never saw stand apart. `flagged` is
what would be shown to a person and changed by nothing.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from lukhasd.memory.contradiction_training import Pair, read_facts, read_own
from lukhasd.memory.contradictions import Contradictions, Judgement, load

OWN = Path(__file__).parents[1] / "data" / "contradictions" / "pairs.jsonl"
SMALL_PAIRS = 1_500
Z = 1.96


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson, 1927: the 95 % score interval of a proportion."""
    if not trials:
        return 0.0, 1.0
    share, spread = successes / trials, Z * Z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return centre - half, centre + half


def _percent(successes: int, trials: int) -> str:
    low, high = wilson(successes, trials)
    return f"{100 * successes / max(trials, 1):5.1f} % [{100 * low:.1f}, {100 * high:.1f}] ({successes}/{trials})"


def measure(name: str, pairs: Sequence[Pair], judge: Contradictions, *, wrong: bool) -> None:
    started = perf_counter()
    judged: list[tuple[Pair, Judgement]] = [(pair, judge.judge(pair.older, pair.newer)) for pair in pairs]
    pair_ms = (perf_counter() - started) * 1000 / max(len(pairs), 1)
    ended = [pair for pair, judgement in judged if judgement.kind == "supersedes"]
    flagged = [pair for pair, judgement in judged if judgement.kind == "conflicts"]
    right, all_right = sum(pair.replaces for pair in ended), sum(pair.replaces for pair in pairs)
    print(f"{name}: {len(pairs)} pairs, {all_right} replacing, {pair_ms:.2f} ms a pair")
    print(f"  precision {_percent(right, len(ended))}")
    print(f"  recall    {_percent(right, all_right)}")
    print(f"  flagged   {len(flagged)}, of them {sum(pair.replaces for pair in flagged)} replacing")
    for pair in ended if wrong else ():
        if not pair.replaces:
            print(f"  wrong: {pair.older.text} -> {pair.newer.text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the fact-update development set, .jsonl.gz")
    parser.add_argument("--small", action="store_true", help=f"the first {SMALL_PAIRS} pairs of each part")
    parser.add_argument("--wrong", action="store_true", help="print what was ended wrongly")
    given = parser.parse_args()
    judge = load()
    sets = {"own pairs": read_own(OWN)}
    if given.data is not None:
        sets["fact updates"] = read_facts(given.data)
    for name, pairs in sets.items():
        for part, train in (("fitted", True), ("held out", False)):
            chosen = [pair for pair in pairs if pair.train is train]
            measure(f"{name}, {part}", chosen[:SMALL_PAIRS] if given.small else chosen, judge, wrong=given.wrong)


if __name__ == "__main__":
    main()
