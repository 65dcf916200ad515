"""What speaks for a memory: each signal's share of its score, computed for all candidates at once.

The weights are round numbers chosen on development parts of conversations, notes and documents
(`tests/benchmarks/bench_locomo.py`, `bench_beam.py`, `bench_cranfield.py`); none was fitted on them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory.catalogue import Rows
from lukhasd.memory.tail import K1, B
from lukhasd.memory.traits import Found

Shares = NDArray[np.float64]

WORDS_WEIGHT = 0.45
MEANING_WEIGHT = 0.55
NAMED_WEIGHT = 0.2
"""For what was said by the person whom the query names."""
ASKER_WEIGHT = 0.4
"""For what the asker said, where the query asks about "I" or "my"."""
NEIGHBOUR_WEIGHTS = (0.1, 0.05)
"""Of the memories one and two before and after it in its session: an answer often stands beside its question."""
SESSION_WEIGHT = 0.4
"""Of the best in its session."""
DOCUMENT_WEIGHT = 0.1
"""Of the best in its document; the rest of SESSION_WEIGHT is the memory's own. What is said in one conversation is
about one thing; the sections of a file need not be."""
TIME_WEIGHT = 0.2
VERBATIM_WEIGHT = 1.0
"""What is found word for word stands above what shares all its words and meaning."""
SHORT_CHARS = 200
"""Shorter texts are not preferred for being short: a turn of five words that holds a name says little of it."""
FIRST_PERSON = frozenset({"i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"})
ASKERS = frozenset({"user", "me", "myself", "i", "human", "you"})
"""How the owner of the memories is called as a speaker."""


@dataclass(frozen=True)
class Evidence:
    """Of some candidates, in the order of their row numbers. `words` is BM25; `cosine` is NaN while a vector is
    pending; `closeness` in [0, 1] to the times that the query names, None without."""

    rows: Rows
    words: Shares
    cosine: Shares
    lowest_cosine: float
    """A cosine of this or less counts nothing."""
    traits: Found
    mean_chars: float
    closeness: Shares | None = None
    verbatim: Shares | None = None
    """The share of the query's phrases that stand in it word for word; None where the query has none."""


def weigh(evidence: Evidence, speakers: Sequence[str], query_words: Sequence[str]) -> dict[str, Shares]:
    """Each signal's share, by name. Their sum is the score: at most 1, and 1 only for what leads in every signal.

    Words and meaning are taken as shares of the best candidate's; the whole is divided by what could be reached.
    """
    own = {"words": _words(evidence), "meaning": _meaning(evidence)}
    most = 1.0
    speaker, weight = _speaker(evidence, speakers, query_words)
    if weight:
        own["speaker"] = weight * speaker
        most += weight
    if evidence.closeness is not None:
        own["time"] = TIME_WEIGHT * evidence.closeness
        most += TIME_WEIGHT
    if evidence.verbatim is not None:
        own["phrase"] = VERBATIM_WEIGHT * evidence.verbatim
        most += VERBATIM_WEIGHT
    base = np.sum(list(own.values()), axis=0)
    beside = _neighbours(evidence, base)
    session = _session(evidence, base, spoken=np.array([bool(name) for name in speakers]))
    around: dict[str, Shares] = {}
    reach = 1.0
    if beside is not None:
        around["neighbours"] = beside
        reach += 2 * sum(NEIGHBOUR_WEIGHTS)
    if session is not None:
        around["session"] = session
        reach += SESSION_WEIGHT
    return {name: share / (most * reach) for name, share in (own | around).items()}


def _words(evidence: Evidence) -> Shares:
    """BM25 as the index computes it, less what a text under SHORT_CHARS gains by its shortness. The correction is that
    of a word that stands once."""
    length = evidence.traits.chars / evidence.mean_chars
    least = np.maximum(length, SHORT_CHARS / evidence.mean_chars)
    score = evidence.words * (1 + K1 * (1 - B + B * length)) / (1 + K1 * (1 - B + B * least))
    best = float(score.max(initial=0.0))
    weight = np.where(np.isnan(evidence.cosine), 1.0, WORDS_WEIGHT)
    return weight * (score / best) if best > 0 else np.zeros(len(score))


def _meaning(evidence: Evidence) -> Shares:
    cosine = np.nan_to_num(evidence.cosine, nan=evidence.lowest_cosine)
    span = float(cosine.max(initial=evidence.lowest_cosine)) - evidence.lowest_cosine
    if span <= 0:
        return np.where(np.isnan(evidence.cosine), 0.0, MEANING_WEIGHT)
    return MEANING_WEIGHT * np.clip((cosine - evidence.lowest_cosine) / span, 0.0, 1.0)


def _speaker(evidence: Evidence, speakers: Sequence[str], query_words: Sequence[str]) -> tuple[Shares, float]:
    """1 for what was said by whom the query is about, and the weight of that; weight 0 where it tells nobody apart."""
    asked = set(query_words)
    codes = [code for code in np.unique(evidence.traits.speaker).tolist() if speakers[code]]
    names = {code: set(re.findall(r"\w+", speakers[code].lower())) for code in codes}
    named = [code for code in codes if names[code] & (asked - ASKERS)]
    weight = NAMED_WEIGHT
    if not named and asked & FIRST_PERSON:
        named = [code for code in codes if names[code] & ASKERS]
        weight = ASKER_WEIGHT
    if not named or len(named) == len(codes):
        return np.zeros(len(evidence.rows)), 0.0
    return np.isin(evidence.traits.speaker, named).astype(np.float64), weight


def _neighbours(evidence: Evidence, base: Shares) -> Shares | None:
    """None where no candidate stands beside another of its session."""
    rows, session = evidence.rows, evidence.traits.session
    total = np.zeros(len(rows))
    found = False
    for distance, weight in enumerate(NEIGHBOUR_WEIGHTS, 1):
        places = np.searchsorted(rows, rows + distance)
        inside = places < len(rows)
        inside[inside] = rows[places[inside]] == rows[inside] + distance
        one = np.flatnonzero(inside)
        other = places[one]
        same = session[one] == session[other]
        one, other = one[same], other[same]
        total[one] += weight * base[other]
        total[other] += weight * base[one]
        found = found or bool(len(one))
    return total if found else None


def _session(evidence: Evidence, base: Shares, *, spoken: NDArray[np.bool_]) -> Shares | None:
    """None where no two candidates share a session. `spoken`: which speakers' codes are somebody."""
    _, place = np.unique(evidence.traits.session, return_inverse=True)
    count = int(place.max(initial=-1)) + 1
    if count == len(place):
        return None
    best = np.zeros(count)
    np.maximum.at(best, place, base)
    of_best = np.where(spoken[evidence.traits.speaker], SESSION_WEIGHT, DOCUMENT_WEIGHT)
    return of_best * best[place] + (SESSION_WEIGHT - of_best) * base
