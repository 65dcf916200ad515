"""One exception root and one table from error code to HTTP status to exit code."""

from __future__ import annotations

import enum
from typing import Any


class Exit(enum.IntEnum):
    """Exit codes of the command line, a documented contract."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_AUTHENTICATED = 4
    NOT_FOUND = 5
    REJECTED = 6
    REVIEW = 7
    RATE_LIMITED = 8
    INTERRUPTED = 130


class LukhasError(Exception):
    """Root of every error of ours.

    `code` is a key of `CODES`; `message` says what happened; `hint` says the way out; `details` is JSON-able.
    `status` is the HTTP status, the code's own unless given. `trace_id` is the daemon's, for its log.
    """

    code = "INTERNAL_ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        details: dict[str, Any] | None = None,
        status: int | None = None,
        trace_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.hint = hint
        self.details = details or {}
        self.status = status if status is not None else CODES[self.code][0]
        self.trace_id = trace_id
        self.retry_after_s = retry_after_s

    @property
    def exit_code(self) -> Exit:
        return CODES[self.code][1]


class ValidationError(LukhasError):
    """`field` is the path of the offending field, as `$.content.type` or `--limit`."""

    code = "VALIDATION_ERROR"

    def __init__(self, message: str, *, field: str | None = None, **rest: Any) -> None:
        details = {**rest.pop("details", {}), **({"field": field} if field else {})}
        super().__init__(message, details=details, **rest)


class InvalidToken(LukhasError):
    code = "INVALID_TOKEN"


class InsufficientPermissions(LukhasError):
    code = "INSUFFICIENT_PERMISSIONS"


class GuardianRejection(LukhasError):
    """`details["decision"]` is REJECTED or REVIEW."""

    code = "GUARDIAN_REJECTION"

    @property
    def exit_code(self) -> Exit:
        return Exit.REVIEW if self.details.get("decision") == "REVIEW" else Exit.REJECTED


class MemoryDrift(LukhasError):
    code = "MEMORY_DRIFT_EXCESSIVE"

    @property
    def memory_id(self) -> str:
        return str(self.details["memory_id"])


class NotFound(LukhasError):
    code = "NOT_FOUND"


class Conflict(LukhasError):
    code = "CONFLICT"


class PayloadTooLarge(LukhasError):
    code = "PAYLOAD_TOO_LARGE"


class RateLimitExceeded(LukhasError):
    code = "RATE_LIMIT_EXCEEDED"


class ModuleTimeout(LukhasError):
    code = "MODULE_TIMEOUT"


class DaemonUnreachable(LukhasError):
    """Only ever raised by a client: the daemon does not run, or cannot be talked to."""

    code = "DAEMON_UNREACHABLE"


CODES: dict[str, tuple[int, Exit, type[LukhasError], str]] = {
    "INVALID_TOKEN": (401, Exit.NOT_AUTHENTICATED, InvalidToken, "Authentication token invalid or expired"),
    "INSUFFICIENT_PERMISSIONS": (
        403, Exit.NOT_AUTHENTICATED, InsufficientPermissions, "User lacks required permissions"),
    "GUARDIAN_REJECTION": (403, Exit.REJECTED, GuardianRejection, "Guardian system rejected the request"),
    "MODULE_TIMEOUT": (504, Exit.FAILURE, ModuleTimeout, "Module failed to respond in time"),
    "MEMORY_DRIFT_EXCESSIVE": (422, Exit.FAILURE, MemoryDrift, "Memory drift too high to process"),
    "RATE_LIMIT_EXCEEDED": (429, Exit.RATE_LIMITED, RateLimitExceeded, "Too many requests"),
    "INTERNAL_ERROR": (500, Exit.FAILURE, LukhasError, "Internal system error"),
    "VALIDATION_ERROR": (422, Exit.USAGE, ValidationError, "A field is missing, unknown or out of bounds"),
    "NOT_FOUND": (404, Exit.NOT_FOUND, NotFound, "No such thing"),
    "CONFLICT": (409, Exit.FAILURE, Conflict, "It is there already, or changed meanwhile"),
    "PAYLOAD_TOO_LARGE": (413, Exit.USAGE, PayloadTooLarge, "The request is larger than the daemon takes"),
    "DAEMON_UNREACHABLE": (503, Exit.UNREACHABLE, DaemonUnreachable, "The daemon cannot be reached"),
}  # fmt: skip

COMMON = (
    "VALIDATION_ERROR",
    "INVALID_TOKEN",
    "INSUFFICIENT_PERMISSIONS",
    "RATE_LIMIT_EXCEEDED",
    "PAYLOAD_TOO_LARGE",
    "INTERNAL_ERROR",
)
"""Codes that every operation can give."""


def from_body(status: int, body: dict[str, Any], retry_after_s: float | None = None) -> LukhasError:
    """The exception for an error body of the reference's shape."""
    error = body.get("error") or {}
    code = error.get("code", "INTERNAL_ERROR")
    details = error.get("details") or {}
    kind = CODES[code][2] if code in CODES else LukhasError
    return kind(
        str(error.get("message", f"the daemon answered {status} without saying why")),
        details=details,
        hint=details.get("suggestion"),
        status=status,
        trace_id=error.get("trace_id"),
        retry_after_s=retry_after_s,
    )
