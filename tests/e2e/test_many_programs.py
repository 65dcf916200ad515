"""Several people and several programs at one daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from lukhas_sdk.client import LukhasClient
from lukhas_sdk.contract import identity
from lukhas_sdk.paths import Paths

PROGRAM = """
import sys
from lukhas_sdk.client import LukhasClient
from lukhas_sdk.paths import resolve

name = sys.argv[1]
with LukhasClient(paths=resolve()) as client:
    for number in range(25):
        stored = client.memory.store(f"program {name} wrote line {number} of its report, called code{name}x{number}")
        assert client.memory.recall(stored.memory_id).content.data.startswith(f"program {name}")
        found = client.memory.search(f"code{name}x{number}", limit=5)
        assert any(hit.memory_id == stored.memory_id for hit in found.results), (name, number)
"""


FORGET = identity.IdentityRemoveRequest(with_memories=True)


def _paths(home: Any) -> Paths:
    return Paths(*(home.path / folder for folder in ("config", "data", "state", "run")))


def _holding(home: Any, word: str) -> list[Path]:
    """The files of the daemon that hold it."""
    files = [file for file in home.path.rglob("*") if file.is_file()]
    return [file for file in files if word.encode() in file.read_bytes()]


def test_eight_processes_at_once(unlimited_home: Any) -> None:
    home = unlimited_home
    home.env["LUKHAS_MEMORY_GATE"] = "off"
    home.run("daemon", "restart", check=True)
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(number)], env=home.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for number in range(6)
    ]
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "lukhas_cli", "memory", "import", "-"],
            env=home.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for _ in range(2)
    ]  # fmt: skip
    for place, command in enumerate(commands):
        lines = "".join(f"command {place} kept the fact number {number} of many\n" for number in range(25))
        out, _ = command.communicate(lines.encode(), timeout=120)
        assert command.returncode == 0, out.decode()
    for program in programs:
        out, _ = program.communicate(timeout=120)
        assert program.returncode == 0, out.decode()
        assert b"lock" not in out
    stats = json.loads(home.run("memory", "stats", "--json", check=True).stdout)["data"]
    assert stats["memories"] == 8 * 25


def test_whom_commands_act_as(unlimited_home: Any) -> None:
    home = unlimited_home

    def me(**env: str) -> tuple[str | None, str]:
        told = subprocess.run(
            [sys.executable, "-m", "lukhas_cli", "auth", "whoami", "--json"],
            env={**home.env, **env}, capture_output=True, check=True,
        )  # fmt: skip
        data = json.loads(told.stdout)["data"]
        return data["name"], data["method"]

    key = home.run("identity", "add", "Clara", check=True).stdout.strip()
    assert me() == (None, "local_key")
    assert me(LUKHAS_API_KEY=key) == ("Clara", "api_key")
    home.env["LUKHAS_API_KEY"] = key
    try:
        home.run("auth", "password", "--password-stdin", input="a long password\n", check=True)
        home.run("memory", "store", "My locker is number 4711 in the east hall.", check=True)
    finally:
        del home.env["LUKHAS_API_KEY"]
    home.run("auth", "login", "--username", "clara", "--password-stdin", input="a long password\n", check=True)
    assert me() == ("Clara", "jwt")
    assert me(LUKHAS_API_KEY=key) == ("Clara", "api_key")
    found = home.run("memory", "search", "locker number", "--json", check=True).stdout
    assert "4711" in found
    access = home.path / "state" / "session.access"
    assert access.stat().st_mode & 0o077 == 0
    access.write_text("1 expired")  # the next commands renew it, one of them
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "lukhas_cli", "auth", "whoami", "--json"], env=home.env, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    assert [json.loads(each.communicate(timeout=60)[0])["data"]["name"] for each in both] == ["Clara"] * 4
    refused = home.run("identity", "list")
    assert refused.returncode == 4
    home.run("auth", "logout", check=True)
    assert me() == (None, "local_key")
    assert "4711" not in home.run("memory", "search", "locker number", "--json", check=True).stdout


def test_an_identity_goes_with_its_memories_or_not_at_all(unlimited_home: Any) -> None:
    home = unlimited_home
    key = home.run("identity", "add", "dora", check=True).stdout.strip()
    assert home.run("identity", "add", "DORA").returncode == 1
    with LukhasClient(key, f"http://127.0.0.1:{home.env['LUKHAS_PORT']}/v1") as dora:
        dora.memory.store("The xylophone stands in the attic of the old mill.")
        dora.process("Where is the xylophone?")
    unasked = home.run("identity", "remove", "dora")
    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    kept = home.run("identity", "remove", "dora", "--yes")
    assert kept.returncode == 1
    assert "1 memories" in kept.stderr
    told = json.loads(home.run("identity", "remove", "dora", "--yes", "--with-memories", "--json", check=True).stdout)
    assert told["data"]["memories_forgotten"] == 1
    assert _holding(home, "xylophone") == []
    gone = subprocess.run(
        [sys.executable, "-m", "lukhas_cli", "memory", "list"],
        env={**home.env, "LUKHAS_API_KEY": key}, capture_output=True,
    )  # fmt: skip
    assert gone.returncode == 4
    assert "dora" not in home.run("identity", "list", check=True).stdout
    owner = json.loads(home.run("identity", "list", "--json", check=True).stdout)["data"]["identities"][0]
    assert home.run("identity", "remove", owner["lambda_id"], "--yes", "--with-memories").returncode == 1


def test_what_is_told_of_an_identity_is_not_written_down_after_it_has_gone(unlimited_home: Any) -> None:
    """A fold's name holds words of its input, and the audit writes it down a while after the answer."""
    home = unlimited_home
    with LukhasClient(paths=_paths(home)) as owner:
        for name, word in (("erna", "glockenspiel"), ("frida", "theremin")):
            key = owner.call(identity.IDENTITY_ADD, body=identity.IdentityAddRequest(name)).api_key
            with LukhasClient(key, f"http://127.0.0.1:{home.env['LUKHAS_PORT']}/v1") as other:
                fold = other.process(f"Where is the {word}?").memory_fold_created
            assert fold is not None
            assert word in fold
            owner.call(identity.IDENTITY_REMOVE, params=identity.IdentityParams(name), body=FORGET)
            stored = owner.memory.store(f"A line that was stored after {name} had gone.").memory_id
            deadline_s = monotonic() + 20
            while stored not in str(owner.audit.list()):
                assert monotonic() < deadline_s
            assert _holding(home, word) == []


def test_a_daemon_does_not_inherit_the_key_of_the_command_that_starts_it(home: Any) -> None:
    home.run("daemon", "start", check=True)
    home.run("daemon", "stop", check=True)
    home.env["LUKHAS_API_KEY"] = "lk_not_a_key_of_anybody"
    assert home.run("memory", "list").returncode == 4
    del home.env["LUKHAS_API_KEY"]
    (pid,) = home.pids()
    with open(f"/proc/{pid}/environ", "rb") as environment:
        assert b"LUKHAS_API_KEY" not in environment.read()
    assert os.getpid() != pid
