"""Vectors of the last texts: one question is searched for, quoted for and classified."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
TEXTS_KEPT = 256
LONGEST_CHARS = 1_000


class Recent:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, texts: Iterable[str]) -> dict[str, Vectors]:
        """Of those texts that are kept."""
        with self._lock:
            return {text: self._vectors[text] for text in texts if text in self._vectors}

    def keep(self, new: Mapping[str, Vectors]) -> None:
        with self._lock:
            self._vectors.update({text: vector.copy() for text, vector in new.items() if len(text) <= LONGEST_CHARS})
            while len(self._vectors) > TEXTS_KEPT:
                self._vectors.popitem(last=False)
