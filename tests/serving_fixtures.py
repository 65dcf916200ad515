"""Fixtures over `serving`; a conftest imports those that its tests need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from serving import Served, make_paths, serving

from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.settings import Settings
from lukhasd.daemon import build
from lukhasd.parts import Parts


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """What blocks the event loop from our code is an error."""
    with blockbuster_ctx("lukhasd"):
        yield


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    """Every part of a daemon but its door, once for a module, whose tests each have an identity of their own. It is
    warm: the guardian's first verdict loads its classifier, which may take all of a verdict's time on a busy
    machine."""
    paths = make_paths(tmp_path_factory.mktemp("daemon"))
    request = ValidateRequest(GuardianAction("tool_output", "It is behind the door."))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        async with AsyncExitStack() as closing:
            parts = await build(paths, Settings(), closing)
            while "decision" in (await parts.guardian.validate(request)).reasons:
                pass
            yield parts
