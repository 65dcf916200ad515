"""The application: one route for each operation of the contract, and the one door before them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler as Next
from aiohttp.typedefs import Middleware

from lukhas_sdk.contract.base import API_PREFIX, AnyOperation, Stream
from lukhas_sdk.contract.operations import ALL
from lukhas_sdk.errors import LukhasError
from lukhasd.api import decode, guard, streams
from lukhasd.api.call import ALWAYS, Call, Handler, Service
from lukhasd.api.connection import Connection
from lukhasd.api.errors import new_trace_id, render
from lukhasd.api.limits import Allowance, Limiter
from lukhasd.api.routes import TABLES
from lukhasd.api.websocket import WebSockets
from lukhasd.parts import Parts

SERVICE = web.AppKey("service", Service)
SOCKETS = web.AppKey("sockets", WebSockets)
ALLOWANCE = web.RequestKey("allowance", Allowance)
TRACE_ID = web.RequestKey("trace_id", str)


def build_app(parts: Parts) -> web.Application:
    """Every operation with its handler. RuntimeError where the table and the routes disagree."""
    service = Service()
    limiter = Limiter(settings=parts.settings.limits)
    # Half of the connections stay for requests, however many streams are open.
    sockets = WebSockets(limiter=limiter, limit=parts.settings.daemon.max_connections // 2)
    app = web.Application(client_max_size=parts.settings.daemon.body_limit_bytes, middlewares=[_door(parts)])
    app[SERVICE] = service
    app[SOCKETS] = sockets
    for operation, handler in match_handlers(ALL, TABLES).items():
        route = _route(operation, handler, parts=parts, service=service, limiter=limiter, sockets=sockets)
        app.router.add_route(operation.method, API_PREFIX + operation.path, route, expect_handler=_expect_later)
    return app


def match_handlers(
    operations: Iterable[AnyOperation], tables: Iterable[Mapping[AnyOperation, Handler]]
) -> dict[AnyOperation, Handler]:
    """One handler for each operation, in the operations' order; a missing, second or surplus one is an error."""
    operations = list(operations)
    tables = list(tables)
    given = Counter(operation for table in tables for operation in table)
    wrong = {operation.id for operation in operations if given[operation] != 1}
    wrong |= {operation.id for operation in given if operation not in operations}
    if wrong:
        raise RuntimeError(f"not exactly one handler for: {', '.join(sorted(wrong))}")
    handlers = {operation: handler for table in tables for operation, handler in table.items()}
    return {operation: handlers[operation] for operation in operations}


def _door(parts: Parts) -> Middleware:
    origins = parts.settings.daemon.allowed_origins

    @web.middleware
    async def door(request: web.Request, handler: Next) -> web.StreamResponse:
        trace_id = request[TRACE_ID] = new_trace_id()
        origin = None
        connection = request.protocol
        if isinstance(connection, Connection):
            connection.request_begins()
        try:
            guard.check_target(request)
            guard.check_host(request)
            origin = guard.check_origin(request, origins)
            guard.check_url(request)
            if origin and guard.is_preflight(request):
                response: web.StreamResponse = web.Response(status=204, headers=guard.preflight_headers())
            else:
                response = await handler(request)
        except ConnectionError:  # the client went away: there is nobody to answer
            raise
        except Exception as error:
            response = render(error, trace_id)
        finally:
            if isinstance(connection, Connection):
                connection.request_ends()
        response.headers.update({**ALWAYS, "X-Trace-Id": trace_id})
        if allowance := request.get(ALLOWANCE):
            response.headers.update(allowance.headers())
        if origin:
            response.headers.update(guard.cors_headers(origin))
        return response

    return door


def _route(
    operation: AnyOperation,
    handler: Handler,
    *,
    parts: Parts,
    service: Service,
    limiter: Limiter,
    sockets: WebSockets,
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def route(request: web.Request) -> web.StreamResponse:
        later = guard.authenticates_later(operation, request)
        who = None if later else await guard.authenticate(operation, request, parts.identity)
        if allowance := guard.count(operation, request, who, limiter):
            request[ALLOWANCE] = allowance
            if allowance.exceeded:
                raise allowance.error()
        guard.check_tier(operation, who)
        params = decode.params(operation, request)
        body = await decode.body(operation, request)
        headers = {**(allowance.headers() if allowance else {}), "X-Trace-Id": request[TRACE_ID]}
        if isinstance(operation, Stream):
            call = Call(parts, service, params, body, who)
            return await sockets.respond(request, operation, handler, call=call, headers=headers)
        if operation.stream and streams.wanted(request):
            return await streams.respond(
                request,
                lambda emit, sent: handler(Call(parts, service, params, body, who, emit, sent)),
                event=operation.stream,
                headers=headers,
            )
        result = await handler(Call(parts, service, params, body, who))
        if not isinstance(result, operation.result):
            raise LukhasError(f"{operation.id} gave a {type(result).__name__}, not a {operation.result.__name__}")
        return web.Response(body=msgspec.json.encode(result), content_type="application/json")

    return route


async def _expect_later(request: web.Request) -> None:
    """`100 Continue` is sent when the body is wanted: not before the guard has seen the request."""
