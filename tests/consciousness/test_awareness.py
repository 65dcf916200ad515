"""Awareness: the formula, what is told of it, and that nobody sees another's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lukhas_sdk import LukhasClient
from lukhas_sdk.contract.base import STAGES
from lukhas_sdk.contract.matriz import ProcessEvent, TraceRow
from lukhas_sdk.paths import Paths
from lukhasd.consciousness import AwarenessKeeper
from lukhasd.consciousness.awareness import HALF_LIFE_S, name_of
from lukhasd.constellation.stars import Stars
from lukhasd.glyph import Bus
from lukhasd.records.metrics import Metrics


async def fine() -> str | None:
    return None


async def ill() -> str | None:
    return "out of order"


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def keeper(bus: Bus, clock: Clock, **tests: Any) -> AwarenessKeeper:
    known = {"identity": fine, "memory": fine, "guardian": fine, "consciousness": fine, **tests}
    return AwarenessKeeper(Stars(known), bus, Metrics(), clock=clock)


def ended(stage: Any, confidence: float | None) -> ProcessEvent:
    return ProcessEvent(type="trace", row=TraceRow(stage, "did it", confidence, 1.0))


@pytest.mark.parametrize(
    ("level", "name"),
    [(0.0, "DORMANT"), (0.19, "DORMANT"), (0.2, "DROWSY"), (0.4, "AWARE"), (0.6, "FOCUSED"), (0.85, "ABSORBED")],
)
def test_names(level: float, name: str) -> None:
    assert name_of(level) == name


async def test_the_level_follows_the_formula() -> None:
    clock = Clock()
    own = keeper(Bus(), clock, memory=ill)
    seen: list[ProcessEvent] = []
    with own.processing("me", seen.append) as (watch, _):
        assert (await own.awareness("me")).level == round(2 / 3 * 0.5, 4)
        state = await own.state("me")
        assert (state.consciousness_state.current_mode, state.consciousness_state.active_pipeline_stage) == (
            "MATRIZ_PROCESSING", "memory",
        )  # fmt: skip
        watch(ended("memory", None))
        watch(ended("attention", 0.6))
        clock.now_s += 10_000
        assert (await own.awareness("me")).level == round(2 / 3 * 0.8, 4), "time passes, and it is no idle time"
        assert (await own.state("me")).matriz_context.thought_processing
    clock.now_s += HALF_LIFE_S
    after = await own.awareness("me")
    assert after.level == round(2 / 3 * 0.8 / 2, 4)
    state = await own.state("me")
    assert state.consciousness_state.current_mode == "IDLE"
    assert state.state_duration_seconds == HALF_LIFE_S
    assert state.matriz_context.attention_focused
    assert not state.matriz_context.memory_active
    assert not state.matriz_context.action_ready
    assert "⚖️" not in state.consciousness_state.constellation_alignment
    assert len(seen) == 2


async def test_the_stars_are_first_tried_when_what_came_with_the_start_is_done() -> None:
    tried = asyncio.Event()

    async def memory() -> str | None:
        tried.set()
        return None

    own = keeper(Bus(), Clock(), memory=memory)
    own.start()
    try:
        with own.processing("me", lambda event: None) as (watch, _):
            watch(ended("memory", None))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not tried.is_set()
        async with asyncio.timeout(2):
            await tried.wait()
    finally:
        await own.close()


async def test_nobody_sees_anothers_work() -> None:
    clock = Clock()
    own = keeper(Bus(), clock)
    before = await own.state("other")
    with own.processing("me", lambda event: None):
        during = await own.state("other")
    assert (before.consciousness_state, during.consciousness_state) == (during.consciousness_state,) * 2
    assert during.consciousness_state.current_mode == "IDLE"
    assert set(during.reasons) == {
        "attention_distribution", "registry_nodes_active", "attention_focused", "risk_assessment", "intent_verified",
        "active_pipeline_stage",
    }  # fmt: skip


async def test_reflecting_is_told_when_it_begins_and_when_it_ends() -> None:
    clock, bus = Clock(), Bus()
    own = keeper(bus, clock)
    async with bus.subscribe(lambda token: token.context.user_id == "me") as deliveries, asyncio.timeout(10):
        async with own.working("me", "REFLECTING"):
            during = await own.state("me")
            assert during.consciousness_state.current_mode == "REFLECTING"
            clock.now_s += 3
            assert (await own.state("me")).state_duration_seconds == 3
            assert (await own.state("other")).consciousness_state.current_mode == "IDLE"
            with own.processing("me", lambda event: None):
                assert (await own.state("me")).consciousness_state.current_mode == "MATRIZ_PROCESSING"
        told = [(await anext(deliveries)).token.payload.data for _ in range(2)]
    assert [(one["mode"], one["attention_shift"]) for one in told] == [("REFLECTING", "reflection"), ("IDLE", "idle")]
    assert (await own.state("me")).consciousness_state.current_mode == "IDLE"


async def test_changes_are_told_and_only_changes() -> None:
    clock, bus = Clock(), Bus()
    own = keeper(bus, clock)
    async with bus.subscribe(lambda token: token.context.user_id == "me") as deliveries, asyncio.timeout(10):
        own.start()
        try:
            with own.processing("me", lambda event: None) as (watch, _):
                first = (await anext(deliveries)).token
                assert first.payload.data == {
                    "state": "AWARE", "level": 0.5, "attention_shift": "memory_recall", "mode": "MATRIZ_PROCESSING",
                    "reasons": {},
                }  # fmt: skip
                for stage in STAGES:
                    watch(ended(stage, 0.02 if stage == "attention" else 0.9))
                told = [(await anext(deliveries)).token for _ in STAGES]
                assert [token.payload.data["stage"] for token in told] == list(STAGES)
            with own.processing("me", lambda event: None) as (watch, _):
                watch(ended("attention", 1.0))
                changes = [(await anext(deliveries)).token for _ in range(2)]
                assert changes[0].payload.action == "stage_ended"
                assert changes[1].payload.data["state"] == "ABSORBED"
        finally:
            await own.close()


def test_the_state_has_every_field_of_the_reference(warm_home: Any) -> None:
    root = warm_home.path
    with LukhasClient(paths=Paths(root / "config", root / "data", root / "state", root / "run")) as client:
        client.memory.store("The awareness test keeps its ladder in the loft.")
        answer = client.process("Where is the ladder of the awareness test?")
        state = client.consciousness.state()
        assert state.attention_distribution == answer.metadata.attention_distribution
        assert sum(share.attention_weight for share in state.attention_distribution) == pytest.approx(1)
        assert state.registry_nodes_active == answer.constellation_metadata.registry_nodes_utilized
        assert state.consciousness_state.current_mode == "IDLE"
        assert state.matriz_context.risk_assessment == "low"
        assert state.matriz_context.intent_verified
        awareness = client.consciousness.get_awareness()
        assert 0 < awareness.level <= 1
        health = client.health().modules.consciousness
        assert health.awareness_level == awareness.state
        assert health.latency_ms is not None
        assert not health.reasons
