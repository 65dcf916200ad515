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
    quoted = {quote.memory.memory_id: quote.text for quote in quotes}
    found = []
    for candidate in (one.candidate for one in kept):
        content = candidate.memory.content
        text = quoted.get(candidate.memory.memory_id, content.data)
        found.append(
            Found(text, speaker_of(content.context), candidate.relevance, candidate.cosine, heading_of(content.context))
        )
    return found, [one.candidate.memory.memory_id in quoted for one in kept]
