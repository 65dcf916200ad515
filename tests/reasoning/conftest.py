from collections.abc import Iterator

import pytest
from servers.fixtures import _serve
from serving_fixtures import no_blocking, shared_parts  # noqa: F401


@pytest.fixture(scope="session")
def planner_url() -> Iterator[str]:
    """A server of ours whose models plan, boast, doubt and talk nonsense."""
    yield from _serve("planner_server.py")
