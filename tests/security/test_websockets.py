"""WebSockets: who may open one, what may be sent into one, and that none holds memory, time or the daemon's end."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from serving import Served, serving

from lukhas_sdk.contract.streams import MEMORY_DRIFT
from lukhasd.api import talk, websocket
from lukhasd.glyph.events import drift_token

PATH = "/v1/stream/memory-drift"
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
OURS = "Host: 127.0.0.1:PORT\r\n"
DEADLINE_S = 10

Socket = aiohttp.ClientWebSocketResponse


@asynccontextmanager
async def connected(
    served: Served, *, key: str | None = "", origin: str | None = None, unix: bool = False
) -> AsyncIterator[Socket]:
    """A stream; `key` as in `Served.call`."""
    headers = {"X-API-Key": key or served.key} if key is not None else {}
    if origin is not None:
        headers["Origin"] = origin
    connector = aiohttp.UnixConnector(str(served.parts.paths.socket)) if unix else aiohttp.TCPConnector()
    base = "http://localhost" if unix else f"http://127.0.0.1:{served.port}"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        asyncio.timeout(DEADLINE_S),
        session.ws_connect(base + PATH, headers=headers) as socket,
    ):
        yield socket


async def owner(served: Served) -> str:
    who = await served.parts.identity.authenticate(authorization=None, api_key=served.key, over_unix_socket=False)
    return who.identity_id


async def publish(served: Served, level: float = 0.35, *, memory_id: str = "mem_123", of: str | None = None) -> int:
    return served.parts.bus.publish(drift_token(of or await owner(served), memory_id, level, "partial_heal"))


def readers(served: Served) -> int:
    """Streams that the daemon tells of drift."""
    return served.histories.readers(MEMORY_DRIFT)


async def subscribers(served: Served, count: int) -> None:
    """Waits until the daemon has let that many streams go or in."""
    async with asyncio.timeout(DEADLINE_S):
        while readers(served) != count:
            await asyncio.sleep(0.01)


async def ended(socket: Socket) -> tuple[int | None, Any]:
    """The close code, and the last message before it."""
    last = None
    while (message := await socket.receive(timeout=DEADLINE_S)).type is WSMsgType.TEXT:
        last = json.loads(message.data)
    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
    return socket.close_code, last


@pytest.mark.parametrize("unix", [False, True])
async def test_events_reach_a_program(served: Served, unix: bool) -> None:
    async with connected(served, unix=unix) as socket:
        await publish(served, 0.35)
        event = await socket.receive_json()
        assert event.pop("timestamp").endswith("Z")
        assert event.pop("id").endswith("-1")
        assert event == {
            "memory_id": "mem_123",
            "drift_level": 0.35,
            "level": 0.35,
            "state": "repair_recommended",
            "repair_recommended": True,
            "suggested_method": "partial_heal",
            "missed": 0,
        }
        await publish(served, 0.2)
        event = await socket.receive_json()
        assert (event["state"], event["repair_recommended"], event["suggested_method"]) == ("watch", False, None)
    await subscribers(served, 0)


async def test_the_handshake_answers_with_the_usual_headers(served: Served) -> None:
    answer = await served.raw(f"GET {PATH} HTTP/1.1\r\n{OURS}X-API-Key: KEY\r\n{HANDSHAKE}\r\n")
    assert answer.status == 101
    assert answer.headers["x-trace-id"].startswith("trace_")
    assert answer.headers["x-ratelimit-limit"] == "1000"
    assert "sec-websocket-extensions" not in answer.headers


async def test_nobody_sees_anothers_memories(served: Served) -> None:
    async with connected(served) as socket:
        await publish(served, memory_id="theirs", of="00000000-0000-0000-0000-000000000000")
        await publish(served, memory_id="mine")
        event = await socket.receive_json()
        assert event["memory_id"] == "mine"
        assert event["id"].endswith("-1"), "not even how many others have is told"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (OURS + "X-API-Key: KEY\r\nOrigin: https://evil.com\r\n", 403, "INSUFFICIENT_PERMISSIONS"),
        (OURS + "X-API-Key: KEY\r\nOrigin: null\r\n", 403, "INSUFFICIENT_PERMISSIONS"),
        (OURS + "Origin: http://localhost:1\r\n", 403, "INSUFFICIENT_PERMISSIONS"),
        (OURS + "Origin: http://evil.com:PORT\r\n", 403, "INSUFFICIENT_PERMISSIONS"),
        (OURS + "X-API-Key: KEY\r\nSec-Fetch-Site: cross-site\r\n", 403, "INSUFFICIENT_PERMISSIONS"),
        (OURS + "X-API-Key: KEY\r\nSec-Fetch-Site: same-site\r\n", 403, "INSUFFICIENT_PERMISSIONS"),
        ("Host: evil.com:PORT\r\nX-API-Key: KEY\r\n", 421, "VALIDATION_ERROR"),
        ("Host: 127.0.0.1.evil.com:PORT\r\nX-API-Key: KEY\r\n", 421, "VALIDATION_ERROR"),
        ("Host: evil.com:PORT\r\nOrigin: http://evil.com:PORT\r\n", 421, "VALIDATION_ERROR"),
        (OURS, 401, "INVALID_TOKEN"),
        (OURS + "X-API-Key: wrong\r\n", 401, "INVALID_TOKEN"),
        (OURS + "Authorization: Bearer wrong\r\n", 401, "INVALID_TOKEN"),
        (OURS + "Origin: http://127.0.0.1:PORT\r\nX-API-Key: wrong\r\n", 401, "INVALID_TOKEN"),
        (OURS + "X-API-Key: KEY\r\nSec-WebSocket-Protocol: KEY\r\n", 400, "VALIDATION_ERROR"),
    ],
)
async def test_a_handshake_is_refused_before_the_upgrade(
    served: Served, caplog: pytest.LogCaptureFixture, head: str, status: int, code: str
) -> None:
    answer = await served.raw(f"GET {PATH} HTTP/1.1\r\n{head}{HANDSHAKE}\r\n")
    assert (answer.status, answer.code) == (status, code)
    assert served.key not in caplog.text
    assert readers(served) == 0


@pytest.mark.parametrize("name", ["token", "api_key", "access_token", "auth_token"])
async def test_a_token_in_the_url_is_refused(served: Served, name: str) -> None:
    answer = await served.raw(f"GET {PATH}?{name}=KEY HTTP/1.1\r\n{OURS}{HANDSHAKE}\r\n")
    assert (answer.status, answer.code) == (401, "INVALID_TOKEN")
    assert served.key.encode() not in answer.raw


@pytest.mark.parametrize(
    "upgrade",
    [
        "",
        "Connection: Upgrade\r\n",
        HANDSHAKE.replace("websocket", "h2c"),
        HANDSHAKE.replace("13", "99"),
        HANDSHAKE.replace("AAAA", "A"),
    ],
)
async def test_what_is_no_handshake_is_told_so(served: Served, upgrade: str) -> None:
    answer = await served.raw(f"GET {PATH} HTTP/1.1\r\n{OURS}X-API-Key: KEY\r\n{upgrade}\r\n")
    assert (answer.status, answer.code) == (426, "VALIDATION_ERROR")


async def test_a_page_of_ours_sends_its_credential_first(served: Served) -> None:
    async with connected(served, key=None, origin=f"http://127.0.0.1:{served.port}") as socket:
        await publish(served, memory_id="before")
        await socket.send_json({"action": "subscribe", "auth_token": served.key})
        said = await socket.receive_json()
        assert (said["type"], said["streams"], said["missed"]) == ("subscribed", ["memory-drift"], 0)
        await publish(served)
        assert (await socket.receive_json())["memory_id"] == "mem_123"


async def test_on_the_unix_socket_no_page_is_ours(served: Served) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(served, key=None, origin="http://localhost", unix=True):
            pass
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("message", "code", "error"),
    [
        ('{"action":"subscribe","auth_token":"wrong"}', 1008, "INVALID_TOKEN"),
        ('{"action":"subscribe"}', 1008, "INVALID_TOKEN"),
        ('{"action":"ping"}', 1008, "INVALID_TOKEN"),
        ('{"type":"auth","token":"KEY"}', 1008, "VALIDATION_ERROR"),
        ('{"action":"query","auth_token":"KEY"}', 1008, "VALIDATION_ERROR"),
        ('{"action":"subscribe","auth_token":"KEY","more":1}', 1008, "VALIDATION_ERROR"),
        ('{"action":"subscribe","auth_token":"KEY","streams":["awareness"]}', 1008, "VALIDATION_ERROR"),
        ('{"action":"subscribe","auth_token":"KEY","auth_token":"KEY"}', 1007, "VALIDATION_ERROR"),
        ("hello", 1007, "VALIDATION_ERROR"),
        ("", 1007, "VALIDATION_ERROR"),
        ("[" * 5000, 1007, "VALIDATION_ERROR"),
        (b'{"action":"subscribe","auth_token":"KEY"}', 1003, "VALIDATION_ERROR"),
    ],
)
async def test_another_first_message_ends_it(served: Served, message: str | bytes, code: int, error: str) -> None:
    async with connected(served, key=None, origin=f"http://localhost:{served.port}") as socket:
        if isinstance(message, str):
            await socket.send_str(message.replace("KEY", served.key))
        else:
            await socket.send_bytes(message.replace(b"KEY", served.key.encode()))
        closed, said = await ended(socket)
        assert (closed, said["error"]["code"]) == (code, error)
        assert served.key not in json.dumps(said)
    await subscribers(served, 0)


async def test_a_page_that_says_nothing_is_cut_off(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "AUTH_TIMEOUT_S", 0.1)
    async with connected(served, key=None, origin=f"http://localhost:{served.port}") as socket:
        code, said = await ended(socket)
        assert (code, said["error"]["code"]) == (1008, "INVALID_TOKEN")


async def test_too_low_a_tier_is_refused_both_ways(served: Served) -> None:
    made = await served.call("POST", "/auth/keys", json={"name": "guest", "tier": "ΛGUEST"})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(served, key=made.body["api_key"]):
            pass
    assert refused.value.status == 403
    async with connected(served, key=None, origin=f"http://localhost:{served.port}") as socket:
        await socket.send_json({"action": "subscribe", "auth_token": made.body["api_key"]})
        code, said = await ended(socket)
        assert (code, said["error"]["code"]) == (1008, "INSUFFICIENT_PERMISSIONS")


async def test_a_revoked_key_sees_nothing_more(served: Served) -> None:
    made = (await served.call("POST", "/auth/keys", json={"name": "script"})).body
    async with connected(served, key=made["api_key"]) as socket:
        await publish(served)
        await socket.receive_json()
        await served.call("DELETE", f"/auth/keys/{made['key']['key_id']}")
        await publish(served)
        code, said = await ended(socket)
        assert code == 1008
        assert said["error"]["code"] == "INVALID_TOKEN"


@pytest.mark.parametrize(("message", "code"), [('{"a":1}', 1008), ("{", 1007), (b"\0", 1003)])
async def test_a_message_into_the_stream_ends_it(served: Served, message: str | bytes, code: int) -> None:
    async with connected(served) as socket:
        await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        assert (await ended(socket))[0] == code


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x84\0\0\0\0\xff\xfe\xff\xfe", 1007),  # a text message that is not UTF-8
        (b"\x83\x80\0\0\0\0", 1002),  # a reserved opcode
        (b"\x80\x80\0\0\0\0", 1002),  # a continuation of nothing
        (b"\xc1\x80\0\0\0\0", 1002),  # compressed, which was not agreed on
        (b"\x81\xff" + (1 << 40).to_bytes(8) + b"\0\0\0\0", 1009),  # a terabyte is announced
    ],
)
async def test_broken_frames(served: Served, frame: bytes, code: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = f"GET {PATH} HTTP/1.1\r\n{OURS}X-API-Key: KEY\r\n{HANDSHAKE}\r\n"
    writer.write(head.replace("PORT", str(served.port)).replace("KEY:", "Key:").replace("KEY", served.key).encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame)
    async with asyncio.timeout(DEADLINE_S):
        opcode, length = await reader.readexactly(2)
        assert opcode == 0x88
        assert int.from_bytes((await reader.readexactly(length))[:2]) == code
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert (await served.call("GET", "/live")).status == 200


@pytest.mark.parametrize("size", [16_385, 5_000_000])
async def test_an_oversized_message_is_1009(served: Served, size: int) -> None:
    for key in ("", None):
        async with connected(served, key=key, origin=f"http://localhost:{served.port}") as socket:
            await socket.send_str("x" * size)
            assert (await ended(socket))[0] == 1009
    assert (await served.call("GET", "/live")).status == 200


async def test_a_slow_reader_holds_little_and_is_told_what_it_missed(served: Served) -> None:
    count, size = 8_000, 1000
    who = await owner(served)
    async with connected(served, unix=True) as socket:
        tracemalloc.start()
        try:
            for number in range(count):
                served.parts.bus.publish(drift_token(who, f"{number:0{size}}", 0.5, None))
                if number % 100 == 0:
                    await asyncio.sleep(0)
            held = tracemalloc.take_snapshot().filter_traces(
                [tracemalloc.Filter(True, f"*/{part}/*") for part in ("lukhasd/api", "aiohttp")]
            )
        finally:
            tracemalloc.stop()
        assert sum(each.size for each in held.statistics("filename")) < 3_000_000, "of 8 MB published"
        assert (await served.call("GET", "/live")).status == 200
        got = missed = 0
        while got + missed < count:
            event = await socket.receive_json()
            missed += event["missed"]
            got += 1
            assert int(event["memory_id"]) == got + missed - 1
        assert missed > 0


async def test_one_that_does_not_even_read_does_not_hold_up_the_end() -> None:
    async with serving(drain_timeout_s=30) as served:
        who = await owner(served)
        async with connected(served, unix=True) as socket:
            for number in range(20_000):
                served.parts.bus.publish(drift_token(who, f"{number:01000}", 0.5, None))
                if number % 100 == 0:
                    await asyncio.sleep(0)
            async with asyncio.timeout(DEADLINE_S):
                await served.server.stop()
            socket._response.close()  # type: ignore[attr-defined]


async def test_stopping_ends_streams_with_1001() -> None:
    async with serving() as served:
        page = f"http://127.0.0.1:{served.port}"
        async with (
            connected(served) as one,
            connected(served, unix=True) as two,
            connected(served, key=None, origin=page) as unproven,
        ):
            stopping = asyncio.create_task(served.server.stop())
            assert [(await ended(socket))[0] for socket in (one, two, unproven)] == [1001] * 3
            async with asyncio.timeout(websocket.CLOSE_TIMEOUT_S / 2):
                await stopping


async def test_a_dead_peer_is_noticed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "HEARTBEAT_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = f"GET {PATH} HTTP/1.1\r\n{OURS}Authorization: Bearer {served.key}\r\n{HANDSHAKE}\r\n"
    writer.write(head.replace("PORT", str(served.port)).encode())
    await reader.readuntil(b"\r\n\r\n")
    await subscribers(served, 1)
    await subscribers(served, 0)
    writer.close()
    await writer.wait_closed()


async def test_streams_leave_room_for_requests() -> None:
    async with serving(max_connections=8) as served, connected(served), connected(served), connected(served):
        async with connected(served, unix=True):
            for unix in (False, True):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    async with connected(served, unix=unix):
                        pass
                assert refused.value.status == 429
            assert (await served.call("GET", "/live")).status == 200
        await subscribers(served, 3)
        async with connected(served):
            pass


async def test_pages_without_a_credential_have_a_limit_of_their_own(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "UNPROVEN_LIMIT", 1)
    page = f"http://localhost:{served.port}"
    async with connected(served, key=None, origin=page) as socket:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(served, key=None, origin=page):
                pass
        assert refused.value.status == 429
        async with connected(served):
            await socket.send_json({"action": "subscribe", "auth_token": served.key})
            assert (await socket.receive_json())["type"] == "subscribed"
        async with connected(served, key=None, origin=page):
            pass


async def test_events_count_and_wait_for_the_next_window(served: Served) -> None:
    async with connected(served) as limited, connected(served, unix=True) as free:
        for _ in range(999):
            await publish(served)
            await limited.receive_json()
            await free.receive_json()
        await publish(served)
        await free.receive_json()
        with pytest.raises(TimeoutError):
            await limited.receive(timeout=0.2)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(served):
                pass
        assert refused.value.status == 429
