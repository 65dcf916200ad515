"""What a response shows of each hit, and of all."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lukhas_sdk.contract.memory import Facet, FacetCount, FacetName, HitExplanation, SearchHit, SignalShare
from lukhasd.memory.ranking import Ranked
from lukhasd.memory.rows import MemoryRow

FACET_VALUES = 50


def make_hit(ranked: Ranked, row: MemoryRow, *, explain: bool) -> SearchHit:
    content = row.content()
    return SearchHit(
        memory_id=row.memory_id,
        relevance_score=ranked.score,
        content=msgspec.structs.replace(content, context={}),
        context=content.context,
        tags=list(row.tags),
        event_at=row.event_at,
        text_score=ranked.text_score,
        vector_score=ranked.vector_score,
        cosine=ranked.cosine,
        mark=row.mark,
        explanation=explain_hit(ranked) if explain else None,
        valid_to=row.valid_to,
        superseded_by=row.superseded_by,
    )


def without_context(hit: SearchHit) -> SearchHit:
    return msgspec.structs.replace(hit, context=None)


def explain_hit(ranked: Ranked) -> HitExplanation:
    return HitExplanation([SignalShare(name, share) for name, share in ranked.signals])


def make_facet(name: FacetName, counts: Mapping[str, int], missing: int) -> Facet:
    if name == "month":
        ordered = sorted(counts.items(), reverse=True)
    else:
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return Facet(name, [FacetCount(*pair) for pair in ordered[:FACET_VALUES]], len(counts), missing)
