"""Who is calling, and what they may hold: the one facade of this part."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta

from lukhas_sdk.contract import identity as contract
from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.identity import (
    ApiKey,
    IdentityAddRequest,
    IdentityAddResponse,
    IdentityListResponse,
    KeyCreateRequest,
    KeyCreateResponse,
    KeyListResponse,
    KeyRevokeResponse,
    LogoutRequest,
    LogoutResponse,
    PasswordRequest,
    PasswordResponse,
    RefreshRequest,
    TokenRequest,
    TokenResponse,
    WhoAmIResponse,
)  # fmt: skip
from lukhas_sdk.errors import Conflict, InsufficientPermissions, InvalidToken, LukhasError, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import KeyStore, Secret, read_secret, store_secret
from lukhas_sdk.settings import IdentitySettings
from lukhasd.database import Database
from lukhasd.identity.caller import Caller
from lukhasd.identity.keys import PREFIX, Key, Keys
from lukhasd.identity.passwords import Passwords
from lukhasd.identity.people import People, Person, now
from lukhasd.identity.tokens import Tokens

logger = logging.getLogger(__name__)

JWT_KEY = "jwt.key"
JWT_KEY_BYTES = 32


class Identity:
    """Open with `Identity.open`; the first start makes the machine's owner and a local key."""

    def __init__(self, *, people: People, keys: Keys, tokens: Tokens, database: Database) -> None:
        self._people = people
        self._keys = keys
        self._tokens = tokens
        self._passwords = Passwords(people)
        self._database = database
        self.told: Callable[[str | None, str, str | None], None] = lambda identity_id, what, key_id: None
        """Given the identity (None: nobody is called so), what was done with its credentials, and a key's id."""

    @classmethod
    async def open(cls, *, database: Database, paths: Paths, settings: IdentitySettings) -> Identity:
        people = await People.open(database)
        keys = await Keys.open(database)
        await keys.ensure_local(people.owner.identity_id, people.owner.tier, paths=paths, key_store=settings.key_store)
        jwt_key = await asyncio.to_thread(_ensure_jwt_key, paths, settings.key_store)
        return cls(people=people, keys=keys, tokens=await Tokens.open(database, jwt_key), database=database)

    async def authenticate(self, *, authorization: str | None, api_key: str | None, over_unix_socket: bool) -> Caller:
        """The caller that the headers `Authorization` and `X-API-Key` prove. Raises InvalidToken."""
        token = _credential(authorization, api_key)
        if api_key is not None or token.startswith(PREFIX):
            return await self._by_key(token, over_unix_socket=over_unix_socket)
        access = self._tokens.verify(token)
        person = self._person(access.identity_id)
        return Caller(person.identity_id, person.lambda_id, person.tier, "jwt", expires_at=access.expires_at)

    async def token(self, request: TokenRequest) -> TokenResponse:
        _refuse_biometrics(request.biometric_data)
        try:
            person = await self._passwords.check(request.username, request.password)
        except InvalidToken:
            known = self._people.by_name(request.username)
            self.told(known.identity_id if known else None, "login_failed", None)
            raise
        self.told(person.identity_id, "login", None)
        return await self._tokens.issue(person.identity_id)

    async def authenticated(self, caller: Caller, request: contract.AuthenticateRequest) -> TokenResponse | None:
        """An access token for a caller that is who it says, None where the token would give it more than it has.
        InsufficientPermissions where it is not, or asks for a tier above its own."""
        _refuse_biometrics(request.biometric_data)
        person = self._person(caller.identity_id)
        if request.lambda_id not in (person.lambda_id, person.name):
            raise InsufficientPermissions(
                f"lambda_id is {request.lambda_id}, but the caller is {caller.lambda_id}",
                hint="use that identity's key, or its password: lukhas auth login",
                details={"field": "$.lambda_id"},
            )
        wanted = request.authentication_context.requested_tier
        if wanted is not None and Tier.from_label(wanted) > caller.tier:
            raise InsufficientPermissions(
                f"requested_tier is {wanted}; this credential has {caller.tier.label}",
                hint=f"ask for {caller.tier.label} or less",
                details={"required_tier": wanted, "tier": caller.tier.label},
            )
        return await self._tokens.issue(person.identity_id) if caller.tier == person.tier else None

    async def refresh(self, request: RefreshRequest) -> TokenResponse:
        return await self._tokens.refresh(request.refresh_token)

    async def logout(self, caller: Caller, request: LogoutRequest) -> LogoutResponse:
        return LogoutResponse(revoked=await self._tokens.revoke(caller.identity_id, request.refresh_token))

    async def whoami(self, caller: Caller) -> WhoAmIResponse:
        return WhoAmIResponse(
            lambda_id=caller.lambda_id,
            name=self._person(caller.identity_id).name,
            tier=caller.tier.label,
            method=caller.method,
            key_name=caller.key_name,
            password_set=self._person(caller.identity_id).password is not None,
            expires_at=caller.expires_at,
        )

    async def set_password(self, caller: Caller, request: PasswordRequest) -> PasswordResponse:
        """Every token issued for the old password ends."""
        person = self._person(caller.identity_id)
        if caller.tier < person.tier:  # else a lesser key could log in as its owner
            raise InsufficientPermissions(
                f"the password of a {person.tier.label} cannot be set with a key of tier {caller.tier.label}",
                hint="use the local key, a login, or a key of the same tier",
                details={"required_tier": person.tier.label, "tier": caller.tier.label},
            )
        if person.password is not None:
            if request.current_password is None:
                raise ValidationError(
                    "a password is set already", field="$.current_password", hint="give the current password too"
                )
            person = await self._passwords.check(person.lambda_id, request.current_password)
        await self._passwords.set(person, request.new_password)
        await self._tokens.revoke(person.identity_id, None)
        self.told(person.identity_id, "password_set", None)
        return PasswordResponse(lambda_id=person.lambda_id, password_set=True)

    async def create_key(self, caller: Caller, request: KeyCreateRequest) -> KeyCreateResponse:
        tier = Tier.from_label(request.tier)
        if tier > caller.tier:
            raise InsufficientPermissions(
                f"a key of tier {tier.label} is above your own tier, {caller.tier.label}",
                hint=f"ask for {caller.tier.label} or less",
                details={"required_tier": tier.label, "tier": caller.tier.label},
            )
        expires_at = now() + timedelta(days=request.expires_in_days) if request.expires_in_days else None
        secret, key = await self._keys.create(caller.identity_id, name=request.name, tier=tier, expires_at=expires_at)
        self.told(caller.identity_id, "key_created", key.key_id)
        return KeyCreateResponse(api_key=secret.reveal(), key=_shown(key))

    async def list_keys(self, caller: Caller) -> KeyListResponse:
        keys = [_shown(key) for key in self._keys.of(caller.identity_id)]
        return KeyListResponse(keys=keys, reasons={"last_used_at": "noted at most once a minute"} if keys else {})

    async def revoke_key(self, caller: Caller, key_id: str) -> KeyRevokeResponse:
        above = [key for key in self._keys.of(caller.identity_id) if key.key_id == key_id and key.tier > caller.tier]
        if above:
            raise InsufficientPermissions(
                f"a key of tier {above[0].tier.label} cannot be revoked by {caller.tier.label}",
                hint="use the local key or a login",
                details={"required_tier": above[0].tier.label, "tier": caller.tier.label},
            )
        await self._keys.revoke(caller.identity_id, key_id)
        self.told(caller.identity_id, "key_revoked", key_id)
        return KeyRevokeResponse(key_id=key_id, revoked=True)

    async def add(self, caller: Caller, request: IdentityAddRequest) -> IdentityAddResponse:
        """With a key of the identity's own tier, which is at most the caller's."""
        tier = Tier.from_label(request.tier)
        if tier > caller.tier:
            raise InsufficientPermissions(
                f"an identity of tier {tier.label} is above your own tier, {caller.tier.label}",
                details={"required_tier": tier.label, "tier": caller.tier.label},
            )
        person = await self._people.add(request.name, tier)
        secret, key = await self._keys.create(person.identity_id, name="first", tier=tier, expires_at=None)
        self.told(person.identity_id, "added", key.key_id)
        return IdentityAddResponse(self._described(person), secret.reveal())

    def list(self) -> IdentityListResponse:
        return IdentityListResponse([self._described(person) for person in self._people.all()])

    def other(self, name: str) -> Person:
        """Anybody but the machine's owner: NotFound, or Conflict for the owner."""
        person = self._people.by_name(name)
        if person is None:
            raise NotFound(f"no identity is called {name!r}", hint="see: lukhas identity list")
        if person.identity_id == self._people.owner.identity_id:
            raise Conflict("the machine's owner cannot be removed", hint="remove the data folder to begin anew")
        return person

    @property
    def owner_id(self) -> str:
        """The machine's owner's key."""
        return self._people.owner.identity_id

    def shown_names(self) -> dict[str, str]:
        """By each identity's key, its ΛiD."""
        return {person.identity_id: person.lambda_id for person in self._people.all()}

    def find_id(self, name: str) -> str:
        """The key of whoever is called so, by ΛiD or name; NotFound."""
        person = self._people.by_name(name)
        if person is None:
            raise NotFound("no identity is called so", hint="see: lukhas identity list")
        return person.identity_id

    def standing(self, identity_id: str) -> Tier | None:
        """The tier that an identity has now; None where there is no such identity any more."""
        person = self._people.by_id(identity_id)
        return person.tier if person is not None else None

    async def shut_out(self, person: Person) -> None:
        """Ends its keys and tokens."""
        await self._tokens.revoke(person.identity_id, None)
        for key in self._keys.of(person.identity_id):
            await self._keys.revoke(person.identity_id, key.key_id)

    async def remove(self, person: Person) -> None:
        """Once nothing belongs to it any more."""
        await self._people.remove(person)

    def _described(self, person: Person) -> contract.Person:
        return contract.Person(
            lambda_id=person.lambda_id,
            name=person.name,
            tier=person.tier.label,
            owner=person.identity_id == self._people.owner.identity_id,
            password_set=person.password is not None,
            created_at=person.created_at,
        )

    async def self_test(self) -> str | None:
        """None when the owner is on disk and a token signed now verifies; else what is wrong."""
        owner = self._people.owner
        row = await self._database.read(
            lambda cursor: cursor.execute(
                "SELECT tier FROM identities WHERE identity_id = ?", [owner.identity_id]
            ).fetchone()
        )
        if row is None or row[0] != owner.tier.label:
            return f"the database no longer holds {owner.lambda_id} as {owner.tier.label}"
        return self._tokens.self_test(owner.identity_id)

    async def _by_key(self, token: str, *, over_unix_socket: bool) -> Caller:
        key = self._keys.find(token)
        if key is None:
            raise InvalidToken("the API key is unknown, expired or revoked", hint="see: lukhas auth key list")
        person = self._person(key.identity_id)
        await self._keys.note_use(key)
        return Caller(
            person.identity_id,
            person.lambda_id,
            min(key.tier, person.tier),
            "local_key" if key.is_local else "api_key",
            key_id=key.key_id,
            key_name=None if key.is_local else key.name,
            expires_at=key.expires_at,
            unlimited=key.is_local and over_unix_socket,
        )

    def _person(self, identity_id: str) -> Person:
        person = self._people.by_id(identity_id)
        if person is None:
            raise InvalidToken("the identity no longer exists", hint="log in again: lukhas auth login")
        return person


def _credential(authorization: str | None, api_key: str | None) -> str:
    if authorization is not None and api_key is not None:
        raise InvalidToken("both Authorization and X-API-Key are given", hint="send one of them")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise InvalidToken("the Authorization header is not of the Bearer scheme", hint="send: Bearer TOKEN")
    else:
        token = api_key or ""
    token = token.strip()
    if not token:
        raise InvalidToken("no credential is given", hint="send X-API-Key, or Authorization: Bearer TOKEN")
    if not token.isascii():
        raise InvalidToken("the credential holds characters that none of ours has", hint="check what was pasted")
    return token


def _ensure_jwt_key(paths: Paths, key_store: KeyStore) -> Secret:
    """The key that signs access tokens. A lost one is made anew, which ends the access tokens of the hour before."""
    try:
        key = read_secret(paths, JWT_KEY)
    except LukhasError as error:
        logger.warning("the token key is made anew: %s", error.message)
        key = None
    if key is None or len(key) != 2 * JWT_KEY_BYTES:
        key = secrets.token_hex(JWT_KEY_BYTES)
        store_secret(paths, JWT_KEY, key, key_store)
    return Secret(key)


def _shown(key: Key) -> ApiKey:
    return ApiKey(
        key_id=key.key_id,
        name=key.name,
        tier=key.tier.label,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
    )


def _refuse_biometrics(data: str | None) -> None:
    if data is not None:
        raise ValidationError(
            "no passkey is registered for any ΛiD here, so biometric_data cannot be checked",
            field="$.biometric_data",
            hint="leave biometric_data out",
        )
