"""How probable it is that one of an answer's quotations answers the question.

It is judged beside everything that attention kept: a memory that was passed over and fits better speaks against the
quotations. The coefficients are in `confidence.json`, with the figures that they reached on questions that they were
not fitted on; `confidence_training` fits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import msgspec

from lukhasd.matriz.extractive import Quote
from lukhasd.matriz.stages.attention import Focused
from lukhasd.matriz.stages.memory import Candidate
from lukhasd.memory.likelihood import Coefficients, Found, Likelihood, heading_of, speaker_of


class Confidence:
    def __init__(self, likelihood: Likelihood) -> None:
        self.likelihood = likelihood

    @classmethod
    def load(cls) -> Confidence:
        text = resources.files(__package__).joinpath("confidence.json").read_bytes()
        return cls(Likelihood(msgspec.json.decode(text, type=Coefficients)))

    def probability(self, query: str, kept: Sequence[Focused], quotes: Sequence[Quote]) -> float:
        """0.0 without quotations."""
        found, chosen = judged(kept, quotes)
        return self.likelihood.probability(query, found, chosen)


def judged(kept: Sequence[Focused], quotes: Sequence[Quote]) -> tuple[list[Found], list[bool]]:
    """The memories kept, and which of them are quoted. Of a quoted one only the quotation counts."""
    quoted = {quote.memory.memory_id: quote for quote in quotes}
    candidates = [one.candidate for one in kept]
    found = [_found(candidate, quoted.get(candidate.memory.memory_id)) for candidate in candidates]
    return found, [candidate.memory.memory_id in quoted for candidate in candidates]


def _found(candidate: Candidate, quote: Quote | None) -> Found:
    """A quotation's own cosine counts only where its memory's does: another embedder's are left out."""
    content = candidate.memory.content
    text, cosine, in_part = content.data, candidate.cosine, False
    if quote is not None:
        in_part = quote.text != " ".join(content.data.split())
        text = quote.text
        cosine = cosine if cosine is None or quote.cosine is None else quote.cosine
    heading = heading_of(content.context)
    return Found(text, speaker_of(content.context), candidate.relevance, cosine, heading, in_part)
