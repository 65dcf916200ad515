"""The language model that the daemon runs itself: GGUF weights in llama.cpp, in a child process.

A crash or a hang of native code then costs an answer and no more, and ending the process frees its memory. It listens
on loopback under a key that is made anew at each start and told on its stdin, so that nobody else can use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp

from lukhas_sdk.errors import ValidationError
from lukhasd.models.chat_wire import Failure, Progress
from lukhasd.models.language import Completion, Message, ModelError
from lukhasd.models.openai_compatible import Address, OpenAICompatible

EMBEDDED = "embedded"
CHILD = Path(__file__).with_name("llama_child.py")
LONGEST_LOAD_S = 600.0
PULSE_S = 2.0
"""A process that says nothing for so long, where a request was late, hangs and is ended."""
SAID_BYTES = 8000
NOT_TOLD = ("LUKHAS_", "LLAMA_", "HF_")
"""Environment that the process does not get."""


@dataclass
class _Child:
    process: asyncio.subprocess.Process
    said: bytearray
    """The end of what it wrote on stderr."""
    listening: asyncio.Task[None]


class EmbeddedModel(OpenAICompatible):
    """Started by the first question, started again when it has died. `threads` 0: half of the processors."""

    def __init__(self, file: Path, name: str, *, context_tokens: int, threads: int) -> None:
        super().__init__(EMBEDDED, name, None)
        self.file = file
        self._context_tokens = context_tokens
        self._threads = threads or max(1, (os.cpu_count() or 2) // 2)
        self._child: _Child | None = None
        self._starting: asyncio.Task[Address] | None = None
        self._pulse: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of its process, None where it does not run."""
        child = self._child
        return child.process.pid if child is not None and child.process.returncode is None else None

    @property
    def is_ready(self) -> bool:
        done = self._starting is not None and self._starting.done()
        return done and self.pid is not None

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
        try:
            return await super().chat(
                messages,
                max_tokens=max_tokens,
                temperature=temperature,
                timeout_s=timeout_s,
                schema=schema,
                on_text=on_text,
            )
        except ModelError as error:
            if error.kind == "timeout" and self.is_ready and (self._pulse is None or self._pulse.done()):
                self._pulse = asyncio.create_task(self._end_if_hung())
            raise

    async def load(self, *, timeout_s: float) -> None:
        """Starts it. Raises ModelError where the weights cannot be loaded, or not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._address()
        except TimeoutError as error:
            raise Failure("timeout", f"{self.name} was not loaded within {timeout_s:g} s") from error

    async def list_models(self, *, timeout_s: float) -> list[str]:
        return [self.name]

    async def close(self) -> None:
        """Ends its process; a question under way fails."""
        self._closed = True
        for task in (self._starting, self._pulse):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._end()

    async def _address(self) -> Address:
        if self._closed:
            raise Failure("unreachable", f"{self.name} is no longer in use", counts=False)
        if self._starting is None or (self._starting.done() and self.pid is None):
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._starting)

    def _lateness(self, progress: Progress, timeout_s: float) -> str:
        if not self.is_ready:
            return f"{self.name} was still being loaded after {timeout_s:g} s"
        return super()._lateness(progress, timeout_s)

    async def _start(self) -> Address:
        await self._end()
        key = secrets.token_urlsafe(32)
        told = {
            "file": str(self.file), "name": self.name, "key": key, "parent": os.getpid(),
            "context_tokens": self._context_tokens, "threads": self._threads,
        }  # fmt: skip
        pipe = asyncio.subprocess.PIPE
        environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_TOLD)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", CHILD, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        said = bytearray()
        child = _Child(process, said, asyncio.create_task(_keep_end(process.stderr, said)))
        self._child = child
        try:
            async with asyncio.timeout(LONGEST_LOAD_S):
                process.stdin.write(json.dumps(told).encode() + b"\n")
                with contextlib.suppress(OSError):
                    await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError as error:
            await self._end()
            raise Failure("unusable", f"{self.name} was not loaded within {LONGEST_LOAD_S:g} s") from error
        if not line:
            await child.listening
            await self._end()
            raise Failure("unusable", f"{self.name} could not be loaded: {_reason(said)}")
        return Address(f"{json.loads(line)['address']}/v1", key)

    async def _end(self) -> None:
        if self._child is None:
            return
        child = self._child
        with contextlib.suppress(ProcessLookupError):
            child.process.kill()
        await child.process.wait()
        child.listening.cancel()
        await asyncio.wait([child.listening])
        if self._child is child:
            self._child = None

    async def _end_if_hung(self) -> None:
        assert self._starting is not None
        child, address = self._child, self._starting.result()
        unlimited = aiohttp.ClientTimeout(total=PULSE_S)
        try:
            async with (
                aiohttp.ClientSession(trust_env=False, timeout=unlimited) as session,
                session.get(f"{address.base_url.removesuffix('/v1')}/health") as response,
            ):
                await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            if self._child is child:
                await self._end()


def check_weights(file: Path) -> None:
    """Raises ValidationError where these are no weights that can be run here."""
    try:
        with file.open("rb") as source:
            magic = source.read(4)
    except OSError as error:
        raise ValidationError(
            f"{file} cannot be read: {error.strerror}", field="$.weights", hint="see: lukhas model list"
        ) from None
    if magic != b"GGUF":
        raise ValidationError(f"{file} is not a GGUF file", field="$.weights", hint="give weights in GGUF format")
    if find_spec("xllamacpp") is None:
        raise ValidationError(
            "the package xllamacpp, which runs weights, is not installed",
            field="$.weights",
            hint="pip install 'lukhas[llm]', then lukhas daemon restart",
        )


async def _keep_end(stream: asyncio.StreamReader, said: bytearray) -> None:
    while piece := await stream.read(4096):
        said += piece
        del said[: max(0, len(said) - SAID_BYTES)]


def _reason(said: bytearray) -> str:
    """The first error that llama.cpp told of, or the last line."""
    lines = said.decode("utf-8", "replace").splitlines()
    errors = [line.partition(" E ")[2].strip() for line in lines if " E " in line]
    return (errors or [line.strip() for line in lines[-1:]] or ["it ended without a word"])[0][:300]
