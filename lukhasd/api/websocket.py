"""WebSockets: who may open one, how it is kept, and how it ends. `contract.streams` says what the codes mean.

The door and the guard have seen the handshake as they see any request. What a connection cannot do: say more than it is
allowed, hold more than its socket does while it is read slowly, or outlive its credential.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from lukhas_sdk.contract.base import Stream
from lukhas_sdk.errors import InvalidToken, LukhasError, RateLimitExceeded, ValidationError
from lukhasd.api import guard
from lukhasd.api.call import ALWAYS, Call, Handler
from lukhasd.api.connection import Connection
from lukhasd.api.errors import render
from lukhasd.api.limits import Limiter
from lukhasd.api.talk import Asker, Follower, Line
from lukhasd.identity import Caller

HEARTBEAT_S = 30.0
"""A ping this often; who has not answered in half of it is gone."""
CLOSE_TIMEOUT_S = 1.0
WRITE_BUFFER_BYTES = 65_536
"""What may wait for a slow reader besides what the kernel holds."""
UNPROVEN_LIMIT = 16
"""Pages that have yet to send their credential, all together."""
CODES = {400: WSCloseCode.INVALID_TEXT, 415: WSCloseCode.UNSUPPORTED_DATA, 429: WSCloseCode.TRY_AGAIN_LATER,
         500: WSCloseCode.INTERNAL_ERROR}  # fmt: skip
"""Status of an error → close code; else 1008."""


class _Socket(web.WebSocketResponse):
    """The library's, which closes the connection on an oversized message while the client still sends it: the client
    would see a reset and never the reason."""

    __slots__ = ("connection", "ending")

    def __init__(self, request: web.Request, *, message_limit_bytes: int) -> None:
        super().__init__(
            timeout=CLOSE_TIMEOUT_S,
            heartbeat=HEARTBEAT_S,
            compress=False,
            max_msg_size=message_limit_bytes,
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
        operation: Stream[Any, Any],
        handler: Handler,
        *,
        call: Call[Any, Any],
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        """Upgrades the request and serves it to its end. What is wrong before that is raised, as for any request."""
        socket = _Socket(request, message_limit_bytes=operation.message_limit_bytes)
        self._check_handshake(socket, request, proven=call.who is not None)
        socket.headers.update({**ALWAYS, **headers})
        line = Line(socket, request, operation, self._limiter)
        if call.who is not None:
            line.prove = lambda: _prove(operation, request, call)
        self._open += 1
        self._none_open.clear()
        if call.who is None:
            self._unproven.add(socket)
        try:
            async with AsyncExitStack() as stack:
                # Followed before the client is told: it misses nothing from then on.
                side = await self._side(line, handler, call, stack, headers) if call.who is not None else None
                await socket.prepare(request)
                transport = request.transport
                try:
                    talk = self._talk(line, side, handler, call=call, headers=headers)
                    await _first(talk, self._stopping.wait())
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

    async def _talk(
        self,
        line: Line,
        side: Follower | Asker | None,
        handler: Handler,
        *,
        call: Call[Any, Any],
        headers: Mapping[str, str],
    ) -> None:
        """Until the client closes."""
        async with AsyncExitStack() as stack:
            if side is None:
                call, first = await line.introduced(call)
                if isinstance(line.socket, _Socket):
                    self._unproven.discard(line.socket)
                side = await self._side(line, handler, call, stack, headers)
                await side.take(first)
            await _first(_listen(line, side), side.tell())

    async def _side(
        self,
        line: Line,
        handler: Handler,
        call: Call[Any, Any],
        stack: AsyncExitStack,
        headers: Mapping[str, str],
    ) -> Follower | Asker:
        """The daemon's side of the talk, for a caller who is known."""
        given = await handler(call)
        if not isinstance(given, AbstractAsyncContextManager):
            return Asker(line, given, trace_id=headers["X-Trace-Id"])
        follower = Follower(line, await stack.enter_async_context(given))
        follower.begin(call.params)
        return follower

    def _check_handshake(self, socket: _Socket, request: web.Request, *, proven: bool) -> None:
        if hdrs.SEC_WEBSOCKET_PROTOCOL in request.headers:  # some put their token there, and the library logs it
            raise ValidationError(
                "Sec-WebSocket-Protocol is given, and no subprotocol is spoken here",
                status=400,
                hint="leave it out; a credential goes into a header, or the first message as auth_token",
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


async def _listen(line: Line, side: Follower | Asker) -> None:
    while (message := await line.hear()) is not None:
        await side.take(message)


async def _prove(operation: Stream[Any, Any], request: web.Request, call: Call[Any, Any]) -> Caller:
    who = await guard.authenticate(operation, request, call.parts.identity)
    if who is None:
        raise InvalidToken("a stream is never public")
    return who


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
    code = CODES.get(response.status, WSCloseCode.POLICY_VIOLATION)
    await _close(socket, transport, code, error.code if isinstance(error, LukhasError) else "INTERNAL_ERROR")


async def _close(socket: _Socket, transport: asyncio.Transport | None, code: int, reason: str) -> None:
    """Says why and waits a little for the client to agree; one that does not even read is cut off."""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
            await socket.close(code=code, message=reason.encode(), drain=False)
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()
