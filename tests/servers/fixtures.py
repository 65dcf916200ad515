"""Fixtures that run the programs of this folder; a conftest imports those that its tests need."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def _serve(program: str) -> Iterator[str]:
    """Runs a program of this folder; its first printed line is its address."""
    path = Path(__file__).parent / program
    process = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def chat_url() -> Iterator[str]:
    """A chat server of ours that behaves as its model's name says."""
    yield from _serve("chat_server.py")


@pytest.fixture(scope="session")
def llama_url() -> Iterator[str]:
    """llama.cpp with SmolLM2-135M."""
    for address in _serve("llama_server.py"):
        yield f"{address}/v1"


@pytest.fixture(scope="session")
def node_url() -> Iterator[str]:
    """A node of ours that behaves as its path says."""
    yield from _serve("node_server.py")
