"""Times that a query hangs on something remembered: “two days before the trip to Rome”."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lukhasd.memory.query_reading import Reading
from lukhasd.memory.rows import MemoryRow
from lukhasd.memory.time_expressions import mentions, resolve_anchor
from lukhasd.memory.words import FUNCTION_WORDS, Analyser

LOOKED_AT = 5
"""Memories among which the one that dates an anchor is looked for."""
Find = Callable[[str], Sequence[MemoryRow]]
"""The memories that a phrase finds, best first."""


@dataclass(frozen=True)
class Dated:
    """`reading` with the anchors that were dated; `by` says which memory dated each, by the expression's text."""

    reading: Reading
    by: dict[str, str]


def date(reading: Reading, analyser: Analyser, find: Find) -> Dated:
    """An anchor is dated by the best memory that holds all its telling words: by the one day that it speaks of, else by
    when it happened. One that nothing dates stays without a period, and lifts nothing."""
    times, by = [], {}
    for time in reading.times:
        if time.anchor is not None:
            wanted = _stems(time.anchor.phrase, analyser)
            found = (row for row in find(time.anchor.phrase) if wanted and wanted <= _held(row, analyser))
            row = next(found, None)
            period = resolve_anchor(time, _moment(row)) if row is not None else None
            if row is not None and period is not None:
                time = replace(time, period=period)
                by[time.text] = row.memory_id
        times.append(time)
    return Dated(replace(reading, times=tuple(times)), by)


def _moment(row: MemoryRow) -> datetime:
    spoken_of = mentions(row.data, at=row.event_at)
    only = spoken_of[0].start if len(spoken_of) == 1 else None
    return only if only is not None else row.event_at


def _stems(text: str, analyser: Analyser) -> frozenset[str]:
    telling = [word for word in analyser.words(text) if word not in FUNCTION_WORDS]
    return frozenset(analyser.terms(" ".join(telling)))


def _held(row: MemoryRow, analyser: Analyser) -> frozenset[str]:
    text = row.text
    return frozenset(analyser.terms(f"{text.data} {text.context} {text.tags}"))
