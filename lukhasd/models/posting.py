"""JSON posted to one server that the user chose, from threads: bounded in time and size, and ended at once on close."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from urllib.parse import urlsplit

READ_BYTES = 1 << 16


class Closed(ValueError):
    """The server is no longer asked."""


class TooLarge(ValueError):
    """It sent more than is read."""


class Poster:
    """Sends to `base_url` and to nothing else: no redirect is followed and no proxy taken from the environment.
    One connection a request."""

    def __init__(self, base_url: str, api_key: str | None, *, answer_limit_bytes: int) -> None:
        self._url = urlsplit(base_url)
        self._api_key = api_key
        self._answer_limit_bytes = answer_limit_bytes
        self._open: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Ends the requests under way; any other is refused."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                hang_up(connection)

    def connection(self, timeout_s: float) -> http.client.HTTPConnection:
        """For one `post`. Raises ValueError or HTTPException where the address is none."""
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(self._url.hostname or "", self._url.port, timeout=timeout_s)

    def post(
        self, connection: http.client.HTTPConnection, path: str, body: bytes, *, deadline_s: float
    ) -> tuple[int, bytes]:
        """Status and content, by `time.monotonic()` reaching `deadline_s`. Raises TimeoutError, Closed, TooLarge,
        OSError or HTTPException."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        with self._lock:
            if self._closed:
                raise Closed("it is no longer asked")
            self._open.add(connection)
        try:
            connection.connect()
            if self._closed:  # while there was nothing yet to hang up
                raise Closed("it is no longer asked")
            if time.monotonic() > deadline_s:
                raise TimeoutError
            connection.request("POST", f"{self._url.path.rstrip('/')}{path}", body=body, headers=headers)
            content = bytearray()
            with connection.getresponse() as response:  # which holds the socket open by itself
                while part := response.read1(READ_BYTES):
                    content += part
                    if time.monotonic() > deadline_s:
                        raise TimeoutError
                    if len(content) > self._answer_limit_bytes:
                        raise TooLarge(f"it sent more than {self._answer_limit_bytes} bytes")
                return response.status, bytes(content)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def hang_up(connection: http.client.HTTPConnection) -> None:
    """Ends what waits for `connection`, in whichever thread."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
