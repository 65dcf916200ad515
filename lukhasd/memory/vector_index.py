"""Exact nearest neighbours by cosine. Held in memory, rebuilt from the rows' bytes at start."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory.catalogue import Mask, Rows

Vectors = NDArray[np.float32]
Cosines = NDArray[np.float32]
faiss: Any = importlib.import_module("faiss")  # its stubs describe the C++ signatures, not the Python ones


class VectorIndex:
    """Vectors of length 1; a memory has one for each of its chunks, and its cosine is its best chunk's."""

    def __init__(self, dimensions: int) -> None:
        self._lock = threading.Lock()
        self._index = faiss.IndexFlatIP(dimensions)
        self._rows: Rows = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: Rows, vectors: Vectors) -> None:
        with self._lock:
            self._index.add(vectors)
            self._rows = np.concatenate([self._rows, rows])

    def remove(self, row_id: int) -> None:
        with self._lock:
            gone = self._rows == row_id
            if gone.any():
                self._index.remove_ids(np.flatnonzero(gone))
                self._rows = self._rows[~gone]

    def nearest(self, query: Vectors, allowed: Mask, limit: int) -> tuple[Rows, Cosines]:
        """At most `limit` memories of the mask, nearest first; equally near, the older first."""
        with self._lock:
            chosen = _within(self._rows, allowed)
            return self._search(query, chosen, limit)

    def score(self, query: Vectors, rows: Rows) -> dict[int, float]:
        """Cosine of each of those rows that has vectors."""
        with self._lock:
            found, cosines = self._search(query, np.isin(self._rows, rows), len(rows))
        return dict(zip(found.tolist(), cosines.tolist(), strict=True))

    def means(self, rows: Rows) -> dict[int, Vectors]:
        """One vector of length 1 for each of those rows that has vectors: its chunks' mean."""
        with self._lock:
            places = np.flatnonzero(np.isin(self._rows, rows))
            owners = self._rows[places]
            vectors = np.array([self._index.reconstruct(int(place)) for place in places], dtype=np.float32)
        means: dict[int, Vectors] = {}
        for row in np.unique(owners):
            total = vectors[owners == row].sum(axis=0)
            means[int(row)] = (total / max(float(np.linalg.norm(total)), 1e-12)).astype(np.float32)
        return means

    def _search(self, query: Vectors, chosen: Mask, limit: int) -> tuple[Rows, Cosines]:
        chunks = int(chosen.sum())
        if not chunks or not limit:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        options = None
        if chunks < len(chosen):
            bits = np.packbits(chosen, bitorder="little")
            options = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        faiss.omp_set_num_threads(1)  # of this thread; several collapse on a busy machine
        wanted = min(2 * limit, chunks)
        while True:
            cosines, places = self._index.search(query[None, :], wanted, params=options)
            rows, first = np.unique(self._rows[places[0]], return_index=True)
            if len(rows) >= limit or wanted == chunks:
                break
            wanted = min(4 * wanted, chunks)  # long memories filled the places with their chunks
        best = cosines[0][first]
        order = np.lexsort((rows, -best))[:limit]
        return rows[order], np.clip(best[order], -1.0, 1.0)


def _within(rows: Rows, mask: Mask) -> Mask:
    """Which of `rows` the mask allows; a row beyond its end came later and is left out."""
    inside = rows < len(mask)
    inside[inside] = mask[rows[inside]]
    return inside
