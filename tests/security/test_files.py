"""Who can reach the socket and the secrets on disk."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys

import pytest
from serving import Served

from lukhas_sdk.errors import LukhasError
from lukhas_sdk.secrets import read_secret

CONNECT = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(5)
    client.connect(sys.argv[1])
    try:
        client.sendall(b"GET /v1/live HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        print(len(client.recv(100)))
    except ConnectionError:
        print(0)
"""


async def test_socket_and_secrets_are_ours_alone(served: Served) -> None:
    paths = served.parts.paths
    for file in (paths.socket, paths.local_key, paths.state / "jwt.key", paths.database):
        assert stat.S_IMODE(file.lstat().st_mode) == 0o600, file
    for folder in paths.all():
        assert stat.S_IMODE(folder.lstat().st_mode) == 0o700, folder


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
async def test_another_user_is_turned_away_even_where_the_folder_lets_them_in(served: Served) -> None:
    path = served.parts.paths.socket
    for opened in (path.parent.parent, path.parent):
        opened.chmod(0o755)
    path.chmod(0o777)

    def connect() -> str:
        done = subprocess.run([sys.executable, "-c", CONNECT, str(path)], capture_output=True, timeout=20, check=True)
        return done.stdout.decode().strip()

    assert await asyncio.to_thread(connect) == "0"
    assert (await served.call("GET", "/live", unix=True)).status == 200


async def test_a_secret_that_others_can_read_is_refused(served: Served) -> None:
    paths = served.parts.paths
    paths.local_key.chmod(0o644)
    with pytest.raises(LukhasError, match="others"):
        read_secret(paths, "local.key")
    paths.local_key.unlink()
    paths.local_key.symlink_to(paths.state / "jwt.key")
    with pytest.raises(LukhasError, match="cannot be read"):
        read_secret(paths, "local.key")
