"""What is said over one WebSocket once it is upgraded: who is there, what is followed, and questions with answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from aiohttp import WSMsgType, web

from lukhas_sdk.contract import streams as contract
from lukhas_sdk.contract.base import Response, Stream
from lukhas_sdk.contract.matriz import PROCESS, ProcessEvent, ProcessRequest
from lukhas_sdk.errors import Conflict, InvalidToken, RateLimitExceeded, ValidationError
from lukhasd.api import decode, guard
from lukhasd.api.call import Call
from lukhasd.api.errors import error_tree
from lukhasd.api.history import Reader
from lukhasd.api.limits import Limiter
from lukhasd.identity import Caller

AUTH_TIMEOUT_S = 5.0
SILENCE_S = 30.0
"""After which a heartbeat is sent."""
STALL_S = 30.0
"""Who has not taken a message by then is dropped."""
MISSED_LIMIT = 10_000
"""Who has missed more on one connection is dropped."""

Prove = Callable[[], Awaitable[Caller]]
"""Checks the credential again. Raises InvalidToken once it is no longer valid."""
Emit = Callable[[ProcessEvent], None]
Answer = Callable[[ProcessRequest, Emit], Awaitable[Any]]
"""Answers a question: emits its events and gives its result."""


class Socket(Protocol):
    """What a talk needs of the connection."""

    async def receive(self) -> Any: ...
    async def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> None: ...


@dataclass
class Line:
    """One upgraded connection: messages in and out, who is there, and their allowance."""

    socket: Socket
    request: web.Request
    operation: Stream[Any, Any]
    limiter: Limiter
    prove: Prove | None = None
    """None until a credential has come."""

    async def hear(self) -> Any:
        """The next message, as the operation takes it; None when the client has closed."""
        message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            check_kind(message.type)
            return None
        if self.prove is not None:
            who = await self.proven()
            allowance = guard.count(self.operation, self.request, who, self.limiter)
            if allowance is not None and allowance.exceeded:
                raise allowance.error()
        raw = message.data.encode()
        if len(raw) >= decode.THREAD_FROM_BYTES:
            return await asyncio.to_thread(decode.decode, raw, self.operation.takes)
        return decode.decode(raw, self.operation.takes)

    async def introduced(self, call: Call[Any, Any]) -> tuple[Call[Any, Any], contract.Subscribe]:
        """The call of whoever the first message proves. Raises InvalidToken where it proves nothing, or comes late."""
        try:
            async with asyncio.timeout(AUTH_TIMEOUT_S):
                first = await self.hear()
        except TimeoutError:
            raise InvalidToken(f"no credential came within {AUTH_TIMEOUT_S:g} s", hint=FIRST) from None
        if first is None:
            raise ConnectionResetError
        if not isinstance(first, contract.Subscribe) or first.auth_token is None:
            raise InvalidToken("the first message holds no credential", hint=FIRST)
        token = first.auth_token

        async def prove() -> Caller:
            return await call.parts.identity.authenticate(
                authorization=f"Bearer {token}",
                api_key=None,
                over_unix_socket=guard.over_unix_socket(self.request),
            )

        self.prove = prove
        return replace(call, who=await self.proven()), msgspec.structs.replace(first, auth_token=None)

    async def proven(self) -> Caller:
        """Who is there, as of now."""
        if self.prove is None:
            raise InvalidToken("no credential was shown")
        who = await self.prove()
        guard.check_tier(self.operation, who)
        return who

    async def allowance(self) -> None:
        """Waits until an event more may be sent."""
        while True:
            allowance = guard.count(self.operation, self.request, await self.proven(), self.limiter)
            if allowance is None or not allowance.exceeded:
                return
            await asyncio.sleep(allowance.left_s)

    async def say(self, message: Response | bytes) -> None:
        """Raises RateLimitExceeded where the client does not read."""
        content = message if isinstance(message, bytes) else msgspec.json.encode(message)
        try:
            async with asyncio.timeout(STALL_S):
                await self.socket.send_frame(content, WSMsgType.TEXT)
        except TimeoutError:
            raise RateLimitExceeded(f"nothing was read for {STALL_S:g} s", hint=RESUME) from None


FIRST = 'send {"action":"subscribe","auth_token":…} first'
RESUME = "connect again with the last id, and read faster"


class Follower:
    """Tells of the bus, as far as the client follows it."""

    def __init__(self, line: Line, reader: Reader) -> None:
        self._line = line
        self._reader = reader
        self._offered = line.operation.streams
        self._resumed: tuple[int | None] | None = None
        """How many events are gone, where the handshake asked to go on after one; told first."""

    def begin(self, params: contract.FollowParams) -> None:
        """What the handshake itself asks for."""
        if params.streams is not None or params.last_id is not None or not self._line.operation.waits:
            names = None if params.streams is None else [name.strip() for name in params.streams.split(",")]
            missed = self._reader.follow(self._known(names), params.last_id)
            if params.last_id is not None:
                self._resumed = (missed,)

    async def take(self, message: contract.Following) -> None:
        match message:
            case contract.Subscribe(auth_token=None):
                missed = self._reader.follow(self._known(message.streams), message.last_id)
                await self._confirm(missed)
            case contract.Subscribe():
                raise InvalidToken("a credential was shown already", hint="leave auth_token out")
            case contract.Unsubscribe():
                self._reader.leave(self._known(message.streams))
                await self._confirm(0)
            case contract.Ping():
                await self._line.say(contract.Pong(datetime.now(UTC)))

    async def tell(self) -> None:
        """Sends events as they come, without end."""
        reader, line = self._reader, self._line
        if self._resumed is not None:
            await self._confirm(*self._resumed)
        while True:
            if content := reader.take():
                await line.allowance()
                await line.say(content)
                if reader.missed > MISSED_LIMIT:
                    raise RateLimitExceeded(
                        f"{reader.missed} events were missed: they are read too slowly", hint=RESUME,
                        details={"missed": reader.missed},
                    )  # fmt: skip
                continue
            try:
                async with asyncio.timeout(SILENCE_S):
                    await reader.news.wait()
            except TimeoutError:
                await line.proven()
                await line.say(contract.Heartbeat(datetime.now(UTC), reader.history.last_id))

    async def _confirm(self, missed: int | None) -> None:
        reason = None if missed is not None else "last_id is of before the daemon's start: what it held then is gone"
        history = self._reader.history
        await self._line.say(
            contract.Subscribed(streams=self._reader.streams, id=history.last_id, missed=missed, reason=reason)
        )

    def _known(self, names: Sequence[str] | None) -> Sequence[str]:
        for name in names or ():
            if name not in self._offered:
                raise ValidationError(
                    f"no stream is called {name} here", field="$.streams", hint=f"one of {', '.join(self._offered)}"
                )
        return self._offered if names is None else names


class Asker:
    """Takes questions, one at a time, and sends the events of each answer."""

    def __init__(self, line: Line, answer: Answer, *, trace_id: str) -> None:
        self._line = line
        self._answer = answer
        self._trace_id = trace_id
        self._events: asyncio.Queue[ProcessEvent] = asyncio.Queue()
        self._work: asyncio.Task[None] | None = None

    async def take(self, message: contract.Asking) -> None:
        match message:
            case contract.Query():
                if self._work is not None and not self._work.done():
                    raise Conflict(
                        "the question before is still worked on", hint='wait for its end, or send {"action":"cancel"}'
                    )
                self._work = asyncio.create_task(self._work_on(message))
                self._work.add_done_callback(lambda _: self._events.put_nowait(ProcessEvent(type="end")))
            case contract.Cancel():
                if self._work is not None:
                    self._work.cancel()
            case contract.Subscribe(auth_token=None, streams=None):
                await self._line.say(contract.Subscribed(streams=[], id=None))
            case contract.Subscribe():
                raise ValidationError("there is nothing to subscribe to here", hint="leave streams and auth_token out")
            case contract.Ping():
                await self._line.say(contract.Pong(datetime.now(UTC)))

    async def tell(self) -> None:
        """Sends what the answers emit, without end; what is worked on then is cancelled."""
        try:
            while True:
                try:
                    async with asyncio.timeout(SILENCE_S):
                        event = await self._events.get()
                except TimeoutError:
                    await self._line.proven()
                    await self._line.say(contract.Heartbeat(datetime.now(UTC), None))
                else:
                    await self._line.say(event)
        finally:
            if self._work is not None:
                self._work.cancel()
                await asyncio.gather(self._work, return_exceptions=True)

    async def _work_on(self, question: contract.Query) -> None:
        try:
            who = await self._line.proven()
            allowance = guard.count(PROCESS, self._line.request, who, self._line.limiter)
            if allowance is not None and allowance.exceeded:
                raise allowance.error()
            result = await self._answer(question, self._events.put_nowait)
            self._events.put_nowait(ProcessEvent(type="result", result=result))
        except Exception as error:
            self._events.put_nowait(ProcessEvent(type="error", error=error_tree(error, self._trace_id)))


def check_kind(kind: WSMsgType) -> None:
    if kind is WSMsgType.BINARY:
        raise ValidationError("a binary message is not taken", status=415, hint="send JSON as text")
