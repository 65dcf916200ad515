from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from servers.fixtures import chat_url, llama_url, node_url  # noqa: F401
from serving_fixtures import shared_parts  # noqa: F401

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.paths import Paths, make_private
from lukhas_sdk.settings import Settings
from lukhasd.daemon import build
from lukhasd.identity.caller import Caller
from lukhasd.parts import Parts


@pytest.fixture
async def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Parts]:
    """Every part of a daemon but its door, on a fresh database."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state", tmp_path / "run")
    for folder in paths.all():
        make_private(folder)
    async with AsyncExitStack() as closing:
        yield await build(paths, Settings(), closing)


@pytest.fixture
def caller() -> Caller:
    return Caller("owner-1", "ΛPRIME-2026-0001", Tier.PRIME, "local_key")
