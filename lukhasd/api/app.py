"""The application: one route for each operation of the contract, and the one door before them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler as Next
from aiohttp.typedefs import Middleware

from lukhas_sdk.contract.base import API_PREFIX, JSON, AnyOperation, Stream
from lukhas_sdk.contract.operations import ALL
from lukhas_sdk.errors import LukhasError
from lukhasd.api import decode, guard, streams
from lukhasd.api.account import Account
from lukhasd.api.admission import Admission
from lukhasd.api.call import ALWAYS, Call, Handler, Service
from lukhasd.api.connection import Connection
from lukhasd.api.errors import new_trace_id, render
from lukhasd.api.history import Histories
from lukhasd.api.limits import Allowance, Limiter
from lukhasd.api.routes import TABLES
from lukhasd.api.routes.streams import CHANNELS
from lukhasd.api.websocket import WebSockets
from lukhasd.parts import Parts

SERVICE = web.AppKey("service", Service)
SOCKETS = web.AppKey("sockets", WebSockets)
ACCOUNT = web.RequestKey("account", Account)
ALLOWANCE = web.RequestKey("allowance", Allowance)
TRACE_ID = web.RequestKey("trace_id", str)


def build_app(parts: Parts) -> web.Application:
    """Every operation with its handler. RuntimeError where the table and the routes disagree."""
    histories = Histories(parts.bus, CHANNELS)
    service = Service(admission=Admission(parts.settings.daemon), histories=histories)
    limiter = Limiter(settings=parts.settings.limits)
    # Half of the connections stay for requests, however many streams are open.
    sockets = WebSockets(limiter=limiter, limit=parts.settings.daemon.max_connections // 2)
    app = web.Application(client_max_size=parts.settings.daemon.body_limit_bytes, middlewares=[_door(parts)])
    app[SERVICE] = service
    app[SOCKETS] = sockets
    app.cleanup_ctx.append(lambda _: histories.keeping())
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
        account = request[ACCOUNT] = Account()
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
        account.settle(response.status, parts)
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
        account = request[ACCOUNT]
        account.means(operation)
        later = guard.authenticates_later(operation, request)
        who = None if later else await guard.authenticate(operation, request, parts.identity)
        if allowance := guard.count(operation, request, who, limiter):
            request[ALLOWANCE] = allowance
            if allowance.exceeded:
                raise allowance.error()
        guard.check_tier(operation, who)
        body = await decode.body(operation, request)
        params = decode.params(operation, request)
        headers = {**(allowance.headers() if allowance else {}), "X-Trace-Id": request[TRACE_ID]}
        if isinstance(operation, Stream):
            call = Call(parts, service, params, body, who)
            return await sockets.respond(request, operation, handler, call=call, headers=headers)

        def count(more: int) -> None:
            if who is not None and allowance is not None:
                request[ALLOWANCE] = limiter.take_all(who.identity_id, allowance, more)

        slot = await service.admission.take(operation)
        try:
            if operation.stream and streams.wanted(request):

                async def run(emit: streams.Emit, sent: streams.Sent) -> object:
                    try:
                        return await account.run(handler, Call(parts, service, params, body, who, emit, sent, count))
                    finally:
                        slot.release()  # whoever reads slowly holds nobody up

                return await streams.respond(request, run, event=operation.stream, headers=headers)
            work = account.run(handler, Call(parts, service, params, body, who, count=count))
            result = await (streams.heard(request, work) if operation.stream else work)
        finally:
            slot.release()
        if not isinstance(result, operation.result):
            raise LukhasError(f"{operation.id} gave a {type(result).__name__}, not a {operation.result.__name__}")
        status = operation.unwell if operation.unwell and not result.well else 200
        if operation.media_type == JSON:
            return web.Response(status=status, body=msgspec.json.encode(result), content_type=JSON)
        return web.Response(
            status=status,
            body=msgspec.structs.astuple(result)[0].encode(),
            headers={hdrs.CONTENT_TYPE: operation.media_type},
        )

    return route


async def _expect_later(request: web.Request) -> None:
    """`100 Continue` is sent when the body is wanted: not before the guard has seen the request."""
