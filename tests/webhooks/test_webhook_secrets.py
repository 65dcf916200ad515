"""Secrets: shown once, found nowhere, rotated with both in force, and no longer signed with once their key is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lukhas_sdk.errors import Conflict, InvalidToken, NotFound
from lukhas_sdk.webhooks import verify
from webhooks.receiving import Receiver
from webhooks.working import ANA, BOB, Working, working


async def test_a_secret_is_in_no_file_and_no_repr(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        added = await it.add(receiver.url())
        again = await it.webhooks.rotate(ANA, added.webhook.webhook_id, 60)
        it.publish("memory_stored")
        await asyncio.to_thread(receiver.wait, 1)
        said = repr([added, again, await it.webhooks.find_all(ANA), await it.deliveries(added.webhook.webhook_id)])
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert any(file.name == "webhook.key" for file in files)
    assert oct((tmp_path / "state" / "webhook.key").stat().st_mode)[-3:] == "600"
    for secret in (added.secret, again.secret):
        assert len(secret) == len("whsec_") + 43
        assert secret not in said
        assert [file for file, content in files.items() if secret.encode() in content] == []


async def test_both_secrets_sign_until_the_grace_is_over(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        first = await it.add(receiver.url())
        name = first.webhook.webhook_id
        second = await it.webhooks.rotate(ANA, name, 60)
        assert second.webhook.previous_secret_until is not None
        it.publish("memory_stored")
        [both] = await asyncio.to_thread(receiver.wait, 1)
        third = await it.webhooks.rotate(ANA, name, 0)
        assert third.webhook.previous_secret_until is None
        it.publish("memory_stored")
        alone = (await asyncio.to_thread(receiver.wait, 2))[1]
    assert len({first.secret, second.secret, third.secret}) == 3
    assert verify(first.secret, both.headers, both.body) == verify(second.secret, both.headers, both.body)
    verify(third.secret, alone.headers, alone.body)
    for ended in (first, second):
        with pytest.raises(InvalidToken):
            verify(ended.secret, alone.headers, alone.body)


async def test_a_secret_outlives_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        added = await it.add(receiver.url("/fails"))
        it.publish("memory_stored")
        await it.until(added.webhook.webhook_id, lambda each: each.pending == 1)
    so_far = len(receiver.got)
    receiver.is_mended = True
    async with working(tmp_path) as it:
        await it.until(added.webhook.webhook_id, lambda each: each.delivered == 1)
    got = receiver.got[so_far]
    assert verify(added.secret, got.headers, got.body).event == "memory_stored"


async def test_without_its_key_a_webhook_stops_and_says_so(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        added = await it.add(receiver.url())
        key = it.paths.state / "webhook.key"
    name = added.webhook.webhook_id
    key.write_text("00" * 32)
    async with working(tmp_path) as it:
        it.publish("memory_stored")
        shown = await it.until(name, lambda each: each.pending == 1)
        assert shown.status == "stopped"
        assert "rotate" in shown.reasons["status"]
        with pytest.raises(Conflict):
            await it.webhooks.test(ANA, name)
        assert receiver.got == []
        again = await it.webhooks.rotate(ANA, name, 60)
        assert again.webhook.status == "active"
        [got] = await asyncio.to_thread(receiver.wait, 1)
        verify(again.secret, got.headers, got.body)
        assert "," not in got.headers["X-Lukhas-Signature"]  # the old secret cannot be made any more


async def test_another_identity_sees_none_of_it(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        added = await it.add(receiver.url())
        name = added.webhook.webhook_id
        calls = [
            lambda one: it.webhooks.show(BOB, one),
            lambda one: it.webhooks.test(BOB, one),
            lambda one: it.webhooks.rotate(BOB, one, 60),
            lambda one: it.webhooks.remove(BOB, one),
            lambda one: it.deliveries(one, caller=BOB),
            lambda one: it.webhooks.replay(BOB, one, []),
        ]
        for call in calls:
            errors = []
            for one in (name, "webhook_2020_01_01_nobodyhasit"):
                with pytest.raises(NotFound) as error:
                    await call(one)
                errors.append(error.value.message.replace(one, "ID"))
            assert errors[0] == errors[1]
        assert (await it.webhooks.find_all(BOB)).webhooks == []
        assert (await it.webhooks.show(ANA, name)).status == "active"


async def test_sixteen_each(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        for _ in range(16):
            await it.add(receiver.url())
        with pytest.raises(Conflict, match="16 webhooks"):
            await it.add(receiver.url())
        await it.add(receiver.url(), caller=BOB)


async def test_what_is_removed_is_gone(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        mine, theirs = await it.add(receiver.url("/hangs")), await it.add(receiver.url("/fails"), caller=BOB)
        for _ in range(3):
            it.publish("memory_stored")
            it.publish("memory_stored", owner=BOB.identity_id)
        await it.until(mine.webhook.webhook_id, lambda each: each.pending == 3)
        gone = await it.webhooks.remove(ANA, mine.webhook.webhook_id)
        assert (gone.removed, gone.deliveries) == (True, 3)
        assert await rows(it, ANA.identity_id) == (0, 0)
        assert (await rows(it, BOB.identity_id))[0] == 1
        await it.webhooks.remove_all(BOB.identity_id)
        it.publish("memory_stored", owner=BOB.identity_id)
        assert it.bus.figures().subscribers == 0
        assert await rows(it, BOB.identity_id) == (0, 0)
        with pytest.raises(NotFound):
            await it.webhooks.show(BOB, theirs.webhook.webhook_id)


async def rows(it: Working, owner: str) -> tuple[int, int]:
    def count(cursor: object) -> tuple[int, int]:
        tables = ("webhooks", "webhook_deliveries")
        found = [
            cursor.execute(f"SELECT count(*) FROM {table} WHERE owner = ?", [owner]).fetchall()[0][0]  # type: ignore[attr-defined]
            for table in tables
        ]
        return found[0], found[1]

    return await it.database.read(count)
