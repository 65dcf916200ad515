"""Asks the judge's endpoint: one chat completion, whole before a hard deadline or not at all."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor

import msgspec

from lukhasd.models.posting import Poster, hang_up

ANSWER_LIMIT_BYTES = 64_000
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
    """A chat model at `base_url`."""

    def __init__(self, base_url: str, model: str, api_key: str | None) -> None:
        self.base_url = base_url.rstrip("/")
        self.model = model
        self._poster = Poster(self.base_url, api_key, answer_limit_bytes=ANSWER_LIMIT_BYTES)

    def __repr__(self) -> str:
        return f"JudgeApi({self.base_url!r}, {self.model!r})"

    @property
    def name(self) -> str:
        return f"{self.model} at {self.base_url}"

    def close(self) -> None:
        """Ends the requests under way; any other is refused."""
        self._poster.close()

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
        content = json.dumps(body).encode("utf-8", "replace")
        deadline_s = time.monotonic() + timeout_s
        try:
            connection = self._poster.connection(timeout_s)
            work = pool.submit(self._poster.post, connection, "/chat/completions", content, deadline_s=deadline_s)
        except (ValueError, RuntimeError, http.client.HTTPException) as error:
            raise JudgeFailed(f"{self.name} cannot be asked: {error}") from error
        try:
            status, answer = work.result(timeout_s)
        except TimeoutError as error:
            work.cancel()
            hang_up(connection)
            raise late from error
        except (http.client.HTTPException, OSError, ValueError, CancelledError) as error:
            raise JudgeFailed(f"{self.name} broke off: {error or type(error).__name__}") from error
        if status != 200:
            why = " ".join(answer[:500].decode("utf-8", "replace").split())[:QUOTED_CHARS] or "no reason given"
            raise JudgeFailed(f"{self.name} answered {status}: {why}")
        try:
            choices = msgspec.json.decode(answer, type=_Completion).choices
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise JudgeFailed(f"{self.name} does not answer as a chat model: {error}") from error
        if not choices:
            raise JudgeFailed(f"{self.name} gave no answer")
        return choices[0].message.content
