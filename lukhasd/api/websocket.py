"""WebSockets: who may open one, how it is kept, and how it ends. `contract.streams` says what the codes mean.

The door and the guard have seen the handshake as they see any request. What a connection cannot do: take a message
after its first, hold more than its queue while it is read slowly, or outlive its credential.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from lukhas_sdk.contract.base import AnyOperation, Response
from lukhas_sdk.contract.streams import Authenticated, AuthMessage
from lukhas_sdk.errors import InvalidToken, LukhasError, RateLimitExceeded, ValidationError
from lukhasd.api import decode, guard
from lukhasd.api.call import ALWAYS, Call, Handler
from lukhasd.api.connection import Connection
from lukhasd.api.errors import render
from lukhasd.api.limits import Limiter
from lukhasd.glyph import Delivery, Subscription
from lukhasd.identity import Caller

AUTH_TIMEOUT_S = 5.0
HEARTBEAT_S = 30.0
"""A ping this often; who has not answered in half of it is gone."""
CLOSE_TIMEOUT_S = 1.0
MESSAGE_LIMIT_BYTES = 16_384
WRITE_BUFFER_BYTES = 65_536
"""What may wait for a slow reader besides its queue and what the kernel holds."""
UNPROVEN_LIMIT = 16
"""Pages that have yet to send their credential, all together."""

Prove = Callable[[], Awaitable[Caller]]
"""Checks the credential again. Raises InvalidToken once it is no longer valid."""


@dataclass(frozen=True)
class Feed:
    """What a stream's handler gives: a subscription that has begun, and the event that each delivery makes."""

    subscription: Subscription
    event: Callable[[Delivery], Response]


class _Socket(web.WebSocketResponse):
    """The library's, which closes the connection on an oversized message while the client still sends it: the client
    would see a reset and never the reason."""

    __slots__ = ("connection", "ending")

    def __init__(self, request: web.Request) -> None:
        super().__init__(
            timeout=CLOSE_TIMEOUT_S,
            heartbeat=HEARTBEAT_S,
            compress=False,
            max_msg_size=MESSAGE_LIMIT_BYTES,
            writer_limit=WRITE_BUFFER_BYTES,
        )
        self.connection = request.protocol
        self.ending = False

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if code == WSCloseCode.MESSAGE_TOO_BIG and isinstance(self.connection, Connection) and not self.ending:
            self.ending = True
            await self.send_frame(code.to_bytes(2), WSMsgType.CLOSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self.connection.lost.wait()  # what comes meanwhile is thrown away
            self.connection.force_close()
        return await super().close(code=code, message=message, drain=drain)


class WebSockets:
    """All that are open."""

    def __init__(self, *, limiter: Limiter, limit: int) -> None:
        self._limiter = limiter
        self._limit = limit
        self._open = 0
        self._unproven: set[_Socket] = set()
        self._stopping = asyncio.Event()
        self._none_open = asyncio.Event()
        self._none_open.set()

    async def respond(
        self,
        request: web.Request,
        operation: AnyOperation,
        handler: Handler,
        *,
        call: Call[Any, Any],
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        """Upgrades the request and serves it to its end. What is wrong before that is raised, as for any request."""
        socket = _Socket(request)
        self._check_handshake(socket, request, proven=call.who is not None)
        socket.headers.update({**ALWAYS, **headers})
        talk = _Talk(socket, request, operation, handler, self._limiter)
        self._open += 1
        self._none_open.clear()
        if call.who is None:
            self._unproven.add(socket)
        try:
            async with AsyncExitStack() as stack:
                if call.who is not None:  # subscribed before the client is told: it misses nothing from then on
                    await talk.subscribe(call, stack, prove=lambda: _prove(operation, request, call))
                await socket.prepare(request)
                transport = request.transport
                try:
                    await _first(self._run(socket, talk, call, stack), self._stopping.wait())
                    await _close(socket, transport, 1001 if self._stopping.is_set() else 1000, "")
                except ConnectionError:
                    await _close(socket, transport, 1000, "")
                except Exception as error:
                    await _tell(socket, transport, error, headers["X-Trace-Id"])
        finally:
            self._open -= 1
            self._unproven.discard(socket)
            if not self._open:
                self._none_open.set()
        return socket

    async def stop(self) -> None:
        """Ends every stream with 1001, and waits for that; none is opened any more."""
        self._stopping.set()
        await self._none_open.wait()

    async def _run(self, socket: _Socket, talk: _Talk, call: Call[Any, Any], stack: AsyncExitStack) -> None:
        if call.who is None:
            await talk.authenticate(call, stack)
            self._unproven.discard(socket)
        await _first(talk.listen(), talk.send())

    def _check_handshake(self, socket: _Socket, request: web.Request, *, proven: bool) -> None:
        if hdrs.SEC_WEBSOCKET_PROTOCOL in request.headers:  # some put their token there, and the library logs it
            raise ValidationError(
                "Sec-WebSocket-Protocol is given, and no subprotocol is spoken here",
                status=400,
                hint='leave it out; a credential goes into a header or the first message: {"type":"auth","token":…}',
            )
        if not socket.can_prepare(request):
            raise ValidationError(
                "this is a WebSocket, and the request is no handshake for one (version 13)",
                status=426,
                hint="connect with a WebSocket client: Connection: Upgrade, Upgrade: websocket",
            )
        crowded = self._open >= self._limit or (not proven and len(self._unproven) >= UNPROVEN_LIMIT)
        if crowded or self._stopping.is_set():
            raise RateLimitExceeded(
                f"no stream is opened now: {self._open} are open, of at most {self._limit}",
                hint="close one of them, or try again later",
                details={"limit": self._limit},
            )


class _Talk:
    """One connection's two sides, once it is upgraded."""

    def __init__(
        self,
        socket: _Socket,
        request: web.Request,
        operation: AnyOperation,
        handler: Handler,
        limiter: Limiter,
    ) -> None:
        self._socket = socket
        self._request = request
        self._operation = operation
        self._handler = handler
        self._limiter = limiter
        self._feed: Feed | None = None
        self._prove: Prove | None = None

    async def subscribe(self, call: Call[Any, Any], stack: AsyncExitStack, *, prove: Prove) -> None:
        self._prove = prove
        self._feed = await self._handler(call)
        await stack.enter_async_context(self._feed.subscription)

    async def authenticate(self, call: Call[Any, Any], stack: AsyncExitStack) -> None:
        """By the first message. Raises InvalidToken where it does not come in time or proves nothing."""
        try:
            async with asyncio.timeout(AUTH_TIMEOUT_S):
                message = await self._socket.receive()
        except TimeoutError:
            raise InvalidToken(
                f"no credential came within {AUTH_TIMEOUT_S:g} s", hint='send {"type":"auth","token":…} first'
            ) from None
        if message.type is not WSMsgType.TEXT:
            _check_kind(message.type)
            raise ConnectionResetError
        token = decode.decode(message.data.encode(), AuthMessage).token

        async def prove() -> Caller:
            return await call.parts.identity.authenticate(
                authorization=f"Bearer {token}",
                api_key=None,
                over_unix_socket=guard.over_unix_socket(self._request),
            )

        who = await prove()
        guard.check_tier(self._operation, who)
        await self.subscribe(replace(call, who=who), stack, prove=prove)
        await self._write(Authenticated())

    async def listen(self) -> None:
        """Ends when the client closes, or the library has closed for a broken frame. A message is an error."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT:
            decode.decode(message.data.encode(), Any)
            raise ValidationError("this stream takes no messages", hint="close it, or read from it")
        _check_kind(message.type)

    async def send(self) -> None:
        """Ends with the subscription."""
        if self._feed is None or self._prove is None:
            raise RuntimeError("nothing is subscribed to")
        async for delivery in self._feed.subscription:
            who = await self._prove()
            guard.check_tier(self._operation, who)
            await self._await_allowance(who)
            await self._write(self._feed.event(delivery))

    async def _await_allowance(self, who: Caller) -> None:
        while True:
            allowance = guard.count(self._operation, self._request, who, self._limiter)
            if allowance is None or not allowance.exceeded:
                return
            await asyncio.sleep(allowance.left_s)

    async def _write(self, event: Response) -> None:
        if not self._socket.ending:
            await self._socket.send_str(msgspec.json.encode(event).decode())


async def _prove(operation: AnyOperation, request: web.Request, call: Call[Any, Any]) -> Caller:
    who = await guard.authenticate(operation, request, call.parts.identity)
    if who is None:
        raise InvalidToken("a stream is never public")
    return who


def _check_kind(kind: WSMsgType) -> None:
    if kind is WSMsgType.BINARY:
        raise ValidationError("a binary message is not taken", status=415, hint="send JSON as text")


async def _first(*works: Coroutine[Any, Any, Any]) -> None:
    """Runs them until one ends, cancels the others, and raises what any raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _tell(socket: _Socket, transport: asyncio.Transport | None, error: Exception, trace_id: str) -> None:
    """The error as HTTP would answer it, then the close."""
    response = render(error, trace_id)
    if isinstance(response.body, bytes):
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await socket.send_str(response.body.decode())
    code = {400: 1007, 415: 1003, 500: 1011}.get(response.status, 1008)
    await _close(socket, transport, code, error.code if isinstance(error, LukhasError) else "INTERNAL_ERROR")


async def _close(socket: _Socket, transport: asyncio.Transport | None, code: int, reason: str) -> None:
    """Says why and waits a little for the client to agree; one that does not even read is cut off."""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
            await socket.close(code=code, message=reason.encode(), drain=False)
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()
