"""Webhooks' secrets: each is made of one key, which is kept where secrets are kept, and what the database holds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets

from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import KeyStore, read_secret, store_secret

logger = logging.getLogger(__name__)

NAME = "webhook.key"
KEY_BYTES = 32
PREFIX = "whsec_"


class SigningKey:
    """`key` None: there is none yet, or it is lost."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "SigningKey(***)"

    @property
    def is_there(self) -> bool:
        return self._key is not None

    @classmethod
    def read(cls, paths: Paths) -> SigningKey:
        """Blocks. A key that others could read counts as lost."""
        try:
            text = read_secret(paths, NAME)
        except LukhasError as error:
            logger.warning("webhooks' secrets have to be rotated: %s", error.message)
            text = None
        is_whole = text is not None and len(text) == 2 * KEY_BYTES and set(text) <= set("0123456789abcdef")
        return cls(bytes.fromhex(text) if text is not None and is_whole else None)

    @classmethod
    def make(cls, paths: Paths, key_store: KeyStore) -> SigningKey:
        """Blocks. Secrets of a lost key are lost with it."""
        key = secrets.token_bytes(KEY_BYTES)
        store_secret(paths, NAME, key.hex(), key_store)
        return cls(key)

    def secret(self, webhook_id: str, nonce: str, digest: str | None = None) -> str | None:
        """HMAC-SHA256 of both under the key; None without one, or where it is not the secret that `digest` is of."""
        if self._key is None:
            return None
        mac = hmac.new(self._key, f"{webhook_id}.{nonce}".encode(), hashlib.sha256).digest()
        secret = PREFIX + base64.urlsafe_b64encode(mac).decode().rstrip("=")
        return secret if digest is None or hmac.compare_digest(digest_of(secret), digest) else None


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
