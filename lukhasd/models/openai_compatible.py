"""The language model behind any OpenAI-compatible server: Ollama, llama.cpp, LM Studio, vLLM, OpenAI and others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import aiohttp
import msgspec

from lukhasd.models import json_schema
from lukhasd.models.chat_wire import (
    Event,
    Failure,
    Models,
    Progress,
    parse,
    read_lines,
    read_refusal,
    read_whole,
    shorten,
)
from lukhasd.models.circuit import Circuit
from lukhasd.models.language import Completion, Message, ModelError, SchemaError

RETRIES = 2
BACKOFF_S = 0.2
"""Before the first retry; twice as long before the second. Up to half of it is taken off by chance, so that several
that failed together do not come back together."""
REFUSALS = {
    "stream_options": "stream_options",
    "response_format": "response_format",
    "max_tokens": "max_completion_tokens",
    "temperature": "temperature",
}
"""Fields that some servers do not take, and what their refusal then speaks of."""


@dataclass(frozen=True)
class Address:
    base_url: str
    """Up to and with its version, as http://127.0.0.1:11434/v1."""
    api_key: str | None = field(repr=False)


class OpenAICompatible:
    """Asks `/chat/completions` and `/models`.

    aiohttp does it alone: a client library would add 20 MB for two requests. Redirects are not followed and no proxy is
    taken from the environment, so nothing goes anywhere but to `base_url`. One connection a request: closing it is the
    one way to stop a server that every server understands.

    A failure that may pass is tried again before the first piece of text has come, never after; what a server refuses
    to be told (see `REFUSALS`) is left out. A server that keeps failing is left alone for a while (`circuit`).
    """

    def __init__(self, base_url: str, name: str, api_key: str | None, *, circuit: Circuit | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.name = name
        self.circuit = circuit or Circuit()
        self._api_key = api_key
        self._refused: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, {self.name!r})"

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        timeout_s: float,
        schema: Mapping[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        ask = _Ask(messages, max_tokens, temperature, schema)
        answer = Progress(perf_counter(), on_text if schema is None else None)
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        with self.circuit.guard(self.base_url, _counts):
            try:
                async with asyncio.timeout_at(deadline_s):
                    if schema is None:
                        return await self._complete(ask, answer, deadline_s)
                    completion = await self._complete_held(ask, schema, answer, deadline_s)
            except TimeoutError as error:
                raise Failure("timeout", self._lateness(answer, timeout_s)) from error
        if on_text is not None:
            on_text(completion.text)
        return completion

    async def list_models(self, *, timeout_s: float) -> list[str]:
        try:
            async with asyncio.timeout(timeout_s):
                address = await self._address()
                async with self._request(address, "GET", "/models", None) as response:
                    return [row.id for row in parse(await read_whole(response), Models).data]
        except TimeoutError as error:
            raise Failure("timeout", f"{self.base_url} did not answer within {timeout_s:g} s") from error

    async def _address(self) -> Address:
        return Address(self.base_url, self._api_key)

    def _lateness(self, answer: Progress, timeout_s: float) -> str:
        how = f"had not finished after {answer.written} characters" if answer.pieces else "had not begun to answer"
        return f"{self.base_url} {how} within {timeout_s:g} s"

    async def _complete_held(
        self, ask: _Ask, schema: Mapping[str, Any], answer: Progress, deadline_s: float
    ) -> Completion:
        """An answer that fits the schema. One that does not is told so, once."""
        json_schema.require_known(schema)
        first = await self._complete(ask, answer, deadline_s)
        try:
            return replace(first, text=json_schema.fit(first.text, schema))
        except json_schema.Misfit as misfit:
            why = "it was cut off" if answer.cut_off else str(misfit)
        second = await self._complete(ask.corrected(first.text, why), Progress(answer.started, None), deadline_s)
        try:
            text = json_schema.fit(second.text, schema)
        except json_schema.Misfit as misfit:
            raise SchemaError(
                f"{self.name} did not answer as JSON of the shape asked for: {why}; and once told so, {misfit}"
            ) from None
        return replace(
            second,
            text=text,
            prompt_tokens=_sum(first.prompt_tokens, second.prompt_tokens),
            completion_tokens=_sum(first.completion_tokens, second.completion_tokens),
        )

    async def _complete(self, ask: _Ask, answer: Progress, deadline_s: float) -> Completion:
        refused = set(self._refused)
        retries = 0
        while True:
            try:
                await self._stream(ask.body(self.name, refused), answer)
                return answer.completion(self.name)
            except Failure as failure:
                if answer.pieces:
                    raise
                field = _refused_field(failure, refused)
                if field is not None:
                    refused.add(field)
                    if field != "response_format":  # it may be this schema that is refused
                        self._refused.add(field)
                    continue
                backoff_s = BACKOFF_S * 2**retries * random.uniform(0.5, 1.0)  # noqa: S311
                wait_s = backoff_s if failure.wait_s is None else failure.wait_s
                late = asyncio.get_running_loop().time() + wait_s > deadline_s
                if not failure.passes or retries == RETRIES or late:
                    raise
                retries += 1
                await asyncio.sleep(wait_s)

    async def _stream(self, body: dict[str, Any], answer: Progress) -> None:
        address = await self._address()
        async with self._request(address, "POST", "/chat/completions", body) as response:
            try:
                if "event-stream" not in response.headers.get("Content-Type", ""):
                    answer.add(parse(await read_whole(response), Event))
                    return
                async for line in read_lines(response):
                    if line == b"data: [DONE]":
                        return
                    if line.startswith(b"data:"):
                        answer.add(parse(line[5:], Event))
            except (aiohttp.ClientError, OSError) as error:
                raise self._broken(error, answer) from error

    def _broken(self, error: Exception, answer: Progress) -> Failure:
        why = str(error) or type(error).__name__
        reset = isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError)
        after = f" after {answer.written} characters" if answer.pieces else ""
        return Failure("unusable", f"{self.base_url} broke off{after}: {why}", passes=reset and not answer.pieces)

    @asynccontextmanager
    async def _request(
        self, address: Address, method: str, path: str, body: dict[str, Any] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Raises Failure where no answer of status 200 begins."""
        headers = {"Accept-Encoding": "identity"}
        if address.api_key:
            headers["Authorization"] = f"Bearer {address.api_key}"
        unlimited = aiohttp.ClientTimeout(total=None, sock_connect=None)  # the caller's deadline bounds it all
        async with aiohttp.ClientSession(
            trust_env=False, headers=headers, timeout=unlimited, auto_decompress=False
        ) as session:
            try:
                response = await session.request(method, address.base_url + path, json=body, allow_redirects=False)
            except aiohttp.ClientConnectorError as error:
                refused = isinstance(error.os_error, ConnectionRefusedError | ConnectionResetError)
                said = f"nothing answers at {self.base_url}" if refused else f"{self.base_url} cannot be reached"
                why = "" if refused else f": {shorten(str(error.os_error))}"
                raise Failure("unreachable", said + why, passes=refused) from error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise self._broken(error, Progress(0.0, None)) from error
            async with response:
                if response.status != 200:
                    raise await read_refusal(f"{self.base_url}{path}", response)
                yield response


@dataclass(frozen=True)
class _Ask:
    """What a model is asked."""

    messages: Sequence[Message]
    max_tokens: int
    temperature: float
    schema: Mapping[str, Any] | None

    def body(self, model: str, refused: set[str]) -> dict[str, Any]:
        messages = [{"role": message.role, "content": message.content} for message in self.messages]
        body: dict[str, Any] = {"model": model, "messages": messages, "stream": True}
        body["max_completion_tokens" if "max_tokens" in refused else "max_tokens"] = self.max_tokens
        if "temperature" not in refused:
            body["temperature"] = self.temperature
        if "stream_options" not in refused:
            body["stream_options"] = {"include_usage": True}
        if self.schema is not None and "response_format" in refused:
            messages[-1]["content"] += f"\n\n{_wish(self.schema)}"
        elif self.schema is not None:
            held = {"name": "answer", "strict": True, "schema": self.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": held}
        return body

    def corrected(self, said: str, why: str) -> _Ask:
        assert self.schema is not None
        told = f"That answer does not do: {why}. {_wish(self.schema)}"
        return replace(self, messages=[*self.messages, Message("assistant", said[:4000]), Message("user", told)])


def _wish(schema: Mapping[str, Any]) -> str:
    written = msgspec.json.encode(schema).decode()
    return f"Answer with one JSON value and nothing else, which fits this JSON Schema: {written}"


def _counts(error: ModelError) -> bool:
    return isinstance(error, Failure) and error.counts


def _refused_field(failure: Failure, refused: set[str]) -> str | None:
    """The field that the server does not take, where its refusal speaks of one."""
    if failure.status in (400, 422):
        for name, mark in REFUSALS.items():
            if name not in refused and mark in str(failure):
                return name
    return None


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
