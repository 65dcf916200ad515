"""A start imports and loads what it needs, and what few requests need when one of them comes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lukhasd.later import Later

BUILD = """
import asyncio, sys
from contextlib import AsyncExitStack
from lukhas_sdk.paths import make_private, resolve
from lukhas_sdk.settings import load
from lukhasd.api.server import Server
from lukhasd.daemon import build

async def start():
    paths = resolve()
    for folder in paths.all():
        make_private(folder)
    async with AsyncExitStack() as closing:
        Server(await build(paths, load(paths, {}), closing))
        print(*sys.modules)

asyncio.run(start())
"""
LATER = ("onnxruntime", "numpy.ma", "pint", "sympy", "lukhasd.reasoning.analysis", "lukhasd.reasoning.hawkes")


def test_what_a_start_leaves_for_later(home: Any) -> None:
    told = subprocess.run([sys.executable, "-c", BUILD], env=home.env, capture_output=True, text=True, check=True)
    loaded = set(told.stdout.split())
    assert "lukhasd.memory.store" in loaded
    assert loaded.isdisjoint(LATER), loaded.intersection(LATER)


async def test_a_part_is_made_once_and_tried_again_where_that_fails() -> None:
    made: list[int] = []

    def make() -> str:
        made.append(len(made))
        if len(made) == 1:
            raise OSError("not now")
        return "a part"

    part = Later(make)
    with pytest.raises(OSError, match="not now"):
        await part.get()
    assert [await part.get(), await part.get()] == ["a part", "a part"]
    assert made == [0, 1]
