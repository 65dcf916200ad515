"""`lukhas memory drift`, followed against a real server and asked of a real daemon."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from serving import Served, serving

from lukhas_sdk.contract.streams import MEMORY_DRIFT
from lukhasd.glyph.events import drift_token

DEADLINE_S = 30


@asynccontextmanager
async def following(served: Served, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command in pipes, once it listens."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LUKHAS_")}
    env |= {
        "LUKHAS_HOME": str(served.parts.paths.data.parent),
        "LUKHAS_NO_AUTOSTART": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lukhas_cli", "memory", "drift", "--follow", *options, env=env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not served.histories.readers(MEMORY_DRIFT):
                await asyncio.sleep(0.02)
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def drift(served: Served, memory_id: str, level: float) -> None:
    who = await served.parts.identity.authenticate(authorization=None, api_key=served.key, over_unix_socket=False)
    served.parts.bus.publish(drift_token(who.identity_id, memory_id, level, "partial_heal"))


async def test_each_change_is_one_object_until_ctrl_c() -> None:
    async with serving() as served, following(served, "--json") as process:
        assert process.stdout
        await drift(served, "mem_1", 0.35)
        event = json.loads(await process.stdout.readline())
        assert (event["memory_id"], event["level"], event["suggested_method"]) == ("mem_1", 0.35, "partial_heal")
        await drift(served, "mem_2", 0.05)
        assert json.loads(await process.stdout.readline())["state"] == "healthy"
        process.send_signal(signal.SIGINT)
        assert json.loads(await process.stdout.readline()) == {"type": "end"}
        assert await process.wait() == 130
        assert (await process.communicate())[1] == b""


async def test_in_a_pipe_each_line_has_tabs_and_nothing_a_terminal_obeys() -> None:
    async with serving() as served, following(served) as process:
        assert process.stdout
        await drift(served, "mem_\x1b[31m", 0.8)
        cells = (await process.stdout.readline()).decode().rstrip("\n").split("\t")
        assert cells[1:] == ["mem_\\x1b[31m", "0.8", "excessive", "partial_heal"]
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        await process.communicate()


def test_the_stores_drift(warm_home: Any) -> None:
    warm_home.run("memory", "store", "The kettle is blue.", check=True)
    data = json.loads(warm_home.run("memory", "drift", "--json", check=True).stdout)["data"]
    assert data["states"]["healthy"] >= 1
    assert data["mean_drift"] == data["p95_drift"] == 0.0
    assert data["memories"] == []


def test_nobody_to_follow_is_said(home: Any) -> None:
    done = home.run("--no-autostart", "memory", "drift", "--follow")
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize("command", [["drift"], ["drift", "--follow"]])
def test_the_command_imports_no_asynchronous_library(home: Any, command: list[str]) -> None:
    report = "import sys; from lukhas_cli.app import run; code = run(sys.argv[1:]); print(*sys.modules); sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", report, "--no-autostart", "memory", *command],
        env=home.env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "lukhas_sdk" in imported
    assert not imported & {"aiohttp", "asyncio", "duckdb"}
