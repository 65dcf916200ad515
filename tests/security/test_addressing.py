"""Requests that a web page, a rebinding name or a smuggler makes: refused before anything is done."""

from __future__ import annotations

import asyncio

import pytest
from serving import Served, serving

HEAD = "GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n"


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "[::1]:PORT", "LOCALHOST:PORT"])
async def test_our_own_names_are_served(served: Served, host: str) -> None:
    assert (await served.raw(f"GET /v1/live HTTP/1.1\r\nHost: {host}\r\n\r\n")).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.com", "evil.com:PORT", "127.0.0.1.evil.com:PORT", "localhost.evil.com:PORT", "evil.com@127.0.0.1:PORT",
        "127.0.0.1:PORT@evil.com", "127.0.0.1", "localhost", "127.0.0.1:1", "localhost:80", "0.0.0.0:PORT", "[::]:PORT",
        "127.1:PORT", "2130706433:PORT", "localhost.:PORT", "127.0.0.1:PORT ,evil.com", "127.0.0.1:0PORT", "lukhas", "",
    ],
)  # fmt: skip
async def test_foreign_host_is_misdirected(served: Served, host: str) -> None:
    answer = await served.raw(f"GET /v1/live HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert (answer.status, answer.code) == (421, "VALIDATION_ERROR")


async def test_a_foreign_host_is_refused_on_every_path(served: Served) -> None:
    for target in ("/", "/v1/nowhere", "/v1/memory/stats"):
        answer = await served.raw(f"GET {target} HTTP/1.1\r\nHost: evil.com\r\nX-API-Key: KEY\r\n\r\n")
        assert answer.status == 421


async def test_the_unix_socket_has_its_own_names(served: Served) -> None:
    for host, status in (("localhost", 200), ("lukhas", 200), ("evil.com", 421)):
        answer = await served.call("GET", "/live", headers={"Host": host}, unix=True)
        assert answer.status == status


@pytest.mark.parametrize(
    "request_head",
    [
        "GET http://127.0.0.1:PORT/v1/live HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "GET http://127.0.0.1:PORT/v1/live HTTP/1.1\r\nHost: evil.com\r\n\r\n",
        "GET http://evil.com/v1/live HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\n\r\n",
        "GET /v1/live HTTP/1.1\r\n\r\n",
        "GET /v1/live HTTP/1.0\r\n\r\n",
        "GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nHost: evil.com\r\n\r\n",
        "POST /v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\n"
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        "GET /v1/live HTTP/1.1\r\nHost : 127.0.0.1:PORT\r\n\r\n",
        "GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n folded\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        HEAD + "X: " + "a" * 20_000 + "\r\n\r\n",
        HEAD + "".join(f"X-{number}: 1\r\n" for number in range(1000)) + "\r\n",
    ],
)
async def test_malformed_heads_are_400_in_the_usual_shape(
    served: Served, request_head: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await served.raw(request_head)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert answer.headers["x-trace-id"] == answer.body["error"]["trace_id"]
    assert (await served.raw(HEAD + "\r\n")).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.com", "null", "file://", "http://localhost:1", "http://127.0.0.1:3000", "http://localhost",
               "https://localhost:PORT", "http://evil.com:PORT", "http://localhost:PORT.evil.com", "http://localhost:PORT/"]
)  # fmt: skip
async def test_foreign_origin_is_refused(served: Served, origin: str) -> None:
    answer = await served.raw(HEAD + f"Origin: {origin}\r\nX-API-Key: KEY\r\n\r\n")
    assert (answer.status, answer.code) == (403, "INSUFFICIENT_PERMISSIONS")
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_foreign_origin_is_refused_on_the_unix_socket(served: Served) -> None:
    assert (await served.call("GET", "/live", headers={"Origin": "http://evil.com"}, unix=True)).status == 403


async def test_our_own_origin_passes(served: Served) -> None:
    for origin in ("http://127.0.0.1:PORT", "http://localhost:PORT"):
        assert (await served.raw(HEAD + f"Origin: {origin}\r\nSec-Fetch-Site: same-origin\r\n\r\n")).status == 200


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
async def test_fetch_site(served: Served, site: str, status: int) -> None:
    assert (await served.raw(HEAD + f"Sec-Fetch-Site: {site}\r\n\r\n")).status == status


PREFLIGHT = (
    "OPTIONS /v1/memory/store HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nOrigin: {}\r\nAccess-Control-Request-Method: POST\r\n"
    "Access-Control-Request-Headers: x-api-key\r\nSec-Fetch-Site: cross-site\r\n\r\n"
)


async def test_preflight_of_a_foreign_page_gets_nothing(served: Served) -> None:
    answer = await served.raw(PREFLIGHT.format("http://evil.com"))
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_configured_origin_may_call() -> None:
    async with serving(allowed_origins=["http://app.test:5173"]) as served:
        answer = await served.raw(PREFLIGHT.format("http://app.test:5173"))
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == "http://app.test:5173"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in answer.headers
        called = await served.raw(HEAD + "Origin: http://app.test:5173\r\nSec-Fetch-Site: cross-site\r\n\r\n")
        assert called.status == 200
        assert called.headers["vary"] == "Origin"
        assert (await served.raw(PREFLIGHT.format("http://app.test:5174"))).status == 403
        refused = await served.call("GET", "/memory/stats", key=None, headers={"Origin": "http://app.test:5173"})
        assert refused.status == 401
        assert refused.headers["access-control-allow-origin"] == "http://app.test:5173"


async def test_half_sent_head_is_cut_off_and_others_are_served() -> None:
    async with serving(header_timeout_s=0.3) as served:
        silent = await asyncio.open_connection("127.0.0.1", served.port)
        half = await asyncio.open_connection("127.0.0.1", served.port)
        half[1].write(b"GET /v1/live HTTP/1.1\r\nHost: 127")
        second = await asyncio.open_connection("127.0.0.1", served.port)
        second[1].write((HEAD + "\r\n").replace("PORT", str(served.port)).encode())
        await second[0].readuntil(b"}")
        second[1].write(b"GET /v1/l")
        assert (await served.call("GET", "/live")).status == 200
        for reader, writer in (silent, half, second):
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
            await writer.wait_closed()


async def test_a_head_that_trickles_does_not_live_for_ever() -> None:
    async with serving(header_timeout_s=0.3) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /v1/live HTTP/1.1\r\n")
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(5):
            while not ended.done():
                writer.write(b"X: 1\r\n")
                await asyncio.wait([ended], timeout=0.05)
        writer.close()


async def test_idle_connections_over_the_cap_make_room() -> None:
    async with serving(max_connections=8) as served:
        idle = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(40)]
        assert (await served.call("GET", "/live")).status == 200
        closed = [asyncio.create_task(reader.read()) for reader, _ in idle[:32]]
        assert set(await asyncio.wait_for(asyncio.gather(*closed), 5)) == {b""}
        for _, writer in idle:
            writer.close()
