"""Nothing is ever sent anywhere: command line and daemon connect to the unix socket alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WATCH = """
import os, sys

def watch(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        with open(os.environ["WATCHED"], "a") as out:
            print(event, repr(args[1] if event != "socket.getaddrinfo" else args[0]), file=out)

sys.addaudithook(watch)
"""


def test_no_connection_but_the_socket(home: Any, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    watched = tmp_path / "watched"
    home.env.update(PYTHONPATH=str(tmp_path), WATCHED=str(watched))
    home.run("memory", "store", "The gate code is kept by Inês.", check=True)
    home.run("memory", "search", "gate", check=True)
    home.run("process", "Who keeps the gate code?", check=True)
    home.run("guardian", "validate", "hello", check=True)
    home.run("status", check=True)
    home.run("daemon", "stop", check=True)
    seen = set(watched.read_text().splitlines())
    sockets = {line for line in seen if line.endswith(f"{str(home.path / 'run' / 'lukhasd.sock')!r}")}
    assert sockets, "the hook saw the connections to the daemon"
    assert {line for line in seen - sockets if "getaddrinfo" not in line} == set()
    assert {line for line in seen if "getaddrinfo" in line} <= {"socket.getaddrinfo '127.0.0.1'"}
