"""The six signals: each is measured, fades, and changes an answer within its bounds or not at all."""

from __future__ import annotations

import asyncio
import itertools
import json
import urllib.request
import uuid
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import msgspec
import pytest

from lukhas_sdk.contract.base import Tier
from lukhas_sdk.contract.bio import Adaptation as Told
from lukhas_sdk.contract.bio import Modulation, Signal
from lukhas_sdk.contract.feedback import FeedbackRequest
from lukhas_sdk.contract.matriz import ProcessRequest, ProcessResponse
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.contract.models import ModelUseRequest
from lukhas_sdk.contract.nodes import NodePlace, RegisterNodeRequest
from lukhasd.constellation import adaptation as module
from lukhasd.constellation import bio as measuring
from lukhasd.constellation.adaptation import NEUTRAL, Adaptation, Measured
from lukhasd.constellation.bio import Bio
from lukhasd.constellation.urgency import urgency
from lukhasd.identity.caller import Caller
from lukhasd.parts import Parts

NOTES = (
    "The spare key hangs behind the pantry door.",
    "The boiler was serviced by Tom on 2 June and it cost 120 euros.",
    "Lena prefers green tea to coffee.",
)
STRANGE = "Which moon of Jupiter has the most craters?"
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bio(clock: Clock) -> Bio:
    return Bio(on=True, capacity=16, budget_ms=250, clock_s=clock)


@pytest.fixture
def parts(shared_parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """On a busy machine answers are slow, and that would be stress."""
    monkeypatch.setattr(shared_parts.bio, "_budget_ms", 1e6)
    return shared_parts


@pytest.fixture
def caller() -> Caller:
    identity_id = uuid.uuid4().hex
    return Caller(identity_id, f"ΛULTRA-2026-{identity_id[:6]}", Tier.ULTRA, "api_key")


def having(**levels: float) -> Adaptation:
    now = datetime.now(UTC)
    return Adaptation(True, {name: Measured(level, "set", now, 0.0) for name, level in levels.items()})  # type: ignore[misc]


async def fill(parts: Parts, caller: Caller) -> None:
    items = [StoreRequest(MemoryContent(type="semantic", data=text)) for text in NOTES]
    await parts.memory.import_items(caller.identity_id, items)
    assert await parts.memory.wait_for_vectors(30)


async def asked(parts: Parts, caller: Caller, text: str, **options: Any) -> ProcessResponse:
    request = msgspec.convert({"input": text, "pipeline_options": options}, ProcessRequest)
    return await parts.pipeline.process(caller, request)


def told(answer: ProcessResponse) -> Told:
    assert answer.metadata.bio is not None
    return answer.metadata.bio


def signals(answer: ProcessResponse) -> dict[str, Signal]:
    return {one.name: one for one in told(answer).signals}


def made(answer: ProcessResponse) -> dict[str, Modulation]:
    return {one.setting: one for one in told(answer).modulation}


async def test_every_mixture_stays_within_bounds(bio: Bio, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bio.self_test() is None
    monkeypatch.setattr(module, "DEEPEST_UNASKED", 0)
    assert "memory_depth became" in (bio.self_test() or "")
    monkeypatch.setattr(module, "DEEPEST_UNASKED", 2)
    monkeypatch.setitem(module.HALF_LIFE_S, "novelty", float("inf"))
    assert bio.self_test() == "novelty does not fade"
    assert "switched off" in (Bio(on=False, capacity=16, budget_ms=250).self_test() or "")


@pytest.mark.parametrize(
    ("levels", "asked", "depth"),
    [
        ({}, None, 1),
        (dict(NEUTRAL), None, 1),
        ({"novelty": 0.9}, None, 2),
        ({"ambiguity": 0.99}, None, 2),
        ({"trust": 0.1}, None, 2),
        ({"trust": 0.9}, None, 1),
        ({"novelty": 0.9, "stress": 0.9}, None, 1),
        ({"novelty": 0.9}, 1, 1),
        ({"novelty": 0.9}, 3, 3),
        ({"stress": 0.9}, 3, 2),
        ({"stress": 0.9}, 1, 1),
        ({"stress": 1.0, "novelty": 1.0}, 0, 0),
    ],
)
async def test_depth(levels: dict[str, float], asked: int | None, depth: int) -> None:
    assert having(**levels).memory_depth(asked) == depth


async def test_what_is_gradual_is_linear_between_its_bounds() -> None:
    assert [having(stress=level).context_tokens(800) for level in (0.0, 0.5, 0.75, 1.0)] == [800, 800, 700, 600]
    assert [having(urgency=level).answer_tokens(400) for level in (0.0, 0.5, 0.75, 1.0)] == [400, 400, 300, 200]
    cooled = [having(trust=level).temperature(0.9) for level in (1.0, 0.5, 0.25, 0.0)]
    assert cooled == pytest.approx([0.9, 0.9, 0.8, 0.7])
    assert having(risk=1.0).temperature(0.1) == 0.0
    assert [having(risk=level).asks_nodes("risk") for level in (0.3, 0.6, 0.7, 1.0)] == [True, True, False, False]


async def test_switched_off_nothing_is_changed() -> None:
    everything = replace(having(**dict.fromkeys(NEUTRAL, 1.0)), on=False)
    assert everything.memory_depth(None) == 1
    assert everything.temperature(0.9) == 0.9
    assert (everything.context_tokens(800), everything.answer_tokens(400)) == (800, 400)
    assert everything.asks_nodes("risk")
    report = everything.report(0.0)
    assert (report.on, report.modulation, list(report.reasons)) == (False, [], ["modulation"])


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Where is the spare key?", 0.0),
        ("I need the spare key right now!", 1.0),
        ("URGENT: where is the shut-off valve?", 1.0),
        ("The guests come in ten minutes, where is the corkscrew?", 0.75),
        ("I must hand it in by tonight.", 0.75),
        ("Which of the tasks are urgent?", 0.5),
        ("What is due by today?", 0.5),
        ("The surgeon wrote about insurgency and the emergence of leaves.", 0.0),
        ("We met in two thousand hours of film.", 0.0),
    ],
)
async def test_urgency_is_read_from_the_words(text: str, level: float) -> None:
    assert urgency(text)[0] == level


async def test_stress_is_load_and_slowness_that_fades(bio: Bio, clock: Clock) -> None:
    def stress() -> float:
        (level,) = (one.level for one in bio.show("ana", trust=None).signals if one.name == "stress")
        assert level is not None
        return level

    with ExitStack() as works:
        works.enter_context(bio.working())
        assert stress() == 0.0  # one alone
        for _ in range(20):
            works.enter_context(bio.working())
        assert stress() == 1.0
    assert stress() == 0.0
    bio.took_ms(250)
    assert stress() == 0.0
    bio.took_ms(1000)  # the first after a start
    assert stress() == pytest.approx(0.2)
    for _ in range(50):
        bio.took_ms(500)
    assert stress() == pytest.approx(0.5, abs=0.001)
    bio.took_ms(100)
    assert stress() == pytest.approx(0.4, abs=0.001)
    clock.now_s += 30
    assert stress() == pytest.approx(0.2, abs=0.001)


async def test_risk_outlives_its_request_and_fades(bio: Bio, clock: Clock) -> None:
    first, beside = (bio.begin("ana", "Hello", on=None, trust=None) for _ in range(2))
    bio.judged(first, None)
    assert "risk" not in first.signals
    bio.judged(first, 0.1)
    bio.judged(first, 0.9)  # the draft was harmless; the input was not
    assert not first.asks_nodes("risk")
    bio.keep("ana", first)
    bio.judged(beside, 0.8)
    bio.keep("ana", beside)  # it began before, and was calm
    assert not bio.begin("ana", "Hello", on=None, trust=None).asks_nodes("memory")
    assert bio.begin("bob", "Hello", on=None, trust=None).asks_nodes("memory")
    clock.now_s += 60
    later = bio.begin("ana", "Hello", on=None, trust=None)
    assert later.signals["risk"].level == pytest.approx(0.45)
    assert later.asks_nodes("memory")


async def test_so_many_identities_are_kept_at_most(bio: Bio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "OWNERS_KEPT", 3)
    for name in itertools.islice(itertools.cycle("abcde"), 12):
        bio.keep(name, having(risk=0.9))
    assert [one.level is None for one in bio.show("c", trust=None).signals if one.name == "risk"] == [True]
    assert [one.level is None for one in bio.show("b", trust=None).signals if one.name == "risk"] == [False]


async def test_a_familiar_question_is_answered_the_same(parts: Parts, caller: Caller) -> None:
    await fill(parts, caller)
    for question in ("Where is the spare key?", "What did the boiler cost?", "What does Lena drink?"):
        on, off = [await asked(parts, caller, question, bio=switch) for switch in (True, False)]
        assert on.response == off.response
        assert on.metadata.confidence == off.metadata.confidence
        assert told(on).on
        assert not told(off).on
        assert not told(off).modulation
        for one in told(on).modulation:
            assert one.before == one.after, one


async def test_what_is_new_is_looked_for_a_hop_deeper_unless_a_depth_is_named(parts: Parts, caller: Caller) -> None:
    await fill(parts, caller)
    answer = await asked(parts, caller, STRANGE)
    novelty = signals(answer)["novelty"]
    assert novelty.level is not None
    assert novelty.level > 0.8
    depth = made(answer)["memory_depth"]
    assert (depth.before, depth.after, depth.lowest, depth.highest) == (1, 2, 1, 2)
    assert f"novelty {novelty.level:.2f}" in depth.why
    assert answer.matriz_pipeline_trace[0].modulation == [depth]
    assert "link_hops" in answer.constellation_metadata.registry_nodes_utilized
    named = await asked(parts, caller, STRANGE, memory_depth=1)
    assert made(named)["memory_depth"].after == 1
    none = await asked(parts, caller, STRANGE, memory_depth=0)
    assert "memory_depth" not in made(none)
    assert signals(none)["novelty"].level is None
    assert signals(none)["novelty"].reason


async def test_under_load_less_is_looked_at(parts: Parts, caller: Caller) -> None:
    await fill(parts, caller)
    with ExitStack() as works:
        for _ in range(16):
            works.enter_context(parts.bio.working())
        answer = await asked(parts, caller, "Where is the spare key?", memory_depth=3)
    assert (made(answer)["memory_depth"].after, made(answer)["context_tokens"].after) == (2, 600)
    assert [one.setting for row in answer.matriz_pipeline_trace for one in row.modulation] == [
        "memory_depth", "context_tokens",
    ]  # fmt: skip
    assert "pantry" in answer.response


async def test_a_risky_input_keeps_nodes_unasked_for_a_while(
    parts: Parts, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(parts, caller)
    request = RegisterNodeRequest("quoting", "trial", NodePlace(["thought"]), composition=["extractive_draft"])
    await parts.nodes.register(caller, request)
    calm = await asked(parts, caller, "Where is the spare key?")
    assert [one.node_id for one in calm.matriz_pipeline_trace[2].nodes] == ["quoting"]
    risky = parts.bio.begin(caller.identity_id, "", on=None, trust=None)
    parts.bio.judged(risky, 0.05)
    parts.bio.keep(caller.identity_id, risky)
    wary = await asked(parts, caller, "Where is the spare key?")
    assert wary.matriz_pipeline_trace[2].nodes == []
    assert [(one.setting, one.after) for one in wary.matriz_pipeline_trace[2].modulation] == [("nodes", 0)]
    assert wary.response == calm.response
    start_s = monotonic()
    monkeypatch.setattr(parts.bio, "clock_s", lambda: start_s + 600)
    again = await asked(parts, caller, "Where is the spare key?")
    assert [one.node_id for one in again.matriz_pipeline_trace[2].nodes] == ["quoting"]


async def test_a_model_is_asked_as_the_signals_say(parts: Parts, caller: Caller, chat_url: str) -> None:
    await fill(parts, caller)
    await parts.models.use(msgspec.convert({"base_url": chat_url, "model": "tells"}, ModelUseRequest))

    def last() -> dict[str, Any]:
        with urllib.request.urlopen(chat_url.removesuffix("/v1") + "/last") as response:
            return json.load(response)  # type: ignore[no-any-return]

    try:
        answer = await asked(parts, caller, "Where is the spare key?", thought_mode="creative")
        sent = await asyncio.to_thread(last)
        assert (sent["temperature"], sent["max_tokens"]) == (0.9, 400)
        body = {"interaction_id": answer.metadata.interaction_id, "rating": "bad"}
        await parts.feedback.give(caller, msgspec.convert(body, FeedbackRequest))
        urgent = "The guests are at the door, hurry! Where is the spare key?"
        answer = await asked(parts, caller, urgent, thought_mode="creative")
        sent = await asyncio.to_thread(last)
    finally:
        await parts.models.use(msgspec.convert({"model": None}, ModelUseRequest))
    assert sent["temperature"] == pytest.approx(0.9 - 0.2 / 3, abs=0.001)  # one bad answer: a trust of a third
    assert sent["max_tokens"] == 200
    assert made(answer)["temperature"].after == pytest.approx(sent["temperature"])
    assert made(answer)["answer_tokens"].after == 200
    assert "urgency" in made(answer)["answer_tokens"].why
    shown = {one.name: one.level for one in parts.bio.show(caller.identity_id, trust=1 / 3).signals}
    assert shown["trust"] == pytest.approx(1 / 3)
    assert shown["urgency"] == pytest.approx(1, abs=0.2)
