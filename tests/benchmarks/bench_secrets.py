"""How well the guardian finds secrets and personal data, on made-up data with real forms and check digits.

    python tests/benchmarks/bench_secrets.py [--small] [--seed N] [--misses]

Secrets: the forms of 61 providers and 108 lines by hand that give a made-up secret to a name, against hand-written
lines that only look like it. Personal data: every kind with its check digits in lines by hand; a datum counts as found
where findings cover at least six tenths of it. The peers detect-secrets and Presidio's pattern recognisers (with no
language model) run on the same lines where they can be imported. Intervals are Wilson's, of 95 %.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parent))

import personal_lines
import secret_lines
from bench_gate import wilson

from lukhas_sdk.contract.guardian import GuardianAction
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian import Guardian
from lukhasd.guardian.findings import Match
from lukhasd.records.metrics import Metrics

ROUNDS, SMALL_ROUNDS = 20, 2
COVERED = 0.6
Spans = list[tuple[int, int]]
Finder = Callable[[str], Spans]


def guardian_finder(guardian: Guardian, categories: set[str], *, notes: bool) -> Finder:
    """Spans of findings of `categories`, with or without those of low severity."""

    def counts(match: Match) -> bool:
        return match.rule.category in categories and (notes or match.severity != "low")

    def find(line: str) -> Spans:
        matches = guardian.find(GuardianAction("file_write", line), budget_s=30.0)
        return [(match.start, match.end) for match in matches if counts(match)]

    return find


def detect_secrets_finder() -> Finder | None:
    try:
        scan, settings = import_module("detect_secrets.core.scan"), import_module("detect_secrets.settings")
    except ImportError:
        return None

    def find(line: str) -> Spans:
        # By file: its scan of a bare line reports every string, whatever its entropy.
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file, settings.default_settings():
            file.write(line)
            file.flush()
            return [(0, len(line))] if list(scan.scan_file(file.name)) else []

    return find


def presidio_finder() -> Finder | None:
    """All of Presidio's pattern recognisers and its telephone one, whatever their country or score."""
    try:
        module = import_module("presidio_analyzer.predefined_recognizers")
        base = import_module("presidio_analyzer").PatternRecognizer
    except ImportError:
        return None
    for noisy in ("presidio-analyzer", "tldextract"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    classes = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, base)]
    classes.append(module.PhoneRecognizer)
    recognisers = []
    for each in classes:
        try:
            recognisers.append(each())
        except Exception as error:
            print(f"presidio: {each.__name__} does not start: {error}", file=sys.stderr)

    def find(line: str) -> Spans:
        return [
            (result.start, result.end)
            for recogniser in recognisers
            for result in recogniser.analyze(line, recogniser.supported_entities, None) or []
        ]

    return find


def covered(line: str, datum: str, spans: Spans) -> bool:
    begin = line.find(datum)
    inside = {at for start, end in spans for at in range(max(start, begin), min(end, begin + len(datum)))}
    return len(inside) >= COVERED * len(datum)


def measure_secrets(name: str, find: Finder, rows: list[tuple[str, str, str]], *, misses: bool) -> None:
    started = process_time()
    found = [(kind.split()[0], line, bool(find(line))) for kind, line, _ in rows]
    wrong = [line for line in secret_lines.NEGATIVES if find(line)]
    each_ms = (process_time() - started) * 1000 / (len(rows) + len(secret_lines.NEGATIVES))
    print(f"\n{name}: {each_ms:.2f} ms of CPU a line")
    print(f"  true positives   {wilson(sum(hit for *_, hit in found), len(found))}")
    for kind in dict.fromkeys(kind for kind, *_ in found):
        hits = [hit for of, _, hit in found if of == kind]
        print(f"    {kind:<14} {wilson(sum(hits), len(hits))}")
    print(f"  false positives  {wilson(len(wrong), len(secret_lines.NEGATIVES))}")
    if misses:
        for line in [line for _, line, hit in found if not hit][:40]:
            print(f"  missed: {line[:120]}")
        for line in wrong:
            print(f"  wrong:  {line[:120]}")


def measure_personal(name: str, find: Finder, rows: list[tuple[str, str, str]], *, misses: bool) -> None:
    total, hits = Counter(kind for kind, *_ in rows), Counter[str]()
    missed: list[str] = []
    for kind, line, datum in rows:
        if covered(line, datum, find(line)):
            hits[kind] += 1
        else:
            missed.append(f"{kind}: {line[:110]}")
    wrong = [line for line in personal_lines.NEGATIVES if find(line)]
    print(f"\n{name}:")
    print(f"  recall           {wilson(hits.total(), total.total())}")
    for kind in sorted(total, key=lambda each: hits[each] / total[each]):
        if hits[kind] < total[kind]:
            print(f"    {kind:<20} {wilson(hits[kind], total[kind])}")
    print(f"  lines without any personal data marked: {wilson(len(wrong), len(personal_lines.NEGATIVES))}")
    for line in (missed[:40] + wrong) if misses else ():
        print(f"  {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help=f"{SMALL_ROUNDS} rounds in place of {ROUNDS}")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--misses", action="store_true", help="print what was missed and what was wrongly marked")
    options = parser.parse_args()
    rounds = SMALL_ROUNDS if options.small else ROUNDS
    guardian = Guardian.open(
        settings=GuardianSettings(budget_ms=30_000), policy_dir=Path("/nonexistent"), metrics=Metrics()
    )
    secrets = secret_lines.positives(options.seed, rounds)
    people = personal_lines.rows(options.seed, rounds)
    print(f"secrets: {len(secrets)} lines with one, {len(secret_lines.NEGATIVES)} without")
    mine = guardian_finder(guardian, {"secret"}, notes=False)
    for name, finder in (("this guardian", mine), ("detect-secrets", detect_secrets_finder())):
        if finder:
            measure_secrets(name, finder, secrets, misses=options.misses and finder is mine)
    print(f"\npersonal data: {len(people)} lines of {len({kind for kind, *_ in people})} kinds")
    every = guardian_finder(guardian, {"secret", "personal_data"}, notes=True)
    for name, finder in (("this guardian", every), ("presidio's patterns", presidio_finder())):
        if finder:
            measure_personal(name, finder, people, misses=options.misses and finder is every)
    blocking = guardian_finder(guardian, {"secret", "personal_data"}, notes=False)
    held = [line for line in personal_lines.NEGATIVES if blocking(line)]
    print(f"\n  … held back for it: {wilson(len(held), len(personal_lines.NEGATIVES))}")
    guardian.close()


if __name__ == "__main__":
    main()
