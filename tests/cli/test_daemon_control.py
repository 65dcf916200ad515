"""The daemon's life from outside: one is started however many ask, an old one is restarted, a newer one is named."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from stand_in import StandIn

from lukhas_cli.daemon_control import compare, release, tail
from lukhas_sdk._version import __version__
from lukhas_sdk.contract.base import PROTOCOL_VERSION
from lukhas_sdk.contract.system import ProbeResponse


def wait_until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_ten_commands_at_once_start_one_daemon(home: Any) -> None:
    with ThreadPoolExecutor(10) as pool:
        runs = [pool.submit(home.run, "auth", "status", "--json") for _ in range(10)]
        done = [run.result() for run in runs]
    assert [run.returncode for run in done] == [0] * 10, [run.stderr for run in done]
    assert len(home.pids()) == 1
    assert all(run.stderr == "" for run in done)
    log = (home.path / "state" / "lukhasd.log").read_text()
    assert log.count('"message":"ready"') == 1

    pid = home.pids()[0]
    said = home.run("daemon", "start", "--json", check=True)
    assert json.loads(said.stdout)["data"] == {"pid": pid, "already_running": True}
    assert stat.S_IMODE((home.path / "state" / "lukhasd.out").stat().st_mode) == 0o600

    assert home.run("daemon", "restart", check=True).stdout != said.stdout
    assert home.pids() not in ([], [pid])
    pid = home.pids()[0]
    assert home.run("daemon", "stop", check=True).stdout == f"lukhasd stopped (pid {pid})\n"
    assert home.pids() == []
    assert not (home.path / "run" / "lukhasd.sock").exists()
    assert home.run("daemon", "stop", check=True).stdout == "no lukhasd runs\n"
    state = home.run("daemon", "status", "--json")
    assert (state.returncode, json.loads(state.stdout)["data"]["status"]) == (3, "stopped")


def test_a_daemon_that_does_not_answer_is_stopped_by_the_pid_in_its_lock(home: Any) -> None:
    home.run("daemon", "start", check=True)
    pid = home.pids()[0]
    (home.path / "run" / "lukhasd.sock").unlink()
    state = home.run("daemon", "status", "--json")
    assert json.loads(state.stdout)["data"]["status"] == "unresponsive"
    assert home.run("daemon", "stop", check=True).stdout == f"lukhasd stopped (pid {pid})\n"
    assert home.pids() == []


def test_a_daemon_that_cannot_start_says_why(home: Any) -> None:
    (home.path / "config").mkdir(mode=0o700)
    (home.path / "config" / "config.toml").write_text("[daemon]\nport = 'high'\n")
    done = home.run("memory", "stats")
    assert done.returncode == 3
    assert "daemon.port" in done.stderr
    assert "lukhasd.log" in done.stderr


def test_after_kill_9_the_next_command_starts_another(home: Any) -> None:
    home.run("memory", "store", "The boat is called Vega.", check=True)
    first = home.pids()
    os.kill(first[0], signal.SIGKILL)
    wait_until(lambda: home.pids() == [])
    assert "Vega" in home.run("memory", "list", check=True).stdout
    assert home.pids() != first


def test_an_older_daemon_is_restarted(home: Any, on_terminal: Any) -> None:
    for name in ("run", "state", "data"):
        (home.path / name).mkdir(mode=0o700)
    script = Path(__file__).with_name("stand_in.py")
    socket = home.path / "run" / "lukhasd.sock"
    old = subprocess.Popen([sys.executable, str(script), str(socket), "0.0.1"], stdout=subprocess.PIPE)
    assert old.stdout
    assert old.stdout.readline() == b"serving\n"
    refused = home.run("auth", "status", "--no-autostart")
    assert refused.returncode == 1
    assert "0.0.1" in refused.stderr
    code, written = on_terminal(home.env, "auth", "status")
    assert code == 0, written
    assert f"0.0.1 was older than {__version__}" in written
    assert old.wait(timeout=5) == 0
    old.stdout.close()
    assert len(home.pids()) == 1


def test_a_newer_daemon_is_named(stand_in: StandIn, home: Any) -> None:
    stand_in.is_version("99.1.0")
    done = home.run("memory", "stats", "--json")
    error = json.loads(done.stdout)["errors"][0]
    assert (done.returncode, error["code"]) == (1, "CONFLICT")
    assert "99.1.0" in error["message"] and __version__ in error["message"]
    assert "update" in error["hint"]


def test_a_daemon_that_starts_is_waited_for(stand_in: StandIn, home: Any) -> None:
    ready = stand_in.answers["GET /v1/ready"]
    assert isinstance(ready, tuple)
    asked: list[Any] = []

    def starting(body: Any) -> tuple[int, Any]:
        asked.append(body)
        return 503 if len(asked) < 4 else 200, {**ready[1], "status": "starting" if len(asked) < 4 else "ready"}

    stand_in.answers["GET /v1/ready"] = starting
    stand_in.answers["GET /v1/status"] = (200, {})
    done = home.run("status", "--json", "--no-autostart")
    assert done.returncode == 0, done.stdout
    assert len(asked) >= 4
    assert home.pids() == []


@pytest.mark.parametrize(
    ("version", "protocol", "expected"),
    [
        (__version__, PROTOCOL_VERSION, "same"),
        ("0.0.9", PROTOCOL_VERSION, "older"),
        ("10.0", PROTOCOL_VERSION, "newer"),
        ("0.0.9", PROTOCOL_VERSION + 1, "newer"),
        ("10.0", PROTOCOL_VERSION - 1, "older"),
    ],
)
def test_age(version: str, protocol: int, expected: str) -> None:
    assert compare(ProbeResponse("ready", version, protocol, 1)) == expected


def test_versions_in_order() -> None:
    mixed = ["0.10.0", "1.0", "0.1.0", "0.2.0", "0.1.0rc1"]
    assert sorted(mixed, key=release) == ["0.1.0rc1", "0.1.0", "0.2.0", "0.10.0", "1.0"]


def test_tail(tmp_path: Path) -> None:
    file = tmp_path / "log"
    assert tail(file) == ""
    file.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert tail(file, lines=2) == "line 998\nline 999"
    assert tail(file, lines=5, from_byte=file.stat().st_size - 9) == "line 999"
    assert tail(file, lines=0) == ""


def test_logs_follow_until_ctrl_c(warm_home: Any) -> None:
    log = warm_home.path / "state" / "lukhasd.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "lukhas_cli", "daemon", "logs", "-n", "1", "--follow", "--json"],
        stdout=subprocess.PIPE, env=warm_home.env,
    )  # fmt: skip
    assert process.stdout
    assert isinstance(json.loads(process.stdout.readline()), dict)
    with log.open("a") as out:
        out.write('{"message":"written just now"}\n')
    assert json.loads(process.stdout.readline()) == {"message": "written just now"}
    process.send_signal(signal.SIGINT)
    assert json.loads(process.stdout.readline()) == {"type": "end"}
    assert process.wait(timeout=10) == 130
    process.stdout.close()


def test_logs(warm_home: Any, home: Any) -> None:
    found = json.loads(warm_home.run("daemon", "logs", "--json", check=True).stdout)["data"]["lines"]
    assert "ready" in [line["message"] for line in found]
    assert home.run("daemon", "logs").returncode == 5
