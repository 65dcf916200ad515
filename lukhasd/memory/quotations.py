"""Where else a memory's words stand: in interactions that cite or repeat it, in folds that it caused, in quarantine, in
jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lukhasd.database.connection import Cursor

ERASED = "[forgotten]"
SHORTEST_CHARS = 12
"""A shorter passage says too little to be known again: “yes”, “at noon”."""
PASSAGES_MOST = 200
BREAK = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True)
class Quotations:
    interactions: tuple[str, ...]
    folds: tuple[str, ...]
    quarantined: tuple[str, ...]
    searches: tuple[str, ...]
    results: tuple[tuple[str, int], ...]
    """Of jobs: the job and the item's number."""
    requests: tuple[str, ...]
    """Jobs that were asked it."""
    feedback: tuple[str, ...]
    """On these interactions, or whose comment repeats it."""
    dreams: tuple[str, ...]
    """And consolidations that cite it or repeat it."""
    short: tuple[str, ...]
    """Texts too short to be known again within another: they are where they are all that was said."""


def passages(texts: Iterable[str]) -> list[str]:
    """The sentences and lines of the texts that are long enough to be known again, evenly thinned to 200."""
    found = dict.fromkeys(
        part.strip() for text in texts for part in BREAK.split(text) if len(part.strip()) >= SHORTEST_CHARS
    )
    every = list(found)
    step = max(len(every) / PASSAGES_MOST, 1.0)
    return [every[int(place * step)] for place in range(min(len(every), PASSAGES_MOST))]


def short(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple({text.strip() for text in texts if 0 < len(text.strip()) < SHORTEST_CHARS})


def find(cursor: Cursor, owner: str, memory_id: str, said: Sequence[str], short: Sequence[str]) -> Quotations:
    repeats = " OR ".join(["contains(input, ?) OR contains(response, ?)"] * len(said)) or "false"
    interactions = cursor.execute(
        "SELECT interaction_id FROM interactions WHERE owner = ?"  # noqa: S608
        f" AND (json_contains(cited, ?) OR {repeats}"
        " OR list_contains(?, trim(input)) OR list_contains(?, trim(response)))"
        " ORDER BY created_at",
        [owner, json.dumps(memory_id), *(passage for passage in said for _ in range(2)), [*short], [*short]],
    ).fetchall()
    folds = cursor.execute(
        "SELECT fold_id FROM folds WHERE owner = ? AND json_contains(parents, ?) ORDER BY created_at",
        [owner, json.dumps(memory_id)],
    ).fetchall()
    escaped = [form for passage in said for form in _forms(passage)]
    repeats = " OR ".join(["contains(result, ?)"] * len(escaped)) or "false"
    results = cursor.execute(
        "SELECT job_id, number FROM job_results WHERE owner = ? AND result IS NOT NULL"  # noqa: S608
        f" AND (json_contains(cited, ?) OR {repeats})",
        [owner, json.dumps(memory_id), *escaped],
    ).fetchall()
    return Quotations(
        interactions=tuple(row[0] for row in interactions),
        folds=tuple(row[0] for row in folds),
        quarantined=_holding(cursor, "memory_quarantine", "quarantine_id", "request || shown", owner, escaped),
        searches=_holding(cursor, "saved_searches", "name", "name || request", owner, escaped),
        results=tuple((job_id, number) for job_id, number in results),
        feedback=_feedback(cursor, owner, [name for (name,) in interactions], said),
        dreams=_dreams(cursor, owner, memory_id, escaped),
        requests=_holding(cursor, "jobs", "job_id", "request", owner, escaped),
        short=tuple(short),
    )


def _holding(cursor: Cursor, table: str, key: str, text: str, owner: str, forms: Sequence[str]) -> tuple[str, ...]:
    repeats = " OR ".join([f"contains({text}, ?)"] * len(forms)) or "false"
    sql = f"SELECT {key} FROM {table} WHERE owner = ? AND ({repeats})"  # noqa: S608
    return tuple(name for (name,) in cursor.execute(sql, [owner, *forms]).fetchall())


def _feedback(cursor: Cursor, owner: str, interactions: list[str], said: Sequence[str]) -> tuple[str, ...]:
    repeats = " OR ".join(["contains(comment, ?)"] * len(said)) or "false"
    sql = f"SELECT feedback_id FROM feedback WHERE owner = ? AND (list_contains(?, interaction_id) OR {repeats})"  # noqa: S608
    return tuple(name for (name,) in cursor.execute(sql, [owner, interactions, *said]).fetchall())


def _dreams(cursor: Cursor, owner: str, memory_id: str, forms: Sequence[str]) -> tuple[str, ...]:
    repeats = " OR ".join(["contains(text, ?)"] * len(forms)) or "false"
    sql = (
        "SELECT name FROM (SELECT owner, dream_id AS name, cited, dream AS text FROM dreams UNION ALL"  # noqa: S608
        " SELECT owner, consolidation_id, cited, report || changes FROM consolidations)"
        f" WHERE owner = ? AND (json_contains(cited, ?) OR {repeats})"
    )
    return tuple(name for (name,) in cursor.execute(sql, [owner, json.dumps(memory_id), *forms]).fetchall())


def _forms(passage: str) -> set[str]:
    """As it stands in a text, and in JSON."""
    return {passage, msgspec.json.encode(passage).decode()[1:-1]}


def erase(cursor: Cursor, found: Quotations, owner: str, memory_id: str, said: Sequence[str]) -> None:
    """An answer that cites the memory goes whole; elsewhere its passages go. So does feedback on such an answer, and a
    comment that repeats it, and a dream of it. Folds lose it as a parent; what the
    quarantine or a kept search says of it goes whole, and so does a job's result; a job that may go on is asked without
    its passages."""
    for interaction_id in found.interactions:
        [(asked, response, cited)] = cursor.execute(
            "SELECT input, response, cited FROM interactions WHERE interaction_id = ?", [interaction_id]
        ).fetchall()
        names = json.loads(cited)
        response = ERASED if memory_id in names else _without(response, said, found.short)
        cursor.execute(
            "UPDATE interactions SET input = ?, response = ?, cited = ? WHERE interaction_id = ?",
            [_without(asked, said, found.short), response, json.dumps([name for name in names if name != memory_id]),
             interaction_id],
        )  # fmt: skip
    for name in found.feedback:
        cursor.execute("DELETE FROM feedback WHERE owner = ? AND feedback_id = ?", [owner, name])
    for name in found.dreams:
        cursor.execute("DELETE FROM dreams WHERE owner = ? AND dream_id = ?", [owner, name])
        cursor.execute("DELETE FROM consolidations WHERE owner = ? AND consolidation_id = ?", [owner, name])
    unlink(cursor, owner, memory_id)
    for key, table, names in (
        ("quarantine_id", "memory_quarantine", found.quarantined),
        ("name", "saved_searches", found.searches),
    ):
        for name in names:
            cursor.execute(f"DELETE FROM {table} WHERE owner = ? AND {key} = ?", [owner, name])  # noqa: S608
    for job_id, number in found.results:
        cursor.execute("UPDATE job_results SET result = NULL WHERE job_id = ? AND number = ?", [job_id, number])
    for job_id in found.requests:
        [(request,)] = cursor.execute("SELECT request FROM jobs WHERE job_id = ?", [job_id]).fetchall()
        left = msgspec.json.encode(_scrubbed(msgspec.json.decode(request), said)).decode()
        cursor.execute("UPDATE jobs SET request = ? WHERE job_id = ?", [left, job_id])


def unlink(cursor: Cursor, owner: str, memory_id: str) -> None:
    """Folds lose the memory as a parent: none is left with one that is not there."""
    found = cursor.execute(
        "SELECT fold_id, parents FROM folds WHERE owner = ? AND json_contains(parents, ?)",
        [owner, json.dumps(memory_id)],
    ).fetchall()
    for fold_id, parents in found:
        left = [parent for parent in json.loads(parents) if parent != memory_id]
        cursor.execute("UPDATE folds SET parents = ? WHERE fold_id = ?", [json.dumps(left), fold_id])


def _scrubbed(value: Any, said: Sequence[str]) -> Any:
    """A JSON value whose strings hold none of the passages."""
    match value:
        case str():
            return _without(value, said, ())
        case list():
            return [_scrubbed(each, said) for each in value]
        case dict():
            return {key: _scrubbed(each, said) for key, each in value.items()}
        case _:
            return value


def _without(text: str, said: Sequence[str], short: Sequence[str]) -> str:
    if text.strip() in short:
        return ERASED
    for passage in said:
        text = text.replace(passage, ERASED)
    return text
