"""The indexes are derived: whatever becomes of them, the rows bring them back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lukhas_sdk.contract.memory import SearchRequest
from lukhasd.memory.core import INDEX_FOLDER
from lukhasd.memory.text_files import State
from lukhasd.memory.text_index import TextIndex
from lukhasd.memory.words import Analyser

FIRST = 40


async def fill(stores: Any, make_memory: Any) -> Path:
    """A closed store with FIRST memories about numbered birds; gives its index folder."""
    async with stores.open() as store:
        await store.import_items("ada", [make_memory(f"bird number{number}") for number in range(FIRST)])
        assert await store.wait_for_vectors(10)
    folder: Path = stores.folder / INDEX_FOLDER
    return folder


async def found(stores: Any) -> set[str]:
    """What the words find after opening, having checked that nothing is pending and all agree."""
    async with stores.open() as store:
        assert await store.self_test() is None
        assert store.pending_vectors() == 0
        assert store.core.ranker.text.documents == (await store.stats("ada")).memories
        hits = (await store.search("ada", SearchRequest(query="bird", limit=200))).results
        assert all(hit.text_score > 0 and hit.cosine is not None for hit in hits)
        return {hit.content.data for hit in hits}


ALL = {f"bird number{number}" for number in range(FIRST)}


async def test_an_index_is_kept_between_starts(stores: Any, make_memory: Any) -> None:
    folder = await fill(stores, make_memory)
    segments = {file.name for file in folder.glob("*.idx")}
    assert await found(stores) == ALL
    assert {file.name for file in folder.glob("*.idx")} == segments


async def test_a_missing_index_is_rebuilt(stores: Any, make_memory: Any) -> None:
    shutil.rmtree(await fill(stores, make_memory))
    assert await found(stores) == ALL


@pytest.mark.parametrize("kind", ["idx", "term", "fast", "fieldnorm", "store", "meta.json", "state.json"])
async def test_a_damaged_index_is_rebuilt(stores: Any, make_memory: Any, kind: str) -> None:
    folder = await fill(stores, make_memory)
    for file in folder.glob(f"*{kind}"):
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 0xFF
        file.write_bytes(content)
    assert await found(stores) == ALL


@pytest.mark.parametrize("kept", [0, 10])
async def test_a_truncated_index_is_rebuilt(stores: Any, make_memory: Any, kept: int) -> None:
    folder = await fill(stores, make_memory)
    for file in folder.glob("*.idx"):
        file.write_bytes(file.read_bytes()[:kept])
    assert await found(stores) == ALL


@pytest.mark.parametrize("sequence", [0, 17, 10_000])
async def test_a_state_that_is_behind_or_ahead_is_put_right(stores: Any, make_memory: Any, sequence: int) -> None:
    folder = await fill(stores, make_memory)
    state = msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
    (folder / "state.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(state, sequence=sequence)))
    assert await found(stores) == ALL


async def test_an_older_copy_of_the_index_catches_up(stores: Any, make_memory: Any, tmp_path: Path) -> None:
    folder = await fill(stores, make_memory)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    async with stores.open() as store:
        await store.store("ada", make_memory("bird late"))
        first = (await store.search("ada", SearchRequest(query="number3"))).results[0]
        await store.delete("ada", first.memory_id)
        assert await store.wait_for_vectors(10)
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    assert await found(stores) == (ALL | {"bird late"}) - {"bird number3"}


def test_an_index_of_another_format_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    TextIndex.open(folder, Analyser()).close()
    (folder / "state.json").write_text('{"format": 0, "sequence": 5, "added": 5, "words": {}}')
    index = TextIndex.open(folder, Analyser())
    assert (index.state.sequence, index.documents) == (0, 0)
    index.close()
