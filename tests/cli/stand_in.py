"""A stand-in for the daemon: HTTP on a unix socket, in the contract's shapes, saying what a test tells it to.

`python stand_in.py SOCKET VERSION` is one of that version in a process of its own, until SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.base import PROTOCOL_VERSION

Answer = tuple[int, Any]


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


@dataclass
class StandIn:
    """`answers` maps `GET /v1/status` to (status, body), or to what gives that; `seen` are requests and bodies."""

    answers: dict[str, Answer | Callable[[Any], Answer]] = field(default_factory=dict)
    seen: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def is_version(self, version: str, *, protocol: int = PROTOCOL_VERSION, status: str = "ready") -> None:
        body = {"status": status, "version": version, "protocol": protocol, "pid": os.getpid()}
        self.answers["GET /v1/ready"] = self.answers["GET /v1/live"] = (200, body)

    def fails(self, line: str, status: int, code: str, message: str = "no", **details: Any) -> None:
        error = {"code": code, "message": message, "details": details, "trace_id": "trace_1", "timestamp": "x"}
        self.answers[line] = (status, {"error": error})


@contextmanager
def serving(socket: Path) -> Iterator[StandIn]:
    known = StandIn()
    known.is_version(__version__)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            line = f"{self.command} {self.path.partition('?')[0]}"
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else None
            known.seen.append((f"{self.command} {self.path}", body))
            known.headers.append({name.lower(): value for name, value in self.headers.items()})
            missing = {"error": {"code": "NOT_FOUND", "message": f"no {line}", "details": {}}}
            answer = known.answers.get(line, (404, missing))
            status, said = answer(body) if callable(answer) else answer
            encoded = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    with UnixServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield known
        finally:
            server.shutdown()
            thread.join()
            socket.unlink(missing_ok=True)


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    with serving(Path(sys.argv[1])) as known:
        known.is_version(sys.argv[2])
        print("serving", flush=True)
        signal.sigwait([signal.SIGTERM])


if __name__ == "__main__":
    main()
