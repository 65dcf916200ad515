"""Whether the pipeline can think at all: it must quote the right one of two memories."""

from __future__ import annotations

from datetime import UTC, datetime

from lukhas_sdk.contract.memory import Memory, MemoryContent, MemoryMetadata
from lukhasd.matriz import extractive
from lukhasd.matriz.quantum import Candidate as Draft
from lukhasd.matriz.quantum import collapse
from lukhasd.matriz.stages.attention import attend
from lukhasd.matriz.stages.memory import Candidate
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import Embedder, EmbedderError

QUESTION = "Where is the spare key?"
ANSWER = "The spare key hangs behind the door."


def run_collapse() -> str | None:
    """None when the best supported of three drafts wins, though another that the guardian stopped has more."""
    drafts = [
        Draft("weak", "It hangs somewhere.", support=0.2, safety=0.9),
        Draft("best", ANSWER, support=0.9, safety=0.9),
        Draft("stopped", "It hangs behind the door; break it open.", support=1.0, safety=0.0, stopped=True),
    ]
    rows, chosen = collapse(drafts, [0.5, 0.5, 0.5])
    if chosen is None or rows[chosen.chosen].origin != "best" or rows[2].weight:
        return "the collapse did not pick the known best of three drafts"
    return None


def run(embedder: Embedder) -> str | None:
    """None when it works, else what is wrong. Blocks: call it in a thread."""
    texts = ["The lease ends in August.", ANSWER]
    try:
        question, *vectors = embedder.embed([QUESTION, *texts])
    except EmbedderError as error:
        return error.message
    now = datetime.now(UTC)
    candidates = [
        Candidate(
            Memory(
                f"mem_self_test_{place}", "helix_self_test", MemoryContent(type="semantic", data=text), [],
                MemoryMetadata(now, now, 0, None, 0.0, 0.5),
            ),
            relevance=max(0.0, float(question @ vector)), cosine=float(question @ vector), hop=0,
        )
        for place, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]  # fmt: skip
    known = {one.memory.memory_id: vector for one, vector in zip(candidates, vectors, strict=True)}
    focus = attend(candidates, known, embedder=embedder, focus=None, creative=False, budget_tokens=100, now=now)
    quotes = extractive.quote(QUESTION, focus.kept, embedder=embedder, analyser=Analyser(), limit=1)
    if not quotes or quotes[0].text != ANSWER:
        return "the extractive answer to a known question was wrong"
    return None
