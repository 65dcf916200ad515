"""Nearest neighbours by cosine, over vectors in a file beside the database.

Few candidates are compared exactly. Among many, a code of one bit a dimension in memory (RaBitQ: Gao and Long, 2024)
finds the likely ones, and those are compared exactly: every cosine that leaves here is exact, only whether a neighbour
is found is likely rather than certain (see `RESCORED`).
"""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lukhasd.memory.catalogue import Mask, Rows
from lukhasd.memory.vector_file import NOBODY, VectorFile

Vectors = NDArray[np.float32]
Cosines = NDArray[np.float32]
Places = NDArray[np.int64]
faiss: Any = importlib.import_module("faiss")  # its stubs describe the C++ signatures, not the Python ones

CODED_FROM = 20_000
"""Chunks in all; fewer are always compared exactly (1.4 ms)."""
EXACT_US, SCAN_US, CODE_US, ASKED_US = 0.25, 0.07, 0.009, 1.0
"""Measured with 384 dimensions on one core at 100,000 and 1,000,000: one vector compared at a random place, one in
order, one code, and one neighbour that the codes give. A search takes the cheapest way."""
RESCORED = 600
"""Likely ones compared exactly: of the true first 100 of a million they hold 99.9 % (bench_scale)."""
RESCORED_PER_WANTED = 5
UNCODED = 512
"""New vectors that wait, compared exactly, before they are coded together."""
SAMPLE = 20_000
SAMPLE_RUN = 256
BLOCK = 16_384
TOUCHED_BYTES = 65_536
RESIDENT_BYTES = 400_000_000
"""Vectors read at random bring about TOUCHED_BYTES of the file into memory each. A larger file's pages are given back
when they may have become so many: bringing them in again costs 4 ms a search."""


class VectorIndex:
    """Vectors of length 1; a memory has one for each of its chunks, and its cosine is its best chunk's."""

    def __init__(self, folder: Path, dimensions: int, embedder: str) -> None:
        """Holds what the files in `folder` hold of that embedder. Raises OSError."""
        self._lock = threading.Lock()
        self.folder = folder
        self.dimensions = dimensions
        self._file = VectorFile(folder, dimensions, embedder)
        self._first = np.full(1024, NOBODY, dtype=np.int32)
        self._next = np.full(len(self._file.rows), NOBODY, dtype=np.int32)
        self._codes: Any = None
        self._coding: threading.Thread | None = None
        self._halt = threading.Event()
        self._touched = 0
        places = np.flatnonzero(self._file.rows[: len(self._file)] != NOBODY)
        self._living = len(places)
        self._link(self._file.rows[places], places)
        self._begin_coding()

    def __len__(self) -> int:
        return self._living

    @property
    def size_bytes(self) -> int:
        return self._file.size_bytes

    @property
    def coded(self) -> int:
        """Vectors that have a code; the others are compared exactly in every search."""
        return int(self._codes.ntotal) if self._codes is not None else 0

    def held(self) -> tuple[Rows, NDArray[np.int64]]:
        """Row numbers that have vectors, ascending, and how many."""
        with self._lock:
            rows = self._file.rows[: len(self._file)]
            return np.unique(rows[rows != NOBODY], return_counts=True)

    def stored(self, row_id: int) -> Vectors:
        """The vectors of one row in the order they came, (chunks, d)."""
        with self._lock:
            places, _ = self._places(np.array([row_id], dtype=np.int64))
            return np.array(self._file.vectors[places], dtype=np.float32)

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """Vectors of chunks, each with its row's number. Raises OSError."""
        if not len(rows):
            return
        with self._lock:
            start = len(self._file)
            self._file.append(rows, vectors)
            self._living += len(rows)
            self._link(rows, np.arange(start, len(self._file)))
            if self._codes is not None and len(self._file) - self._codes.ntotal >= UNCODED:
                self._codes.add(np.ascontiguousarray(self._file.vectors[self._codes.ntotal : len(self._file)]))
        self._begin_coding()

    def replace(self, row_id: int, vectors: Vectors) -> None:
        self.remove(row_id)
        self.add(np.full(len(vectors), row_id, dtype=np.int64), vectors)

    def remove(self, row_id: int) -> None:
        """Their bytes become zeros. Raises OSError."""
        with self._lock:
            self._remove(np.array([row_id], dtype=np.int64))

    def flush(self) -> None:
        """Returns when what was removed is gone from the disk too."""
        with self._lock:
            self._file.flush()

    def clear(self) -> None:
        self._stop_coding()
        with self._lock:
            self._file.clear()
            self._codes = None
            self._living = 0
            self._first[:] = NOBODY
            self._next[:] = NOBODY

    def nearest(self, query: Vectors, allowed: Mask, limit: int) -> tuple[Rows, Cosines]:
        """At most `limit` memories of the mask, nearest first; equally near, the older first."""
        with self._lock:
            owners = self._file.rows[: len(self._file)]
            chosen = _within(owners, allowed)
            count = int(np.count_nonzero(chosen))
            if not count or limit < 1:
                return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            unit = np.ascontiguousarray(query, dtype=np.float32)
            faiss.omp_set_num_threads(1)  # of this thread; several collapse on a busy machine
            likely = self._likely(unit, chosen, count, max(RESCORED, RESCORED_PER_WANTED * limit))
            if likely is not None:
                found = _best(owners[likely], self._compare(unit, likely), limit)
                if len(found[0]) == limit:
                    return found  # otherwise long memories filled it with their chunks
            places = np.flatnonzero(chosen)
            return _best(owners[places], self._compare(unit, places), limit)

    def score(self, query: Vectors, rows: Rows) -> dict[int, float]:
        """Cosine of each of those rows that has vectors."""
        faiss.omp_set_num_threads(1)
        with self._lock:
            places, owners = self._places(rows)
            cosines = self._compare(np.ascontiguousarray(query, dtype=np.float32), places)
        found, best = _best(owners, cosines, len(owners))
        return dict(zip(found.tolist(), best.tolist(), strict=True))

    def means(self, rows: Rows) -> dict[int, Vectors]:
        """One vector of length 1 for each of those rows that has vectors: its chunks' mean."""
        with self._lock:
            places, owners = self._places(rows)
            vectors = np.array(self._file.vectors[places], dtype=np.float32)
        found, which = np.unique(owners, return_inverse=True)
        totals = np.zeros((len(found), self.dimensions), dtype=np.float32)
        np.add.at(totals, which, vectors)
        totals /= np.maximum(np.linalg.norm(totals, axis=1, keepdims=True), 1e-12)
        return dict(zip(found.tolist(), totals, strict=True))

    def wait_until_coded(self, timeout_s: float) -> bool:
        """Whether what was there to be coded in the background is."""
        coding = self._coding
        if coding is not None:
            coding.join(timeout_s)
        return coding is None or not coding.is_alive()

    def close(self) -> None:
        self._stop_coding()
        self._file.close()

    def _likely(self, query: Vectors, chosen: Mask, count: int, wanted: int) -> Places | None:
        """Places of the mask (`count` of them) that very probably hold the `wanted` nearest; None where to compare all
        is cheaper."""
        coded = self.coded
        asked = min(int((1.2 * wanted + 150) * max(coded / count, 1)), coded)
        if min(EXACT_US * count, SCAN_US * len(chosen)) <= CODE_US * coded + ASKED_US * asked or not coded:
            return None
        _, found = self._codes.search(query[None, :], asked)
        likely = found[0][found[0] >= 0]
        likely = likely[chosen[likely]]
        if len(likely) < wanted * 2 // 3:  # what the filter keeps lies far from the query
            return None
        return np.concatenate([likely, np.flatnonzero(chosen[coded:]) + coded])

    def _compare(self, query: Vectors, places: Places) -> Cosines:
        vectors, count = self._file.vectors, len(places)
        if 3 * count > len(self._file):  # in order it costs a third
            cosines = np.empty(len(self._file), dtype=np.float32)
            pointers = (faiss.swig_ptr(each) for each in (cosines, query, vectors))
            faiss.fvec_inner_products_ny(*pointers, self.dimensions, len(self._file))
            cosines = cosines[places]
        else:
            ordered = np.ascontiguousarray(places, dtype=np.int64)
            cosines = np.empty(count, dtype=np.float32)
            pointers = (faiss.swig_ptr(each) for each in (cosines, query, vectors, ordered))
            if count:
                faiss.fvec_inner_products_by_idx(*pointers, self.dimensions, 1, count)
        self._touched += count
        if vectors.nbytes > RESIDENT_BYTES and self._touched > RESIDENT_BYTES // TOUCHED_BYTES:
            self._touched = 0
            self._file.let_go()
        return np.clip(cosines, -1.0, 1.0)

    def _places(self, rows: Rows) -> tuple[Places, Rows]:
        """Where the vectors of those rows are, and whose each is."""
        rows = np.unique(rows)
        rows = rows[(rows >= 0) & (rows < len(self._first))]
        found: list[Places] = []
        places = self._first[rows].astype(np.int64)
        while len(places := places[places != NOBODY]):
            found.append(places)
            places = self._next[places].astype(np.int64)
        every = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
        return every, self._file.rows[every]

    def _link(self, rows: Rows, places: Places) -> None:
        """Puts the places of each row at the head of its chain, in the order given."""
        if not len(rows):
            return
        self._first = _grown(self._first, int(rows.max()) + 1)
        self._next = _grown(self._next, len(self._file))
        order = np.argsort(rows, kind="stable")
        rows, places = rows[order], places[order]
        last = np.append(rows[1:] != rows[:-1], True)
        self._next[places[:-1]] = places[1:]
        self._next[places[last]] = self._first[rows[last]]
        self._first[rows[np.append(True, last[:-1])]] = places[np.append(True, last[:-1])]

    def _remove(self, rows: Rows) -> None:
        places, owners = self._places(rows)
        self._file.erase(places)
        self._first[owners] = NOBODY
        self._next[places] = NOBODY
        self._living -= len(places)

    def _stop_coding(self) -> None:
        self._halt.set()
        coding = self._coding
        if coding is not None:
            coding.join()
        self._coding = None
        self._halt.clear()

    def _begin_coding(self) -> None:
        """Codes what is there in the background, once it is much; until then all of it is compared exactly."""
        with self._lock:
            if self._codes is None and self._coding is None and self._living >= CODED_FROM:
                self._coding = threading.Thread(target=self._code, name="vector-codes", daemon=True)
                self._coding.start()

    def _code(self) -> None:
        file = self._file
        vectors, end = file.vectors, len(file)
        codes = faiss.IndexRaBitQFastScan(self.dimensions, faiss.METRIC_INNER_PRODUCT)
        faiss.omp_set_num_threads(1)
        starts = range(0, end, max(end * SAMPLE_RUN // SAMPLE, 1))  # in runs: a page holds many vectors
        codes.train(np.concatenate([vectors[start : min(start + SAMPLE_RUN, end)] for start in starts]))
        for start in range(0, end, BLOCK):
            if self._halt.is_set():
                return
            codes.add(np.ascontiguousarray(vectors[start : min(start + BLOCK, end)]))
            if start % (16 * BLOCK) == 0:
                file.let_go()
        with self._lock:
            if end < len(self._file):
                codes.add(np.ascontiguousarray(self._file.vectors[end : len(self._file)]))
            self._codes, self._coding = codes, None
            self._file.let_go()


def _within(rows: Rows, mask: Mask) -> Mask:
    """Which of `rows` the mask allows; an erased one is not, nor one beyond the mask's end, which came later."""
    ended = np.append(mask, False)
    if rows.size and rows.max() >= len(mask):
        rows = np.minimum(rows, len(mask))
    inside: Mask = ended[rows]  # NOBODY is the last
    return inside


def _best(rows: Rows, cosines: Cosines, limit: int) -> tuple[Rows, Cosines]:
    """The best of each row's cosines, for the first `limit` rows."""
    if len(rows) > 4 * limit:
        pool = 2 * limit
        while True:  # what is below the pool's last cannot be among the first
            bar = np.partition(cosines, len(cosines) - pool)[len(cosines) - pool]
            kept = cosines >= bar
            if pool == len(cosines) or len(np.unique(rows[kept])) >= limit:
                break
            pool = min(4 * pool, len(cosines))
        rows, cosines = rows[kept], cosines[kept]
    order = np.lexsort((-cosines, rows))
    rows, cosines = rows[order], cosines[order]
    first = np.append(True, rows[1:] != rows[:-1])[: len(rows)]
    rows, cosines = rows[first], cosines[first]
    order = np.lexsort((rows, -cosines))[:limit]
    return rows[order], cosines[order]


def _grown(column: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    if size <= len(column):
        return column
    grown = np.full(size * 5 // 4, NOBODY, dtype=np.int32)
    grown[: len(column)] = column
    return grown
