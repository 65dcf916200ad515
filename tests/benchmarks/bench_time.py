"""Are time expressions resolved exactly, and negations read rightly? Our own labelled set.

python tests/benchmarks/bench_time.py [--small] [--misses]

Prints, for the part that the rules were made on and for the part held out from it, the share of texts whose every
expression is resolved exactly and in which nothing else is found, with Wilson's 95 % interval; the share of texts
without a time expression in which one is found; and the same for what a query rules out. `dateparser`, where
installed, runs on the same texts as a peer; it gives one moment, so that it counts as right when that moment's day is
the first day of what was expected. `--small` stops with status 1 when a floor is missed and skips the timing;
`--misses` lists the texts that went wrong in the part that is not held out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import thread_time

from lukhasd.memory.query_reading import read
from lukhasd.memory.time_expressions import TimeExpression, find, mentions

DATA = Path(__file__).parents[1] / "data" / "time_expressions"
Z95 = 1.959964
FLOOR = 0.85
REPEATS = 2000
SENTENCE = (
    "On Tuesday we talked about the flat in Lyon, and last March Anna said that she may move there in two weeks. "
)


@dataclass(frozen=True)
class Item:
    text: str
    now: datetime
    expected: tuple[object, ...]
    kind: str
    held_out: bool


@dataclass(frozen=True)
class Query:
    text: str
    excluded: tuple[str, ...]
    held_out: bool


def load_items() -> list[Item]:
    rows = map(json.loads, (DATA / "expressions.jsonl").read_text().splitlines())
    return [
        Item(
            row["text"],
            datetime.fromisoformat(row["now"]),
            tuple(map(read_label, row["expected"])),
            row["kind"],
            row["held_out"],
        )
        for row in rows
    ]


def load_queries() -> list[Query]:
    rows = map(json.loads, (DATA / "negation.jsonl").read_text().splitlines())
    return [Query(row["text"], tuple(row["excluded"]), row["held_out"]) for row in rows]


def read_label(label: dict[str, str | None]) -> object:
    if "anchor" in label:
        return label["direction"], label["count"] or 0, label["unit"], str(label["anchor"]).lower()
    return tuple(
        None if moment is None else datetime.fromisoformat(moment) for moment in (label["start"], label["end"])
    )


def describe(expression: TimeExpression) -> object:
    if (anchor := expression.anchor) is not None:
        offset = anchor.offset
        return anchor.direction, offset.least if offset else 0, offset and offset.unit, anchor.phrase.lower()
    assert expression.period is not None
    return expression.period.start, expression.period.end


def is_exact(item: Item) -> bool:
    return tuple(map(describe, find(item.text, now=item.now))) == item.expected


def excludes_exactly(query: Query) -> bool:
    excluded = read(query.text, now=datetime.fromisoformat("2024-05-15T10:30:00Z")).excluded
    return tuple(map(str.lower, excluded)) == tuple(map(str.lower, query.excluded))


def measure_wilson(hits: int, total: int) -> tuple[float, float]:
    """Wilson's score interval at 95 % (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    share, square = hits / total, Z95 * Z95
    centre = share + square / (2 * total)
    spread = Z95 * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return (centre - spread) / (1 + square / total), (centre + spread) / (1 + square / total)


def show(name: str, hits: Sequence[bool]) -> float:
    low, high = measure_wilson(sum(hits), len(hits))
    share = sum(hits) / len(hits) if hits else 0.0
    print(f"{name:<44} {share:6.1%}  [{low:.1%}, {high:.1%}]  n={len(hits)}")
    return share


def load_peer() -> Callable[[Item], bool] | None:
    """Whether dateparser finds every expression's first day, and nothing in a text without one."""
    try:
        search_dates = importlib.import_module("dateparser.search").search_dates
    except ImportError:
        return None

    def is_right(item: Item) -> bool:
        settings = {
            "RELATIVE_BASE": item.now.replace(tzinfo=None), "PREFER_DATES_FROM": "past", "DATE_ORDER": "DMY",
            "PREFER_DAY_OF_MONTH": "first", "PREFER_MONTH_OF_YEAR": "first",
        }  # fmt: skip
        found = search_dates(item.text, languages=["en"], settings=settings) or []
        days = [moment.date() for _, moment in found]
        expected = [
            label[0].date() for label in item.expected if isinstance(label, tuple) and hasattr(label[0], "date")
        ]
        return days == expected and len(expected) == len(item.expected)

    return is_right


def time_one(work: Callable[[], object]) -> float:
    """Milliseconds of processor time a call, the best of three rounds."""
    rounds = []
    for _ in range(3):
        began = thread_time()
        for _ in range(REPEATS):
            work()
        rounds.append((thread_time() - began) * 1000 / REPEATS)
    return min(rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="check the floors, no timing, no peer")
    parser.add_argument("--misses", action="store_true")
    given = parser.parse_args()
    items, queries = load_items(), load_queries()
    peer = None if given.small else load_peer()
    fine = True
    for held_out in (False, True):
        part = "held out" if held_out else "development"
        texts = [item for item in items if item.held_out is held_out]
        timed = [item for item in texts if item.expected]
        bare = [item for item in texts if not item.expected]
        fine &= show(f"time expressions resolved exactly, {part}", [is_exact(item) for item in timed]) >= FLOOR
        show(f"found where there is none, {part}", [not is_exact(item) for item in bare])
        asked = [query for query in queries if query.held_out is held_out]
        fine &= show(f"exclusions read exactly, {part}", [excludes_exactly(query) for query in asked]) >= FLOOR
        if peer is not None:
            show(f"dateparser: right first days, {part}", [peer(item) for item in timed])
            show(f"dateparser: found where there is none, {part}", [not peer(item) for item in bare])
        if given.misses and not held_out:
            for item in texts:
                if not is_exact(item):
                    print("-", item.kind, item.now, item.text, "\n   ", [*map(str, item.expected)])
                    print("   ", [str(describe(expression)) for expression in find(item.text, now=item.now)])
            for query in asked:
                if not excludes_exactly(query):
                    print("-", query.text, query.excluded, read(query.text, now=items[0].now).excluded)
    if not held_out or given.small:
        return 0 if fine else 1
    now = items[0].now
    query = "what did I tell Maria last March about the restaurant, not the one in Lyon, two days before the trip"
    text = (SENTENCE * 5)[:500]
    print(f"read() of {len(query)} characters: {time_one(lambda: read(query, now=now)):.3f} ms")
    print(f"mentions() of {len(text)} characters: {time_one(lambda: mentions(text, at=now)):.3f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
