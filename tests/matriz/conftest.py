from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from servers.fixtures import chat_url, llama_url, node_url  # noqa: F401

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    """The same once for a module, whose tests each have an identity of their own. It is warm: the guardian's first
    verdict loads its classifier, which may take all of a verdict's time on a busy machine."""
    root = tmp_path_factory.mktemp("daemon")
    paths = Paths(root / "config", root / "data", root / "state", root / "run")
    for folder in paths.all():
        make_private(folder)
    request = ValidateRequest(GuardianAction("tool_output", "It is behind the door."))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        async with AsyncExitStack() as closing:
            parts = await build(paths, Settings(), closing)
            while "decision" in (await parts.guardian.validate(request)).reasons:
                pass
            yield parts


@pytest.fixture
def caller() -> Caller:
    return Caller("owner-1", "ΛPRIME-2026-0001", Tier.PRIME, "local_key")
