"""API keys: 256-bit opaque tokens of which only the SHA-256 is kept."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.errors import Conflict, LukhasError, NotFound
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import KeyStore, Secret, read_secret, store_secret
from lukhasd.database import Database
from lukhasd.database.connection import Cursor
from lukhasd.identity.people import from_database, now, to_database

logger = logging.getLogger(__name__)

PREFIX = "lk_"
LOCAL_KEY = "local.key"
KEYS_ALLOWED = 1000
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Key:
    key_id: str
    identity_id: str
    name: str
    tier: Tier
    digest: str
    is_local: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


class Keys:
    """All keys in memory by their digest, written through to the database."""

    def __init__(self, database: Database, keys: list[Key]) -> None:
        self._database = database
        self._keys = {key.digest: key for key in keys}

    @classmethod
    async def open(cls, database: Database) -> Keys:
        return cls(database, await database.read(_load))

    def find(self, token: str) -> Key | None:
        """The key that `token` is, None where it is none of ours or has expired."""
        digest = digest_of(token)
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        return None if key.expires_at and key.expires_at <= now() else key

    async def note_use(self, key: Key) -> None:
        """Writes `last_used_at`, at most once a minute; the local key's is not kept."""
        moment = now()
        if key.is_local or (key.last_used_at and moment - key.last_used_at < USE_NOTED_EVERY):
            return
        self._keys[key.digest] = replace(key, last_used_at=moment)

        def update(cursor: Cursor) -> None:
            cursor.execute("UPDATE api_keys SET last_used_at = ? WHERE key_id = ?", [to_database(moment), key.key_id])

        await self._database.write(update)

    def of(self, identity_id: str) -> list[Key]:
        """The created ones, oldest first, without the local key."""
        mine = [key for key in self._keys.values() if key.identity_id == identity_id and not key.is_local]
        return sorted(mine, key=lambda key: key.created_at)

    async def create(
        self, identity_id: str, *, name: str, tier: Tier, expires_at: datetime | None
    ) -> tuple[Secret, Key]:
        mine = self.of(identity_id)
        if any(key.name == name for key in mine):
            raise Conflict(
                f"a key called {name!r} exists already", hint="choose another name, or revoke that one first"
            )
        if len(mine) >= KEYS_ALLOWED:
            raise Conflict(f"there are {len(mine)} keys already", hint="revoke those that are not used")
        token = new_token(PREFIX)
        key = Key(f"key_{uuid.uuid4().hex}", identity_id, name, tier, digest_of(token), False, now(), expires_at, None)
        self._keys[key.digest] = key  # before the write: a second one of this name must meet it
        try:
            await self._database.write(lambda cursor: _insert(cursor, key))
        except BaseException:
            del self._keys[key.digest]
            raise
        return Secret(token), key

    async def revoke(self, identity_id: str, key_id: str) -> None:
        key = next((key for key in self.of(identity_id) if key.key_id == key_id), None)
        if key is None:
            raise NotFound(f"there is no key {key_id!r}", hint="see: lukhas auth key list")
        await self._database.write(lambda cursor: _delete(cursor, key_id))
        self._keys.pop(key.digest, None)

    async def ensure_local(self, identity_id: str, tier: Tier, *, paths: Paths, key_store: KeyStore) -> None:
        """Keeps the local key whose text is still there; makes a new one where it is lost or others could read it."""
        try:
            text = await asyncio.to_thread(read_secret, paths, LOCAL_KEY)
        except LukhasError as error:
            logger.warning("the local key is made anew: %s", error.message)
            text = None
        known = self._keys.get(digest_of(text)) if text else None
        if known and known.is_local and known.identity_id == identity_id:
            return
        token = new_token(PREFIX)
        place = await asyncio.to_thread(store_secret, paths, LOCAL_KEY, token, key_store)
        if place == "file" and key_store == "auto":
            logger.info("no keyring is usable, so the local key is kept in %s (mode 0600)", paths.state / LOCAL_KEY)
        old = [key for key in self._keys.values() if key.is_local]
        key = Key(f"key_{uuid.uuid4().hex}", identity_id, "local", tier, digest_of(token), True, now(), None, None)

        def exchange(cursor: Cursor) -> None:
            for stale in old:
                _delete(cursor, stale.key_id)
            _insert(cursor, key)

        await self._database.write(exchange)
        for stale in old:
            del self._keys[stale.digest]
        self._keys[key.digest] = key


def _load(cursor: Cursor) -> list[Key]:
    rows = cursor.execute(
        "SELECT key_id, identity_id, name, tier, digest, is_local, created_at, expires_at, last_used_at FROM api_keys"
    ).fetchall()
    return [
        Key(
            key_id=key_id,
            identity_id=identity_id,
            name=name,
            tier=Tier.from_label(tier),
            digest=digest,
            is_local=is_local,
            created_at=created_at.replace(tzinfo=UTC),
            expires_at=from_database(expires_at),
            last_used_at=from_database(last_used_at),
        )
        for key_id, identity_id, name, tier, digest, is_local, created_at, expires_at, last_used_at in rows
    ]


def _insert(cursor: Cursor, key: Key) -> None:
    cursor.execute(
        "INSERT INTO api_keys (key_id, identity_id, name, tier, digest, is_local, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            key.key_id,
            key.identity_id,
            key.name,
            key.tier.label,
            key.digest,
            key.is_local,
            to_database(key.created_at),
            to_database(key.expires_at),
        ],
    )


def _delete(cursor: Cursor, key_id: str) -> None:
    cursor.execute("DELETE FROM api_keys WHERE key_id = ?", [key_id])
