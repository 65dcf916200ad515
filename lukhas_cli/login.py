"""The login of `lukhas auth login`: commands act as whom it names until `lukhas auth logout`."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lukhas_sdk.errors import InvalidToken
from lukhas_sdk.paths import Paths, read_private, write_private

if TYPE_CHECKING:
    from lukhas_sdk.contract.identity import TokenResponse

REFRESH = "session.refresh"
ACCESS = "session.access"
SPARE_S = 60
"""An access token that ends so soon is renewed first."""


def name(paths: Paths) -> str | None:
    """Whom commands act as; None without a login. Asks no keyring."""
    return read_private(_marker(paths))


def keep(paths: Paths, username: str, tokens: TokenResponse) -> str:
    """Says where the refresh token is kept."""
    from lukhas_sdk.secrets import store_secret

    place = store_secret(paths, REFRESH, tokens.refresh_token)
    store_secret(paths, ACCESS, f"{int(time.time()) + tokens.expires_in} {tokens.access_token}")
    write_private(_marker(paths), username)
    return place


def refresh_token(paths: Paths) -> str | None:
    from lukhas_sdk.secrets import read_secret

    return read_secret(paths, REFRESH) if name(paths) is not None else None


def forget(paths: Paths) -> None:
    from lukhas_sdk.secrets import delete_secret

    _marker(paths).unlink(missing_ok=True)
    for secret in (REFRESH, ACCESS):
        delete_secret(paths, secret)


class Credential:
    """Gives an access token that is in time; it is renewed where it is not, by one process at a time, as a refresh
    token that is used twice ends the login. Raises InvalidToken where the login has ended."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._token = ""
        self._ends_s = 0

    def __call__(self) -> str:
        if not self._in_time() and not self._read():
            with _alone(self._paths):
                if not self._read():
                    _renew(self._paths)
                    self._read()
        return self._token

    def _read(self) -> bool:
        """Whether what is kept is in time."""
        from lukhas_sdk.secrets import read_secret

        ends, _, self._token = (read_secret(self._paths, ACCESS) or "").partition(" ")
        self._ends_s = int(ends) if ends.isdigit() else 0
        return self._in_time()

    def _in_time(self) -> bool:
        return self._ends_s > time.time() + SPARE_S


def _renew(paths: Paths) -> None:
    from lukhas_sdk.client import LukhasClient
    from lukhas_sdk.contract.identity import REFRESH as OPERATION
    from lukhas_sdk.contract.identity import RefreshRequest
    from lukhas_sdk.secrets import read_secret

    username = name(paths) or ""
    kept = read_secret(paths, REFRESH)
    try:
        if kept is None:
            raise InvalidToken("its token is gone")
        with LukhasClient(paths=paths) as client:
            tokens = client.call(OPERATION, body=RefreshRequest(kept))
    except InvalidToken as error:
        raise InvalidToken(
            f"the login of {username} has ended: {error.message}",
            hint="lukhas auth login, or: lukhas auth logout to act as this machine's owner again",
        ) from error
    keep(paths, username, tokens)


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    descriptor = os.open(paths.state / "login.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(descriptor, "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _marker(paths: Paths) -> Path:
    return paths.state / "login"
