from __future__ import annotations

import pytest

from lukhas_sdk.contract.base import Limit
from lukhas_sdk.settings import LimitsSettings
from lukhasd.api import limits
from lukhasd.api.limits import Limiter


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.25

    def __call__(self) -> float:
        return self.now_s


def test_the_window_ends_and_begins_anew() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    taken = [limiter.take("me", Limit.DREAM) for _ in range(11)]
    assert [one.exceeded for one in taken] == [False] * 10 + [True]
    clock.now_s += 59.9
    assert limiter.take("me", Limit.DREAM).exceeded
    clock.now_s += 0.2
    assert not limiter.take("me", Limit.DREAM).exceeded


def test_headers_round_towards_waiting_long_enough() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    limiter.take("me", Limit.DREAM)
    clock.now_s += 10
    assert limiter.take("me", Limit.DREAM).headers() == {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "8",
        "X-RateLimit-Reset": "1000061",
        "X-RateLimit-Reset-After": "50",
    }


def test_identities_and_allowances_are_apart() -> None:
    limiter = Limiter(Clock())
    for _ in range(10):
        limiter.take("me", Limit.DREAM)
    assert limiter.take("me", Limit.DREAM).exceeded
    assert not limiter.take("you", Limit.DREAM).exceeded
    assert not limiter.take("me", Limit.PROCESS).exceeded


def test_a_clock_set_back_locks_nobody_out() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for _ in range(11):
        limiter.take("me", Limit.DREAM)
    clock.now_s -= 86_400
    assert not limiter.take("me", Limit.DREAM).exceeded


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WINDOWS_KEPT", 3)
    limiter = Limiter(Clock())
    for who in ("a", "b", "c", "a", "d"):
        limiter.take(who, Limit.DREAM)
    assert limiter.take("a", Limit.DREAM).used == 3
    assert limiter.take("b", Limit.DREAM).used == 1, "the one touched least recently was let go"


def test_the_settings_defaults_are_the_documented_limits() -> None:
    defaults = LimitsSettings()
    assert {limit.value[0]: getattr(defaults, limit.value[0]) for limit in Limit} == {
        limit.value[0]: limit.requests for limit in Limit
    }


def test_a_limit_is_what_the_settings_say() -> None:
    limiter = Limiter(Clock(), settings=LimitsSettings(memory=3, general=0))
    taken = [limiter.take("me", Limit.MEMORY) for _ in range(4)]
    assert [one is not None and one.exceeded for one in taken] == [False, False, False, True]
    assert taken[0] is not None
    assert taken[0].headers()["X-RateLimit-Limit"] == "3"
    assert limiter.take("me", Limit.GENERAL) is None
