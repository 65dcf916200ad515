"""How fast and how large is memory with 100,000 and with 1,000,000 memories?

python tests/benchmarks/bench_scale.py [--memories N] [--home FOLDER] [--queries N] [--small] [--no-peers]

Fills a data folder with made-up memories (words by Zipf's law, vectors around random centres), puts rows and vectors
into the database as the daemon would have, starts the real daemon on it and asks over its unix socket, the embedding
of the query included. Prints p50 and p95 of the search with each kind of filter, time to start, resident memory, the
recall of the approximate vectors against comparing all, p50 and p95 of a durable store, and stores a second with 32
writers. With --home the folder is kept and used again. Peers that are installed (sqlite-vec, LanceDB, Chroma) search
the same vectors, without words, text or a daemon: a lower bound of what they would take.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk import LukhasClient
from lukhas_sdk.contract.memory import DateRange, SearchFilters
from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import Paths
from lukhasd.database import Database, insert_rows
from lukhasd.memory.vector_index import VectorIndex
from lukhasd.models.embedder import MiniLmEmbedder

Vectors = NDArray[np.float32]
DIMENSIONS = MiniLmEmbedder.dimensions
SYLLABLES = tuple("ba ke lo mi nu ra si ta ve zo pla tri mon der gan fel chu dor wen yss".split())  # noqa: SIM905
WORDS = 60_000
TYPES = ("episodic", "semantic", "procedural", "reflective")
SHARES = (0.5, 0.25, 0.15, 0.1)
TAGS = 400
FIRST_EVENT = datetime(2021, 1, 1)
DAYS = 1500
BATCH = 10_000
WRITERS = 32
STORES = 200
READY_S = 600


@dataclass(frozen=True)
class Measured:
    name: str
    times_ms: Sequence[float]
    found: float

    def __str__(self) -> str:
        low, high = np.percentile(self.times_ms, [50, 95])
        return f"{self.name:44}{low:9.1f}{high:9.1f}   {self.found:12,.0f}   n={len(self.times_ms)}"


class Maker:
    """Made-up memories; the same for the same seed. The commonest hundred words are as the function words that a query
    leaves out: queries are made of the others."""

    def __init__(self, count: int) -> None:
        self._random = np.random.default_rng(7)
        made: dict[str, None] = {}
        while len(made) < WORDS:
            made["".join(self._random.choice(SYLLABLES, self._random.integers(2, 5)))] = None
        self.words = np.array(list(made), dtype=object)
        weights = 1 / np.arange(1, WORDS + 1)
        self._weights = weights / weights.sum()
        centres = max(count // 300, 20)
        self._centres = self._random.standard_normal((centres, DIMENSIONS), dtype=np.float32)
        self._centres /= np.linalg.norm(self._centres, axis=1, keepdims=True)
        self._common = self._centres[0]

    def vectors(self, count: int) -> Vectors:
        """Cosine about 0.55 within a centre and 0.05 between two."""
        noise = self._random.standard_normal((count, DIMENSIONS), dtype=np.float32) * DIMENSIONS**-0.5
        made = self._centres[self._random.integers(0, len(self._centres), count)] + 0.25 * self._common + 0.9 * noise
        unit: Vectors = made / np.linalg.norm(made, axis=1, keepdims=True)
        return unit

    def texts(self, count: int) -> list[str]:
        lengths = self._random.integers(6, 40, count)
        words = self.words[self._random.choice(WORDS, int(lengths.sum()), p=self._weights)]
        return [" ".join(part) for part in np.split(words, np.cumsum(lengths)[:-1])]

    def query(self) -> str:
        places = self._random.choice(WORDS, 20, p=self._weights)
        return " ".join(self.words[places[places >= 100][:5]])

    def columns(self, owner: str, start: int, count: int) -> dict[str, list[Any]]:
        numbers = range(start, start + count)
        texts = self.texts(count)
        tags = self._random.integers(0, TAGS, (count, 2))
        kinds = self._random.choice(TYPES, count, p=SHARES)
        days = self._random.random(count) * DAYS
        return {
            "row_id": list(numbers),
            "sequence": [number + 1 for number in numbers],
            "memory_id": [f"mem_made_{number}" for number in numbers],
            "helix_id": [f"helix_made_{number}" for number in numbers],
            "owner": [owner] * count,
            "type": kinds.tolist(),
            "origin": texts,
            "current": texts,
            "context": [f'{{"speaker":"speaker{number % 40}","session":"s{number // 30}"}}' for number in numbers],
            "query": [None] * count,
            "tags": [
                f'["tag{first}","tag{second}"]' if first != second else f'["tag{first}"]' for first, second in tags
            ],
            "importance": self._random.random(count).round(3).tolist(),
            "event_at": [FIRST_EVENT + timedelta(days=float(day)) for day in days],
            "created_at": [FIRST_EVENT] * count,
            "content_hash": [f"made{number}" for number in numbers],
        }


@dataclass
class Daemon:
    """`lukhasd` on a home of its own, spawned and ended by us."""

    home: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def paths(self) -> Paths:
        return Paths(self.home / "config", self.home / "data", self.home / "state", self.home / "run")

    @property
    def environment(self) -> dict[str, str]:
        given = {"LUKHAS_HOME": str(self.home), "LUKHAS_PORT": "0"}
        return {**os.environ, **given, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}

    def start(self) -> float:
        """Seconds until it answers."""
        started = monotonic()
        command = [sys.executable, "-m", "lukhasd"]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        while monotonic() - started < READY_S:
            with contextlib.suppress(LukhasError, OSError), LukhasClient(paths=self.paths, retries=0) as client:
                client.memory.stats()
                return monotonic() - started
            if self.process.poll() is not None:
                raise SystemExit("the daemon ended by itself")
            sleep(0.05)
        raise SystemExit(f"the daemon did not answer within {READY_S} s")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(READY_S)

    def resident_mb(self) -> str:
        """All, and without the pages of files that the system can take back at any time."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kb = {
            line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith(("Vm", "Rss"))
        }
        total, own, most = (f"{kb[name] / 1024:,.0f} MB" for name in ("VmRSS", "RssAnon", "VmHWM"))
        return f"{total}, of it {own} its own, highest {most}"


def fill(daemon: Daemon, maker: Maker, count: int) -> None:
    """As if the daemon had stored and embedded them."""
    daemon.start()  # makes the owner and the tables
    daemon.stop()
    database = Database.open(daemon.paths.database)
    try:
        owner = database.call(
            lambda cursor: cursor.execute("SELECT identity_id FROM api_keys WHERE is_local").fetchone()
        )
        assert owner is not None
        for start in range(0, count, BATCH):
            size = min(BATCH, count - start)
            columns, vectors = maker.columns(owner[0], start, size), maker.vectors(size)
            chunks: dict[str, list[Any]] = {
                "row_id": columns["row_id"],
                "chunk": [0] * size,
                "embedder": [MiniLmEmbedder.name] * size,
                "vector": [vector.tobytes() for vector in vectors.astype("<f4")],
            }

            def insert(cursor: duckdb.DuckDBPyConnection, rows: Any = columns, parts: Any = chunks) -> None:
                insert_rows(cursor, "memories", rows)
                insert_rows(cursor, "memory_vectors", parts)

            database.call(insert)
    finally:
        database.close()


def searches(client: LukhasClient, maker: Maker, queries: int) -> Iterator[Measured]:
    filters = {
        "unfiltered": SearchFilters(),
        "type = semantic (25 %)": SearchFilters(type=["semantic"]),
        "type = 2 of 4 (40 %)": SearchFilters(type=["semantic", "procedural"]),
        "tag (0.5 %)": SearchFilters(tags=["tag7"]),
        "a year (24 %)": SearchFilters(date_range=DateRange(start="2022-01-01", end="2022-12-31")),
        "a week (0.5 %)": SearchFilters(date_range=DateRange(start="2022-03-01", end="2022-03-07")),
        "importance >= 0.8 (20 %)": SearchFilters(min_importance=0.8),
        "type, year and importance (1.2 %)": SearchFilters(
            type=["semantic"], date_range=DateRange(start="2022-01-01", end="2022-12-31"), min_importance=0.8
        ),
    }
    for name, chosen in filters.items():
        times, found = [], []
        for number in range(queries + 2):
            query = maker.query()
            started = perf_counter()
            answer = client.memory.search(query, filters=chosen, limit=10)
            if number >= 2:
                times.append((perf_counter() - started) * 1000)
                found.append(answer.total_matches)
        yield Measured(name, times, float(np.mean(found)))


def stores(daemon: Daemon, count: int) -> None:
    with LukhasClient(paths=daemon.paths) as client:
        times = []
        for number in range(count):
            started = perf_counter()
            client.memory.store(f"kept by one writer, number {number} {os.urandom(8).hex()}")
            times.append((perf_counter() - started) * 1000)
    print(Measured("store, acknowledged on disk", times, 0))
    times = []

    def write(lane: int) -> None:
        with LukhasClient(paths=daemon.paths) as client:
            for number in range(max(count // 8, 2)):
                started = perf_counter()
                client.memory.store(f"kept by writer {lane}, number {number} {os.urandom(8).hex()}")
                times.append((perf_counter() - started) * 1000)

    writers = [threading.Thread(target=write, args=(lane,)) for lane in range(WRITERS)]
    started = perf_counter()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    print(Measured(f"store, {WRITERS} writers at once", times, 0))
    print(f"{WRITERS} writers: {len(times) / (perf_counter() - started):.0f} stores a second")


def recall(vectors: Vectors, queries: Vectors) -> None:
    """Of the approximate index against comparing all, on the vectors alone."""
    with tempfile.TemporaryDirectory() as folder:
        index = VectorIndex(Path(folder), DIMENSIONS, "made")
        for start in range(0, len(vectors), BATCH):
            part = vectors[start : start + BATCH]
            index.add(np.arange(start, start + len(part)), part)
        index.wait_until_coded(READY_S)
        random = np.random.default_rng(1)
        for share in (1.0, 0.2, 0.05, 0.01):
            allowed = random.random(len(vectors)) < share
            kept = np.flatnonzero(allowed)
            shared, times = [], []
            for query in queries:
                cosines = vectors @ query
                true = kept[np.argsort(-cosines[kept])[:100]]
                started = perf_counter()
                found, _ = index.nearest(query, allowed, 100)
                times.append((perf_counter() - started) * 1000)
                shared.append(len(np.intersect1d(true, found)) / len(true))
            print(f"{Measured(f'nearest 100 of {share:.0%}', times, len(kept))}   recall@100 {np.mean(shared):.4f}")
        index.close()


def peers(vectors: Vectors, queries: Vectors) -> Iterator[Measured]:
    """The nearest 10, all and of one in five."""
    for name, prepare in (("sqlite_vec", _sqlite_vec), ("lancedb", _lancedb), ("chromadb", _chroma)):
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            started = perf_counter()
            search = prepare(folder, vectors)
            print(f"{name}: filled in {perf_counter() - started:.0f} s")
            for filtered in (False, True):
                times = []
                for query in queries:
                    started = perf_counter()
                    search(query, filtered)
                    times.append((perf_counter() - started) * 1000)
                yield Measured(f"{name}, vectors only{', one in five' * filtered}", times, 10)


Search = Callable[[Vectors, bool], object]


def _sqlite_vec(folder: str, vectors: Vectors) -> Search:
    import sqlite3

    sqlite_vec: Any = importlib.import_module("sqlite_vec")
    connection = sqlite3.connect(f"{folder}/vec.db")
    connection.enable_load_extension(True)
    sqlite_vec.load(connection)
    connection.execute(f"CREATE VIRTUAL TABLE vec USING vec0(kind INTEGER, embedding FLOAT[{DIMENSIONS}])")
    rows = ((number, number % 5, vector.tobytes()) for number, vector in enumerate(vectors))
    connection.executemany("INSERT INTO vec(rowid, kind, embedding) VALUES (?, ?, ?)", rows)
    connection.commit()
    sql = "SELECT rowid FROM vec WHERE embedding MATCH ? AND k = 10"
    return lambda query, filtered: connection.execute(
        sql + " AND kind = 0" * filtered, [query.astype("<f4").tobytes()]
    ).fetchall()


def _lancedb(folder: str, vectors: Vectors) -> Search:
    lancedb: Any = importlib.import_module("lancedb")
    pyarrow: Any = importlib.import_module("pyarrow")
    flat = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), DIMENSIONS)
    table = pyarrow.table({"id": np.arange(len(vectors)), "kind": np.arange(len(vectors)) % 5, "vector": flat})
    made = lancedb.connect(folder).create_table("vec", table)

    def search(query: Vectors, filtered: bool) -> object:
        asked = made.search(query).metric("cosine").limit(10)
        return (asked.where("kind = 0", prefilter=True) if filtered else asked).to_arrow()

    return search


def _chroma(folder: str, vectors: Vectors) -> Search:
    chromadb: Any = importlib.import_module("chromadb")
    made = chromadb.PersistentClient(folder).create_collection("vec", metadata={"hnsw:space": "cosine"})
    for start in range(0, len(vectors), 5000):
        part = vectors[start : start + 5000]
        numbers = range(start, start + len(part))
        kinds = [{"kind": number % 5} for number in numbers]
        made.add(ids=[str(number) for number in numbers], embeddings=part, metadatas=kinds)
    return lambda query, filtered: made.query(
        query_embeddings=query[None, :], n_results=10, **({"where": {"kind": 0}} if filtered else {})
    )


def measure(daemon: Daemon, maker: Maker, given: argparse.Namespace) -> None:
    count = given.memories
    if not daemon.paths.database.exists():
        started = perf_counter()
        fill(daemon, maker, count)
        print(f"filled in {perf_counter() - started:.0f} s")
        print(f"first start, the indexes made anew: {daemon.start():.1f} s")
        daemon.stop()
    print(f"start: {daemon.start():.1f} s")
    try:
        print(f"resident after the start: {daemon.resident_mb()}")
        sleep(0 if given.small else count / 100_000)  # the vectors' codes are made meanwhile
        print(f"{count:,} memories{'':30}p50 ms   p95 ms        matches")
        with LukhasClient(paths=daemon.paths) as client:
            for measured in searches(client, maker, given.queries):
                print(measured, flush=True)
        print(f"resident after the searches: {daemon.resident_mb()}")
        stores(daemon, 20 if given.small else STORES)
    finally:
        daemon.stop()
    size = sum(file.stat().st_blocks * 512 for file in daemon.paths.data.rglob("*") if file.is_file())
    print(f"on disk: {size / 1e6:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--small", action="store_true", help="2,000 memories, 10 queries, no peers")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-daemon", action="store_true", help="only the vectors' recall, and the peers")
    given = parser.parse_args()
    if given.small:
        given.memories, given.queries, given.no_peers = 2_000, 10, True
    maker = Maker(given.memories)
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as folder:
        home = given.home or Path(folder)
        if not given.no_daemon:
            measure(Daemon(home), maker, given)
    vectors = np.concatenate([maker.vectors(min(BATCH, given.memories - at)) for at in range(0, given.memories, BATCH)])
    queries = maker.vectors(min(given.queries, 50))
    recall(vectors, queries)
    if not given.no_peers:
        for measured in peers(vectors, queries):
            print(measured, flush=True)


if __name__ == "__main__":
    main()
