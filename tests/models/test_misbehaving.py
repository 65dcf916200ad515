"""Failures that pass, servers left alone, answers of the wrong shape, and pulls that break off."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lukhas_cli import pulling
from lukhas_sdk.errors import LukhasError, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.weights import origin_of, pulled
from lukhasd.models import json_schema
from lukhasd.models.circuit import FAILURES, OPEN_S, Circuit
from lukhasd.models.language import Message, ModelError, SchemaError
from lukhasd.models.openai_compatible import OpenAICompatible

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}, "tags": {"type": "array", "items": {"enum": ["a", 1]}}},
    "required": ["n"],
    "additionalProperties": False,
}
Reply = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def serve(reply: Callable[[BaseHTTPRequestHandler, Any], Reply]) -> Iterator[str]:
    """A server whose every request `reply` answers: the request, its JSON body → status, headers, content."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            status, headers, content = reply(self, json.loads(self.rfile.read(size)) if size else None)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(text: str) -> Reply:
    answer = {"choices": [{"message": {"content": text}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    return 200, {}, json.dumps(answer).encode()


async def ask(model: OpenAICompatible, **options: Any) -> Any:
    return await model.chat([Message("user", "?")], max_tokens=9, temperature=0.0, timeout_s=5.0, **options)


async def test_what_passes_is_asked_again_and_what_is_refused_left_out() -> None:
    replies: list[Reply] = [(503, {}, b"loading"), (429, {"Retry-After": "0"}, b""), said("Fine.")]
    with serve(lambda request, body: replies.pop(0)) as url:
        answer = await ask(OpenAICompatible(url, "m", None))
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == ("Fine.", 3, 2)

    def picky(request: BaseHTTPRequestHandler, body: Any) -> Reply:
        if "stream_options" in body:
            return 400, {}, b"extra field: stream_options"
        return (400, {}, b"use max_completion_tokens") if "max_tokens" in body else said("Fine.")

    with serve(picky) as url:
        assert (await ask(OpenAICompatible(url, "m", None))).text == "Fine."


async def test_a_wrong_shape_is_told_once_and_never_handed_on() -> None:
    bodies: list[Any] = []
    replies = [said('{"n": 0}'), said('```json\n{"n": 4}\n```'), said("no"), said('{"n": "4"}')]

    def reply(request: BaseHTTPRequestHandler, body: Any) -> Reply:
        bodies.append(body)
        return replies.pop(0)

    with serve(reply) as url:
        model = OpenAICompatible(url, "m", None)
        answer = await ask(model, schema=SCHEMA)
        assert answer.text == '{"n": 4}'
        assert answer.prompt_tokens == 6
        assert "$.n is less than 1" in bodies[1]["messages"][-1]["content"]
        with pytest.raises(SchemaError, match="not one JSON value") as caught:
            await ask(model, schema=SCHEMA)
    assert caught.value.kind == "unusable"
    assert len(bodies) == 4


async def test_a_server_that_keeps_failing_is_left_alone_for_a_while() -> None:
    now, asked = [0.0], []

    def reply(request: BaseHTTPRequestHandler, body: Any) -> Reply:
        asked.append(body)
        return said("Fine.") if len(asked) > FAILURES else (200, {}, b"\x00\xff garbage")

    with serve(reply) as url:
        model = OpenAICompatible(url, "m", None, circuit=Circuit(lambda: now[0]))
        for kind in ["unusable"] * FAILURES + ["open_circuit"]:
            with pytest.raises(ModelError) as caught:
                await ask(model)
            assert caught.value.kind == kind
        assert len(asked) == FAILURES
        assert model.circuit.state == "open"
        now[0] += OPEN_S
        assert model.circuit.state == "half_open"
        assert (await ask(model)).text == "Fine."
    assert model.circuit.state == "closed"


@pytest.mark.parametrize(
    "value", [{"n": 1}, {"n": 0}, {"n": True}, {"n": 2.0}, {"n": 2.5}, {}, {"n": 1, "x": 1}, [], None,
              {"n": 1, "tags": []}, {"n": 1, "tags": ["a", 1]}, {"n": 1, "tags": [True]}, {"n": 1, "tags": "a"}],
)  # fmt: skip
def test_the_checker_agrees_with_jsonschema(value: Any) -> None:
    fits = jsonschema.Draft202012Validator(SCHEMA).is_valid(value)
    assert fits == (not [*json_schema.misfits(value, SCHEMA, root=SCHEMA)])


def test_a_schema_that_cannot_be_checked_whole_is_an_error() -> None:
    with pytest.raises(ValueError, match="oneOf"):
        json_schema.require_known({"properties": {"a": {"oneOf": []}}})


def test_a_pull_that_breaks_off_goes_on_where_it_was(tmp_path: Path) -> None:
    weights = b"GGUF" + bytes(range(256)) * 4000
    sha256, starts = hashlib.sha256(weights).hexdigest(), []

    def reply(request: BaseHTTPRequestHandler, body: Any) -> Reply:
        start = int((request.headers.get("Range") or "bytes=0-")[6:-1])
        starts.append(start)
        rest = weights[start:]
        headers = {"Content-Length": str(len(rest)), "Content-Range": f"bytes {start}-/*"}
        request.close_connection = True
        return (206 if start else 200), headers, rest[: len(weights) // 2]  # cut off half-way

    paths = Paths(tmp_path / "c", tmp_path / "d", tmp_path / "s", tmp_path / "r")
    with serve(reply) as url:
        file = pulling.pull_url(paths, "tiny", f"{url}/tiny.gguf", sha256, lambda has, total: None)
        assert file.read_bytes() == weights
        assert starts[0] == 0 and starts[1] > 0
        assert pulled(paths.weights_dir) == {"tiny": file}
        known = origin_of(file)
        assert known is not None and known.sha256 == sha256
        with pytest.raises(LukhasError, match="not the expected file"):
            pulling.pull_url(paths, "other", f"{url}/tiny.gguf", "0" * 64, lambda has, total: None)
    assert not [*paths.weights_dir.glob("*.part")]
    with pytest.raises(ValidationError, match="not an https address"):
        pulling.pull_url(paths, "third", "http://models.example/x.gguf", sha256, lambda has, total: None)
