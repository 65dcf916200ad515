"""Deliveries on real sockets: what is sent, to whom, how often, and what becomes of receivers that misbehave."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from lukhas_sdk.contract import webhooks as contract
from lukhas_sdk.errors import Conflict, InvalidToken, NotFound
from lukhas_sdk.webhooks import verify
from lukhasd.webhooks import worker
from lukhasd.webhooks.worker import retry_after_s
from webhooks.receiving import Receiver
from webhooks.working import ANA, BOB, token, working


async def test_an_event_arrives_signed_once(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        added = await it.add(receiver.url("/good?team=a"))
        it.publish("memory_stored", count=1, ids=["mem_1"], step="I keep the key under the stone.")
        [got] = await asyncio.to_thread(receiver.wait, 1)
        event = verify(added.secret, got.headers, got.body)
        shown = await it.until(added.webhook.webhook_id, lambda each: each.delivered == 1)
        [delivery] = await it.deliveries(added.webhook.webhook_id)
    assert got.path == "/good?team=a"
    assert got.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert event.delivery_id == delivery.delivery_id == got.headers["X-Lukhas-Delivery"]
    assert (event.event, event.missed) == ("memory_stored", 0)
    assert event.token is not None
    assert event.token.context.user_id == ANA.lambda_id
    assert event.token.payload.data == {"count": 1, "ids": ["mem_1"]}  # what a memory may say is left out
    assert b"stone" not in got.body
    assert (delivery.state, delivery.attempts, delivery.http_status, delivery.due_at) == ("delivered", 1, 204, None)
    assert (shown.status, shown.pending, shown.dead, shown.dropped) == ("active", 0, 0, 0)
    with pytest.raises(InvalidToken):
        verify(added.secret, got.headers, got.body + b" ")


async def test_a_webhook_gets_what_it_asked_for_of_its_own_identity(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        await it.add(receiver.url("/memory"), events=["memory_*", "job_changed"], symbols=["LEARN"])
        await it.add(receiver.url("/all"))
        await it.add(receiver.url("/bob"), caller=BOB)
        it.publish("memory_stored")
        it.publish("memory_stored", symbol="ADAPT")
        it.publish("job_changed")
        it.publish("identity_login")
        it.publish("memory_deleted", owner=BOB.identity_id)
        await asyncio.to_thread(receiver.wait, 7)
        paths = [(each.path, each.event["event"]) for each in receiver.got]
    assert sorted(paths) == sorted(
        [
            ("/memory", "memory_stored"), ("/memory", "job_changed"), ("/all", "memory_stored"),
            ("/all", "memory_stored"), ("/all", "job_changed"), ("/all", "identity_login"), ("/bob", "memory_deleted"),
        ]
    )  # fmt: skip


async def test_what_came_from_outside_is_sent_without_what_it_carried(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        await it.add(receiver.url())
        data = {"text": "I keep the key under the stone."}
        it.bus.publish(token("said", symbol="LEARN", owner=ANA.identity_id, data=data, module="external"))
        [got] = await asyncio.to_thread(receiver.wait, 1)
        await asyncio.to_thread(it.database.call, lambda cursor: cursor.execute("CHECKPOINT"))
        kept = await asyncio.to_thread(it.paths.database.read_bytes)
    assert got.event["token"]["payload"] == {"action": "said", "data": None}
    assert got.event["token"]["reasons"]
    assert b"under the stone" not in got.body + kept


async def test_a_failure_is_tried_again_with_growing_pauses_under_the_same_id(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.failures_left = 3
    async with working(tmp_path, retry_s=0.05) as it:
        added = await it.add(receiver.url("/flaky"))
        began_s = time.monotonic()
        it.publish("memory_stored")
        got = await asyncio.to_thread(receiver.wait, 4)
        took_s = time.monotonic() - began_s
        await it.until(added.webhook.webhook_id, lambda each: each.delivered == 1)
        [delivery] = await it.deliveries(added.webhook.webhook_id)
    assert took_s >= (0.05 + 0.2 + 0.8) * 0.75
    assert {each.headers["X-Lukhas-Delivery"] for each in got} == {delivery.delivery_id}
    assert len({each.body for each in got}) == 1
    assert [verify(added.secret, each.headers, each.body).missed for each in got] == [0] * 4
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 4, None)


def test_pauses_grow_within_bounds_and_vary() -> None:
    for attempts, plain_s in ((1, 5.0), (2, 20.0), (3, 80.0), (7, 20_480.0), (8, 21_600.0), (19, 21_600.0)):
        drawn = [retry_after_s(attempts, 5.0) for _ in range(50)]
        assert all(plain_s * 0.75 <= each <= plain_s * 1.25 for each in drawn)
        assert len(set(drawn)) > 25


async def test_the_dead_are_told_kept_and_replayed(tmp_path: Path, receiver: Receiver) -> None:
    receiver.failures_left = 6
    async with working(tmp_path, attempts=3, retry_s=0.01) as it:
        added = await it.add(receiver.url())
        name = added.webhook.webhook_id
        it.publish("memory_stored")
        it.publish("memory_edited")
        shown = await it.until(name, lambda each: each.dead == 2)
        dead = await it.deliveries(name, "dead")
        assert shown.status == "failing"
        assert shown.last_error == "it answered 500"
        assert [(each.attempts, each.http_status, each.error) for each in dead] == [(3, 500, "it answered 500")] * 2
        assert it.told == [(ANA.identity_id, name, "added"), (ANA.identity_id, name, "delivery_dead")]
        assert len(receiver.got) == 6  # nothing more comes by itself
        assert (await it.webhooks.replay(ANA, name, [dead[0].delivery_id])).replayed == 1
        await it.until(name, lambda each: (each.dead, each.delivered) == (1, 1))
        assert (await it.webhooks.replay(ANA, name, [])).replayed == 1
        await it.until(name, lambda each: (each.dead, each.delivered) == (0, 2))
        again = await it.deliveries(name)
    assert {each.delivery_id for each in again} == {each.delivery_id for each in dead}
    assert [(each.state, each.attempts, each.replays) for each in again] == [("delivered", 1, 1)] * 2


async def test_a_replay_that_names_what_is_not_there_queues_nothing(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        first, other = [await it.add(receiver.url()), await it.add(receiver.url("/other"))]
        it.publish("memory_stored")
        await it.until(first.webhook.webhook_id, lambda each: each.delivered == 1)
        await it.until(other.webhook.webhook_id, lambda each: each.delivered == 1)
        [mine], [theirs] = [await it.deliveries(each.webhook.webhook_id) for each in (first, other)]
        with pytest.raises(NotFound):
            await it.webhooks.replay(ANA, first.webhook.webhook_id, [mine.delivery_id, theirs.delivery_id])
        assert [each.replays for each in await it.deliveries(first.webhook.webhook_id)] == [0]


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/fails", 500, "it answered 500"),
        ("/redirects", 307, "it answered 307; redirects are not followed"),
        ("/hangs", None, "it did not answer within 0.3 s"),
        ("/garbage", None, "its answer is no HTTP"),
        ("/no-head", None, "its answer is no HTTP"),
        ("/dies", None, "it broke off: ServerDisconnectedError"),
        ("/endless", 200, None),
        ("/drips", 200, None),
    ],
)
async def test_a_receiver_that_misbehaves(
    tmp_path: Path, receiver: Receiver, path: str, status: int | None, error: str | None
) -> None:
    async with working(tmp_path, timeout_s=0.3) as it:
        added = await it.add(receiver.url(path))
        tried = await it.webhooks.test(ANA, added.webhook.webhook_id)
    assert (tried.delivered, tried.http_status, tried.error) == (error is None, status, error)
    assert tried.duration_ms < 2000
    assert [each.path for each in receiver.got] == [path]  # not where it was sent on to
    assert "http_status" in tried.reasons or status is not None


async def test_nobody_there(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path) as it:
        receiver.close()
        added = await it.add(receiver.url())
        tried = await it.webhooks.test(ANA, added.webhook.webhook_id)
    assert tried.error is not None
    assert tried.error.startswith("it cannot be connected to")


async def test_a_slow_receiver_delays_neither_publishers_nor_others(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path, timeout_s=30) as it:
        slow, good = await it.add(receiver.url("/hangs")), await it.add(receiver.url("/good"))
        began_s = time.perf_counter()
        for _ in range(200):
            it.publish("memory_stored")
        published_s = time.perf_counter() - began_s
        await it.until(good.webhook.webhook_id, lambda each: each.delivered == 200)
        hanging = await it.webhooks.show(ANA, slow.webhook.webhook_id)
        on_their_way = [each for each in receiver.got if each.path == "/hangs"]
        receiver.released.set()
    assert published_s < 0.5
    assert (hanging.pending, hanging.delivered) == (200, 0)
    assert len(on_their_way) == worker.AT_ONCE


async def test_a_dead_receiver_is_not_asked_for_each_delivery_in_turn(tmp_path: Path, receiver: Receiver) -> None:
    async with working(tmp_path, retry_s=5.0) as it:
        added = await it.add(receiver.url("/dies"))
        for _ in range(40):
            it.publish("memory_stored")
        shown = await it.until(added.webhook.webhook_id, lambda each: each.last_error is not None)
        for _ in range(40):
            it.publish("memory_stored")
        await it.until(added.webhook.webhook_id, lambda each: each.pending == 80)
    assert shown.status == "failing"
    assert len(receiver.got) <= worker.AT_ONCE


async def test_what_the_queue_has_no_room_for_is_counted_and_told(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "PENDING_MOST", 5)
    async with working(tmp_path, timeout_s=30) as it:
        added = await it.add(receiver.url("/hangs"))
        name = added.webhook.webhook_id
        for number in range(8):
            it.publish("memory_stored", number=number)
            await it.until(name, lambda each, so_far=number + 1: each.pending + each.dropped == so_far)
        shown = await it.webhooks.show(ANA, name)
        assert (shown.pending, shown.dropped) == (5, 3)
        assert it.metrics.counter("webhooks.dropped") == 3
        receiver.is_mended = True
        receiver.released.set()
        await it.until(name, lambda each: each.delivered == 5)
        it.publish("memory_stored", number=8)
        await it.until(name, lambda each: each.delivered == 6)
        missed = {each.event["token"]["payload"]["data"]["number"]: each.event["missed"] for each in receiver.got}
        assert missed == {0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 8: 3}
        with pytest.raises(Conflict):
            await it.webhooks.replay(ANA, name, [each.delivery_id for each in await it.deliveries(name)])


async def test_what_comes_faster_than_it_is_written_down_is_counted_and_told(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "QUEUE", 3)
    async with working(tmp_path) as it:
        added = await it.add(receiver.url())
        for number in range(50):  # the event loop does not run in between
            it.publish("memory_stored", number=number)
        shown = await it.until(added.webhook.webhook_id, lambda each: each.delivered == 3)
        told = sum(each.event["missed"] for each in receiver.got)
    assert shown.dropped == told == 47


async def test_old_deliveries_go_and_waiting_ones_stay(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "DELIVERED_MOST", 2)
    async with working(tmp_path) as it:
        added = await it.add(receiver.url())
        for _ in range(5):
            it.publish("memory_stored")
        await it.until(added.webhook.webhook_id, lambda each: each.delivered == 5)
        newest = [each.delivery_id for each in await it.deliveries(added.webhook.webhook_id)][:2]
    receiver.close()
    async with working(tmp_path) as it:  # which tidies up as it starts
        it.publish("memory_stored")
        shown = await it.until(added.webhook.webhook_id, lambda each: (each.delivered, each.pending) == (2, 1))
        kept = [each.delivery_id for each in await it.deliveries(added.webhook.webhook_id, "delivered")]
    assert kept == newest
    assert shown.status in ("active", "failing")


async def test_the_dead_that_nobody_replays_are_counted_and_told_when_they_go(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "DEAD_MOST", 1)
    async with working(tmp_path, attempts=1) as it:
        added = await it.add(receiver.url("/fails"))
        for _ in range(3):
            it.publish("memory_stored")
        await it.until(added.webhook.webhook_id, lambda each: each.dead == 3)
    receiver.is_mended = True
    async with working(tmp_path) as it:
        await it.until(added.webhook.webhook_id, lambda each: (each.dead, each.dropped) == (1, 2))
        it.publish("memory_edited")
        await it.until(added.webhook.webhook_id, lambda each: each.delivered == 1)
    assert receiver.got[-1].event["missed"] == 2
