"""Which requests may come in at all, before anything is read from them or done for them.

A local daemon is reachable by every web page that its user opens. The order matters: where is it addressed to, which
page does it come from, who sends it, may they, and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from aiohttp import hdrs, web

from lukhas_sdk.contract.base import AnyOperation, Stream
from lukhas_sdk.errors import InsufficientPermissions, InvalidToken, ValidationError
from lukhasd.api.limits import Allowance, Limiter
from lukhasd.identity import Caller, Identity

TCP_HOSTS = ("127.0.0.1", "localhost", "[::1]")
SOCKET_HOSTS = ("localhost", "lukhas")
SECRETS_IN_URLS = ("token", "api_key", "apikey", "access_token", "refresh_token", "key", "password")
FOREIGN_FETCHES = ("cross-site", "same-site")
PREFLIGHT_AGE_S = 600


def over_unix_socket(request: web.BaseRequest) -> bool:
    """TCP sockets are named by a tuple, unix sockets by their path."""
    return request.transport is not None and not isinstance(request.transport.get_extra_info("sockname"), tuple)


def check_target(request: web.Request) -> None:
    """The HTTP library believes an absolute target's host rather than the header: only a path is taken."""
    if not request.raw_path.startswith("/"):
        raise ValidationError(
            "the request's target is not a path", status=400, hint="send GET /v1/… with a Host header"
        )
    if hdrs.CONTENT_LENGTH in request.headers and hdrs.TRANSFER_ENCODING in request.headers:
        raise ValidationError("Content-Length and Transfer-Encoding are both given", status=400)


def check_host(request: web.Request) -> None:
    """Against DNS rebinding: the page's own host name is what gives it away."""
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1:
        raise ValidationError(f"{len(hosts)} Host headers are given, not one", status=400)
    host = hosts[0].lower()
    allowed = SOCKET_HOSTS if over_unix_socket(request) else [f"{name}:{_port(request)}" for name in TCP_HOSTS]
    if host not in allowed:
        raise ValidationError(
            "the Host header does not name this daemon", status=421, hint=f"address it as {allowed[0]}"
        )


def check_origin(request: web.Request, configured: Sequence[str]) -> str | None:
    """The configured origin that the request comes from, None where none says so. Others' pages are refused."""
    origins = request.headers.getall(hdrs.ORIGIN, [])
    if len(origins) == 1 and origins[0] in configured:
        return origins[0]
    own = [] if over_unix_socket(request) else [f"http://{name}:{_port(request)}" for name in TCP_HOSTS]
    if any(origin not in own for origin in origins):
        _refuse_page("the page that sends this is not one of ours")
    if request.headers.get("Sec-Fetch-Site", "none").lower() in FOREIGN_FETCHES:
        _refuse_page("another site's page sends this")
    return None


def check_url(request: web.Request) -> None:
    """URLs end in histories and logs."""
    if found := next((name for name in request.query if name.lower() in SECRETS_IN_URLS), None):
        raise InvalidToken(
            f"a credential is given in the URL ({found})", hint="send X-API-Key, or Authorization: Bearer TOKEN"
        )


def is_preflight(request: web.Request) -> bool:
    return request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers


def cors_headers(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "X-Trace-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining,"
        " X-RateLimit-Reset, X-RateLimit-Reset-After",
        "Vary": "Origin",
    }


def preflight_headers() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, X-API-Key",
        "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
    }


async def authenticate(operation: AnyOperation, request: web.Request, identity: Identity) -> Caller | None:
    """Who calls; None on a public operation. Raises InvalidToken."""
    if operation.public:
        return None
    for name in (hdrs.AUTHORIZATION, "X-API-Key"):
        if len(request.headers.getall(name, [])) > 1:
            raise InvalidToken(f"the header {name} is given twice", hint="send it once")
    return await identity.authenticate(
        authorization=request.headers.get(hdrs.AUTHORIZATION),
        api_key=request.headers.get("X-API-Key"),
        over_unix_socket=over_unix_socket(request),
    )


def authenticates_later(operation: AnyOperation, request: web.Request) -> bool:
    """A page's script cannot set the headers of a WebSocket's handshake: its first message holds its credential.
    Only pages say their Origin, and `check_origin` has let it pass."""
    shown = hdrs.AUTHORIZATION in request.headers or "X-API-Key" in request.headers
    return isinstance(operation, Stream) and hdrs.ORIGIN in request.headers and not shown


def check_tier(operation: AnyOperation, caller: Caller | None) -> None:
    """Raises InsufficientPermissions that names the tier."""
    if caller is not None and caller.tier < operation.tier:
        raise InsufficientPermissions(
            f"{operation.id} needs tier {operation.tier.label}; this credential has {caller.tier.label}",
            hint=f"use a key or login of tier {operation.tier.label}",
            details={"required_tier": operation.tier.label, "tier": caller.tier.label},
        )


def count(operation: AnyOperation, request: web.Request, caller: Caller | None, limiter: Limiter) -> Allowance | None:
    """Counts the request against its allowance; None where no limit applies. Without a caller the peer counts."""
    if operation.limit is None or (caller and caller.unlimited):
        return None
    peer = "socket" if over_unix_socket(request) else request.remote or "unknown"
    return limiter.take(caller.identity_id if caller else f"peer:{peer}", operation.limit)


def _port(request: web.Request) -> int | None:
    if request.transport is None:
        return None
    port: int = request.transport.get_extra_info("sockname")[1]
    return port


def _refuse_page(message: str) -> NoReturn:
    raise InsufficientPermissions(
        message, hint="an origin may call when daemon.allowed_origins lists it", details={"reason": "origin"}
    )
