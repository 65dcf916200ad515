"""This API as an OpenAPI 3.1 document, from the operations table alone."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from lukhas_sdk._version import __version__
from lukhas_sdk.contract.base import API_PREFIX, JSON, AnyOperation, NoBody, Stream
from lukhas_sdk.contract.operations import ALL
from lukhas_sdk.contract.streams import CLOSE_CODES, Heartbeat, Pong, Subscribe, Subscribed
from lukhas_sdk.contract.system import OpenApiDocument
from lukhas_sdk.errors import CODES, COMMON
from lukhasd.api.errors import ErrorBody
from lukhasd.api.streams import NDJSON

REF = "#/components/schemas/{name}"
SCHEMES: dict[str, Any] = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
HEADERS: dict[str, Any] = {
    "X-Trace-Id": {"description": "The request's name in the daemon's log.", "schema": {"type": "string"}},
    "X-Lukhas-Version": {"description": "The daemon's version.", "schema": {"type": "string"}},
    "X-Lukhas-Protocol": {"description": "The protocol that it speaks.", "schema": {"type": "integer"}},
    "X-RateLimit-Limit": {"description": "Requests per window.", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {"description": "Requests left in this one.", "schema": {"type": "integer"}},
    "X-RateLimit-Reset": {"description": "Unix time of its end.", "schema": {"type": "integer"}},
    "X-RateLimit-Reset-After": {"description": "Seconds to its end.", "schema": {"type": "integer"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
}
ALWAYS = ("X-Trace-Id", "X-Lukhas-Version", "X-Lukhas-Protocol")
LIMITED = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Reset-After")
OTHER_STATUSES = {
    "400": "Not a well-formed request, or its body is not JSON",
    "403": "A web page that is not allowed to sends it",
    "408": "The body does not come in time",
    "415": "The body is not sent as application/json",
    "421": "The Host header does not name this daemon",
}
"""What the guard and the decoder answer with codes of another status."""

CONTROL = (Subscribed, Heartbeat, Pong)
"""What every stream sends besides its own."""
NO_HANDSHAKE = "The request is not a WebSocket's handshake"
UNWELL = "The same, where it is not well"


@functools.cache
def document() -> OpenApiDocument:
    bodies = {operation.body for operation in ALL if operation.body is not NoBody}
    types: set[type] = {ErrorBody, *CONTROL, *bodies}
    for operation in ALL:
        types |= {*operation.sends, *get_args(operation.takes)} if isinstance(operation, Stream) else {operation.result}
    types |= {operation.stream for operation in ALL if operation.stream}
    _, schemas = msgspec.json.schema_components(sorted(types, key=lambda kind: kind.__name__), ref_template=REF)
    paths: dict[str, Any] = {}
    for operation in ALL:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return OpenApiDocument(
        openapi="3.1.0",
        info={
            "title": "LUKHAS",
            "version": __version__,
            "summary": "Memory, deliberation and a guardian on this machine.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        paths=paths,
        components={"schemas": schemas, "securitySchemes": SCHEMES, "headers": HEADERS},
        servers=[{"url": API_PREFIX}],
        security=[{name: []} for name in SCHEMES],
        tags=[{"name": name} for name in dict.fromkeys(_tag(operation) for operation in ALL)],
    )


def _operation(operation: AnyOperation) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [_tag(operation)],
        "x-lukhas-tier": operation.tier.label,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
    }
    if isinstance(operation, Stream):
        entry["x-websocket"] = {
            "first_message": _ref(Subscribe),
            "takes": [_ref(kind) for kind in get_args(operation.takes)],
            "messages": [_ref(kind) for kind in (*operation.sends, *CONTROL, ErrorBody)],
            "message_limit_bytes": operation.message_limit_bytes,
            "close_codes": {str(code): meaning for code, meaning in CLOSE_CODES.items()},
        }
    if operation.body is not NoBody:
        entry["requestBody"] = {"required": True, "content": _json(operation.body)}
    if operation.public:
        entry["security"] = []
    if operation.limit:
        name, requests, window_s = operation.limit.value
        entry["x-rate-limit"] = {"allowance": name, "requests": requests, "window_s": window_s}
    return entry


def _parameters(operation: AnyOperation) -> Iterator[dict[str, Any]]:
    in_path = set(re.findall(r"{(\w+)}", operation.path))
    _, components = msgspec.json.schema_components([operation.params], ref_template=REF)
    schema = components[operation.params.__name__]
    for name, kind in schema.get("properties", {}).items():
        place = "path" if name in in_path else "query"
        yield {"name": name, "in": place, "required": name in schema.get("required", []), "schema": kind}


def _responses(operation: AnyOperation) -> dict[str, Any]:
    limited = LIMITED if operation.limit else ()
    headers = _headers(*ALWAYS, *limited)
    kind = operation.sends[0] if isinstance(operation, Stream) else operation.result
    summary = inspect.getdoc(kind) if "__doc__" in vars(kind) else None
    description = (summary or operation.summary).splitlines()[0]
    answers: dict[str, Any] = {}
    if isinstance(operation, Stream):
        answers["101"] = {"description": f"Each message: {description}", "headers": headers}
        answers["426"] = {"description": NO_HANDSHAKE, "headers": headers, "content": _json(ErrorBody)}
    else:
        content = _content(operation) | (_json(operation.stream, NDJSON) if operation.stream else {})
        answers["200"] = {"description": description, "headers": headers, "content": content}
        if operation.unwell:
            answers[str(operation.unwell)] = {"description": UNWELL, "headers": headers, "content": content}
    for status, description in sorted(_errors(operation).items()):
        extra = ("Retry-After",) if status == "429" else ()
        after_limit = limited if status not in ("401", "403", "421") else ()
        answers[status] = {
            "description": description,
            "headers": _headers(*ALWAYS, *after_limit, *extra),
            "content": _json(ErrorBody),
        }
    return answers


def _errors(operation: AnyOperation) -> dict[str, str]:
    """Status → what it means here, from the operation's codes and those that every operation has."""
    meanings: dict[str, list[str]] = {status: [text] for status, text in OTHER_STATUSES.items()}
    for code in dict.fromkeys((*COMMON, *operation.errors)):
        if code == "RATE_LIMIT_EXCEEDED" and operation.limit is None:
            continue
        status, _, _, text = CODES[code]
        meanings.setdefault(str(status), []).append(f"{code}: {text}")
    return {status: "; ".join(texts) for status, texts in meanings.items()}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _content(operation: AnyOperation) -> dict[str, Any]:
    if operation.media_type == JSON:
        return _json(operation.result)
    return {operation.media_type: {"schema": {"type": "string"}}}


def _json(kind: type, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": _ref(kind)}}


def _ref(kind: Any) -> dict[str, str]:
    return {"$ref": REF.format(name=kind.__name__)}


def _tag(operation: AnyOperation) -> str:
    return str(operation.id.split(".")[0])
