"""Behaviour drift by its definition, on the real embedder, and what it does to a verdict."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from keeping import ANA, BOB, ask, finding, keeping, open_log, verdict

from lukhas_sdk.contract import guardian as contract
from lukhas_sdk.contract.guardian import GuardianAction
from lukhasd.guardian.behaviour import ALPHA, BLOCK, WARN, Average, Behaviour, Scale, load_scale
from lukhasd.guardian.behaviour_training import Pair, cosines, read_pairs, shifted, train
from lukhasd.guardian.keeper import DRIFT_RULE, with_behaviour
from lukhasd.models import logistic
from lukhasd.models.embedder import EmbedderError, MiniLmEmbedder, Vectors

PAIRS = Path(__file__).parents[1] / "data" / "behaviour_pairs.jsonl"


class TwoWays:
    """Texts that hold "kite" lie one way, all others across."""

    name = "two-ways"
    dimensions = 2

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.array([[1, 0] if "kite" in text else [0, 1] for text in texts], dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        return len(text)

    def chunks(self, text: str) -> list[str]:
        return [text]


class Broken(TwoWays):
    def embed(self, texts: Sequence[str]) -> Vectors:
        raise EmbedderError("the model is gone")


SHARP = Scale(15.0, -30.0)
"""Almost 1 for what lies across, almost 0 for what lies along."""
FITTING = GuardianAction("shell_command", "fly the kite")
FOREIGN = GuardianAction("shell_command", "mow the lawn")
INTENT = "a kite, please"


@pytest.fixture(scope="module")
def embedder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return read_pairs(PAIRS)


def test_the_average_is_exponential_and_begins_at_nothing() -> None:
    """By the definition: α = 2 / (64 + 1), so that n drifts of 1 make 1 − (1 − α)ⁿ."""
    behaviour = Behaviour(TwoWays(), SHARP)
    for count in range(1, 30):
        measured = behaviour.measure("s", INTENT, FOREIGN)
        assert measured.drift == pytest.approx(1.0, abs=1e-4)
        assert measured.average == pytest.approx(1 - (1 - 2 / 65) ** count, abs=1e-3)
        assert measured.actions == count
        expected = "steady" if measured.average < 0.15 else "warn" if measured.average < 0.25 else "block"
        assert measured.state == expected
    before = measured.average
    measured = behaviour.measure("s", INTENT, FITTING)
    assert measured.average == pytest.approx(before * (1 - ALPHA), abs=1e-3)


def test_warning_and_blocking_come_when_they_should() -> None:
    behaviour = Behaviour(TwoWays(), SHARP)
    states = [behaviour.measure("s", INTENT, FOREIGN).state for _ in range(12)]
    assert states.index("warn") == 5  # 1 − (1 − α)⁶ = 0.171
    assert states.index("block") == 9  # 1 − (1 − α)¹⁰ = 0.268
    states = [behaviour.measure("s", INTENT, FITTING).state for _ in range(40)]
    assert states[-1] == "steady"


def test_sessions_and_their_owners_are_apart() -> None:
    behaviour = Behaviour(TwoWays(), SHARP)
    for _ in range(10):
        behaviour.measure("s", INTENT, FOREIGN, owner="ana")
    assert behaviour.measure("s", INTENT, FITTING, owner="bob").average == 0.0
    assert behaviour.measure("t", INTENT, FITTING, owner="ana").average == 0.0
    standing = behaviour.standing()
    assert (standing.sessions, standing.warn, standing.block) == (3, 0, 1)
    assert standing.highest == pytest.approx(0.268, abs=1e-3)


def test_the_number_of_sessions_is_bounded() -> None:
    behaviour = Behaviour(TwoWays(), SHARP, sessions=3)
    for name in ("a", "b", "c", "a", "d"):
        behaviour.measure(name, INTENT, FOREIGN)
    assert behaviour.standing().sessions == 3
    assert behaviour.measure("a", INTENT, FOREIGN).actions == 3
    assert behaviour.measure("b", INTENT, FOREIGN).actions == 1  # gone, and begun anew


@pytest.mark.parametrize("kind", ["user_input", "tool_output", "document"])
def test_what_comes_in_is_no_action(kind: contract.ActionType) -> None:
    behaviour = Behaviour(TwoWays(), SHARP)
    measured = behaviour.measure("s", INTENT, GuardianAction(kind, "mow the lawn"))
    assert (measured.drift, measured.average, measured.actions, measured.state) == (None, None, 0, "steady")


def test_leaving_the_intent_out_does_not_unblock() -> None:
    behaviour = Behaviour(TwoWays(), SHARP)
    for _ in range(12):
        behaviour.measure("s", INTENT, FOREIGN)
    measured = behaviour.measure("s", None, FOREIGN)
    assert (measured.drift, measured.actions, measured.state) == (None, 12, "block")


def test_many_threads_count_every_action() -> None:
    behaviour = Behaviour(TwoWays(), SHARP)

    def work() -> None:
        for _ in range(200):
            behaviour.measure("s", INTENT, FITTING)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert behaviour.measure("s", INTENT, FITTING).actions == 801


def test_the_lines_change_a_verdict() -> None:
    steady = contract.Behaviour("s", 0.1, 0.1, 5, "steady")
    warned = with_behaviour(verdict(), contract.Behaviour("s", 0.9, 0.16, 6, "warn"))
    blocked = with_behaviour(verdict(), contract.Behaviour("s", 0.9, 0.26, 10, "block"))
    rejected = with_behaviour(
        verdict("REJECTED", finding("a.b", "high")), contract.Behaviour("s", 0.9, 0.26, 10, "block")
    )
    assert with_behaviour(verdict(), steady).reasoning.findings == []
    assert warned.decision == "APPROVED"
    assert [(each.rule, each.severity) for each in warned.reasoning.findings] == [(DRIFT_RULE, "low")]
    assert blocked.decision == "REVIEW"
    assert "0.26 over 10 actions" in blocked.reasons["behaviour"]
    assert blocked.reasoning.would_change
    assert rejected.decision == "REJECTED"


async def test_a_session_that_wanders_off_is_reviewed_and_remembered(tmp_path: Path) -> None:
    """Also after a restart, from the log."""
    log = open_log(tmp_path)
    behaviour = Behaviour(TwoWays(), SHARP)
    with keeping(log, behaviour=behaviour) as kept:
        foreign = ask("ls lawn", session="s", intent=INTENT)
        answers = [await kept.guardian.validate(foreign, caller=ANA) for _ in range(12)]
        assert [answer.decision for answer in answers[:9]] == ["APPROVED"] * 9
        assert [answer.decision for answer in answers[9:]] == ["REVIEW"] * 3
        assert answers[5].behaviour is not None
        assert answers[5].behaviour.state == "warn"
        assert (await kept.guardian.validate(foreign, caller=BOB)).decision == "APPROVED"
        assert (await kept.guardian.validate(ask("ls lawn"), caller=ANA)).behaviour is None
    log.close()
    again = open_log(tmp_path)
    restored = Behaviour(TwoWays(), SHARP)
    restored.restore(again.newest())
    assert restored.standing() == behaviour.standing()
    with keeping(again, behaviour=restored) as kept:
        answer = await kept.guardian.validate(foreign, caller=ANA)
        assert answer.decision == "REVIEW"
        assert answer.behaviour is not None
        assert answer.behaviour.actions == 13
    again.close()


async def test_what_cannot_be_measured_is_not_approved(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with keeping(log, behaviour=Behaviour(Broken(), SHARP)) as kept:
        answer = await kept.guardian.validate(ask("ls", session="s", intent="list the files"), caller=ANA)
        assert answer.decision == "REVIEW"
        assert "could not be measured: EmbedderError" in answer.reasons["behaviour"]
        assert (await kept.guardian.validate(ask("ls", session="s"), caller=ANA)).decision == "APPROVED"
    log.close()


def test_the_pairs_are_enough_and_of_many_kinds(pairs: list[Pair]) -> None:
    assert len(pairs) >= 150
    assert len({pair.intent for pair in pairs}) >= 60
    assert len({pair.type for pair in pairs}) >= 6
    assert len({(pair.intent, pair.fitting) for pair in pairs}) == len(pairs)


def test_the_shipped_numbers_are_those_of_the_script(pairs: list[Pair], embedder: MiniLmEmbedder) -> None:
    made, scale = train(pairs, embedder), load_scale()
    assert msgspec.convert(made, Scale).intercept == pytest.approx(scale.intercept, rel=0.05)
    assert msgspec.convert(made, Scale).weight == pytest.approx(scale.weight, rel=0.05)


def test_fitting_and_foreign_actions_are_told_apart(pairs: list[Pair], embedder: MiniLmEmbedder) -> None:
    """Judged by a fit on the other half of the intents."""
    names = sorted({pair.intent for pair in pairs})
    halves = [[pair for pair in pairs if names.index(pair.intent) % 2 == half] for half in (0, 1)]
    for learned, judged in (halves, halves[::-1]):
        near, far = cosines(embedder, learned)
        model = logistic.fit(np.r_[near, far][:, None], np.r_[np.zeros(len(near)), np.ones(len(far))])
        near, far = cosines(embedder, judged)
        drifts = shifted(logistic.predict(model, np.r_[near, far][:, None]))
        outcomes = np.r_[np.zeros(len(near)), np.ones(len(far))]
        assert logistic.auc(drifts, outcomes) > 0.95
        assert drifts[: len(near)].mean() < 0.08
        assert drifts[len(near) :].mean() > 0.6


def test_a_plain_session_of_a_hundred_actions_stays_steady(pairs: list[Pair], embedder: MiniLmEmbedder) -> None:
    """Every fitting action of the pairs in the order of the file, and then shell commands alone, 100 at a time."""
    behaviour = Behaviour(embedder, load_scale())
    for name, chosen in (
        ("all", pairs[:100]), ("end", pairs[-100:]), ("shell", [p for p in pairs if p.type == "shell_command"][:100]),
    ):  # fmt: skip
        states = {behaviour.measure(name, p.intent, GuardianAction(p.type, p.fitting)).state for p in chosen}
        assert states == {"steady"}, name
    measured = [behaviour.measure("foreign", p.intent, GuardianAction(p.type, p.unrelated)) for p in pairs[:20]]
    states = [each.state for each in measured]
    assert 5 <= states.index("warn") <= 10
    assert 9 <= states.index("block") <= 16


def test_the_scale_falls_with_the_cosine() -> None:
    scale = load_scale()
    drifts = [scale.drift(cosine) for cosine in np.linspace(-1, 1, 101)]
    assert drifts == sorted(drifts, reverse=True)
    assert drifts[0] > 0.99
    assert drifts[-1] < 0.01


def test_the_lines_are_those_of_the_words() -> None:
    assert (WARN, BLOCK, round(ALPHA, 4)) == (0.15, 0.25, 0.0308)
    assert Average().after(1.0) == Average(ALPHA, 1)
    report = json.loads((Path(contract.__file__).parents[2] / "lukhasd/guardian/behaviour.json").read_text())
    assert report["cross_validated"]["auc"]["low"] > 0.95
