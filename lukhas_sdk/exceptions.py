"""The errors under the name that the API reference imports them from."""

from lukhas_sdk.errors import (
    Conflict,
    DaemonUnreachable,
    GuardianRejection,
    InsufficientPermissions,
    InvalidToken,
    LukhasError,
    MemoryDrift,
    ModuleTimeout,
    NotFound,
    PayloadTooLarge,
    RateLimitExceeded,
    ValidationError,
)

__all__ = [
    "Conflict", "DaemonUnreachable", "GuardianRejection", "InsufficientPermissions", "InvalidToken", "LukhasError",
    "MemoryDrift", "ModuleTimeout", "NotFound", "PayloadTooLarge", "RateLimitExceeded", "ValidationError",
]  # fmt: skip
