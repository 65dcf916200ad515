"""Trying packs out: what is wrong with one, its tests, and nothing of it in force."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import pytest

from lukhas_sdk.contract.guardian import GuardianAction, ValidateRequest
from lukhas_sdk.contract.policy import PolicyCheckRequest, PolicyCheckResponse
from lukhas_sdk.errors import NotFound, ValidationError
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian import Guardian
from lukhasd.guardian.policy_bench import PolicyBench, Task, examine
from lukhasd.records.metrics import Metrics

PACK = """
name = "boats"
version = "1"
applies_to = ["message"]

[[rule]]
id = "boat"
category = "boats"
text = "No boats."
framework = "constitutional"
severity = "{severity}"
pattern = '''{pattern}'''
{more}
"""
TEST = '[[test]]\ntext = "{text}"\ntype = "message"\n{expects}\n'


def pack(*tests: tuple[str, str], pattern: str = r"\bboats?\b", severity: str = "medium", more: str = "") -> str:
    body = PACK.format(pattern=pattern, severity=severity, more=more)
    return body + "".join(TEST.format(text=text, expects=expects) for text, expects in tests)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., PolicyBench]]:
    made: list[Guardian] = []

    def build() -> PolicyBench:
        settings = GuardianSettings(budget_ms=10_000)
        guardian = Guardian.open(settings=settings, policy_dir=tmp_path, metrics=Metrics())
        made.append(guardian)
        return PolicyBench(guardian, settings=settings, policy_dir=tmp_path)

    yield build
    for guardian in made:
        guardian.close()


def tried(source: str, folder: Path = Path("/nonexistent")) -> PolicyCheckResponse:
    return examine(Task(source, str(folder), GuardianSettings(budget_ms=10_000)))


def problems(answer: PolicyCheckResponse) -> list[tuple[str, str]]:
    assert not answer.valid
    return [(problem.where, problem.message) for problem in answer.problems]


async def test_a_pack_is_tried_and_nothing_of_it_is_in_force(bench: Callable[..., PolicyBench], tmp_path: Path) -> None:
    made = bench()
    answer = await made.check(PolicyCheckRequest(pack(("a boat", 'fires = "boat"'), ("a car", 'silent = "boat"'))))
    assert (answer.valid, answer.problems) == (True, [])
    assert [(test.passed, test.fired, test.decision) for test in answer.tests] == [
        (True, ["boats.boat"], "REVIEW"), (True, [], "APPROVED"),
    ]  # fmt: skip
    guardian = made._guardian
    assert guardian.judge(ValidateRequest(GuardianAction("message", "a boat"))).decision == "APPROVED"
    assert [entry.name for entry in guardian.packs if entry.name == "boats"] == []
    assert list(tmp_path.iterdir()) == []


def test_a_failing_test_says_what_fired_instead() -> None:
    answer = tried(pack(("a ship", 'fires = "boat"'), ("a boat", 'decision = "REJECTED"')))
    assert (answer.valid, answer.problems) == (False, [])
    first, second = answer.tests
    assert (first.passed, first.expected, first.fired) == (False, "boats.boat should fire", [])
    assert (second.passed, second.expected, second.decision) == (False, "the decision should be REJECTED", "REVIEW")


def test_all_problems_are_told_at_once() -> None:
    twice = "[[rule]]\nid = 'boat'\ncategory = 'b'\ntext = 'x'\nframework = 'care'\nseverity = 'low'\npattern = 'a(b'\n"
    nothing = "[[rule]]\nid = 'Ship'\ncategory = 'b'\ntext = 'x'\nframework = 'care'\nseverity = 'low'\ncheck = 'no'\n"
    found = problems(tried(pack(more=twice + nothing)))
    assert [where for where, _ in found] == ["rule boat", "rule Ship", "rule Ship", "rule Ship", "rule boat"]
    text = " ".join(message for _, message in found)
    for why in ("twice", "lower-case", "either pattern or shell", "no check called no", "not a regular expression"):
        assert why in text


@pytest.mark.parametrize(
    ("source", "where", "why"),
    [
        ("name = ", "pack", "not valid TOML"),
        ("name = 'a'", "pack", "version"),
        (pack(severity="huge"), "rule[0].severity", "Invalid enum value 'huge'"),
        (pack(more="colour = 'red'"), "rule[0]", "colour"),
        (pack(("a boat", 'silent = "bot"')), "test 1", "names a rule that is not there: bot"),
        (pack(("a boat", "")), "test 1", "expects nothing"),
        ("a = " + "[" * 100_000, "pack", "not valid TOML"),
    ],
)
def test_a_problem_names_its_place(source: str, where: str, why: str) -> None:
    ((place, message),) = problems(tried(source))
    assert place == where
    assert why in message


def test_a_pattern_that_never_ends_is_named_and_holds_nobody_up() -> None:
    started = time.monotonic()
    ((where, message),) = problems(tried(pack(pattern="(?:a{0,50}){0,50}b")))
    assert (where, "too slow" in message) == ("rule boat", True)
    assert time.monotonic() - started < 10


async def test_a_hostile_pack_does_not_hold_the_event_loop(bench: Callable[..., PolicyBench]) -> None:
    made = bench()
    checking = asyncio.create_task(made.check(PolicyCheckRequest(pack(pattern="(?:a{0,50}){0,50}b"))))
    longest = 0.0
    while not checking.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - before)
    assert not (await checking).valid
    assert longest < 0.5


async def test_the_tests_in_force_are_run(bench: Callable[..., PolicyBench], tmp_path: Path) -> None:
    (tmp_path / "boats.toml").write_text(pack(("a boat", 'fires = "boat"')))
    made = bench()
    everything = await made.check(PolicyCheckRequest())
    assert everything.valid, [test for test in everything.tests if not test.passed]
    assert len(everything.tests) == sum(len(entry.file.test) for entry in made._guardian.packs) > 20
    one = await made.check(PolicyCheckRequest(pack="boats"))
    assert [(test.pack, test.text) for test in one.tests] == [("boats", "a boat")]
    with pytest.raises(NotFound, match="ships"):
        await made.check(PolicyCheckRequest(pack="ships"))
    with pytest.raises(ValidationError):
        await made.check(PolicyCheckRequest(source="x", pack="boats"))


def test_a_candidate_takes_the_place_of_the_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "boats.toml").write_text(pack(("a boat", 'fires = "boat"')))
    answer = tried(pack(("a ship", 'fires = "boat"'), pattern="ship"), tmp_path)
    assert (answer.valid, len(answer.tests)) == (True, 1)


def test_a_candidate_can_extend_a_built_in_pack() -> None:
    source = (
        pack(("a boat", 'fires = "boat"'))
        .replace('"boats"', '"personal"', 1)
        .replace("[[rule]]", "extends = true\n[[rule]]", 1)
    )
    answer = tried(source)
    assert answer.valid, answer
    assert len(answer.tests) > 1


def test_the_example_is_green() -> None:
    text = resources.files("lukhas_cli").joinpath("snippets/principles.toml").read_text("utf-8")
    answer = tried(text)
    assert answer.valid, answer
    assert len(answer.tests) == 6
