"""What of a memory is shown when the whole does not fit: its best sentences, with those beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from lukhasd.matriz import sentences
from lukhasd.memory.words import Analyser

NEIGHBOURS = 2
NEIGHBOUR_SHARE = 0.5
"""What a sentence is worth for standing so many places or fewer from one that holds the question's words."""
GAP = " … "


def excerpt(
    text: str, terms: Sequence[str], *, limit_tokens: int, analyser: Analyser, count_tokens: Callable[[str], int]
) -> str:
    """Sentences of `text` in their order, as many as `limit_tokens` hold, "" where not even one fits; GAP stands where
    some are left out. `terms` are the question's stems: one that few sentences hold counts more. Where no sentence
    holds any, it is the beginning."""
    pieces = sentences.split(text)
    order = sorted(range(len(pieces)), key=_worth(pieces, terms, analyser).__getitem__, reverse=True)
    chosen: list[int] = []
    gap_tokens = count_tokens(GAP)
    used_tokens = gap_tokens  # one may stand at either end
    for place in order:
        tokens = count_tokens(pieces[place]) + gap_tokens
        if used_tokens + tokens <= limit_tokens:
            chosen.append(place)
            used_tokens += tokens
    chosen.sort()
    shown = ""
    for before, place in zip([-1, *chosen], chosen, strict=False):
        follows = place == before + 1
        shown += (" " if shown else "") if follows else (GAP if shown else GAP.lstrip())
        shown += pieces[place]
    return shown + (GAP.rstrip() if chosen and chosen[-1] < len(pieces) - 1 else "")


def _worth(pieces: Sequence[str], terms: Sequence[str], analyser: Analyser) -> list[float]:
    held = [set(terms).intersection(analyser.terms(piece)) for piece in pieces]
    often = Counter(term for some in held for term in some)
    own = [sum(1 / often[term] for term in some) for some in held]
    around = [
        max([0.0, *own[max(0, place - NEIGHBOURS) : place], *own[place + 1 : place + 1 + NEIGHBOURS]])
        for place in range(len(own))
    ]
    return [mine + NEIGHBOUR_SHARE * near for mine, near in zip(own, around, strict=True)]
