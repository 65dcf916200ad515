"""Who is calling: tokens, keys and the password of the machine's owner."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from lukhas_sdk.contract.base import (
    Limit,
    Name,
    NoBody,
    NoParams,
    Operation,
    Reasons,
    Request,
    Response,
    Tier,
    TierLabel,
)  # fmt: skip

Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
NewPassword = Annotated[str, msgspec.Meta(min_length=8, max_length=1024)]


def _masked(self: object) -> str:
    """A repr for Structs that hold a secret: logs and tracebacks show it."""
    return f"{type(self).__name__}(***)"


class TokenRequest(Request, frozen=True):
    __repr__ = _masked

    username: Name
    """The ΛiD, or the name set for it."""
    password: Password
    biometric_data: str | None = None
    """A passkey assertion. None is registered in this version, so giving one is refused."""


class TokenResponse(Response, frozen=True):
    __repr__ = _masked

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    """Seconds."""
    refresh_token: str


class RefreshRequest(Request, frozen=True):
    __repr__ = _masked

    refresh_token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class LogoutRequest(Request, frozen=True):
    __repr__ = _masked

    refresh_token: Annotated[str, msgspec.Meta(min_length=1, max_length=8192)] | None = None
    """Revokes that token's family; null revokes every token of the caller."""


class LogoutResponse(Response, frozen=True):
    revoked: int


class WhoAmIResponse(Response, frozen=True):
    lambda_id: str
    name: str | None
    tier: TierLabel
    method: Literal["local_key", "api_key", "jwt"]
    key_name: str | None
    password_set: bool
    expires_at: datetime | None


class PasswordRequest(Request, frozen=True):
    __repr__ = _masked

    new_password: NewPassword
    current_password: Password | None = None
    """Needed once a password is set."""


class PasswordResponse(Response, frozen=True):
    lambda_id: str
    password_set: bool


class KeyCreateRequest(Request, frozen=True):
    name: Name
    tier: TierLabel = "ΛUSER"
    """At most the caller's own."""
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class ApiKey(Response, frozen=True):
    key_id: str
    name: str
    tier: TierLabel
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class KeyCreateResponse(Response, frozen=True):
    __repr__ = _masked

    api_key: str
    """Shown this once; only its hash is kept."""
    key: ApiKey


class KeyListResponse(Response, frozen=True):
    keys: list[ApiKey]
    reasons: Reasons = {}


class KeyParams(Request, frozen=True):
    key_id: Name


class KeyRevokeResponse(Response, frozen=True):
    key_id: str
    revoked: bool


PersonName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\sΛ]([^\n\r\t]*\S)?$")]
"""Does not begin like a ΛiD."""


class IdentityAddRequest(Request, frozen=True):
    name: PersonName
    tier: TierLabel = "ΛUSER"


class Person(Response, frozen=True):
    """An identity of this machine. Its memories are nobody else's to see."""

    lambda_id: str
    name: str | None
    tier: TierLabel
    owner: bool
    """Of the machine: it cannot be removed."""
    password_set: bool
    created_at: datetime


class IdentityAddResponse(Response, frozen=True):
    __repr__ = _masked

    person: Person
    api_key: str
    """Shown this once; only its hash is kept."""


class IdentityListResponse(Response, frozen=True):
    identities: list[Person]


class IdentityParams(Request, frozen=True):
    name: Name
    """A name or a ΛiD."""


class IdentityRemoveRequest(Request, frozen=True):
    with_memories: bool = False
    """Forgets everything that belongs to it; otherwise one that has memories stays."""


class IdentityRemoveResponse(Response, frozen=True):
    lambda_id: str
    removed: bool
    memories_forgotten: int


class AuthenticationContext(Request, frozen=True):
    session_id: Name | None = None
    requested_tier: TierLabel | None = None
    """At most the caller's own."""
    constellation_context: bool = True


class AuthenticateRequest(Request, frozen=True):
    __repr__ = _masked

    lambda_id: Name
    """The caller's own, which its credential proves."""
    biometric_data: str | None = None
    """See `TokenRequest`."""
    authentication_context: AuthenticationContext = AuthenticationContext()


class AuthenticationResult(Response, frozen=True):
    status: Literal["authenticated"]
    tier_granted: TierLabel
    lambda_id_verified: bool
    biometric_match: float | None


Access = Literal["full_access", "limited_access", "none"]


class AccessPermissions(Response, frozen=True):
    """What the caller's tier may do, by the tiers of the operations."""

    matriz_pipeline: Access
    registry_operations: Literal["read_write", "read_only", "none"]
    guardian_override: bool


class SessionMetadata(Response, frozen=True):
    expires_in: int | None
    """Seconds, of the constellation token."""
    constellation_context: str | None
    """The active stars."""
    t4_compliance_verified: bool | None


class AuthenticateResponse(Response, frozen=True):
    __repr__ = _masked

    authentication_result: AuthenticationResult
    constellation_token: str | None
    """An access token; without a refresh token."""
    access_permissions: AccessPermissions
    session_metadata: SessionMetadata
    reasons: Reasons = {}


TOKEN = Operation(
    "auth.token", "POST", "/auth/token", "Trade a password for an access token and a refresh token.",
    params=NoParams, body=TokenRequest, result=TokenResponse, tier=Tier.GUEST, limit=Limit.AUTH, public=True,
    errors=("INVALID_TOKEN",),
)  # fmt: skip
REFRESH = Operation(
    "auth.refresh", "POST", "/auth/refresh", "Trade a refresh token for new tokens; the old one ends.",
    params=NoParams, body=RefreshRequest, result=TokenResponse, tier=Tier.GUEST, limit=Limit.AUTH, public=True,
    errors=("INVALID_TOKEN",),
)  # fmt: skip
LOGOUT = Operation(
    "auth.logout", "POST", "/auth/logout", "Revoke tokens.",
    params=NoParams, body=LogoutRequest, result=LogoutResponse, tier=Tier.GUEST, limit=Limit.AUTH,
)  # fmt: skip
WHOAMI = Operation(
    "auth.whoami", "GET", "/auth/whoami", "Say who the caller is.",
    params=NoParams, body=NoBody, result=WhoAmIResponse, tier=Tier.GUEST, limit=Limit.AUTH,
)  # fmt: skip
PASSWORD = Operation(
    "auth.password", "POST", "/auth/password", "Set or change the caller's password.",
    params=NoParams, body=PasswordRequest, result=PasswordResponse, tier=Tier.USER, limit=Limit.AUTH,
)  # fmt: skip
KEY_CREATE = Operation(
    "auth.key.create", "POST", "/auth/keys", "Create an API key.",
    params=NoParams, body=KeyCreateRequest, result=KeyCreateResponse, tier=Tier.USER, limit=Limit.AUTH,
    errors=("CONFLICT",),
)  # fmt: skip
KEY_LIST = Operation(
    "auth.key.list", "GET", "/auth/keys", "List the caller's API keys, never their secrets.",
    params=NoParams, body=NoBody, result=KeyListResponse, tier=Tier.USER, limit=Limit.AUTH,
)  # fmt: skip
KEY_REVOKE = Operation(
    "auth.key.revoke", "DELETE", "/auth/keys/{key_id}", "Revoke an API key.",
    params=KeyParams, body=NoBody, result=KeyRevokeResponse, tier=Tier.USER, limit=Limit.AUTH, errors=("NOT_FOUND",),
)  # fmt: skip
AUTHENTICATE = Operation(
    "auth.authenticate", "POST", "/constellation/identity/authenticate",
    "Say what the caller may do, and give it an access token.",
    params=NoParams, body=AuthenticateRequest, result=AuthenticateResponse, tier=Tier.GUEST, limit=Limit.AUTH,
)  # fmt: skip

IDENTITY_ADD = Operation(
    "identity.add", "POST", "/identities", "Make an identity whose memories are its own, and a key for it.",
    params=NoParams, body=IdentityAddRequest, result=IdentityAddResponse, tier=Tier.PRIME, limit=Limit.AUTH,
    errors=("CONFLICT",),
)  # fmt: skip
IDENTITY_LIST = Operation(
    "identity.list", "GET", "/identities", "List the identities of this machine.",
    params=NoParams, body=NoBody, result=IdentityListResponse, tier=Tier.PRIME, limit=Limit.AUTH,
)  # fmt: skip
IDENTITY_REMOVE = Operation(
    "identity.remove", "POST", "/identities/{name}/remove", "Remove an identity, its keys and, if asked, its memories.",
    params=IdentityParams, body=IdentityRemoveRequest, result=IdentityRemoveResponse, tier=Tier.PRIME, limit=Limit.AUTH,
    errors=("NOT_FOUND", "CONFLICT"),
)  # fmt: skip

OPERATIONS = (
    TOKEN, REFRESH, LOGOUT, WHOAMI, PASSWORD, KEY_CREATE, KEY_LIST, KEY_REVOKE, AUTHENTICATE,
    IDENTITY_ADD, IDENTITY_LIST, IDENTITY_REMOVE,
)  # fmt: skip
