"""Bodies that are too large, too deep, not JSON, or never end."""

from __future__ import annotations

import pytest
from serving import Served, serving

STORE = "POST /v1/memory/store HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-API-Key: KEY\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"content":' * 100_000,
        b'{"content": {"type": "episodic", "data": "x", "context": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_002,
        b'{"importance": NaN}',
        b'{"content": {"type": "episodic", "data": "\\ud800"}}',
        b'{"content": {"type": "episodic", "data": "a\\u0000b"}}',
        b'{"content": {"type": "episodic", "data": "x", "data": "y"}}',
        b'{"content": {"type": "episodic", "data": "\xff"}}',
        b"",
        b"null garbage",
    ],
)
async def test_what_is_not_json_is_400(served: Served, body: bytes) -> None:
    answer = await served.call("POST", "/memory/store", data=body)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


async def test_a_body_over_the_limit_is_413() -> None:
    async with serving(body_limit_bytes=2000) as served:
        announced = await served.raw(STORE + "Content-Length: 2001\r\n\r\n")
        assert (announced.status, announced.code) == (413, "PAYLOAD_TOO_LARGE")
        chunk = "7d0\r\n" + " " * 2000 + "\r\n"
        chunked = await served.raw(STORE + "Transfer-Encoding: chunked\r\n\r\n" + chunk * 2)
        assert (chunked.status, chunked.code) == (413, "PAYLOAD_TOO_LARGE")
        within = await served.raw(STORE + "Transfer-Encoding: chunked\r\n\r\n" + "2\r\n{}\r\n0\r\n\r\n")
        assert within.status == 422


async def test_a_ten_megabyte_string_is_413(served: Served) -> None:
    answer = await served.call("POST", "/memory/store", data=b'"' + b"a" * 10_000_000 + b'"')
    assert answer.status == 413


async def test_a_long_string_within_the_limit_is_422(served: Served) -> None:
    body = b'{"content": {"type": "episodic", "data": "' + b"a" * 1_000_001 + b'"}}'
    answer = await served.call("POST", "/memory/store", data=body)
    assert (answer.status, answer.details["field"]) == (422, "$.content.data")


async def test_compressed_bodies_are_not_taken(served: Served) -> None:
    answer = await served.call("POST", "/memory/store", data=b"x", headers={"Content-Encoding": "gzip"})
    assert answer.status == 415


async def test_a_broken_chunk_is_400(served: Served) -> None:
    answer = await served.raw(STORE + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


async def test_nothing_is_asked_for_before_the_guard_has_seen_the_head(served: Served) -> None:
    head = STORE.replace("KEY", "wrong") + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    assert (await served.raw(head)).status == 401


async def test_continue_is_said_to_those_who_may(served: Served) -> None:
    answer = await served.raw(STORE + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}")
    assert answer.status == 100
