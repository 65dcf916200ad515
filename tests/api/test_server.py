from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
from pathlib import Path

import pytest
from serving import Served, free_port, read_answer, serving

from lukhas_sdk.errors import Conflict, LukhasError
from lukhasd.api.server import Server, listen_tcp, listen_unix, remove_socket


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "0", "0x0", "0.0", "", "*", "::", "[::]", "::0", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0", "example.org",
     "localhost.evil.com", "192.168.1.2", "127.1", "2130706433", " 127.0.0.1", "LOCALHOST.", "169.254.1.1"],
)  # fmt: skip
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(LukhasError, match="loopback") as caught:
        listen_tcp(host, 0)
    assert caught.value.hint


def test_localhost_is_the_loopback_address() -> None:
    with listen_tcp("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_a_conflict() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Conflict, match="taken") as caught:
            listen_tcp("127.0.0.1", other.getsockname()[1])
        assert "LUKHAS_PORT" in str(caught.value.hint)


def test_the_socket_is_private_whatever_the_umask(folder: Path) -> None:
    path = folder / "run" / "lukhasd.sock"
    before = os.umask(0)
    try:
        listener, inode = listen_unix(path)
    finally:
        os.umask(before)
    with listener:
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.lstat().st_mode) == 0o700
    remove_socket(path, inode)
    assert not path.exists()


def test_a_dead_daemons_socket_is_replaced_and_a_living_ones_is_not(folder: Path) -> None:
    path = folder / "run" / "lukhasd.sock"
    dead, _ = listen_unix(path)
    dead.close()
    living, inode = listen_unix(path)
    with living:
        with pytest.raises(Conflict, match="listens"):
            listen_unix(path)
        assert path.lstat().st_ino == inode
        remove_socket(path, inode + 1)
        assert path.exists(), "another daemon's socket stays"


def test_what_is_not_a_socket_of_ours_stays(folder: Path) -> None:
    path = folder / "run" / "lukhasd.sock"
    path.parent.mkdir(mode=0o700)
    target = folder / "notes.txt"
    target.write_text("mine")
    path.symlink_to(target)
    with pytest.raises(LukhasError, match="not a socket"):
        listen_unix(path)
    assert target.read_text() == "mine"


async def test_port_0_means_the_unix_socket_alone() -> None:
    async with serving(port=0) as served:
        assert served.server.tcp_port is None
        assert (await served.call("GET", "/live", unix=True)).status == 200


async def test_a_second_server_on_the_same_folder_is_refused(served: Served) -> None:
    second = Server(served.parts)
    with pytest.raises(Conflict):
        await second.start()
    assert (await served.call("GET", "/live", unix=True)).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="the loopback of version 6 may be missing elsewhere")
async def test_version_6_loopback() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no ::1 here")
    async with serving(host="::1", port=free_port()) as served:
        reader, writer = await asyncio.open_connection("::1", served.port)
        writer.write(f"GET /v1/live HTTP/1.1\r\nHost: [::1]:{served.port}\r\n\r\n".encode())
        assert (await read_answer(reader)).status == 200
        writer.close()
        await writer.wait_closed()


async def test_stopping_takes_the_socket_away() -> None:
    async with serving() as served:
        path = served.parts.paths.socket
        assert path.exists()
        await served.server.stop()
        assert not path.exists()
