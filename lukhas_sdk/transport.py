"""HTTP/1.1 to the daemon over its unix socket or TCP, on one kept-alive connection."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lukhas_sdk.errors import DaemonUnreachable, LukhasError, ModuleTimeout, ValidationError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from lukhas_sdk.websocket import WebSocket

IDEMPOTENT = ("GET", "PUT", "DELETE")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


def split_base_url(target: str) -> SplitResult:
    """ValidationError where it is not one."""
    from urllib.parse import urlsplit

    url = urlsplit(target)
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.query or url.fragment:
        raise ValidationError(
            f"not a base URL: {target!r}", field="base_url", hint="give it as http://127.0.0.1:8000/v1"
        )
    return url


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(str(self._path))
        except BaseException:
            self.sock.close()
            self.sock = None
            raise


class Transport:
    """Not safe for use by several threads at once: give each its own."""

    def __init__(self, target: Path | str, *, prefix: str, timeout_s: float) -> None:
        """`target` is a socket's path, or a base URL whose own path comes before `prefix`-less operation paths."""
        if isinstance(target, Path):
            self.name = str(target)
            self._prefix = prefix
            self._connection: http.client.HTTPConnection = UnixConnection(target, timeout_s)
            return
        url = split_base_url(target)
        self.name = target
        self._prefix = url.path.rstrip("/") or prefix
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(url.hostname or "", url.port, timeout=timeout_s)

    def send(self, method: str, path: str, *, headers: dict[str, str], body: bytes | None) -> Answer:
        """One round trip. A connection that the daemon closed while idle is opened again.

        Raises DaemonUnreachable where nobody answers, ModuleTimeout where the answer does not come in time.
        """
        reused = self._connection.sock is not None
        try:
            return self._exchange(method, path, headers, body)
        except TimeoutError as error:
            self.close()
            raise ModuleTimeout(
                f"no answer from {self.name} within {self._connection.timeout} s", hint="see: lukhas daemon logs"
            ) from error
        except (http.client.HTTPException, OSError) as error:
            self.close()
            if reused and (method in IDEMPOTENT or isinstance(error, BrokenPipeError)):
                return self.send(method, path, headers=headers, body=body)
            raise self._unreachable(error) from error

    def lines(self, method: str, path: str, *, headers: dict[str, str], body: bytes | None) -> Answer | Iterator[bytes]:
        """Like `send` for an answer that comes line by line; one that is no stream is given whole."""
        self.close()
        try:
            self._connection.request(method, self._prefix + path, body=body, headers=headers)
            response = self._connection.getresponse()
            if response.getheader("Content-Type") != "application/x-ndjson":
                named = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, named, response.read())
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise self._unreachable(error) from error
        return self._read_lines(response)

    def upgrade(self, path: str, *, headers: dict[str, str]) -> Answer | WebSocket:
        """A WebSocket, which takes the connection until `close`; the answer of one who does not make it one."""
        from lukhas_sdk.websocket import WebSocket, handshake_headers, is_agreed

        self.close()
        shake = handshake_headers()
        try:
            self._connection.request("GET", self._prefix + path, headers={**headers, **shake})
            response = self._connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            if response.status != 101 or self._connection.sock is None:
                return Answer(response.status, named, response.read())
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise self._unreachable(error) from error
        if not is_agreed(shake["Sec-WebSocket-Key"], named.get("sec-websocket-accept", "")):
            raise DaemonUnreachable(f"{self.name} answers the handshake wrongly", hint="see: lukhas daemon status")
        return WebSocket(self._connection.sock, response, name=self.name)

    def _read_lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        try:
            while line := response.readline():
                yield line
        except (http.client.HTTPException, OSError) as error:
            raise self._unreachable(error) from error
        finally:
            self.close()

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        self._connection.request(method, self._prefix + path, body=body, headers=headers)
        response = self._connection.getresponse()
        content = response.read()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def _unreachable(self, error: Exception) -> LukhasError:
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return DaemonUnreachable(f"no daemon answers at {self.name}", hint="start it: lukhas daemon start")
        return DaemonUnreachable(
            f"the connection to {self.name} failed: {str(error) or type(error).__name__}",
            hint="see: lukhas daemon status, lukhas daemon logs",
        )
