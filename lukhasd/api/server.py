"""Where requests arrive: a unix socket that is ours alone, and TCP on loopback."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from lukhas_sdk.errors import Conflict, LukhasError
from lukhas_sdk.paths import make_private
from lukhasd.api.app import SERVICE, SOCKETS, build_app
from lukhasd.api.connection import Connection, Connections
from lukhasd.parts import Parts

logger = logging.getLogger(__name__)

LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
"""Hosts that are served → addresses. Nothing else is, and no name is looked up: what it resolves to may change."""
BACKLOG = 512
WATCH_S = 2.0
"""How often it is looked whether the unix socket is still there."""


class Server:
    """`start` listens, `stop` drains. With daemon.port 0 there is no TCP."""

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings.daemon
        self._path = parts.paths.socket
        app = build_app(parts)
        self.service = app[SERVICE]
        self._sockets = app[SOCKETS]
        self._runner = web.AppRunner(
            app, handle_signals=False, access_log=None, shutdown_timeout=self._settings.drain_timeout_s
        )
        self._listening: list[asyncio.Server] = []
        self._socket_inode: int | None = None
        self._watch: asyncio.Task[None] | None = None
        self.tcp_port: int | None = None

    async def start(self) -> None:
        """LukhasError where the address is not loopback's; Conflict where somebody else listens already."""
        tcp = listen_tcp(self._settings.host, self._settings.port) if self._settings.port else None
        try:
            unix, self._socket_inode = await asyncio.to_thread(listen_unix, self._path)
        except BaseException:
            if tcp:
                tcp.close()
            raise
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._listening.append(await loop.create_unix_server(lambda: self._connection(None), sock=unix))
        self._watch = asyncio.create_task(self._keep_socket())
        if tcp:
            self.tcp_port = tcp.getsockname()[1]
            open_ones = Connections(self._settings.max_connections)
            self._listening.append(
                await loop.create_server(lambda: self._connection(open_ones), sock=tcp, backlog=BACKLOG)
            )

    async def stop(self) -> None:
        """Accepts nothing more, waits for open requests up to drain_timeout_s, then closes them."""
        self.service.phase = "stopping"
        if self._watch:
            self._watch.cancel()
        for listening in self._listening:
            listening.close()
        self._listening.clear()
        await asyncio.to_thread(remove_socket, self._path, self._socket_inode)
        await self._sockets.stop()
        await self._runner.cleanup()

    async def _keep_socket(self) -> None:
        """Makes the socket's file again when something removed it: nobody could find the daemon without it."""
        while True:
            await asyncio.sleep(WATCH_S)
            if not await asyncio.to_thread(self._path.exists):
                unix, self._socket_inode = await asyncio.to_thread(listen_unix, self._path)
                loop = asyncio.get_running_loop()
                self._listening.append(await loop.create_unix_server(lambda: self._connection(None), sock=unix))
                logger.warning("the socket was removed and is made again", extra={"socket": str(self._path)})

    def _connection(self, connections: Connections | None) -> Connection:
        manager = self._runner.server
        if manager is None:
            raise RuntimeError("the server is stopped")
        return Connection(
            manager,
            loop=asyncio.get_running_loop(),
            head_timeout_s=self._settings.header_timeout_s,
            connections=connections,
        )


def listen_tcp(host: str, port: int) -> socket.socket:
    address = LOOPBACK.get(host)
    if address is None:
        raise LukhasError(
            f"daemon.host is {host!r}, which is not a loopback address that is served",
            code="VALIDATION_ERROR",
            hint=f"set daemon.host to one of {', '.join(LOOPBACK)}; from elsewhere, forward the port by ssh",
            details={"field": "daemon.host"},
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"port {port} of {address} is taken by another program",
                hint="set LUKHAS_PORT to another port, or to 0 for the unix socket alone",
            ) from error
        raise LukhasError(
            f"port {port} of {address} cannot be listened on: {error.strerror}", hint="set LUKHAS_PORT to another port"
        ) from error
    return listener


def listen_unix(path: Path) -> tuple[socket.socket, int]:
    """A listening socket and its file's inode: 0600 from its first moment, in a folder of 0700.

    What a dead daemon left is removed; where a living one listens, Conflict.
    """
    make_private(path.parent)
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        os.fchmod(listener.fileno(), 0o600)  # Linux makes the file with the descriptor's mode
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
        return listener, path.lstat().st_ino
    except OSError as error:
        listener.close()
        raise LukhasError(f"the socket {path} cannot be made: {error.strerror}", hint="set LUKHAS_HOME") from error


def remove_socket(path: Path, inode: int | None) -> None:
    """Unless it is another daemon's by now."""
    with suppress(FileNotFoundError):
        if path.lstat().st_ino == inode:
            path.unlink()


def _clear(path: Path) -> None:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode) or info.st_uid != os.getuid():
        raise LukhasError(f"{path} is not a socket of ours", hint="remove it, or set LUKHAS_HOME to another folder")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise LukhasError(f"{path} cannot be probed: {error}", hint="remove it if no daemon runs") from error
    raise Conflict(f"a daemon listens on {path} already", hint="use it, or: lukhas daemon stop")
