"""What a reflection looks at: the memories and interactions of one identity, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.reflection import CONSIDERED_LIMIT, EVERYTHING, INTERACTIONS, MEMORIES
from lukhasd.database.connection import Cursor
from lukhasd.memory import MemoryStore
from lukhasd.memory.rows import aware, naive
from lukhasd.models.embedder import Embedder, EmbedderError

WAIT_S = 10.0
"""For vectors that are still being computed."""
BULK = 10
"""Memories without a date in one minute, from which on they count as imported."""
ABOUT_COSINE = 0.3
"""Of an entry and a topic that was asked for, both as vectors."""


@dataclass(frozen=True)
class Entry:
    """`vector` is None where it has none so far. `valence` is what its fold holds."""

    id: str
    kind: Literal["memory", "interaction"]
    text: str
    at: datetime
    dated: bool = True
    """Whether `at` is when it happened. What came without a date, many in one minute, has only the time of its
    import."""
    superseded_by: str | None = None
    vector: NDArray[np.float32] | None = None
    valence: float | None = None


@dataclass(frozen=True)
class Wish:
    """One feedback: how an answer was rated, and the style that was wished for."""

    interaction_id: str
    rating: str
    style: str | None


@dataclass(frozen=True)
class Gathered:
    """`left_out` older entries were not looked at."""

    entries: Sequence[Entry]
    wishes: Sequence[Wish]
    left_out: int


async def gather(memory: MemoryStore, owner: str, *, topic: str, since: datetime | None) -> Gathered:
    """The newest entries. Conclusions (reflective memories) are none: they would become their own evidence. Raises
    EmbedderError where a topic is to be embedded and cannot be."""
    await memory.wait_for_vectors(WAIT_S)
    core = memory.core
    rows, wishes = await core.database.read(lambda cursor: (_read(cursor, owner, topic, since), _wishes(cursor, owner)))
    kept = sorted(rows, key=lambda pair: (pair[1].at, pair[1].id))[-CONSIDERED_LIMIT:]
    embedder = core.meaning.embedder

    def embed() -> list[Entry]:
        means = core.ranker.means([row_id for row_id, _ in kept if row_id is not None])
        asked = _embedded([entry.text for row_id, entry in kept if row_id is None], embedder)
        found = [
            replace(entry, vector=means.get(row_id) if row_id is not None else asked.get(entry.text))
            for row_id, entry in kept
        ]
        if topic in (EVERYTHING, MEMORIES, INTERACTIONS):
            return found
        wanted = embedder.embed([topic])[0]
        return [entry for entry in found if entry.vector is not None and float(entry.vector @ wanted) >= ABOUT_COSINE]

    return Gathered(await core.run(embed), wishes, len(rows) - len(kept))


def _embedded(texts: Sequence[str], embedder: Embedder) -> dict[str, NDArray[np.float32]]:
    """What cannot be embedded now is counted, and grouped another time."""
    try:
        return dict(zip(texts, embedder.embed(texts), strict=True)) if texts else {}
    except EmbedderError:
        return {}


def _read(cursor: Cursor, owner: str, topic: str, since: datetime | None) -> list[tuple[int | None, Entry]]:
    """With the row number of a memory. An input that was stored as it is counts once."""
    start = naive(since) if since else datetime.min
    rows: list[tuple[int | None, Entry]] = []
    if topic != INTERACTIONS:
        found = cursor.execute(
            "SELECT row_id, memory_id, current, event_at, superseded_by, event_at <> created_at OR count(*) OVER"
            " (PARTITION BY event_at = created_at, date_trunc('minute', created_at)) < ? AS dated FROM memories"
            " WHERE owner = ? AND event_at >= ? AND type <> 'reflective'",
            [BULK, owner, start],
        ).fetchall()
        rows += [
            (row_id, Entry(id, "memory", text, aware(at), dated=dated, superseded_by=by))
            for row_id, id, text, at, by, dated in found
        ]
    if topic != MEMORIES:
        stored = {entry.text for _, entry in rows}
        found = cursor.execute(
            "SELECT interaction_id, input, interactions.created_at, valence FROM interactions"
            " LEFT JOIN folds USING (interaction_id) WHERE interactions.owner = ? AND interactions.created_at >= ?",
            [owner, start],
        ).fetchall()
        rows += [
            (None, Entry(id, "interaction", text, aware(at), valence=valence))
            for id, text, at, valence in found
            if text not in stored
        ]
    return rows


def _wishes(cursor: Cursor, owner: str) -> list[Wish]:
    found = cursor.execute(
        "SELECT interaction_id, rating, style FROM feedback WHERE owner = ? ORDER BY created_at, feedback_id", [owner]
    ).fetchall()
    return [Wish(*row) for row in found]
