"""Another embedder: search goes on throughout, and nothing is lost on the way, not even by kill -9."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from servers.fixtures import chat_url  # noqa: F401

from lukhas_sdk.contract.embedder import EmbedderUseRequest
from lukhas_sdk.contract.memory import SearchRequest
from lukhas_sdk.errors import ModuleTimeout, ValidationError
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.settings import IdentitySettings, Settings, load
from lukhasd.database import Database
from lukhasd.memory import MemoryStore, answerable, embedding
from lukhasd.memory.embedding import Embedding
from lukhasd.models import endpoint as endpoints
from lukhasd.models.embedder import EmbedderError
from lukhasd.models.endpoint import Endpoint, EndpointEmbedder
from lukhasd.records.metrics import Metrics

SERVER = Path(__file__).parents[1] / "servers" / "chat_server.py"
MEMORIES = [f"note {number} tells of topic{number} and place{number % 7}" for number in range(150)]


@dataclass
class Opened:
    store: MemoryStore
    embedding: Embedding
    database: Database

    async def find(self, query: str) -> list[str]:
        response = await self.store.search("ada", SearchRequest(query=query, limit=3))
        return [hit.content.data for hit in response.results]

    async def vectors_of(self, name: str) -> int:
        sql = "SELECT count(DISTINCT row_id) FROM memory_vectors WHERE embedder = ?"
        found = await self.database.read(lambda cursor: cursor.execute(sql, [name]).fetchone())
        assert found
        return int(found[0])


class Place:
    """A store with its settings in one folder, opened as often as a test wants."""

    def __init__(self, folder: Path, packaged: Any) -> None:
        self.paths = Paths(folder / "config", folder / "data", folder / "state", folder / "run")
        self.packaged = packaged

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        for folder in self.paths.all():
            make_private(folder)
        loaded = await asyncio.to_thread(load, self.paths)
        settings = Settings(memory=loaded.memory, identity=IdentitySettings(key_store="file"))
        database = await asyncio.to_thread(Database.open, self.paths.database)
        serving = await embedding.serving(
            database=database, paths=self.paths, settings=settings, packaged=self.packaged
        )
        store = await MemoryStore.open(
            database=database, folder=self.paths.data, embedder=self.packaged, metrics=Metrics(), serving=serving,
            gate=False,
        )  # fmt: skip
        chosen = await Embedding.open(store.core, paths=self.paths, settings=settings, packaged=self.packaged)
        try:
            yield Opened(store, chosen, database)
        finally:
            await chosen.close()
            await store.close()
            await asyncio.to_thread(database.close)


@pytest.fixture
def place(tmp_path: Path, word_bag: Any) -> Place:
    return Place(tmp_path, word_bag)


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def fill(opened: Opened, make_memory: Any, texts: list[str] = MEMORIES) -> None:
    await opened.store.import_items("ada", [make_memory(text) for text in texts])
    assert await opened.store.wait_for_vectors(20)


async def test_search_goes_on_with_the_old_vectors_until_the_new_are_complete(
    place: Place,
    make_memory: Any,
    chat_url: str,  # noqa: F811
) -> None:
    async with place.open() as opened:
        await fill(opened, make_memory)
        core = opened.store.core
        status = await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model="slow"))
        assert status.serving.name == "word-bag"
        assert status.changing_to is not None
        assert status.changing_to.total == len(MEMORIES)
        seen = []
        while core.upkeep.coming is not None:
            pending = opened.store.pending_vectors()
            assert (await opened.find("topic42 place0"))[0] == MEMORIES[42]
            seen.append(pending)
        assert max(seen) > 0
        assert sorted(seen, reverse=True) == seen
        status = await opened.embedding.status()
        assert status.serving.name == f"slow at {chat_url}"
        assert status.serving.leaves_machine is False
        assert (status.changing_to, status.pending_vectors, status.memories) == (None, 0, len(MEMORIES))
        assert await opened.vectors_of(status.serving.name) == len(MEMORIES)
        found = await opened.store.search("ada", SearchRequest(query="topic42 place0", limit=3))
        assert found.results[0].content.data == MEMORIES[42]
        assert core.meaning.index.dimensions == 48
        asked = core.meaning.embedder.embed(["topic42 place0", MEMORIES[42]])
        hit = found.results[0]
        assert hit.cosine is not None
        assert hit.cosine == pytest.approx(float(asked[0] @ asked[1]), abs=1e-4)
        stripped = [None] * len(found.results)
        assert [each.cosine for each in core.calibrated(found.results)] == stripped
        judge = await asyncio.to_thread(answerable.load)
        words_only = judge.probability("topic42", core.calibrated(found.results))
        assert words_only == found.answerable or found.answerable


async def test_what_comes_changes_and_goes_meanwhile(place: Place, make_memory: Any, chat_url: str) -> None:  # noqa: F811
    async with place.open() as opened:
        await fill(opened, make_memory)
        victim = (await opened.store.search("ada", SearchRequest(query="topic149", limit=1))).results[0].memory_id
        await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model="slow"))
        await opened.store.store("ada", make_memory("the otter sleeps under the pier"))
        await opened.store.delete("ada", victim)
        await until(lambda: opened.store.core.upkeep.coming is None)
        assert await opened.store.wait_for_vectors(20)
        index = opened.store.core.meaning.index
        assert len(index) == len(MEMORIES)
        assert await opened.vectors_of(f"slow at {chat_url}") == len(MEMORIES)
        assert (await opened.find("otter pier"))[0] == "the otter sleeps under the pier"
        assert MEMORIES[149] not in await opened.find("topic149")


async def test_going_back_is_quick_and_computes_what_is_lacking(
    place: Place,
    make_memory: Any,
    chat_url: str,  # noqa: F811
) -> None:
    async with place.open() as opened:
        await fill(opened, make_memory)
        await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model="hash"))
        await until(lambda: opened.store.core.upkeep.coming is None)
        await opened.store.store("ada", make_memory("a heron stands in the reeds"))
        assert await opened.store.wait_for_vectors(20)
        status = await opened.embedding.status()
        assert status.former is not None
        assert status.former.name == "word-bag"
        await opened.embedding.use(EmbedderUseRequest())
        coming = opened.store.core.upkeep.coming
        assert coming is None or len(coming.pending) <= 1
        await until(lambda: opened.store.core.upkeep.coming is None)
        assert await opened.store.wait_for_vectors(20)
        assert opened.store.core.is_calibrated
        assert await opened.vectors_of("word-bag") == len(MEMORIES) + 1
        # A third one puts away the vectors that are neither searched nor those before.
        await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model="wide"))
        await until(lambda: opened.store.core.upkeep.coming is None)
        assert await opened.vectors_of(f"hash at {chat_url}") == 0
        assert await opened.vectors_of("word-bag") == len(MEMORIES) + 1
        await until(lambda: len(list(place.paths.data.glob("index-vectors*"))) == 1)


async def test_a_change_is_given_up(place: Place, make_memory: Any, chat_url: str) -> None:  # noqa: F811
    async with place.open() as opened:
        await fill(opened, make_memory)
        await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model="slow"))
        status = await opened.embedding.use(EmbedderUseRequest())
        assert (status.serving.name, status.changing_to) == ("word-bag", None)
        assert (await opened.find("topic3"))[0] == MEMORIES[3]


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2], str(Path(sys.argv[2]).parent)]
from memory_stores import WordBag, memory
from test_embedder_change import MEMORIES, Place
from lukhas_sdk.contract.embedder import EmbedderUseRequest

async def main():
    async with Place(Path(sys.argv[1]), WordBag()).open() as opened:
        if sys.argv[3]:
            await opened.store.import_items("ada", [memory(text) for text in MEMORIES])
            await opened.store.wait_for_vectors(20)
            await opened.embedding.use(EmbedderUseRequest(base_url=sys.argv[3], model="slow"))
        while True:
            coming = opened.store.core.upkeep.coming
            print(coming and len(coming.pending) or -1, flush=True)  # none yet, while it looks for what is left
            await asyncio.sleep(0.02)

asyncio.run(main())
"""


def run_until_killed(folder: Path, url: str, *, done: int) -> int:
    """How many were still to be embedded when it was killed, after `done` more than at its start."""
    command = [sys.executable, "-c", CHILD, str(folder), str(Path(__file__).parent), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        while (last := int(child.stdout.readline())) < 0:
            pass  # it has not gone on yet
        first = last
        while last > first - done:
            last = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    return last


async def test_kill_9_in_the_middle_goes_on_where_it_was(place: Place, tmp_path: Path, chat_url: str) -> None:  # noqa: F811
    left = await asyncio.to_thread(run_until_killed, tmp_path, chat_url, done=40)
    assert 0 < left < len(MEMORIES)
    again = await asyncio.to_thread(run_until_killed, tmp_path, "", done=0)
    assert 0 < again <= left
    async with place.open() as opened:
        await until(lambda: opened.store.core.upkeep.coming is not None)
        assert opened.store.core.is_calibrated
        assert (await opened.find("topic42 place0"))[0] == MEMORIES[42]
        await until(lambda: opened.store.core.upkeep.coming is None)
        assert await opened.vectors_of(f"slow at {chat_url}") == len(MEMORIES)
        assert (await opened.find("topic42 place0"))[0] == MEMORIES[42]
        assert await opened.store.self_test() is None
    async with place.open() as opened:
        assert opened.store.core.meaning.embedder.name == f"slow at {chat_url}"
        assert len(opened.store.core.meaning.index) == len(MEMORIES)
        assert (await opened.find("topic42 place0"))[0] == MEMORIES[42]


@pytest.fixture
def mortal(free_port: int) -> Iterator[tuple[str, Callable[[], subprocess.Popen[str]]]]:
    """The address of a server that can be started and killed there, and what starts it."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, SERVER, str(free_port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        assert process.stdout
        process.stdout.readline()
        return process

    yield f"http://127.0.0.1:{free_port}/v1", start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_dead_endpoint_leaves_the_words(
    place: Place, make_memory: Any, mortal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "SILENT_S", 0.0)
    url, start = mortal
    async with place.open() as opened:
        await fill(opened, make_memory)
        server = await asyncio.to_thread(start)
        await opened.embedding.use(EmbedderUseRequest(base_url=url, model="hash"))
        await until(lambda: opened.store.core.upkeep.coming is None)
        await asyncio.to_thread(lambda: (server.kill(), server.wait()))
        assert (await opened.find("topic42"))[0] == MEMORIES[42]
        await opened.store.store("ada", make_memory("a heron stands in the reeds"))
        assert (await opened.find("heron"))[0] == "a heron stands in the reeds"
        await until(lambda: opened.store.core.meaning.problem is not None)
        status = await opened.embedding.status()
        assert status.problem is not None
        assert "nothing answers" in status.problem
        assert "nothing answers" in (await opened.store.self_test() or "")
        tested = await opened.embedding.test()
        assert not tested.ok
    async with place.open() as opened:  # starts without its endpoint too
        assert (await opened.find("topic42"))[0] == MEMORIES[42]
        await asyncio.to_thread(start)
        assert (await opened.embedding.test()).ok
        assert await opened.store.wait_for_vectors(20)
        await opened.find("heron")
        assert (await opened.embedding.status()).problem is None


async def test_an_endpoint_of_no_use_is_refused(place: Place, chat_url: str, free_port: int) -> None:  # noqa: F811
    wrong = {"short": "2 vectors", "zeros": "zeros", "strings": "embeddings endpoint", "same": "same vector",
             "missing": "404"}  # fmt: skip
    async with place.open() as opened:
        for model, why in wrong.items():
            with pytest.raises(ValidationError, match=why):
                await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model=model))
        with pytest.raises(ValidationError, match="48 dimensions, not the 64") as error:
            await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model="fixed", dimensions=64))
        assert error.value.details["field"] == "$.dimensions"
        with pytest.raises(ModuleTimeout):
            await opened.embedding.use(EmbedderUseRequest(base_url=f"http://127.0.0.1:{free_port}/v1", model="hash"))
        for url in ("http://[", "http://h:99999/v1"):
            with pytest.raises(ValidationError, match="not a URL"):
                await opened.embedding.use(EmbedderUseRequest(base_url=url, model="hash"))
        with pytest.raises(ValidationError, match="plain address"):
            await opened.embedding.use(EmbedderUseRequest(base_url="http://me:secret@127.0.0.1/v1", model="hash"))
        status = await opened.embedding.status()
        assert (status.serving.name, status.changing_to) == ("word-bag", None)
        assert not place.paths.config_file.exists()


async def test_the_key_goes_to_its_endpoint_alone(place: Place, chat_url: str) -> None:  # noqa: F811
    def last() -> dict[str, Any]:
        with urlopen(chat_url.removesuffix("/v1") + "/last") as answer:
            told: dict[str, Any] = json.load(answer)
            return told

    async with place.open() as opened:
        request = EmbedderUseRequest(base_url=chat_url, model="hash", api_key="sesame-4711", dimensions=32)
        assert "sesame" not in repr(request)
        await opened.embedding.use(request)
        told = await asyncio.to_thread(last)
        assert (told["authorization"], told["dimensions"]) == ("Bearer sesame-4711", 32)
        other = Endpoint(chat_url.replace("127.0.0.1", "localhost"), "hash")
        assert await asyncio.to_thread(embedding.read_key, place.paths, other) is None
        assert b"sesame" not in await asyncio.to_thread(place.paths.config_file.read_bytes)
        await opened.embedding.use(EmbedderUseRequest())
        await opened.embedding.use(EmbedderUseRequest(base_url=chat_url, model="hash"))
        assert (await asyncio.to_thread(last))["authorization"] == "Bearer sesame-4711"


def test_texts_are_batched_and_vectors_have_length_1(chat_url: str, word_bag: Any) -> None:  # noqa: F811
    embedder = EndpointEmbedder(Endpoint(chat_url, "hash"), dimensions=48, tokenizer=word_bag)
    vectors = embedder.embed([f"text {number}" for number in range(70)])
    assert vectors.shape == (70, 48)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)
    alone = EndpointEmbedder(Endpoint(chat_url, "hash"), dimensions=48, tokenizer=word_bag).embed(["text 69"])
    np.testing.assert_allclose(alone[0], vectors[69], rtol=1e-5)  # the answer's order is by its index
    with pytest.raises(EmbedderError, match="96 dimensions, not 48"):
        EndpointEmbedder(Endpoint(chat_url, "wide"), dimensions=48, tokenizer=word_bag).embed(["text"])


@pytest.mark.parametrize(
    ("url", "inside"),
    [("http://127.0.0.1:1/v1", True), ("http://localhost/v1", True), ("http://[::1]:1/v1", True),
     ("http://127.0.0.1.evil.example/v1", False), ("https://models.example/v1", False), ("http://10.0.0.1/v1", False)],
)  # fmt: skip
def test_what_leaves_the_machine_is_known(url: str, inside: bool) -> None:
    assert Endpoint(url, "m").is_loopback is inside
