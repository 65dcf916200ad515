"""A query's parts, and what memory knows of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lukhas_sdk.contract.analysis import QueryPart
from lukhas_sdk.contract.matriz import Citation
from lukhas_sdk.contract.memory import SearchHit, SearchRequest
from lukhas_sdk.contract.streams import DRIFT_EXCESSIVE
from lukhasd.memory import MemoryStore

MOST_PARTS = 6
FOUND = 6
SHOWN = 3
LONGEST_QUOTE_CHARS = 400
NEAR = 0.45
"""A memory without a word of the part is cited where its cosine with it is at least this."""
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
CLAUSE = re.compile(r"[,;:]\s+|\s+(?:and then|but|whereas|while)\s+")


@dataclass(frozen=True)
class Recollection:
    parts: tuple[QueryPart, ...]
    drifted: int
    """Memories left out because they have drifted too far from their origin."""
    pending: int
    """Memories that are found by their words only as yet."""


def split(query: str, *, questions: Sequence[str] = (), rules: Sequence[str] = ()) -> list[QueryPart]:
    """Sentences, and the clauses of a sentence with several; at most `MOST_PARTS`. `questions` and `rules`: the
    sentences that were read as such."""
    found: list[QueryPart] = []
    for raw in SENTENCE.findall(query):
        sentence = " ".join(raw.split())
        if not re.search(r"\w", sentence):
            continue
        if sentence in questions or sentence.endswith("?"):
            found.append(QueryPart(sentence, "question", []))
        elif sentence in rules:
            found.append(QueryPart(sentence, "rule", []))
        else:
            found.append(QueryPart(sentence, "statement", []))
        clauses = [clause for clause in CLAUSE.split(sentence) if len(clause.split()) > 2]
        if len(clauses) > 1 and not rules:
            found.extend(QueryPart(clause.rstrip("?.! "), "topic", []) for clause in clauses)
    return found[:MOST_PARTS]


async def recollect(parts: Sequence[QueryPart], owner: str, memory: MemoryStore) -> Recollection:
    """Searches memory for each part."""
    filled: list[QueryPart] = []
    drifted = pending = 0
    for part in parts:
        found = await memory.search(owner, SearchRequest(query=part.text[:10_000], limit=FOUND))
        pending = max(pending, found.pending_vectors)
        near = [hit for hit in memory.core.calibrated(found.results) if hit.text_score > 0 or (hit.cosine or 0) >= NEAR]
        kept = await memory.get_many(owner, [hit.memory_id for hit in near])
        sound = [
            hit
            for hit in near
            if hit.memory_id in kept and (kept[hit.memory_id].metadata.drift_score or 0) < DRIFT_EXCESSIVE
        ]
        drifted += len(near) - len(sound)
        distinct = {" ".join(hit.content.data.split()).casefold(): hit for hit in reversed(sound)}
        known = [cite(hit) for hit in sound if hit in distinct.values()][:SHOWN]
        filled.append(QueryPart(part.text, part.role, known, found.answerable if known else None))
    return Recollection(tuple(filled), drifted, pending)


def cite(hit: SearchHit) -> Citation:
    text = " ".join(hit.content.data.split())
    source = (hit.context or {}).get("source")
    return Citation(
        hit.memory_id, text[:LONGEST_QUOTE_CHARS], source if isinstance(source, str) else None, hit.event_at,
        hit.relevance_score,
    )  # fmt: skip
