"""The GLYPH token and the bus it travels on."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from reference import GLYPH

from lukhas_sdk.contract.glyph import SYMBOLS, GlyphMetadata, Token
from lukhas_sdk.errors import GuardianRejection, ValidationError
from lukhasd.glyph import Bus, Delivery
from lukhasd.glyph.events import drift_event, drift_token, is_drift_of

REFERENCE: dict[str, Any] = GLYPH | {
    "glyph_id": "glyph_2024_01_15_123456",
    "timestamp": "2024-01-15T10:30:00.123Z",
    "source": {"module": "consciousness", "component": "awareness_engine", "confidence": 0.92},
}


def token(number: int = 0, *, owner: str = "me", **changes: Any) -> Token:
    return msgspec.structs.replace(drift_token(owner, f"mem_{number}", 0.4, "partial_heal"), **changes)


def everything(_: Token) -> bool:
    return True


async def take(deliveries: Any, count: int) -> list[Delivery]:
    async with asyncio.timeout(5):
        return [await anext(deliveries) for _ in range(count)]


def ids(taken: list[Delivery]) -> list[str]:
    return [delivery.token.payload.data["memory_id"] for delivery in taken]


def test_the_references_token_is_read_and_written_as_it_is() -> None:
    read = msgspec.json.decode(msgspec.json.encode(REFERENCE), type=Token)
    written = msgspec.to_builtins(read)
    assert {**written, "timestamp": REFERENCE["timestamp"]} == REFERENCE
    assert read.timestamp == datetime(2024, 1, 15, 10, 30, 0, 123000, UTC)
    assert read.expires_at - read.timestamp == timedelta(minutes=5)
    assert len(SYMBOLS) == 8


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("symbol", "destroy"),
        ("symbol", "A"),
        ("symbol", "NAÏVE"),
        ("glyph_id", " "),
        ("timestamp", datetime(2024, 1, 15)),
        ("source.module", ""),
        ("source.component", "\n"),
        ("source.confidence", 1.5),
        ("source.confidence", float("nan")),
        ("target.module", ""),
        ("context.user_id", ""),
        ("payload.action", ""),
        ("metadata.ttl_seconds", 0),
        ("metadata.ttl_seconds", float("nan")),
        ("metadata.ttl_seconds", 1e9),
    ],
)
def test_a_token_that_is_not_well_formed_cannot_be_made(path: str, value: Any) -> None:
    section, _, name = path.rpartition(".")
    whole = token()
    with pytest.raises(ValidationError) as refused:
        if section:
            part = msgspec.structs.replace(getattr(whole, section), **{name: value})
            msgspec.structs.replace(whole, **{section: part})
        else:
            msgspec.structs.replace(whole, **{name: value})
    assert path.rpartition(".")[2] in str(refused.value.details["field"])


@pytest.mark.parametrize("gone", ["symbol", "source", "target", "context", "payload", "timestamp"])
def test_nothing_of_a_token_may_be_missing(gone: str) -> None:
    tree = {name: value for name, value in REFERENCE.items() if name != gone}
    with pytest.raises(msgspec.ValidationError, match=gone):
        msgspec.convert(tree, Token)


async def test_each_subscriber_gets_what_it_wants_in_order() -> None:
    bus = Bus()
    async with bus.subscribe(lambda it: is_drift_of(it, "me")) as mine, bus.subscribe(everything) as all_of_them:
        assert [bus.publish(token(0)), bus.publish(token(1, owner="you")), bus.publish(token(2))] == [2, 1, 2]
        assert ids(await take(mine, 2)) == ["mem_0", "mem_2"]
        assert ids(await take(all_of_them, 3)) == ["mem_0", "mem_1", "mem_2"]
    assert bus.publish(token(3)) == 0


async def test_what_comes_while_one_waits_wakes_it() -> None:
    bus = Bus()
    async with bus.subscribe(everything) as deliveries:
        for number in range(3):
            waiting = asyncio.create_task(take(deliveries, 1))
            await asyncio.sleep(0)
            bus.publish(token(number))
            assert ids(await waiting) == [f"mem_{number}"]


async def test_a_slow_subscriber_loses_the_oldest_and_is_told() -> None:
    bus = Bus()
    async with bus.subscribe(everything, size=3) as deliveries:
        for number in range(10):
            bus.publish(token(number))
        taken = await take(deliveries, 3)
        assert ids(taken) == ["mem_7", "mem_8", "mem_9"]
        assert [delivery.missed for delivery in taken] == [7, 0, 0]
        assert taken[0].missed == 7


async def test_a_token_whose_time_is_over_is_not_delivered() -> None:
    bus = Bus()
    old = datetime.now(UTC) - timedelta(minutes=10)
    brief = GlyphMetadata(ttl_seconds=0.02)
    async with bus.subscribe(everything) as deliveries:
        assert bus.publish(token(0, timestamp=old)) == 0
        late = token(1, metadata=brief)
        assert bus.publish(late) == 1
        while late.expires_at > datetime.now(UTC):
            time.sleep(0.001)
        bus.publish(token(2))
        taken = await take(deliveries, 1)
        assert (ids(taken), taken[0].missed) == (["mem_2"], 1)


async def test_what_requires_the_guardian_needs_its_approval() -> None:
    bus = Bus()
    guarded = token(metadata=GlyphMetadata(requires_guardian=True))
    async with bus.subscribe(everything) as deliveries:
        for decision in (None, "REJECTED", "REVIEW"):
            with pytest.raises(GuardianRejection):
                bus.publish(guarded, decision=decision)  # type: ignore[arg-type]
        for passing in ("APPROVED", "CONDITIONAL"):
            bus.publish(guarded, decision=passing)  # type: ignore[arg-type]
        assert len(await take(deliveries, 2)) == 2


async def test_threads_publish_without_waiting_and_nothing_is_lost_uncounted() -> None:
    bus = Bus()
    threads, each = 8, 500

    def publish(thread: int) -> None:
        for number in range(each):
            bus.publish(token(thread * each + number))

    async with bus.subscribe(everything, size=64) as deliveries:
        working = [threading.Thread(target=publish, args=(number,)) for number in range(threads)]
        for thread in working:
            thread.start()
        seen: list[int] = []
        missed = 0
        async with asyncio.timeout(20):
            while len(seen) + missed < threads * each:
                delivery = await anext(deliveries)
                missed += delivery.missed
                seen.append(int(ids([delivery])[0].removeprefix("mem_")))
        for thread in working:
            thread.join()
        assert len(set(seen)) == len(seen)
        for number in range(threads):
            own = [one for one in seen if one // each == number]
            assert own == sorted(own)


async def test_closing_ends_subscriptions_after_what_waits() -> None:
    bus = Bus()
    deliveries = bus.subscribe(everything)
    idle = bus.subscribe(everything)
    waiting = asyncio.create_task(anext(idle))
    await asyncio.sleep(0)
    bus.publish(token(0))
    await waiting
    waiting = asyncio.create_task(anext(idle))
    bus.close()
    assert bus.publish(token(1)) == 0
    assert ids([delivery async for delivery in deliveries]) == ["mem_0"]
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert [one async for one in bus.subscribe(everything)] == []


def test_publishing_after_the_loop_is_gone_is_harmless() -> None:
    bus = Bus()

    async def subscribe() -> None:
        bus.subscribe(everything)

    asyncio.run(subscribe())
    bus.publish(token())


@pytest.mark.parametrize(
    ("level", "state", "repair"),
    [(0.0, "healthy", False), (0.0999, "healthy", False), (0.1, "watch", False), (0.2999, "watch", False),
     (0.3, "repair_recommended", True), (0.6999, "repair_recommended", True), (0.7, "excessive", True),
     (1.0, "excessive", True)],
)  # fmt: skip
def test_the_thresholds_of_drift(level: float, state: str, repair: bool) -> None:
    event = drift_event(drift_token("me", "mem_1", level, "full_reset"), "0a-1")
    assert (event.state, event.repair_recommended) == (state, repair)
    assert event.suggested_method == ("full_reset" if repair else None)
    assert event.level == event.drift_level == level
