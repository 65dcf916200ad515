"""Nothing is sent, and nothing is written outside our own folders, by us or by any library underneath."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

CONNECT = re.compile(r"\b(?:connect|sendto|sendmsg)\(\d+, (\{.*)")
LOCAL = re.compile(
    r"sa_family=AF_UNIX|sa_family=AF_NETLINK|sa_family=AF_UNSPEC"
    r'|inet_addr\("127\.0\.0\.1"\)|inet_pton\(AF_INET6, "::1"'
)


@pytest.fixture
def user(home: Any, tmp_path: Path) -> Path:
    """A user's home folder that LUKHAS_HOME is not in; some libraries hold back where they see CI."""
    home.env.pop("CI", None)
    for name in [*home.env]:
        if name.startswith("XDG_"):
            del home.env[name]
    home.env["HOME"] = str(tmp_path)
    return tmp_path


def use(home: Any) -> None:
    home.run("memory", "store", "The boiler was serviced in June.", check=True, timeout_s=120)
    home.run("process", "When was the boiler looked after?", check=True, timeout_s=120)
    home.run("guardian", "validate", "hello", check=True, timeout_s=120)


def test_nothing_is_written_outside_our_folders(home: Any, user: Path) -> None:
    use(home)
    home.run("doctor")
    home.run("daemon", "stop", check=True)
    assert [path for path in user.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(not shutil.which("strace"), reason="the kernel's view of sockets takes strace")
def test_the_kernel_sees_no_socket_to_anywhere_else(home: Any, user: Path, tmp_path: Path) -> None:
    seen = tmp_path / "connections"
    traced = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(seen)]
    daemon = subprocess.Popen(
        [*traced, sys.executable, "-m", "lukhasd"], env=home.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = monotonic() + 60
        while not (home.path / "run" / "lukhasd.sock").exists():
            assert monotonic() < deadline, "the daemon did not start"
            sleep(0.1)
        use(home)
        home.run("model", "list", check=True)
        home.run("daemon", "stop", "--timeout", "30", check=True)
        daemon.wait(30)
    finally:
        daemon.kill()
        daemon.wait()
    addresses = [match[1] for line in seen.read_text(errors="replace").splitlines() if (match := CONNECT.search(line))]
    assert any("127.0.0.1" in address for address in addresses), "the probes of model servers were not seen"
    assert [address for address in addresses if not LOCAL.search(address)] == []
