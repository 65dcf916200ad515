"""Language models behind one small protocol, and the one that speaks to any OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, Protocol

import aiohttp

ANSWER_LIMIT_BYTES = 2_000_000


@dataclass(frozen=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Completion:
    """What a model wrote. `first_token_ms` and `total_ms` are measured from the request."""

    text: str
    model: str
    first_token_ms: float
    total_ms: float


class ModelError(Exception):
    """The model did not give a usable answer: `kind` says how, the message says what."""

    def __init__(self, kind: Literal["timeout", "unreachable", "refused", "unusable"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


class LanguageModel(Protocol):
    name: str
    base_url: str

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        timeout_s: float,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Raises ModelError, never anything else, and never takes longer than `timeout_s`. The server is asked to
        hold the answer to a JSON `schema`: not all do, and some refuse to be asked."""

    async def list_models(self, *, timeout_s: float) -> list[str]:
        """Names the server offers. Raises ModelError."""


class OpenAICompatible:
    """Any server with `/chat/completions` and `/models`: Ollama, llama.cpp, LM Studio, vLLM and others.

    aiohttp does it alone: a client library would add 20 MB for two requests. Redirects are not followed and no
    proxy is taken from the environment, so nothing goes anywhere but to `base_url`.
    """

    def __init__(self, base_url: str, name: str, api_key: str | None) -> None:
        self.base_url = base_url.rstrip("/")
        self.name = name
        self._api_key = api_key

    def __repr__(self) -> str:
        return f"OpenAICompatible({self.base_url!r}, {self.name!r}, api_key={'***' if self._api_key else None})"

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        timeout_s: float,
        schema: Mapping[str, Any] | None = None,
    ) -> Completion:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
        }
        if schema is not None:
            held = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": held}
        started = perf_counter()
        first_token_ms: float | None = None
        pieces: list[str] = []
        with self._failures(timeout_s):
            async with asyncio.timeout(timeout_s), self._request("POST", "/chat/completions", body) as response:
                async for event in _events(response):
                    piece = _delta(event)
                    if piece:
                        first_token_ms = first_token_ms or (perf_counter() - started) * 1000
                        pieces.append(piece)
        text = "".join(pieces).strip()
        if not text or first_token_ms is None:
            raise ModelError("unusable", f"{self.name} answered without any text")
        if "\x00" in text or "\ufffd" in text:
            raise ModelError("unusable", f"{self.name} answered with bytes that are not text")
        return Completion(text, self.name, first_token_ms, (perf_counter() - started) * 1000)

    async def list_models(self, *, timeout_s: float) -> list[str]:
        with self._failures(timeout_s):
            async with asyncio.timeout(timeout_s), self._request("GET", "/models", None) as response:
                rows = _parse(await _read(response)).get("data")
        if not isinstance(rows, list):
            raise ModelError("unusable", f"{self.base_url}/models does not list models")
        return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]

    @contextmanager
    def _failures(self, timeout_s: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise ModelError("timeout", f"{self.base_url} did not finish within {timeout_s:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise ModelError("unreachable", f"nothing answers at {self.base_url}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise ModelError("unusable", f"{self.base_url} broke off: {why}") from error

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        unlimited = aiohttp.ClientTimeout(total=None)  # the caller's deadline bounds it all
        async with (
            aiohttp.ClientSession(trust_env=False, headers=headers, timeout=unlimited) as session,
            session.request(method, self.base_url + path, json=body, allow_redirects=False) as response,
        ):
            if response.status != 200:
                content = await response.content.read(500)
                why = " ".join(content.decode("utf-8", "replace").split())[:300] or "no reason given"
                raise ModelError("refused", f"{self.base_url}{path} answered {response.status}: {why}")
            yield response


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a server-sent stream, or the one object of a server that does not stream."""
    if "event-stream" not in response.headers.get("Content-Type", ""):
        yield _parse(await _read(response))
        return
    size_bytes = 0
    async for raw in response.content:
        size_bytes += len(raw)
        if size_bytes > ANSWER_LIMIT_BYTES:
            raise ModelError("unusable", f"the model sent more than {ANSWER_LIMIT_BYTES} bytes")
        line = raw.decode("utf-8", "replace").strip()
        if line == "data: [DONE]":
            return
        if line.startswith("data:"):
            yield _parse(line.removeprefix("data:").encode())


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = b""
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > ANSWER_LIMIT_BYTES:
            raise ModelError("unusable", f"the model sent more than {ANSWER_LIMIT_BYTES} bytes")
    return content


def _parse(content: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError("unusable", "the model server sent something that is not JSON") from error
    if not isinstance(tree, dict):
        raise ModelError("unusable", "the model server sent JSON of another shape")
    if "error" in tree:
        raise ModelError("refused", f"the model server says: {str(tree['error'])[:300]}")
    return tree


def _delta(event: dict[str, Any]) -> str:
    """The text of one stream event or of a whole answer; "" where it holds none."""
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return ""
    part = choices[0].get("delta") or choices[0].get("message")
    content = part.get("content") if isinstance(part, dict) else None
    return content if isinstance(content, str) else ""
