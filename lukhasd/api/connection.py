"""One client's connection: who may hold one, for how long without asking anything, and what garbage is answered."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from typing import Any

from aiohttp import web

from lukhas_sdk.errors import ValidationError
from lukhasd.api.call import ALWAYS
from lukhasd.api.errors import new_trace_id, render

IDLE_TIMEOUT_S = 75.0
"""Longer than the usual clients keep one, so that they close first and never write into a closing one."""
MACOS_LOCAL_PEERCRED = 1


class Connections:
    """Those that are open over TCP. At the limit the one that has been idle longest makes room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[Connection, None] = {}

    def admit(self, connection: Connection) -> bool:
        if len(self._open) >= self._limit:
            idle = next((other for other in self._open if not other.busy), None)
            if idle is None:
                return False
            idle.force_close()
            self.remove(idle)
        self._open[connection] = None
        return True

    def remove(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def touch(self, connection: Connection) -> None:
        """Moves it behind those that asked nothing since."""
        if self._open.pop(connection, self) is None:
            self._open[connection] = None


class Connection(web.RequestHandler):
    """The library's protocol, which by itself waits an hour for a request's head and answers garbage in plain text."""

    __slots__ = ("_admitted", "_connections", "_head_timeout_s", "_head_timer", "busy", "lost")

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        head_timeout_s: float,
        connections: Connections | None,
    ) -> None:
        """`connections` None: a unix socket, where only our own user may connect and none is counted."""
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=IDLE_TIMEOUT_S,
            access_log=None,  # type: ignore[arg-type]  # its own way to say: no access log
            auto_decompress=False,
        )
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None
        self._connections = connections
        self._admitted = False
        self.busy = False
        """A request is being answered."""
        self.lost = asyncio.Event()
        """Set once nothing can be read or written any more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._connections is None:
            self._admitted = peer_uid(transport.get_extra_info("socket")) == os.getuid()
        else:
            self._admitted = self._connections.admit(self)
        if not self._admitted:
            transport.close()
            return
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set()
        self._forget_head()
        if self._connections is not None:
            self._connections.remove(self)
        if self._admitted:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        if not self.busy and self._head_timer is None:
            self._expect_head()
        super().data_received(data)

    def request_begins(self) -> None:
        self.busy = True
        self._forget_head()

    def request_ends(self) -> None:
        self.busy = False
        if self._connections is not None:
            self._connections.touch(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What never became a request, or failed outside of the application."""
        trace_id = new_trace_id()
        error: Exception
        if status < 500:
            error = ValidationError("not a well-formed HTTP request", status=status)
        else:
            error = exc if isinstance(exc, Exception) else RuntimeError(message or "no reason given")
        response = render(error, trace_id)
        response.headers.update({**ALWAYS, "X-Trace-Id": trace_id})
        response.force_close()
        return response

    def _expect_head(self) -> None:
        self._head_timer = asyncio.get_running_loop().call_later(self._head_timeout_s, self.force_close)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def peer_uid(peer: Any) -> int:
    """The user at the other end of a unix socket, as the kernel says."""
    if sys.platform == "darwin":
        _, uid = struct.unpack("2I", peer.getsockopt(0, MACOS_LOCAL_PEERCRED, 76)[:8])
    else:
        _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)
