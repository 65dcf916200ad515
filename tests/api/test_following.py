"""Streams: what is subscribed to, what is told again after a break, who is too slow, and questions over one socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from serving import Served, TestPipeline, serving

from lukhas_sdk.contract.streams import Awareness, StageData
from lukhas_sdk.errors import NotFound
from lukhasd.api import history, talk
from lukhasd.consciousness.events import awareness_token, stage_token
from lukhasd.glyph.events import drift_token

DEADLINE_S = 10
Socket = aiohttp.ClientWebSocketResponse


@asynccontextmanager
async def connected(served: Served, path: str, *, key: str = "") -> AsyncIterator[Socket]:
    async with (
        aiohttp.ClientSession() as session,
        asyncio.timeout(DEADLINE_S),
        session.ws_connect(f"{served.url}/stream/{path}", headers={"X-API-Key": key or served.key}) as socket,
    ):
        yield socket


async def owner(served: Served) -> str:
    who = await served.parts.identity.authenticate(authorization=None, api_key=served.key, over_unix_socket=False)
    return who.identity_id


async def drift(served: Served, *numbers: int) -> None:
    for number in numbers:
        served.parts.bus.publish(drift_token(await owner(served), f"mem_{number}", 0.4, None))


async def heard(socket: Socket, count: int) -> list[Any]:
    return [await socket.receive_json() for _ in range(count)]


async def ended(socket: Socket) -> tuple[int | None, Any]:
    last = None
    while (message := await socket.receive()).type is WSMsgType.TEXT:
        last = json.loads(message.data)
    return socket.close_code, last


async def test_the_references_subscription(served: Served) -> None:
    me = await owner(served)
    async with connected(served, "consciousness") as socket:
        served.parts.bus.publish(awareness_token(me, Awareness("AWARE", 0.5, "idle")))
        message = {"action": "subscribe", "streams": ["awareness", "reflection"]}
        await socket.send_json(message)
        said = await socket.receive_json()
        assert said["streams"] == ["awareness", "reflection"]
        served.parts.bus.publish(stage_token(me, StageData("process_1", "risk", "judged", 0.9, 1.5)))
        served.parts.bus.publish(awareness_token(me, Awareness("FOCUSED", 0.82, "memory_recall")))
        event = await socket.receive_json()
        assert event.pop("timestamp").endswith("Z")
        assert event.pop("id").endswith("-3")
        assert event == {
            "stream": "awareness",
            "data": {
                "state": "FOCUSED",
                "level": 0.82,
                "attention_shift": "memory_recall",
                "mode": "IDLE",
                "reasons": {},
            },
            "missed": 0,
        }
        await socket.send_json({"action": "unsubscribe", "streams": ["awareness"]})
        assert (await socket.receive_json())["streams"] == ["reflection"]
        await socket.send_json({"action": "ping"})
        assert (await socket.receive_json())["type"] == "pong"
        await socket.send_json({"action": "subscribe", "streams": ["weather"]})
        code, said = await ended(socket)
        assert (code, said["error"]["code"]) == (1008, "VALIDATION_ERROR")
        assert "awareness" in said["error"]["details"]["suggestion"]


@pytest.mark.parametrize("way", ["message", "handshake"])
async def test_what_was_missed_between_two_connections_is_told(served: Served, way: str) -> None:
    async with connected(served, "memory-drift") as socket:
        await drift(served, 1, 2)
        last_id = (await heard(socket, 2))[0]["id"]
    await drift(served, 3, 4)
    path = "memory-drift" if way == "message" else f"memory-drift?last_id={last_id}"
    async with connected(served, path) as socket:
        if way == "message":
            await socket.send_json({"action": "subscribe", "last_id": last_id})
        said, *events = await heard(socket, 4)
        assert (said["type"], said["missed"]) == ("subscribed", 0)
        assert [event["memory_id"] for event in events] == ["mem_2", "mem_3", "mem_4"]
        assert [event["missed"] for event in events] == [0, 0, 0]


async def test_what_is_no_longer_held_is_counted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_EVENTS", 3)
    async with connected(served, "memory-drift") as socket:
        await drift(served, 1)
        last_id = (await socket.receive_json())["id"]
        await drift(served, *range(2, 8))
        await heard(socket, 3)
    async with connected(served, f"memory-drift?last_id={last_id}") as socket:
        said, *events = await heard(socket, 4)
        assert (said["missed"], [event["memory_id"] for event in events]) == (3, ["mem_5", "mem_6", "mem_7"])
    async with connected(served, "memory-drift?last_id=00000000-1") as socket:
        said, *events = await heard(socket, 4)
        assert said["missed"] is None
        assert "start" in said["reason"]
        assert len(events) == 3


@pytest.mark.parametrize("last_id", ["", "x", "0-0-0", "00000000-1e9", "../../etc"])
async def test_what_is_no_id_is_refused(served: Served, last_id: str) -> None:
    async with connected(served, "memory-drift") as socket:
        await socket.send_json({"action": "subscribe", "last_id": last_id})
        assert (await ended(socket))[0] == 1008


async def test_others_events_are_not_even_counted(served: Served) -> None:
    async with connected(served, "memory-drift") as socket:
        served.parts.bus.publish(drift_token("somebody-else", "theirs", 0.9, None))
        await drift(served, 1)
        event = await socket.receive_json()
        assert (event["memory_id"], event["missed"]) == ("mem_1", 0)
        assert event["id"].endswith("-1")


async def test_who_misses_too_much_is_told_and_dropped(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_EVENTS", 3)
    monkeypatch.setattr(talk, "MISSED_LIMIT", 10)
    async with connected(served, "memory-drift") as socket:
        await drift(served, 1)
        await socket.receive_json()
        await drift(served, *range(2, 30))
        code, said = await ended(socket)
        assert (code, said["error"]["code"]) == (1013, "RATE_LIMIT_EXCEEDED")
        assert said["error"]["details"]["missed"] > 10


async def test_silence_has_a_heartbeat(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "SILENCE_S", 0.05)
    async with connected(served, "memory-drift") as socket, connected(served, "process") as other:
        assert (await socket.receive_json())["type"] == "heartbeat"
        assert (await other.receive_json())["type"] == "heartbeat"


async def test_a_thousand_messages_a_minute(served: Served) -> None:
    async with connected(served, "memory-drift") as socket:
        for _ in range(1000):
            await socket.send_json({"action": "ping"})
        code, said = await ended(socket)
        assert (code, said["error"]["code"]) == (1013, "RATE_LIMIT_EXCEEDED")


async def test_questions_over_one_socket(served: Served) -> None:
    served.parts.pipeline.error = NotFound("nothing here")  # type: ignore[attr-defined]
    async with connected(served, "process") as socket:
        for _ in range(2):
            await socket.send_json({"action": "query", "input": "Where?"})
            error, end = await heard(socket, 2)
            assert (error["type"], error["error"]["code"], end["type"]) == ("error", "NOT_FOUND", "end")
        await socket.send_json({"action": "query"})
        assert (await ended(socket))[0] == 1008


async def test_a_question_that_is_cancelled_ends_without_a_result() -> None:
    async with serving() as served:
        pipeline: Any = served.parts.pipeline
        assert isinstance(pipeline, TestPipeline)
        pipeline.go = asyncio.Event()
        async with connected(served, "process") as socket:
            await socket.send_json({"action": "query", "input": "Where?"})
            await pipeline.began.wait()
            await socket.send_json({"action": "cancel"})
            assert (await socket.receive_json())["type"] == "end"
            await socket.send_json({"action": "query", "input": "Where?"})
            await socket.send_json({"action": "query", "input": "And then?"})
            code, said = await ended(socket)
            assert (code, said["error"]["code"]) == (1008, "CONFLICT")


async def test_a_question_may_be_longer_than_other_messages(served: Served) -> None:
    served.parts.pipeline.error = NotFound("nothing here")  # type: ignore[attr-defined]
    async with connected(served, "process") as socket:
        await socket.send_json({"action": "query", "input": "ö" * 32_000})
        assert (await socket.receive_json())["error"]["code"] == "NOT_FOUND"
        await socket.receive_json()
        await socket.send_str("x" * 262_145)
        assert (await ended(socket))[0] == 1009
