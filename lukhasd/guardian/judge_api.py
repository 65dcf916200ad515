"""Asks the judge's endpoint: one chat completion, whole before a hard deadline or not at all."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec

ANSWER_LIMIT_BYTES = 64_000
READ_BYTES = 1 << 14
ANSWER_TOKENS = 32
QUOTED_CHARS = 200


class JudgeFailed(Exception):
    """There is no answer that could be used; the message says why."""


class JudgeLate(Exception):
    """It did not answer in time."""


class _Message(msgspec.Struct, frozen=True):
    content: str


class _Choice(msgspec.Struct, frozen=True):
    message: _Message


class _Completion(msgspec.Struct, frozen=True):
    choices: list[_Choice]


class JudgeApi:
    """Sends to `base_url` and to nothing else: no redirect is followed and no proxy taken from the environment.
    One connection a request."""

    def __init__(self, base_url: str, model: str, api_key: str | None) -> None:
        self.base_url = base_url.rstrip("/")
        self.model = model
        self._api_key = api_key
        self._open: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"JudgeApi({self.base_url!r}, {self.model!r}, api_key={'***' if self._api_key else None})"

    @property
    def name(self) -> str:
        return f"{self.model} at {self.base_url}"

    def close(self) -> None:
        """Ends the requests under way; any other is refused."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                _hang_up(connection)

    def ask(self, messages: Sequence[tuple[str, str]], *, timeout_s: float, pool: ThreadPoolExecutor) -> str:
        """What it answers to `messages`, (role, text) each. Returns or raises JudgeFailed or JudgeLate within
        `timeout_s`, however the name is resolved or the answer drips: the request runs in `pool` meanwhile."""
        body = {
            "model": self.model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "temperature": 0,
            "max_tokens": ANSWER_TOKENS,
            "stream": False,
        }
        late = JudgeLate(f"{self.name} did not answer within {timeout_s * 1000:.0f} ms (guardian.judge_timeout_ms)")
        url = urlsplit(self.base_url)
        try:
            kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
            connection = kind(url.hostname or "", url.port, timeout=timeout_s)
            deadline_s = time.monotonic() + timeout_s
            work = pool.submit(self._post, connection, f"{url.path}/chat/completions", json.dumps(body), deadline_s)
        except (ValueError, RuntimeError, http.client.HTTPException) as error:
            raise JudgeFailed(f"{self.name} cannot be asked: {error}") from error
        try:
            status, content = work.result(timeout_s)
        except TimeoutError as error:
            work.cancel()
            _hang_up(connection)
            raise late from error
        except (http.client.HTTPException, OSError, ValueError, CancelledError) as error:
            raise JudgeFailed(f"{self.name} broke off: {error or type(error).__name__}") from error
        if status != 200:
            why = " ".join(content[:500].decode("utf-8", "replace").split())[:QUOTED_CHARS] or "no reason given"
            raise JudgeFailed(f"{self.name} answered {status}: {why}")
        try:
            choices = msgspec.json.decode(content, type=_Completion).choices
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise JudgeFailed(f"{self.name} does not answer as a chat model: {error}") from error
        if not choices:
            raise JudgeFailed(f"{self.name} gave no answer")
        return choices[0].message.content

    def _post(
        self, connection: http.client.HTTPConnection, path: str, body: str, deadline_s: float
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        with self._lock:
            if self._closed:
                raise ValueError("it is no longer asked")
            self._open.add(connection)
        try:
            connection.connect()
            if self._closed or time.monotonic() > deadline_s:  # while there was nothing yet to hang up
                raise ValueError("it is no longer asked")
            connection.request("POST", path, body=body.encode("utf-8", "replace"), headers=headers)
            response = connection.getresponse()
            content = bytearray()
            while part := response.read1(READ_BYTES):
                content += part
                if time.monotonic() > deadline_s:
                    raise TimeoutError
                if len(content) > ANSWER_LIMIT_BYTES:
                    raise ValueError(f"it sent more than {ANSWER_LIMIT_BYTES} bytes")
            return response.status, bytes(content)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Ends what waits for `connection`, in whichever thread."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
