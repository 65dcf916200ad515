"""Requests made up from the served description, sent to a real daemon: each is answered as described, never by 5xx."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from conftest import Home

READY_WITHIN_S = 60
STOPPED_WITHIN_S = 20
EXAMPLES = 20
"""Per operation, half of them well formed."""
LEFT_OUT = ("model.use", "embedder.use")
"""They ask the server that the request names, which would be somewhere else each time."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


class UnixConnection(urllib3.connection.HTTPConnection):
    path = ""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class UnixAdapter(HTTPAdapter):
    """The owner on the unix socket is not limited, so that no request is turned away unread."""

    def __init__(self, path: Path) -> None:
        kind = type("Connection", (UnixConnection,), {"path": str(path)})
        self._pool = urllib3.HTTPConnectionPool("localhost", maxsize=1)
        self._pool.ConnectionCls = kind
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> urllib3.HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()


@contextmanager
def running(home: Home) -> Iterator[requests.Session]:
    path = home.path / "run" / "lukhasd.sock"
    daemon = subprocess.Popen([sys.executable, "-m", "lukhasd", "--port", "0"], env=home.env)
    try:
        with requests.Session() as session:
            session.mount("http://localhost", UnixAdapter(path))
            deadline = time.monotonic() + READY_WITHIN_S
            while not path.exists():
                assert daemon.poll() is None, "the daemon ended"
                assert time.monotonic() < deadline, "the daemon is not ready"
                time.sleep(0.05)
            session.headers["X-API-Key"] = (home.path / "state" / "local.key").read_text()
            yield session
    finally:
        daemon.terminate()
        try:
            assert daemon.wait(STOPPED_WITHIN_S) == 0
        finally:
            daemon.kill()
            daemon.wait()


@pytest.mark.timeout(600)
def test_made_up_requests_are_answered_as_described(home: Home) -> None:
    with running(home) as session:
        described = session.get("http://localhost/v1/openapi.json").json()
        del described["security"], described["components"]["securitySchemes"]  # else most credentials are made up too
        schema = schemathesis.openapi.from_dict(described)
        tried = set()
        for found in schema.get_all_operations():
            operation = found.ok()
            name = operation.definition.raw["operationId"]
            if name in LEFT_OUT:
                continue
            modes = [operation.as_strategy(generation_mode=GenerationMode.POSITIVE)]
            if operation.body or list(operation.query):
                modes.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=st.one_of(*modes))
            def ask(case: schemathesis.Case) -> None:
                case.call_and_validate(base_url="http://localhost/v1", session=session, checks=CHECKS)

            ask()
            tried.add(name)
        assert len(tried) >= 20
        assert session.get("http://localhost/v1/live").status_code == 200
