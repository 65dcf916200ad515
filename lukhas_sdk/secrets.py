"""Keys and tokens at rest: in the system keyring, or in 0600 files in the state folder.

A file is looked at first: it costs nothing, while a keyring may take a second to import and may wait for a person.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import Paths, make_private, read_private, write_private

KeyStore = Literal["auto", "keyring", "file"]

SERVICE = "lukhas"
KEYRING_TIMEOUT_S = 2.0
NAME = re.compile(r"[a-z]+(\.[a-z]+)+")
JUDGE_KEY = "judge.key"
"""The guardian's judge's, kept as `ADDRESS KEY`, so that it is sent to no other address."""


class Secret:
    """A value that no repr, format or traceback shows; `reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"


def store_secret(paths: Paths, name: str, value: str, key_store: KeyStore = "auto") -> Literal["keyring", "file"]:
    """Keeps `value` under `name` ("local.key") and says where.

    LukhasError where `keyring` is asked for and none works.
    """
    file = _file(paths, name)
    if key_store != "file":
        problem = _in_time(lambda: _put(paths, name, value), late=f"it did not answer within {KEYRING_TIMEOUT_S:g} s")
        if problem is None:
            file.unlink(missing_ok=True)
            return "keyring"
        if key_store == "keyring":
            raise LukhasError(
                f"the keyring cannot keep {name}: {problem}",
                hint="unlock it, or: lukhas config set identity.key_store file",
            )
    make_private(paths.state)
    write_private(file, value)
    return "file"


def read_secret(paths: Paths, name: str) -> str | None:
    """The value, None where there is none. LukhasError where its file can be read by others."""
    text = read_private(_file(paths, name))
    if text is not None:
        return text.strip()
    return _in_time(lambda: _get(paths, name), late=None)


def delete_secret(paths: Paths, name: str) -> None:
    """Removes it wherever it is; nothing happens where there is none."""
    _file(paths, name).unlink(missing_ok=True)
    _in_time(lambda: _delete(paths, name), late=None)


def _file(paths: Paths, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise ValueError(f"not a secret's name: {name!r}")
    return paths.state / name


def _account(paths: Paths, name: str) -> str:
    """One user may have several LUKHAS_HOMEs, each with its own secrets."""
    return f"{paths.data}:{name}"


def _put(paths: Paths, name: str, value: str) -> str | None:
    """None when the keyring gives back what it was given, else what is wrong with it."""
    import keyring

    backend = keyring.get_keyring()
    if backend.priority < 1:
        return "no usable backend is installed"
    account = _account(paths, name)
    backend.set_password(SERVICE, account, value)
    return None if backend.get_password(SERVICE, account) == value else "it did not keep the value"


def _get(paths: Paths, name: str) -> str | None:
    import keyring

    backend = keyring.get_keyring()
    return backend.get_password(SERVICE, _account(paths, name)) if backend.priority >= 1 else None


def _delete(paths: Paths, name: str) -> str | None:
    import keyring

    backend = keyring.get_keyring()
    if backend.priority >= 1 and backend.get_password(SERVICE, _account(paths, name)) is not None:
        backend.delete_password(SERVICE, _account(paths, name))
    return None


def _in_time(run: Callable[[], str | None], *, late: str | None) -> str | None:
    """`run`'s result; `late` where it takes too long (a keyring may wait for a person to unlock it). An error of the
    keyring counts like its silence, with its own words where `late` has any."""
    outcome: list[str | None] = []

    def attempt() -> None:
        try:
            outcome.append(run())
        except Exception as error:  # backends raise whatever their system does
            outcome.append(None if late is None else f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=attempt, name="keyring", daemon=True)
    thread.start()
    thread.join(KEYRING_TIMEOUT_S)
    return outcome[0] if outcome else late
