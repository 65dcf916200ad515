"""From bytes to the contract's Structs. Not JSON: 400. JSON of another shape: 422 that names the field."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import msgspec
from aiohttp import web

from lukhas_sdk.contract.base import AnyOperation, NoBody
from lukhas_sdk.errors import PayloadTooLarge, ValidationError

BODY_TIMEOUT_S = 60.0
DEPTH_LIMIT = 100
"""Nested arrays and objects. Python's own limit varies with its version and with what already is on the stack."""
THREAD_FROM_BYTES = 65_536
"""A body at least this long is decoded in a thread: it would hold the event loop for milliseconds."""
UTF8_CHARSETS = ("utf-8", "utf8", "us-ascii")

BRACKETS_AND_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
PATH = re.compile(r" - at `(?:key in )?(\$[^`]*)`$")
FIELD = re.compile(r"(?:unknown|required) field `([^`]+)`")


def params(operation: AnyOperation, request: web.Request) -> Any:
    """Path and query parameters, converted from text."""
    given: dict[str, str] = dict(request.match_info)
    for name, value in request.query.items():
        if name in given:
            raise ValidationError(f"the parameter {name} is given twice", field=f"$.{name}", hint="give it once")
        given[name] = value
    for name, value in given.items():
        if "\0" in value:
            raise ValidationError(f"the parameter {name} holds a NUL", field=f"$.{name}", status=400)
    try:
        return msgspec.convert(given, operation.params, strict=False)
    except msgspec.ValidationError as error:
        raise shape_error(error, "a parameter") from None


async def body(operation: AnyOperation, request: web.Request) -> Any:
    """The request's body as the operation's Struct."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ValidationError("compressed bodies are not taken", status=415, hint="leave Content-Encoding out")
    if request.content_type != "application/json" and ("Content-Type" in request.headers or request.can_read_body):
        raise ValidationError(
            f"a body of type {request.content_type} is not taken",
            status=415,
            hint="send JSON with Content-Type: application/json",
        )
    if (request.charset or "utf-8").lower() not in UTF8_CHARSETS:
        raise ValidationError("the body's charset is not UTF-8", status=415, hint="JSON is UTF-8")
    raw = await _read(request)
    if not raw:
        if operation.body is NoBody:
            return NoBody()
        raise ValidationError("the body is empty", field="$", status=400, hint="send a JSON object")
    if len(raw) < THREAD_FROM_BYTES:
        return decode(raw, operation.body)
    return await asyncio.to_thread(decode, raw, operation.body)


def decode(raw: bytes, kind: Any) -> Any:
    """`raw` as a `kind`; see the module for its errors."""
    _check_json(raw)
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise shape_error(error, "the body") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = "a lone surrogate" if b"\\u" in raw else str(error)  # what else is wrong was found before
        raise ValidationError(f"the body is not valid JSON: {problem}", status=400) from None


def shape_error(error: msgspec.ValidationError, what: str) -> ValidationError:
    """The 422 that names the field, as `$.content.type`."""
    text = str(error)
    path = PATH.search(text)
    field = path[1] if path else "$"
    if named := FIELD.search(text):
        field = f"{field}.{named[1]}"
    reason = PATH.sub("", text)
    return ValidationError(
        f"{what} is not of the contract's shape: {reason} ({field})",
        field=field,
        hint="GET /v1/openapi.json describes every field",
    )


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > request.client_max_size:
        raise PayloadTooLarge(
            f"the body has {request.content_length} bytes; the daemon takes {request.client_max_size}",
            hint="send it in smaller parts, or raise daemon.body_limit_bytes",
            details={"limit_bytes": request.client_max_size},
        )
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError:
        raise ValidationError(f"the body did not come within {BODY_TIMEOUT_S:g} s", status=408) from None
    except web.RequestPayloadError as error:
        raise ValidationError(f"the body is not well formed: {error}", status=400) from None


def _check_json(raw: bytes) -> None:
    """Refuses what the decoder proper lets pass or names badly: too deep, NaN, the same key twice, NUL, syntax."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValidationError(f"the body is not UTF-8: {error.reason} at byte {error.start}", status=400) from None
    if raw.count(b"[") + raw.count(b"{") > DEPTH_LIMIT:
        _check_depth(raw)
    if ESCAPED_NUL.search(raw):
        raise ValidationError("the body holds a NUL character (\\u0000) in a string", status=400, hint="remove it")
    try:
        # Numbers stay text here: their bounds are the contract's to check.
        json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise ValidationError(
            f"the body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})", status=400
        ) from None


def _check_depth(raw: bytes) -> None:
    depth = 0
    for token in BRACKETS_AND_STRINGS.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise ValidationError(f"the body nests deeper than {DEPTH_LIMIT} levels", status=400, hint="flatten it")
        elif first in b"]}":
            depth -= 1


def _unique(pairs: list[tuple[str, object]]) -> None:
    seen = {key for key, _ in pairs}
    if len(seen) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValidationError(f"the key {twice!r} is given twice in one object", field=twice, status=400)


def _refuse(constant: str) -> None:
    raise ValidationError(f"{constant} is not valid JSON", status=400, hint="leave the number out, or send null")
