"""How far realities are from memory and from each other, and how different they are together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.dream import Diversity

Vectors = NDArray[np.float32]
DISTINCT_BELOW = 0.8
"""Cosine from which on two realities are the same one."""


def cosines(vectors: Vectors) -> NDArray[np.float64]:
    """(n, n), of rows of length 1."""
    return np.asarray(np.clip(vectors.astype(np.float64) @ vectors.T.astype(np.float64), -1.0, 1.0))


def innovation(nearest_memory: float | None, nearest_reality: float | None, feasibility: float | None) -> float | None:
    """From the cosines of the nearest memory and the nearest other reality, either of them None where there is none.
    None where both are."""
    known = [_distance(cosine) for cosine in (nearest_memory, nearest_reality) if cosine is not None]
    if not known:
        return None
    return sum(known) / len(known) * (1.0 if feasibility is None else feasibility)


def nearest_others(vectors: Vectors) -> list[float | None]:
    """For each row the highest cosine to any other; None where it is alone."""
    if len(vectors) < 2:
        return [None] * len(vectors)
    among = cosines(vectors)
    np.fill_diagonal(among, -np.inf)
    return [float(highest) for highest in among.max(axis=1)]


def diversity(vectors: Vectors) -> Diversity:
    count = len(vectors)
    if count < 2:
        return Diversity(None, None, count, None)
    among = cosines(vectors)
    above = among[np.triu_indices(count, 1)]
    distinct = sum(bool((among[place, :place] < DISTINCT_BELOW).all()) for place in range(count))
    values = np.linalg.eigvalsh(among / count)
    positive = values[values > 1e-12]
    vendi = float(np.exp(-(positive * np.log(positive)).sum()))
    return Diversity(float(above.max()), float(above.mean()), distinct, vendi)


def is_distinct(vector: Vectors, accepted: Sequence[Vectors]) -> bool:
    return all(float(vector @ other) < DISTINCT_BELOW for other in accepted)


def _distance(cosine: float) -> float:
    return min(max(1.0 - cosine, 0.0), 1.0)
