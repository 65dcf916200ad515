from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving_fixtures import no_blocking, served  # noqa: F401

from webhooks.receiving import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it
