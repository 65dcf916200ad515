"""A receiver of webhooks on a real socket that behaves as its path says, and keeps what it was sent."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

ANSWERS = {
    "/garbage": b"\xff\xfenot HTTP at all\r\n\r\n",
    "/no-head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n",
    "/dies": b"",
}


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return msgspec.json.decode(self.body)


class Receiver:
    def __init__(self) -> None:
        self.got: list[Received] = []
        self.failures_left = 0
        self.is_mended = False
        """From then on every path takes what it is sent."""
        self.released = threading.Event()
        self._news = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def do_GET(self) -> None:
                outer._keep(Received(f"GET {self.path}", dict(self.headers), b""))
                self.send_error(405)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, path: str = "/good") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, is_enough: Callable[[list[Received]], bool] | int, timeout_s: float = 10) -> list[Received]:
        """Until it has got so many, or what is enough."""
        enough = is_enough if callable(is_enough) else lambda got: len(got) >= is_enough
        with self._news:
            assert self._news.wait_for(lambda: enough(self.got), timeout_s), [each.path for each in self.got]
            return [*self.got]

    def _keep(self, received: Received) -> None:
        with self._news:
            self.got.append(received)
            self._news.notify_all()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self._news:
            fails = self.failures_left > 0
            self.failures_left -= fails
        self._keep(Received(request.path, dict(request.headers), body))
        path = request.path.partition("?")[0]
        if self.is_mended:
            request.send_response(204)
            request.end_headers()
        elif path in ANSWERS:
            request.close_connection = True
            with contextlib.suppress(OSError):
                request.wfile.write(ANSWERS[path])
        elif path == "/hangs":
            self.released.wait(30)
            request.close_connection = True
        elif path in ("/endless", "/drips"):
            request.close_connection = True
            request.send_response(200)
            request.end_headers()
            with contextlib.suppress(OSError):
                while not self.released.is_set():
                    request.wfile.write(b"x" * (65_536 if path == "/endless" else 1))
                    if path == "/drips":
                        time.sleep(0.05)
        else:
            status = 500 if fails or path == "/fails" else 307 if path == "/redirects" else 204
            request.send_response(status)
            if status == 307:
                request.send_header("Location", "/good")
            request.send_header("Content-Length", "0")
            request.end_headers()


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
