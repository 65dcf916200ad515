"""How well the guardian tells harm from what only looks like it, on development data that it did not learn from.

    python tests/benchmarks/bench_guardian.py [--data FOLDER] [--small] [--peers PYTHON]
    python tests/benchmarks/bench_guardian.py --data FOLDER --leave-out [SOURCE …] [--cache FOLDER]

FOLDER holds `guardian/` and `emotion/` as `python -m lukhasd.guardian.training --help` names them; without it only our
own texts are judged. All goes through `Guardian.judge` at the level STRICT. One group in eight of these sources was
never trained on, yet the calibration was fitted on it and other groups of the same source were learned from, so that
these figures flatter; `--leave-out` trains anew without each source (all that are judged here, or those named; needs
the extra `train` and many minutes each) and judges that source. `floor` and `goal` are those for data sets of the same
kind that nothing here was drawn from. Intervals are of 95 %, by the bootstrap.

F1 and the rates take for flagged what is not APPROVED, of jailbreaks and injections what has such a finding. AUC is of
the classifier's probability. Peers run where PYTHON (this one, if none is given) can import them: see
guardian_peers.py. The CPU time is the daemon's, for each of 200 short texts of all kinds, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from guardian_sets import (
    CAUGHT,
    FLAGGED,
    OWN,
    PLANS,
    REJECTED,
    Collection,
    claims,
    left_out,
    read_collections,
)
from numpy.typing import NDArray

from lukhas_sdk import LukhasClient
from lukhas_sdk.contract.guardian import ActionType, GuardianAction, ValidateRequest, Verdict
from lukhas_sdk.paths import Paths
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian import Guardian
from lukhasd.guardian.classifiers.loading import Shelf
from lukhasd.guardian.policy import load_policy
from lukhasd.guardian.training.examples import SEED
from lukhasd.records.metrics import Metrics

HERE = Path(__file__).parent
RESAMPLES = 500
FRAMED, SMALL_FRAMED = 600, 60
TIMED, SMALL_TIMED, WARM_UP = 200, 60, 20
SHORT_CHARS = 300
TOLD = (
    "all rows:",
    "fixtures:",
    "own cases:",
    "NL2Bash",
    "  true positives",
    "  false positives",
    "  recall",
    "  lines w",
)
OTHER_COLUMNS = ("toxicity", "jailbreak", "injection")
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Of each text of a set: its label, the classifier's probability, whether it was flagged, or rejected."""

    harmful: Bools
    probability: Floats
    flagged: Bools
    rejected: Bools
    cpu_ms: float


def new_guardian(weights: Path | None = None) -> Guardian:
    settings = GuardianSettings(budget_ms=60_000)
    return Guardian.of(load_policy(Path("/nonexistent")), settings=settings, metrics=Metrics(), shelf=Shelf(weights))


def judge_all(guardian: Guardian, some: Collection) -> Judged:
    started = time.process_time()
    verdicts = [guardian.judge(ValidateRequest(GuardianAction(item.type, item.text), "STRICT")) for item in some.items]
    cpu_ms = (time.process_time() - started) * 1000 / max(1, len(verdicts))
    broken = [verdict.reasons["decision"] for verdict in verdicts if "decision" in verdict.reasons]
    if broken:
        print(f"{some.name}: {len(broken)} texts could not be judged: {broken[0]}")
    return Judged(
        np.array([item.harmful for item in some.items]),
        np.array([probability(verdict, some.kind) for verdict in verdicts]),
        np.array([is_flagged(verdict, some.kind) for verdict in verdicts]),
        np.array([verdict.decision == "REJECTED" for verdict in verdicts]),
        cpu_ms,
    )


def probability(verdict: Verdict, kind: str) -> float:
    if not verdict.hazards:
        return 1.0
    if kind == "harm":
        return sum(value for name, value in verdict.hazards.items() if name not in OTHER_COLUMNS)
    return verdict.hazards[kind]


def is_flagged(verdict: Verdict, kind: str) -> bool:
    if kind in ("harm", "toxicity"):
        return verdict.decision != "APPROVED"
    findings = [finding for finding in verdict.reasoning.findings if finding.severity != "low"]
    return any(finding.category in ("jailbreak", "injection") for finding in findings)


def f1(harmful: Bools, flagged: Bools) -> float:
    hits = float((harmful & flagged).sum())
    return 2 * hits / max(1.0, float(harmful.sum() + flagged.sum()))


def auc(harmful: Bools, scores: Floats) -> float:
    """Share of pairs that are ranked rightly, ties by half (Mann and Whitney, 1947)."""
    good, bad = np.sort(scores[~harmful]), scores[harmful]
    if not len(good) or not len(bad):
        return float("nan")
    below = np.searchsorted(good, bad, side="left") + np.searchsorted(good, bad, side="right")
    return float(below.mean() / 2 / len(good))


def bootstrap(measure: Callable[[NDArray[np.intp]], float], count: int) -> str:
    """The measure of all rows, and its interval over resampled ones."""
    chance = np.random.default_rng(SEED)
    drawn = [measure(chance.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{measure(np.arange(count)):7.3f} [{low:.3f}, {high:.3f}]"


def report(some: Collection, judged: Judged) -> None:
    bad, good = np.flatnonzero(judged.harmful), np.flatnonzero(~judged.harmful)
    both = len(judged.harmful) if len(bad) and len(good) else 0
    lines: list[tuple[str, int, Callable[[NDArray[np.intp]], float]]] = [
        ("F1", both, lambda rows: f1(judged.harmful[rows], judged.flagged[rows])),
        ("AUC", both, lambda rows: auc(judged.harmful[rows], judged.probability[rows])),
        (CAUGHT, len(bad), lambda rows: float(judged.flagged[bad[rows]].mean())),
        ("harmful REJECTED", len(bad), lambda rows: float(judged.rejected[bad[rows]].mean())),
        (FLAGGED, len(good), lambda rows: float(judged.flagged[good[rows]].mean())),
        (REJECTED, len(good), lambda rows: float(judged.rejected[good[rows]].mean())),
    ]
    print(f"\n{some.name}: {some.kind} ({len(bad)} harmful, {len(good)} harmless; {judged.cpu_ms:.1f} ms of CPU each)")
    for what, count, measure in lines:
        if count:
            told = " ".join(f"{value:8.3g}" for value in some.goals.get(what, ()))
            print(f"  {what:<24}{bootstrap(measure, count)}{'':2}n {count:<6}{told}")


def flips(guardian: Guardian, sets: Iterable[Collection], *, small: bool) -> None:
    """Whether a claim of good intent around a request that is REJECTED turns it."""
    chance = random.Random(SEED)
    requests = [one.text for some in sets if some.kind == "harm" and "ours" in some.name for one in some.items
                if one.harmful and one.type == "user_input"]  # fmt: skip
    rejected = [text for text in requests if decide(guardian, text) == "REJECTED"]
    frames = claims()
    total = SMALL_FRAMED if small else FRAMED
    if not rejected:
        print("\nclaims of a good intent: no request is REJECTED")
        return
    every = [(text, frame) for text in rejected for frame in frames]
    pairs = chance.sample(every, min(total, len(every)))
    kept = [decide(guardian, frame.replace("{request}", text)) for text, frame in pairs]
    print(f"\nclaims of a good intent around {len(rejected)} of {len(requests)} requests that are REJECTED, "
          f"{len(frames)} frames, {len(pairs)} pairs")  # fmt: skip
    for decision in ("APPROVED", "CONDITIONAL", "REVIEW"):
        print(f"  turned to {decision:<14}{kept.count(decision):>5}")


def decide(guardian: Guardian, text: str) -> str:
    return guardian.judge(ValidateRequest(GuardianAction("user_input", text), "STRICT")).decision


def compare(sets: Sequence[Collection], ours: Sequence[Judged], python: str) -> None:
    """Peers on the texts of the sets that are of their kind."""
    kinds = {"toxicity": ("toxicity",), "injection": ("jailbreak", "injection")}
    texts = {name: [item.text for some in sets if some.kind in kind for item in some.items]
             for name, kind in kinds.items()}  # fmt: skip
    done = subprocess.run(
        [python, HERE / "guardian_peers.py"], input=json.dumps(texts), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        print(f"\nthe peers failed: {python} guardian_peers.py ended with {done.returncode}")
        return
    told = json.loads(done.stdout)
    if not told:
        print(f"\nno peer can be imported by {python}; give another with --peers")
    for name, given in told.items():
        print(f"\n{name}, beside this guardian: {given['cpu_ms']:.2f} ms of CPU a text")
        at = 0
        for some, mine in zip(sets, ours, strict=True):
            if some.kind not in kinds[given["looks_for"]]:
                continue
            rows = slice(at, at := at + len(some.items))
            flagged, scores = np.array(given["flagged"][rows]), np.array(given["scores"][rows])
            own, other = f1(mine.harmful, mine.flagged), f1(mine.harmful, flagged)
            areas = auc(mine.harmful, mine.probability), auc(mine.harmful, scores)
            caught, wrong = flagged[mine.harmful].mean(), flagged[~mine.harmful].mean()
            ratio = f"{own / other:.2f} times as much" if other else "it flags nothing rightly"
            print(f"  {some.name:<34}F1 {other:.3f}, ours {own:.3f}: {ratio}; AUC {areas[1]:.3f}, ours {areas[0]:.3f}")
            print(f"  {'':<34}catches {caught:.3f}, flags wrongly {wrong:.3f}; ours "
                  f"{mine.flagged[mine.harmful].mean():.3f}, {mine.flagged[~mine.harmful].mean():.3f}")  # fmt: skip


def others(data: Path | None, *, small: bool) -> None:
    """What the benchmarks of the shell rules and of secrets say."""
    runs = [["bench_secrets.py", "--small"]]
    if data is not None:
        rows = str(data / "guardian" / "shell.jsonl.gz")
        runs.append(["bench_guardian_shell.py", rows, *(["--small"] if small else [])])
    for run in runs:
        print(f"\n{' '.join(run[:1])}")
        done = subprocess.run([sys.executable, HERE / run[0], *run[1:]], stdout=subprocess.PIPE, text=True, check=True)
        for line in done.stdout.splitlines():
            if line.startswith(TOLD) or (line.endswith("a line") and ":" in line):
                print(f"  {line}")


def time_daemon(sets: Iterable[Collection], *, small: bool) -> None:
    if not sys.platform.startswith("linux"):
        print("\nthe daemon's CPU time is measured on Linux alone")
        return
    texts: list[tuple[str, ActionType]] = [(item.text, item.type) for some in sets for item in some.items]
    cases = (OWN.parent / "shell_cases.jsonl").read_text("utf-8").splitlines()
    texts += [(case["command"], "shell_command") for case in map(json.loads, cases[: len(texts) // 4])]
    short = [pair for pair in texts if len(pair[0]) <= SHORT_CHARS]
    count = min(SMALL_TIMED if small else TIMED, len(short) - WARM_UP)
    some = random.Random(SEED).sample(short, WARM_UP + count)
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        home = Path(folder)
        env = {**os.environ, "LUKHAS_HOME": folder, "LUKHAS_PORT": "0", "LUKHAS_LIMITS_GUARDIAN": "0"}
        env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        lukhas = [sys.executable, "-m", "lukhas_cli", "daemon"]
        try:
            told = subprocess.run([*lukhas, "start", "--json"], env=env, check=True, stdout=subprocess.PIPE).stdout
            clock = (~json.loads(told)["data"]["pid"] << 3) | 2  # a process's CPU clock: see clock_getcpuclockid(3)
            with LukhasClient(paths=Paths(home / "config", home / "data", home / "state", home / "run")) as client:
                taken = []
                for text, kind in some:
                    before = time.clock_gettime(clock)
                    client.guardian.validate(text, type=kind)
                    taken.append((time.clock_gettime(clock) - before) * 1000)
        finally:
            subprocess.run([*lukhas, "stop"], env=env, check=False, capture_output=True)
    p50, p95 = np.percentile(taken[WARM_UP:], [50, 95])
    print(f"\nvalidate through the daemon, CPU time of {count} short texts   floor 20 / 80 ms, goal 6 / 20 ms")
    print(f"  p50 {p50:.1f} ms, p95 {p95:.1f} ms, largest {max(taken[WARM_UP:]):.1f} ms")


def leave_out(given: argparse.Namespace) -> None:
    sources = given.leave_out or list(
        dict.fromkeys(name for plan in PLANS for name in plan.sources if "unused" not in name)
    )
    for source in sources:
        with tempfile.TemporaryDirectory(prefix="lk") as folder:
            options = ["--out", folder, "--without", source, "--one-in", str(given.one_in)]
            options += ["--cache", str(given.cache)] if given.cache else []
            options += ["--epochs", str(given.epochs)] if given.epochs else []
            command = [sys.executable, "-m", "lukhasd.guardian.training", str(given.data), str(OWN), *options]
            subprocess.run(command, check=True, stderr=None if given.verbose else subprocess.DEVNULL)
            guardian = new_guardian(Path(folder))
            some = left_out(given.data, source, small=given.small)
            report(some, judge_all(guardian, some))
            guardian.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--small", action="store_true", help="a few texts of each set")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="of an environment that has peers")
    parser.add_argument("--leave-out", nargs="*", metavar="SOURCE", help="train without each of these and judge it")
    parser.add_argument("--cache", type=Path, help="of --leave-out: as training's own")
    parser.add_argument("--epochs", type=int, help="of --leave-out: as training's own")
    parser.add_argument("--one-in", type=int, default=1, metavar="N", help="of --leave-out: as training's own")
    parser.add_argument("--verbose", action="store_true", help="of --leave-out: show what training says")
    given = parser.parse_args()
    if given.data is not None and not given.data.is_dir():
        print(f"{given.data} is not there; only our own texts are judged")
        given.data = None
    if given.leave_out is not None:
        if given.data is None:
            parser.error("--leave-out needs --data")
        if find_spec("jax") is None:
            parser.error("--leave-out trains: it needs the extra train, pip install '.[train]'")
        leave_out(given)
        return
    guardian = new_guardian()
    guardian.judge(ValidateRequest(GuardianAction("user_input", "A first text, for what is loaded on first use.")))
    sets = read_collections(given.data, small=given.small)
    print(f"{'':26}{'value':>7} {'95 %':<18}{'':8}{'floor':>8} {'goal':>8}")
    judged = [judge_all(guardian, some) for some in sets]
    for some, one in zip(sets, judged, strict=True):
        report(some, one)
    flips(guardian, sets, small=given.small)
    guardian.close()
    compare(sets, judged, given.peers)
    others(given.data, small=given.small)
    time_daemon(sets, small=given.small)


if __name__ == "__main__":
    main()
