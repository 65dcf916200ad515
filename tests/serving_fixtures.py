"""Fixtures over `serving`; a conftest imports those that its tests need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import blockbuster_ctx
from serving import Served, serving


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """What blocks the event loop from our code is an error."""
    with blockbuster_ctx("lukhasd"):
        yield


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as it:
        yield it
