"""Errors as the reference's JSON body. The only place that turns one into a response."""

from __future__ import annotations

import logging
import math
import secrets
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from lukhas_sdk.errors import LukhasError, NotFound, PayloadTooLarge, ValidationError

logger = logging.getLogger(__name__)


class ErrorDetail(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: dict[str, Any]
    trace_id: str
    timestamp: datetime


class ErrorBody(msgspec.Struct, frozen=True):
    error: ErrorDetail


def new_trace_id() -> str:
    return f"trace_{secrets.token_hex(8)}"


def render(error: Exception, trace_id: str) -> web.Response:
    """The response that says `error`. One that is our own fault is logged in full and shows only its trace id."""
    known = _known(error)
    if known is None or known.status == 500:
        logger.error("request failed", exc_info=error, extra={"trace_id": trace_id})
        known = LukhasError(
            "The daemon failed at this; its log has the reason under the trace id.",
            hint=f"lukhas daemon logs shows it: look for {trace_id}",
        )
    details = dict(known.details)
    if known.hint:
        details.setdefault("suggestion", known.hint)
    body = ErrorBody(ErrorDetail(known.code, known.message, details, trace_id, datetime.now(UTC)))
    response = web.Response(
        status=known.status, body=msgspec.json.encode(body, enc_hook=str), content_type="application/json"
    )
    if known.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(known.retry_after_s)))
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    return response


def error_tree(error: Exception, trace_id: str) -> dict[str, Any] | None:
    """What `render` puts under `error`, for answers that have begun already."""
    body = render(error, trace_id).body
    return msgspec.json.decode(body)["error"] if isinstance(body, bytes) else None


def _known(error: Exception) -> LukhasError | None:
    """`error`, or what an error of the HTTP library means in our table; None for anything unforeseen."""
    match error:
        case LukhasError():
            return error
        case web.HTTPNotFound():
            return NotFound("there is no such path", hint="GET /v1/openapi.json lists them")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return ValidationError(f"{error.method} is not for this path; {allowed} is", status=405)
        case web.HTTPRequestEntityTooLarge():
            return PayloadTooLarge(
                "the request's body is larger than the daemon takes", hint="send it in smaller parts"
            )
        case web.HTTPException() if error.status < 500:
            return ValidationError(error.reason, status=error.status)
        case _:
            return None
