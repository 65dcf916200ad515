"""How probable it is that one of an answer's quotations answers the question.

A logistic model (Platt 1999) over what is known of the quotations. `confidence_training` fits it and writes
`confidence.json`, with the figures that it reached on questions it was not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import msgspec

from lukhasd.matriz.expectation import expected
from lukhasd.matriz.extractive import Quote
from lukhasd.memory.words import Analyser
from lukhasd.models.logistic import Logistic


class Coefficients(msgspec.Struct, frozen=True):
    model: Logistic


class Confidence:
    def __init__(self, model: Logistic) -> None:
        self._model = model

    @classmethod
    def load(cls) -> Confidence:
        text = resources.files(__package__).joinpath("confidence.json").read_bytes()
        return cls(msgspec.json.decode(text, type=Coefficients).model)

    def probability(self, query: str, quotes: Sequence[Quote], analyser: Analyser) -> float | None:
        """None where no quotation's vector is known: the model was fitted on vectors."""
        found = features(query, quotes, analyser)
        return None if found is None else self._model.probability(found)


def features(query: str, quotes: Sequence[Quote], analyser: Analyser) -> tuple[float, ...] | None:
    """The best cosine; the first quotation's; the most words of the question that one holds, and that they hold
    together; the first's lead in score; whether the first holds what the question asks for (a time, a quantity, a
    name), and whether it asks for such at all."""
    cosines = [quote.cosine for quote in quotes if quote.cosine is not None]
    if not cosines:
        return None
    terms = analyser.query_terms(query)
    together = {term for quote in quotes for term in quote.matched}
    lead = quotes[0].score - quotes[1].score if len(quotes) > 1 else quotes[0].score
    asked = expected(query)
    return (
        max(cosines),
        quotes[0].cosine if quotes[0].cosine is not None else max(cosines),
        max(quote.coverage for quote in quotes),
        len(together) / max(len(terms), 1),
        lead,
        float(asked is not None and bool(asked.holds.search(quotes[0].text))),
        float(asked is not None),
    )
