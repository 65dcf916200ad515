"""A small OpenAI-compatible server for tests: `python chat_server.py` prints its base URL and serves until killed.

The model's name says how it behaves; `GET /last` gives the last chat request's body. `good` answers with the first
line of note 1 and cites it.
"""

from __future__ import annotations

import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = (
    "good", "plain", "invents", "slow", "drip", "garbage", "binary", "empty", "refuses", "dies", "huge", "redirects",
    "wrong-shape",
)  # fmt: skip
last: dict[str, object] = {}


def answer(body: dict) -> str:
    system = body["messages"][0]["content"] if body["messages"][0]["role"] == "system" else ""
    if body["model"] == "invents":
        return "The treasure of 4711 ducats is buried in Atlantis [7]."
    told = re.findall(r"^│ (?!\()(.*)$", system, re.M)
    return f"{told[0]} [1]" if told else "The notes do not say."


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/last":
            self.give(json.dumps(last).encode())
        else:
            self.give(json.dumps({"data": [{"id": name} for name in MODELS]}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        last.clear()
        last.update(body, authorization=self.headers.get("Authorization"))
        getattr(self, f"be_{body['model'].replace('-', '_')}")(body)

    def be_good(self, body: dict) -> None:
        self.head("text/event-stream")
        for word in re.findall(r"\S+\s*", answer(body)):
            self.event({"choices": [{"delta": {"content": word}}]})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    be_invents = be_good

    def be_plain(self, body: dict) -> None:
        self.give(json.dumps({"choices": [{"message": {"content": answer(body)}}]}).encode())

    def be_slow(self, body: dict) -> None:
        time.sleep(5)
        self.be_plain(body)

    def be_drip(self, body: dict) -> None:
        self.head("text/event-stream")
        for _ in range(100):
            self.event({"choices": [{"delta": {"content": "and "}}]})
            time.sleep(0.1)

    def be_garbage(self, body: dict) -> None:
        self.give(b"<html>not an answer</html>")

    def be_binary(self, body: dict) -> None:
        self.give(json.dumps({"choices": [{"message": {"content": "\x00\x00\x01"}}]}).encode())

    def be_empty(self, body: dict) -> None:
        self.give(json.dumps({"choices": [{"message": {"content": "  "}}]}).encode())

    def be_wrong_shape(self, body: dict) -> None:
        self.give(b'[{"choices": "none"}]')

    def be_refuses(self, body: dict) -> None:
        self.give(b'{"error": {"message": "model is overloaded"}}', status=500)

    def be_redirects(self, body: dict) -> None:
        self.send_response(307)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def be_dies(self, body: dict) -> None:
        self.head("text/event-stream")
        self.event({"choices": [{"delta": {"content": "Half of"}}]})
        self.close_connection = True
        self.connection.close()

    def be_huge(self, body: dict) -> None:
        self.head("text/event-stream")
        for _ in range(60):
            self.event({"choices": [{"delta": {"content": "x" * 60_000}}]})

    def head(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, tree: dict) -> None:
        self.chunk(f"data: {json.dumps(tree)}\n\n".encode())

    def chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def give(self, content: bytes, *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that hang up are what these tests are about


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
