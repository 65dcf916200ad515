"""Answers line by line (NDJSON): events as they come, then the result or an error, then the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from lukhasd.api.call import ALWAYS
from lukhasd.api.connection import Connection
from lukhasd.api.errors import error_tree

Result = TypeVar("Result")

NDJSON = "application/x-ndjson"
Emit = Callable[[Any], None]
Sent = Callable[[], Awaitable[None]]
"""Waits until the client has taken all that was emitted: for answers that are larger than should wait in memory."""


def wanted(request: web.Request) -> bool:
    return request.headers.get(hdrs.ACCEPT, "") == NDJSON


async def respond(
    request: web.Request, run: Callable[[Emit, Sent], Awaitable[Any]], *, event: Any, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Streams what `run` emits and what it gives. What it raises is an `error` event: the status is 200 by then.

    `event` makes the closing events. A client that goes away ends the work.
    """
    response = web.StreamResponse(headers={**ALWAYS, **headers, hdrs.CONTENT_TYPE: NDJSON})
    waiting: asyncio.Queue[Any] = asyncio.Queue()
    work = asyncio.ensure_future(run(waiting.put_nowait, waiting.join))
    work.add_done_callback(lambda _: waiting.put_nowait(None))
    leaving = asyncio.ensure_future(_left(request, work))
    try:
        await response.prepare(request)
        while (emitted := await waiting.get()) is not None:
            await _write(response, emitted)
            waiting.task_done()
        await _write(response, _closing(work, event, headers["X-Trace-Id"]))
        await _write(response, event(type="end"))
    finally:
        leaving.cancel()
        work.cancel()
    await response.write_eof()
    return response


async def heard(request: web.Request, work: Awaitable[Result]) -> Result:
    """What `work` gives. A client that goes away ends it, and ConnectionResetError is raised."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request, task))
    try:
        return await task
    except asyncio.CancelledError:
        if leaving.done():
            raise ConnectionResetError("the client went away") from None
        raise
    finally:
        leaving.cancel()


async def _left(request: web.Request, work: asyncio.Future[Any]) -> None:
    """Ends the work when the client goes: else only the next write would tell."""
    connection = request.protocol
    if isinstance(connection, Connection):
        await connection.lost.wait()
        work.cancel()


def _closing(work: asyncio.Future[Any], event: Any, trace_id: str) -> Any:
    if work.cancelled():
        raise ConnectionResetError("the client went away")
    error = work.exception()
    if error is None:
        return event(type="result", result=work.result())
    if not isinstance(error, Exception):
        raise error
    return event(type="error", error=error_tree(error, trace_id))


async def _write(response: web.StreamResponse, event: Any) -> None:
    await response.write(msgspec.json.encode(event) + b"\n")
