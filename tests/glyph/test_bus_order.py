"""What a subscriber gets first, what it loses first, and whom a token costs anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from lukhas_sdk.contract.glyph import SYMBOLS, GlyphMetadata, Priority, Token
from lukhas_sdk.errors import ValidationError
from lukhasd.glyph import Bus
from lukhasd.glyph.bus import Subscription
from lukhasd.glyph.events import drift_token


def token(name: str, priority: Priority = "normal", *, owner: str = "me", action: str = "memory_drift") -> Token:
    made = drift_token(owner, name, 0.4, "partial_heal")
    payload = msgspec.structs.replace(made.payload, action=action)
    return msgspec.structs.replace(made, metadata=GlyphMetadata(priority=priority), payload=payload)


def publish(bus: Bus, said: str) -> None:
    """As "l1 n1 h1": their priority by the first letter."""
    priorities: dict[str, Priority] = {"l": "low", "n": "normal", "h": "high"}
    for name in said.split():
        bus.publish(token(name, priorities[name[0]]))


async def taken(deliveries: Subscription, count: int) -> tuple[str, int]:
    """Their names, and how many were missed in all."""
    async with asyncio.timeout(5):
        got = [await anext(deliveries) for _ in range(count)]
    return " ".join(one.token.payload.data["memory_id"] for one in got), sum(one.missed for one in got)


async def test_high_goes_before_normal_before_low_and_each_in_its_order() -> None:
    bus = Bus()
    async with bus.subscribe() as deliveries:
        publish(bus, "l1 n1 h1 l2 h2 n2")
        assert await taken(deliveries, 6) == ("h1 h2 n1 n2 l1 l2", 0)


@pytest.mark.parametrize(
    ("came", "left", "lost"),
    [
        ("l1 n1 h1 n2", "h1 n1 n2", {"low": 1}),
        ("n1 h1 h2 l1", "h1 h2 n1", {"low": 1}),
        ("n1 n2 h1 h2 h3", "h1 h2 h3", {"normal": 2}),
        ("h1 h2 h3 n1 l1", "h1 h2 h3", {"normal": 1, "low": 1}),
        ("h1 h2 h3 h4", "h2 h3 h4", {"high": 1}),
        ("l1 l2 l3 l4 n1", "n1 l3 l4", {"low": 2}),
    ],
)
async def test_under_pressure_low_is_lost_first_and_counted(came: str, left: str, lost: dict[str, int]) -> None:
    bus = Bus()
    async with bus.subscribe(size=3) as deliveries:
        publish(bus, came)
        assert await taken(deliveries, 3) == (left, sum(lost.values()))
    figures = bus.figures()
    assert figures.lost == {"high": 0, "normal": 0, "low": 0} | lost
    assert (figures.published, figures.delivered) == (len(came.split()),) * 2


async def test_one_subscriber_behind_takes_nothing_from_another() -> None:
    bus = Bus()
    async with bus.subscribe(size=1), bus.subscribe() as other:
        publish(bus, "n1 n2 n3")
        assert await taken(other, 3) == ("n1 n2 n3", 0)


async def test_a_token_is_for_its_owner_and_its_action() -> None:
    bus = Bus()
    asked: list[str] = []

    def wants(which: str, answer: bool = True) -> object:
        def ask(_: Token) -> bool:
            asked.append(which)
            return answer

        return ask

    subscribed = {
        "mine": bus.subscribe(wants("mine"), owner="me"),  # type: ignore[arg-type]
        "yours": bus.subscribe(wants("yours"), owner="you"),  # type: ignore[arg-type]
        "drift": bus.subscribe(wants("drift"), action="memory_drift"),  # type: ignore[arg-type]
        "my drift": bus.subscribe(wants("my drift"), owner="me", action="memory_drift"),  # type: ignore[arg-type]
        "my stores": bus.subscribe(wants("my stores"), owner="me", action="memory_stored"),  # type: ignore[arg-type]
        "all": bus.subscribe(wants("all")),  # type: ignore[arg-type]
        "none": bus.subscribe(wants("none", answer=False)),  # type: ignore[arg-type]
    }
    assert bus.publish(token("n1")) == 4
    assert sorted(asked) == ["all", "drift", "mine", "my drift", "none"]
    assert bus.publish(token("n2", owner="you", action="else")) == 2
    for name, subscription in subscribed.items():
        bus.unsubscribe(subscription)
        assert bus.figures().subscribers == 6 - list(subscribed).index(name)
    assert bus.publish(token("n3")) == 0


async def test_a_subscriber_that_fails_breaks_no_publisher(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()

    def fail(_: Token) -> bool:
        raise KeyError("out of order")

    bus.subscribe(fail)
    async with bus.subscribe() as other:
        assert bus.publish(token("n1")) == 1
        assert await taken(other, 1) == ("n1", 0)
    assert "could not say" in caplog.text
    assert bus.figures().lost["normal"] == 1


async def test_a_symbol_that_nobody_registered_is_refused() -> None:
    known: Sequence[str] = (*SYMBOLS, "MEASURE")
    bus = Bus(is_known=known.__contains__)
    bus.publish(msgspec.structs.replace(token("n1"), symbol="MEASURE"))
    with pytest.raises(ValidationError) as refused:
        bus.publish(msgspec.structs.replace(token("n1"), symbol="DESTROY"))
    assert refused.value.details["field"] == "$.symbol"
    assert bus.figures().published == 1


async def test_many_are_woken_with_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    bus, loop = Bus(), asyncio.get_running_loop()
    subscriptions = [bus.subscribe(owner="me") for _ in range(100)]
    waiting = [asyncio.create_task(taken(one, 2)) for one in subscriptions]
    await asyncio.sleep(0)
    calls: list[object] = []
    real = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *given: (calls.append(given), real(*given))[1])
    publish(bus, "n1 n2")
    assert len(calls) == 1
    assert await asyncio.gather(*waiting) == [("n1 n2", 0)] * 100
