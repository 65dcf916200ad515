"""Hashed word and character n-grams with one linear weight per column: what a text is made of, however it is spelt.

The hashing trick (Weinberger et al., 2009): features of unbounded number fall into `BUCKETS` by CRC-32.
"""

from __future__ import annotations

import re
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 18
CHARACTER_SIZES = (3, 4, 5)
LONGEST_WORD = 24
"""Characters of a word that its n-grams are taken from."""
WORD = re.compile(r"\w+|[^\w\s]")

Floats = NDArray[np.float32]


def features(text: str) -> NDArray[np.int64]:
    """The buckets of `text`, sorted, each once: words, pairs of neighbours, and 3- to 5-grams inside a word."""
    words = WORD.findall(text.lower())
    found = {f"w {word}" for word in words}
    found.update(f"p {one} {other}" for one, other in pairwise(words))
    for word in {f"<{word[:LONGEST_WORD]}>" for word in words}:
        for size in CHARACTER_SIZES:
            found.update(word[at : at + size] for at in range(len(word) - size + 1))
    buckets = {crc32(feature.encode("utf-8", "replace")) % BUCKETS for feature in found}
    return np.array(sorted(buckets), dtype=np.int64)


class NgramModel:
    """`weights`: (BUCKETS, columns) int8; `scales` and `intercepts`: (columns,)."""

    def __init__(self, weights: NDArray[np.int8], scales: Floats, intercepts: Floats) -> None:
        self._weights = weights
        self._scales = scales
        self._intercepts = intercepts

    def logits(self, text: str) -> Floats:
        """(columns,): the features' weights, over the root of how many there are, as the model was fitted."""
        buckets = features(text)
        if not len(buckets):
            return self._intercepts
        total: Floats = self._weights[buckets].sum(axis=0, dtype=np.float32) * self._scales
        return total / np.float32(np.sqrt(len(buckets))) + self._intercepts
