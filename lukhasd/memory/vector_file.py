"""The vectors in a file beside the database: read through a memory map, written with plain writes.

`vectors` holds float32 vectors one after another; `rows` holds a header and, for each vector, the number of its memory
and a checksum of both. A vector counts once its entry in `rows` is there and agrees with it, so that a write cut short,
a damaged place and a stale one are seen when the file is opened, and are as if they were not there. The database
remains the truth: what is missing here is read from it again.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]
LOG = logging.getLogger(__name__)
MAGIC = b"LUKHAS vectors 1"
"""Raised with the format: a file of another one is begun anew."""
HEADER_BYTES = 64
NOBODY = -1
"""The row number of a place whose vector was erased."""
ENTRY = np.dtype([("row", "<i8"), ("check", "<u8")])
BLOCK = 4096
GROWTH = 1.25
FIRST_PLACES = 1024


class VectorFile:
    """Places 0 … `len - 1`; `rows` says which memory's vector each one is. Not locked: whoever holds it does that."""

    def __init__(self, folder: Path, dimensions: int, embedder: str) -> None:
        """What is whole is kept, the rest is forgotten. A file of another embedder, or damaged at its head, is begun
        anew. Raises OSError."""
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._dimensions = dimensions
        self._weights = np.random.default_rng(20_221).integers(1, 2**63, dimensions // 2 + 2, dtype=np.uint64) | 1
        header = _header(dimensions, embedder)
        self._vectors = _open(folder / "vectors")
        self._entries = _open(folder / "rows")
        stored = os.pread(self._entries, HEADER_BYTES, 0)
        if stored != header:
            if stored:
                LOG.warning("the vector file is of another kind or damaged, and will be rebuilt")
            os.ftruncate(self._entries, 0)
            os.ftruncate(self._vectors, 0)
            os.pwrite(self._entries, header, 0)
        kept = _read_from(self._entries, HEADER_BYTES)
        entries = np.frombuffer(kept[: len(kept) // ENTRY.itemsize * ENTRY.itemsize], dtype=ENTRY)
        whole = os.fstat(self._vectors).st_size // (4 * dimensions)
        if len(entries) > whole:
            LOG.warning("the vector file lacks its end, and will be completed")
        self._end = min(len(entries), whole)
        os.ftruncate(self._vectors, self._end * 4 * dimensions)  # what follows was never finished
        self.rows: Rows = np.full(max(self._end, FIRST_PLACES), NOBODY, dtype=np.int64)
        self.rows[: self._end] = entries["row"][: self._end]
        self.vectors = self._map()
        self._forget_damaged(entries["check"])

    def __len__(self) -> int:
        return self._end

    @property
    def size_bytes(self) -> int:
        return sum(os.fstat(file).st_blocks * 512 for file in (self._vectors, self._entries))

    def append(self, rows: Rows, vectors: Vectors) -> None:
        """At the next places. Raises OSError with the file as it was."""
        start, end = self._end, self._end + len(rows)
        whole = np.ascontiguousarray(vectors, dtype="<f4")
        if end > len(self.vectors):
            os.ftruncate(self._vectors, int(end * GROWTH + FIRST_PLACES) * 4 * self._dimensions)
            self.vectors = self._map()
        _write(self._vectors, whole.data.cast("B"), start * 4 * self._dimensions)
        entries = np.empty(len(rows), dtype=ENTRY)
        entries["row"], entries["check"] = rows, self._check(rows, whole)
        _write(self._entries, entries.tobytes(), HEADER_BYTES + start * ENTRY.itemsize)
        if end > len(self.rows):
            grown = np.full(int(end * GROWTH + FIRST_PLACES), NOBODY, dtype=np.int64)
            grown[:start] = self.rows[:start]
            self.rows = grown
        self.rows[start:end] = rows
        self._end = end

    def erase(self, places: Rows) -> None:
        """Overwrites vectors with zeros."""
        for place in places.tolist():
            self.rows[place] = NOBODY
            _write(self._vectors, bytes(4 * self._dimensions), place * 4 * self._dimensions)
            _write(self._entries, _GONE, HEADER_BYTES + place * ENTRY.itemsize)

    def clear(self) -> None:
        os.ftruncate(self._entries, HEADER_BYTES)
        os.ftruncate(self._vectors, 0)
        self._end = 0
        self.rows = np.full(FIRST_PLACES, NOBODY, dtype=np.int64)
        self.vectors = self._map()

    def flush(self) -> None:
        """Brings it to the disk itself."""
        os.fsync(self._vectors)
        os.fsync(self._entries)

    def let_go(self) -> None:
        """Gives the pages that were read back to the system, which keeps them as its cache."""
        if self._mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        os.close(self._vectors)
        os.close(self._entries)

    def _map(self) -> Vectors:
        size = os.fstat(self._vectors).st_size // (4 * self._dimensions) * 4 * self._dimensions
        self._mapped = mmap.mmap(self._vectors, size, access=mmap.ACCESS_READ) if size else None
        flat = np.frombuffer(self._mapped, dtype="<f4") if self._mapped is not None else np.empty(0, dtype="<f4")
        vectors: Vectors = flat.reshape(-1, self._dimensions)
        return vectors

    def _check(self, rows: Rows, vectors: Vectors) -> NDArray[np.uint64]:
        """One number for each vector and its row: a sum weighted by odd numbers, modulo 2⁶⁴."""
        words = vectors.view(np.uint64 if self._dimensions % 2 == 0 else np.uint32)
        weights = np.resize(self._weights, words.shape[1])
        sums: NDArray[np.uint64] = np.einsum("ij,j->i", words, weights, dtype=np.uint64, casting="unsafe")
        sums += rows.astype(np.uint64) * self._weights[-1] + self._weights[-2]
        return sums

    def _forget_damaged(self, checks: NDArray[np.uint64]) -> None:
        damaged = 0
        for start in range(0, self._end, BLOCK):
            block = slice(start, min(start + BLOCK, self._end))
            rows = self.rows[block]
            wrong = (rows < NOBODY) | ((rows != NOBODY) & (self._check(rows, self.vectors[block]) != checks[block]))
            places = np.flatnonzero(wrong) + start
            damaged += len(places)
            self.erase(places)
            if start % (64 * BLOCK) == 0:
                self.let_go()
        if damaged:
            LOG.warning("%d vectors of the vector file are damaged and will be rebuilt", damaged)
        self.let_go()


_GONE = np.array([(NOBODY, 0)], dtype=ENTRY).tobytes()


def _header(dimensions: int, embedder: str) -> bytes:
    name = hashlib.sha256(embedder.encode()).digest()
    return (MAGIC + dimensions.to_bytes(8, "little") + name).ljust(HEADER_BYTES, b"\0")


def _open(path: Path) -> int:
    if path.is_symlink():
        path.unlink()
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _read_from(file: int, start: int) -> bytes:
    parts = []
    while part := os.pread(file, 1 << 24, start):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _write(file: int, content: bytes | memoryview, start: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, start)
        rest, start = rest[written:], start + written
