from __future__ import annotations

import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from serving import make_paths

from lukhas_sdk import secrets
from lukhas_sdk.errors import LukhasError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import Secret, delete_secret, read_secret, store_secret


class MemoryKeyring(KeyringBackend):
    priority = 5  # type: ignore[assignment]
    viable = False  # type: ignore[assignment]  # never found by itself, by other tests

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.open = threading.Event()
        self.open.set()
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.open.wait(20)
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.open.wait(20)
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return make_paths(tmp_path)


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    ring = MemoryKeyring()
    keyring.set_keyring(ring)
    yield ring
    ring.open.set()
    keyring.set_keyring(before)


def test_a_file_is_private_and_comes_back(paths: Paths) -> None:
    assert store_secret(paths, "local.key", "abc", "file") == "file"
    assert stat.S_IMODE((paths.state / "local.key").stat().st_mode) == 0o600
    assert read_secret(paths, "local.key") == "abc"
    delete_secret(paths, "local.key")
    assert not (paths.state / "local.key").exists()


def test_auto_prefers_a_keyring_that_works(paths: Paths, ring: MemoryKeyring) -> None:
    store_secret(paths, "local.key", "old", "file")
    assert store_secret(paths, "local.key", "abc", "auto") == "keyring"
    assert not (paths.state / "local.key").exists(), "else the old one would be read"
    assert read_secret(paths, "local.key") == "abc"
    assert [account for _, account in ring.kept] == [f"{paths.data}:local.key"]
    delete_secret(paths, "local.key")
    assert read_secret(paths, "local.key") is None


def test_two_homes_do_not_meet(tmp_path: Path, ring: MemoryKeyring) -> None:
    one, two = make_paths(tmp_path / "one"), make_paths(tmp_path / "two")
    store_secret(one, "local.key", "1")
    store_secret(two, "local.key", "2")
    assert (read_secret(one, "local.key"), read_secret(two, "local.key")) == ("1", "2")


def test_a_keyring_that_waits_for_a_person_is_not_waited_for(
    paths: Paths, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "KEYRING_TIMEOUT_S", 0.1)
    ring.open.clear()
    started = time.monotonic()
    assert store_secret(paths, "local.key", "abc", "auto") == "file"
    assert read_secret(paths, "local.key") == "abc"
    assert ring.asked == 0, "a file is found without the keyring"
    with pytest.raises(LukhasError, match=r"did not answer within 0\.1 s"):
        store_secret(paths, "jwt.key", "abc", "keyring")
    assert read_secret(paths, "model.key") is None
    assert time.monotonic() - started < 5


def test_a_keyring_that_fails_is_passed_over(
    paths: Paths, ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(service: str, username: str, password: str) -> None:
        raise RuntimeError("no bus")

    monkeypatch.setattr(ring, "set_password", fail)
    assert store_secret(paths, "local.key", "abc") == "file"
    with pytest.raises(LukhasError, match="no bus"):
        store_secret(paths, "jwt.key", "abc", "keyring")


def test_names_cannot_leave_the_folder(paths: Paths) -> None:
    for name in ("../local.key", "a/b.key", "", "local"):
        with pytest.raises(ValueError, match="not a secret's name"):
            read_secret(paths, name)


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("abc")
    assert "abc" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "abc"
