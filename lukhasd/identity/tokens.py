"""Access tokens (JWT, one hour) and refresh tokens (opaque, for one use) in families."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import jwt

from lukhas_sdk.contract.identity import TokenResponse
from lukhas_sdk.errors import InvalidToken
from lukhas_sdk.secrets import Secret
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.identity.keys import digest_of, new_token
from lukhasd.identity.people import now, to_database

ALGORITHM = "HS256"
ISSUER = "lukhasd"
AUDIENCE = "lukhas"
ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=30)
REFRESH_PREFIX = "lr_"
CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti", "fam"]
VERIFIED_KEPT = 1024


@dataclass(frozen=True)
class Access:
    """What a verified access token says. It never says a tier: that is looked up."""

    identity_id: str
    family_id: str
    expires_at: datetime


class Tokens:
    """A family is one login and all that was refreshed from it; revoking it ends its access tokens too."""

    def __init__(self, database: Database, key: Secret, revoked: dict[str, datetime]) -> None:
        self._database = database
        self._key = key
        self._revoked = revoked
        """Family → when, for as long as an access token of it might still be in time."""
        self._verified: OrderedDict[bytes, Access] = OrderedDict()

    @classmethod
    async def open(cls, database: Database, key: Secret) -> Tokens:
        return cls(database, key, await database.read(_load_revoked))

    async def issue(self, identity_id: str) -> TokenResponse:
        family_id = uuid.uuid4().hex
        refresh = new_token(REFRESH_PREFIX)
        moment = now()

        def insert(cursor: Cursor) -> None:
            _forget_expired(cursor, moment)
            cursor.execute(
                "INSERT INTO token_families (family_id, identity_id, created_at) VALUES (?, ?, ?)",
                [family_id, identity_id, to_database(moment)],
            )
            _insert_refresh(cursor, refresh, family_id, moment)

        await self._database.write(insert)
        return self._response(identity_id, family_id, refresh, moment)

    async def refresh(self, token: str) -> TokenResponse:
        """New tokens for `token`, which ends. Raises InvalidToken; one that was used before ends its whole family."""
        fresh = new_token(REFRESH_PREFIX)
        moment = now()
        outcome, family_id, identity_id = await self._database.write(
            lambda cursor: _rotate(cursor, token, fresh, moment)
        )
        if outcome == "rotated":
            return self._response(identity_id, family_id, fresh, moment)
        if outcome == "reused":
            self._end([family_id], moment)
            raise InvalidToken(
                "this refresh token was used before, so every token of its login is revoked",
                hint="log in again: lukhas auth login",
            )
        raise InvalidToken("the refresh token is unknown, expired or revoked", hint="log in again: lukhas auth login")

    async def revoke(self, identity_id: str, refresh_token: str | None) -> int:
        """Ends the family of `refresh_token`, or all of the identity's. Gives how many were ended now."""
        moment = now()
        ended = await self._database.write(lambda cursor: _revoke(cursor, identity_id, refresh_token, moment))
        self._end(ended, moment)
        return len(ended)

    def verify(self, token: str) -> Access:
        """Raises InvalidToken, which says what is wrong but nothing of the token."""
        digest = hashlib.sha256(token.encode()).digest()
        access = self._verified.get(digest) or self._decode(token)
        if access.expires_at <= now():
            self._verified.pop(digest, None)
            raise InvalidToken("the access token has expired", hint="refresh it, or: lukhas auth login")
        if access.family_id in self._revoked:
            raise InvalidToken("the access token was revoked", hint="log in again: lukhas auth login")
        self._verified[digest] = access
        self._verified.move_to_end(digest)
        if len(self._verified) > VERIFIED_KEPT:
            self._verified.popitem(last=False)
        return access

    def self_test(self, identity_id: str) -> str | None:
        """None when a token signed now is read back as signed, and with a changed signature is not."""
        token = self._response(identity_id, "self-test", "", now()).access_token
        forged = token[:-6] + ("A" * 6 if token[-6:] != "A" * 6 else "B" * 6)
        try:
            if self._decode(token).identity_id != identity_id:
                return "a token signed now is read back with another identity"
        except InvalidToken as error:
            return f"a token signed now is refused: {error.message}"
        try:
            self._decode(forged)
        except InvalidToken:
            return None
        return "a token with a changed signature is accepted"

    def _decode(self, token: str) -> Access:
        try:
            claims = jwt.decode(
                token,
                self._key.reveal(),
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": CLAIMS},
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the access token has expired", hint="refresh it, or: lukhas auth login") from None
        except jwt.PyJWTError as error:
            raise InvalidToken(
                f"the access token is not valid ({type(error).__name__})", hint="log in again: lukhas auth login"
            ) from None
        return Access(claims["sub"], str(claims["fam"]), datetime.fromtimestamp(claims["exp"], UTC))

    def _response(self, identity_id: str, family_id: str, refresh: str, moment: datetime) -> TokenResponse:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": identity_id,
            "iat": moment,
            "exp": moment + ACCESS_LIFE,
            "jti": secrets.token_hex(16),
            "fam": family_id,
        }
        return TokenResponse(
            access_token=jwt.encode(claims, self._key.reveal(), algorithm=ALGORITHM),
            token_type="bearer",  # noqa: S106
            expires_in=int(ACCESS_LIFE.total_seconds()),
            refresh_token=refresh,
        )

    def _end(self, family_ids: Sequence[str], moment: datetime) -> None:
        self._revoked = {family: when for family, when in self._revoked.items() if when > moment - ACCESS_LIFE}
        self._revoked.update(dict.fromkeys(family_ids, moment))
        for digest, access in list(self._verified.items()):
            if access.family_id in self._revoked:
                del self._verified[digest]


def _load_revoked(cursor: Cursor) -> dict[str, datetime]:
    rows = cursor.execute(
        "SELECT family_id, revoked_at FROM token_families WHERE revoked_at > ?", [to_database(now() - ACCESS_LIFE)]
    ).fetchall()
    return {family_id: revoked_at.replace(tzinfo=UTC) for family_id, revoked_at in rows}


def _insert_refresh(cursor: Cursor, token: str, family_id: str, moment: datetime) -> None:
    cursor.execute(
        "INSERT INTO refresh_tokens (digest, family_id, issued_at, expires_at) VALUES (?, ?, ?, ?)",
        [digest_of(token), family_id, to_database(moment), to_database(moment + REFRESH_LIFE)],
    )


def _find(cursor: Cursor, token: str) -> tuple[str, str, bool, bool, datetime] | None:
    """(family, identity, used, revoked, expires at) of a refresh token."""
    row: tuple[str, str, bool, bool, datetime] | None = cursor.execute(
        "SELECT family_id, identity_id, used_at IS NOT NULL, revoked_at IS NOT NULL, expires_at"
        " FROM refresh_tokens JOIN token_families USING (family_id) WHERE digest = ?",
        [digest_of(token)],
    ).fetchone()
    return row


def _rotate(
    cursor: Cursor, token: str, fresh: str, moment: datetime
) -> tuple[Literal["rotated", "reused", "invalid"], str, str]:
    found = _find(cursor, token)
    if found is None:
        return "invalid", "", ""
    family_id, identity_id, used, revoked, expires_at = found
    if revoked or expires_at <= moment.replace(tzinfo=None):
        return "invalid", family_id, identity_id
    if used:
        cursor.execute("UPDATE token_families SET revoked_at = ? WHERE family_id = ?", [to_database(moment), family_id])
        return "reused", family_id, identity_id
    cursor.execute("UPDATE refresh_tokens SET used_at = ? WHERE digest = ?", [to_database(moment), digest_of(token)])
    _insert_refresh(cursor, fresh, family_id, moment)
    return "rotated", family_id, identity_id


def _revoke(cursor: Cursor, identity_id: str, refresh_token: str | None, moment: datetime) -> list[str]:
    if refresh_token is None:
        rows = cursor.execute(
            "SELECT family_id FROM token_families WHERE identity_id = ? AND revoked_at IS NULL", [identity_id]
        ).fetchall()
        families = [row[0] for row in rows]
    else:
        found = _find(cursor, refresh_token)
        families = [found[0]] if found and found[1] == identity_id and not found[3] else []
    for family_id in families:
        cursor.execute("UPDATE token_families SET revoked_at = ? WHERE family_id = ?", [to_database(moment), family_id])
    return families


def _forget_expired(cursor: Cursor, moment: datetime) -> None:
    """Rows that no token of can be in time any more: the tables stay as small as the logins of a month."""
    cursor.execute("DELETE FROM refresh_tokens WHERE expires_at <= ?", [to_database(moment)])
    cursor.execute(
        "DELETE FROM token_families WHERE created_at < ? AND family_id NOT IN (SELECT family_id FROM refresh_tokens)",
        [to_database(moment - REFRESH_LIFE)],
    )
