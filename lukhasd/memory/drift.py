"""How far a memory is from its origin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory import alignment
from lukhasd.models.embedder import Embedder

TOKENS_WEIGHT = 0.5
MEANING_WEIGHT = 0.5
WINDOWS = 8
WINDOW_CHARS = 1_000
"""Of a text longer than all windows together, so many of this length are embedded, evenly spaced from its start to its
end: a text of 1 MB would take half a minute whole."""


def measure(embedder: Embedder, origin: str, current: str) -> float:
    """In [0, 1]: `0.5 × normalised token edit distance + 0.5 × (1 - cosine)`, a cosine below 0 as 0.

    The distance is divided by the longer text's number of tokens; for long texts see `alignment.align`. Blocks.
    Raises EmbedderError.
    """
    if origin == current:
        return 0.0
    return TOKENS_WEIGHT * token_distance(origin, current) + MEANING_WEIGHT * (1.0 - _cosine(embedder, origin, current))


def token_distance(origin: str, current: str) -> float:
    """In [0, 1]; white space does not count."""
    old, new = alignment.split(origin), alignment.split(current)
    longer = max(len(old), len(new))
    return alignment.distance(alignment.align(old.words, new.words)) / longer if longer else 0.0


def _cosine(embedder: Embedder, origin: str, current: str) -> float:
    return min(max(float(_mean(embedder, origin) @ _mean(embedder, current)), 0.0), 1.0)


def _mean(embedder: Embedder, text: str) -> NDArray[np.float32]:
    """Of length 1: the mean of a text's windows."""
    total = embedder.embed(_windows(embedder, text)).sum(axis=0)
    unit: NDArray[np.float32] = total / max(float(np.linalg.norm(total)), 1e-12)
    return unit


def _windows(embedder: Embedder, text: str) -> list[str]:
    if len(text) <= WINDOWS * WINDOW_CHARS:
        return embedder.chunks(text)
    starts = np.linspace(0, len(text) - WINDOW_CHARS, WINDOWS).astype(int).tolist()
    return [text[start : start + WINDOW_CHARS] for start in starts]
