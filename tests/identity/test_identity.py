from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from serving import make_paths

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.identity import (
    KeyCreateRequest,
    LogoutRequest,
    PasswordRequest,
    RefreshRequest,
    TokenRequest,
)
from lukhas_sdk.errors import Conflict, InvalidToken, LukhasError, NotFound, ValidationError
from lukhas_sdk.paths import Paths
from lukhas_sdk.secrets import read_secret
from lukhas_sdk.settings import IdentitySettings
from lukhasd.database import Database
from lukhasd.identity import Caller, Identity, keys, passwords, people, tokens

PASSWORD = "correct horse battery"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return make_paths(tmp_path)


@asynccontextmanager
async def opened(paths: Paths) -> AsyncIterator[Identity]:
    database = await asyncio.to_thread(Database.open, paths.database)
    try:
        yield await Identity.open(database=database, paths=paths, settings=IdentitySettings(key_store="file"))
    finally:
        await asyncio.to_thread(database.close)


@pytest.fixture
async def identity(paths: Paths) -> AsyncIterator[Identity]:
    async with opened(paths) as it:
        yield it


async def owner(identity: Identity, paths: Paths, *, over_unix_socket: bool = True) -> Caller:
    key = await asyncio.to_thread(read_secret, paths, "local.key")
    return await identity.authenticate(authorization=None, api_key=key, over_unix_socket=over_unix_socket)


def set_clock(monkeypatch: pytest.MonkeyPatch, **ahead: float) -> None:
    for module in (people, passwords, tokens, keys):
        monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + timedelta(**ahead))


async def test_first_start_makes_the_owner(identity: Identity, paths: Paths) -> None:
    caller = await owner(identity, paths)
    assert caller.lambda_id == f"ΛPRIME-{datetime.now(UTC).year}-0001"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", caller.identity_id)
    assert (caller.tier, caller.method, caller.unlimited) == (Tier.PRIME, "local_key", True)
    assert not (await owner(identity, paths, over_unix_socket=False)).unlimited
    assert await identity.self_test() is None


async def test_a_restart_keeps_owner_key_and_tokens(paths: Paths) -> None:
    async with opened(paths) as identity:
        first = await owner(identity, paths)
        key = await asyncio.to_thread(read_secret, paths, "local.key")
        await identity.set_password(first, PasswordRequest(new_password=PASSWORD))
        issued = await identity.token(TokenRequest(username=first.lambda_id, password=PASSWORD))
        made = await identity.create_key(first, KeyCreateRequest(name="script"))
    async with opened(paths) as identity:
        assert await owner(identity, paths) == first
        assert await asyncio.to_thread(read_secret, paths, "local.key") == key
        bearer = f"Bearer {issued.access_token}"
        caller = await identity.authenticate(authorization=bearer, api_key=None, over_unix_socket=True)
        assert (caller.method, caller.tier, caller.unlimited) == ("jwt", Tier.PRIME, False)
        by_key = await identity.authenticate(authorization=None, api_key=made.api_key, over_unix_socket=True)
        assert (by_key.key_name, by_key.tier, by_key.unlimited) == ("script", Tier.USER, False)
        await identity.logout(first, LogoutRequest())
    async with opened(paths) as identity:
        with pytest.raises(InvalidToken, match="revoked"):
            await identity.authenticate(authorization=bearer, api_key=None, over_unix_socket=True)
        with pytest.raises(InvalidToken):
            await identity.refresh(RefreshRequest(issued.refresh_token))


@pytest.mark.parametrize("harm", ["lost", "readable by others", "replaced by a link", "overwritten"])
async def test_a_harmed_local_key_is_made_anew(paths: Paths, harm: str) -> None:
    async with opened(paths) as identity:
        before = await owner(identity, paths)
        old = await asyncio.to_thread(read_secret, paths, "local.key")
    match harm:
        case "lost":
            paths.local_key.unlink()
        case "readable by others":
            paths.local_key.chmod(0o644)
        case "replaced by a link":
            paths.local_key.unlink()
            paths.local_key.symlink_to("/etc/hostname")
        case _:
            paths.local_key.write_text("something else")
    async with opened(paths) as identity:
        after = await owner(identity, paths)
        assert after.identity_id == before.identity_id
        assert paths.local_key.lstat().st_mode & 0o777 == 0o600
        with pytest.raises(InvalidToken):
            await identity.authenticate(authorization=None, api_key=old, over_unix_socket=True)


async def test_only_digests_are_kept(identity: Identity, paths: Paths) -> None:
    caller = await owner(identity, paths)
    made = await identity.create_key(caller, KeyCreateRequest(name="script"))
    local = await asyncio.to_thread(read_secret, paths, "local.key")
    rows = await identity._database.read(lambda cursor: cursor.execute("SELECT * FROM api_keys").fetchall())
    assert len(rows) == 2
    assert made.api_key not in str(rows)
    assert str(local) not in str(rows)
    assert keys.digest_of(made.api_key) in str(rows)


async def test_five_wrong_passwords_lock_for_a_quarter_of_an_hour(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(paths) as identity:
        caller = await owner(identity, paths)
        await identity.set_password(caller, PasswordRequest(new_password=PASSWORD))
        wrong = TokenRequest(username=caller.lambda_id, password="wrong")
        guesses = await asyncio.gather(*(identity.token(wrong) for _ in range(5)), return_exceptions=True)
        assert {str(guess) for guess in guesses} == {"the name or the password is wrong"}
    right = TokenRequest(username=caller.lambda_id, password=PASSWORD)
    async with opened(paths) as identity:
        with pytest.raises(InvalidToken, match="locked") as caught:
            await identity.token(right)
        assert 14 * 60 < (caught.value.retry_after_s or 0) <= 15 * 60
        set_clock(monkeypatch, minutes=14.5)
        with pytest.raises(InvalidToken, match="locked"):
            await identity.token(right)
        set_clock(monkeypatch, minutes=15.1)
        with pytest.raises(InvalidToken, match="is wrong"):
            await identity.token(wrong)
        assert (await identity.token(right)).token_type == "bearer"


async def test_a_right_password_forgives_the_wrong_ones(identity: Identity, paths: Paths) -> None:
    caller = await owner(identity, paths)
    await identity.set_password(caller, PasswordRequest(new_password=PASSWORD))
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(InvalidToken, match="is wrong"):
                await identity.token(TokenRequest(username=caller.lambda_id, password="wrong"))
        await identity.token(TokenRequest(username=caller.lambda_id, password=PASSWORD))


async def test_unknown_names_cannot_be_told_from_known_ones(
    identity: Identity, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await owner(identity, paths)
    monkeypatch.setattr(passwords, "STRANGERS_KEPT", 3)

    async def say(name: str) -> str:
        with pytest.raises(InvalidToken) as caught:
            await identity.token(TokenRequest(username=name, password="wrong"))
        return caught.value.message.split(":")[0]

    known = [await say(caller.lambda_id) for _ in range(6)]
    assert [await say("nobody") for _ in range(6)] == known
    assert known[-1] == "too many wrong passwords"
    for name in "abcd":
        await say(name)
    assert len(identity._passwords._strangers) == 3


async def test_biometric_data_is_never_ignored(identity: Identity, paths: Paths) -> None:
    caller = await owner(identity, paths)
    await identity.set_password(caller, PasswordRequest(new_password=PASSWORD))
    with pytest.raises(ValidationError, match="passkey") as caught:
        await identity.token(TokenRequest(caller.lambda_id, PASSWORD, biometric_data="eA"))
    assert caught.value.details["field"] == "$.biometric_data"


async def test_a_password_is_changed_with_the_old_one_and_ends_tokens(identity: Identity, paths: Paths) -> None:
    caller = await owner(identity, paths)
    assert not (await identity.whoami(caller)).password_set
    await identity.set_password(caller, PasswordRequest(new_password=PASSWORD))
    assert (await identity.whoami(caller)).password_set
    issued = await identity.token(TokenRequest(username=caller.lambda_id, password=PASSWORD))
    with pytest.raises(ValidationError, match="set already"):
        await identity.set_password(caller, PasswordRequest(new_password="another one"))
    with pytest.raises(InvalidToken):
        await identity.set_password(caller, PasswordRequest(new_password="another one", current_password="wrong"))
    await identity.set_password(caller, PasswordRequest(new_password="another one", current_password=PASSWORD))
    with pytest.raises(InvalidToken):
        await identity.authenticate(authorization=f"Bearer {issued.access_token}", api_key=None, over_unix_socket=False)
    with pytest.raises(InvalidToken):
        await identity.token(TokenRequest(username=caller.lambda_id, password=PASSWORD))
    await identity.token(TokenRequest(username=caller.lambda_id, password="another one"))


async def test_concurrent_refreshes_give_one_winner(identity: Identity, paths: Paths) -> None:
    caller = await owner(identity, paths)
    await identity.set_password(caller, PasswordRequest(new_password=PASSWORD))
    issued = await identity.token(TokenRequest(username=caller.lambda_id, password=PASSWORD))
    request = RefreshRequest(issued.refresh_token)
    outcomes = await asyncio.gather(*(identity.refresh(request) for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert all(isinstance(outcome, InvalidToken) for outcome in outcomes if isinstance(outcome, Exception))


async def test_tokens_end_in_time(identity: Identity, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = await owner(identity, paths)
    await identity.set_password(caller, PasswordRequest(new_password=PASSWORD))
    issued = await identity.token(TokenRequest(username=caller.lambda_id, password=PASSWORD))
    bearer = f"Bearer {issued.access_token}"
    await identity.authenticate(authorization=bearer, api_key=None, over_unix_socket=False)
    set_clock(monkeypatch, minutes=61)
    with pytest.raises(InvalidToken, match="expired"):
        await identity.authenticate(authorization=bearer, api_key=None, over_unix_socket=False)
    set_clock(monkeypatch, days=31)
    with pytest.raises(InvalidToken):
        await identity.refresh(RefreshRequest(issued.refresh_token))
    await identity.token(TokenRequest(username=caller.lambda_id, password=PASSWORD))
    count = "SELECT (SELECT count(*) FROM refresh_tokens), (SELECT count(*) FROM token_families)"
    rows = await identity._database.read(lambda cursor: cursor.execute(count).fetchone())
    assert rows == (1, 1), "what has ended is forgotten at the next login"


async def test_keys_live_expire_and_are_revoked(
    identity: Identity, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await owner(identity, paths)
    made = await identity.create_key(caller, KeyCreateRequest(name="script", tier="ΛULTRA", expires_in_days=1))
    with pytest.raises(Conflict, match="exists already"):
        await identity.create_key(caller, KeyCreateRequest(name="script"))
    assert (await identity.list_keys(caller)).keys[0].last_used_at is None
    used = await identity.authenticate(authorization=None, api_key=made.api_key, over_unix_socket=False)
    assert (used.tier, used.expires_at) == (Tier.ULTRA, made.key.expires_at)
    (listed,) = (await identity.list_keys(caller)).keys
    assert listed.last_used_at is not None
    await identity.authenticate(authorization=None, api_key=made.api_key, over_unix_socket=False)
    assert (await identity.list_keys(caller)).keys[0].last_used_at == listed.last_used_at
    with monkeypatch.context() as later:
        set_clock(later, days=1, minutes=1)
        with pytest.raises(InvalidToken, match="expired"):
            await identity.authenticate(authorization=None, api_key=made.api_key, over_unix_socket=False)
    await identity.revoke_key(caller, made.key.key_id)
    with pytest.raises(InvalidToken):
        await identity.authenticate(authorization=None, api_key=made.api_key, over_unix_socket=False)
    for key_id in (made.key.key_id, str(caller.key_id)):
        with pytest.raises(NotFound):
            await identity.revoke_key(caller, key_id)


async def test_self_test_says_what_is_wrong(identity: Identity) -> None:
    await identity._database.write(lambda cursor: cursor.execute("UPDATE identities SET tier = 'ΛUSER'").fetchall())
    assert "ΛPRIME" in str(await identity.self_test())


async def test_secret_structs_do_not_show_themselves() -> None:
    for shown in (TokenRequest("me", PASSWORD), PasswordRequest(PASSWORD), RefreshRequest(PASSWORD)):
        assert PASSWORD not in f"{shown} {shown!r}"


async def test_a_keyring_asked_for_must_work(paths: Paths) -> None:
    database = await asyncio.to_thread(Database.open, paths.database)
    try:
        with pytest.raises(LukhasError, match="keyring cannot keep"):
            await Identity.open(database=database, paths=paths, settings=IdentitySettings(key_store="keyring"))
    finally:
        await asyncio.to_thread(database.close)
