"""Trying policy packs out. What a caller hands in is tried in a process of its own: a pattern that never ends can be
stopped nowhere else, and would hold the whole daemon."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec

from lukhas_sdk.contract.policy import PolicyCheckRequest, PolicyCheckResponse, PolicyProblem, PolicyTest
from lukhas_sdk.errors import LukhasError, NotFound, ValidationError
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian.guardian import Guardian
from lukhasd.guardian.pack_tests import compare, expected
from lukhasd.guardian.patterns import compile_bounded
from lukhasd.guardian.policy import Pack, load_policy, parse_pack, patterns_of, rule_problems
from lukhasd.records.metrics import Metrics

TIME_LIMIT_S = 20.0
"""For all that is asked of the bench at once."""
TESTS_LIMIT_S = 15.0
PATTERN_LIMIT_S = 1.0
MEMORY_LIMIT_BYTES = 2 << 30
SLOW_HINT = "let no repeat stand inside another, and no two neighbouring repeats match the same characters"
SOURCE = "pack"
"""What a pack that came as text is called where a file would be named."""


class Task(msgspec.Struct, frozen=True):
    """What the process is handed on its stdin."""

    source: str
    policy_dir: str
    settings: GuardianSettings


class PolicyBench:
    """One pack, or the packs in force, at a time; who comes meanwhile waits."""

    def __init__(self, guardian: Guardian, *, settings: GuardianSettings, policy_dir: Path) -> None:
        self._guardian = guardian
        self._settings = settings
        self._policy_dir = policy_dir
        self._turn = asyncio.Lock()

    async def check(self, request: PolicyCheckRequest) -> PolicyCheckResponse:
        """What is wrong with a pack is in the answer. NotFound where no pack in force has the name asked for."""
        if request.source is not None:
            if request.pack is not None:
                raise ValidationError(
                    "source and pack were both given", field="$.pack", hint="give a source to try, or a pack in force"
                )
            async with self._turn:
                return await self._apart(Task(request.source, str(self._policy_dir), self._settings))
        packs = [pack for pack in self._guardian.packs if request.pack in (None, pack.name)]
        if not packs:
            names = ", ".join(pack.name for pack in self._guardian.packs)
            raise NotFound(f"no policy pack is called {request.pack}", hint=f"there are: {names}")
        async with self._turn:
            tests = await asyncio.to_thread(run_tests, self._guardian, packs)
        return PolicyCheckResponse(all(test.passed for test in tests), [], tests)

    async def _apart(self, task: Task) -> PolicyCheckResponse:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd="/",  # `-m` looks for modules in the working directory first
            env={name: value for name, value in os.environ.items() if name != "LUKHAS_API_KEY"},
        )  # fmt: skip
        try:
            async with asyncio.timeout(TIME_LIMIT_S):
                output, said = await process.communicate(msgspec.json.encode(task))
        except TimeoutError:
            return refused(
                f"no end after {TIME_LIMIT_S:g} s: a pattern is too slow, or the tests are too many",
                hint=SLOW_HINT,
            )
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            last = said.decode(errors="replace").strip().splitlines()[-1:] or [f"code {process.returncode}"]
            return refused(f"it could not be tried: {last[0]}", hint="make the pack smaller")
        return msgspec.json.decode(output, type=PolicyCheckResponse)


def refused(message: str, *, hint: str) -> PolicyCheckResponse:
    return PolicyCheckResponse(False, [PolicyProblem(SOURCE, message, hint)], [])


def run_tests(guardian: Guardian, packs: Sequence[Pack]) -> list[PolicyTest]:
    """What each test comes to; those that the time does not reach have not passed."""
    deadline = perf_counter() + TESTS_LIMIT_S
    found: list[PolicyTest] = []
    for pack in packs:
        for test in pack.file.test:
            if perf_counter() < deadline:
                found.append(compare(pack, test, guardian.trial(test)))
            else:
                found.append(PolicyTest(pack.name, test.text, test.type, expected(pack, test), False, [], None))
    return found


def examine(task: Task) -> PolicyCheckResponse:
    """All that is wrong with the pack; only where nothing is, its tests."""
    try:
        pack = parse_pack(task.source.encode(), path=SOURCE, origin="user")
    except ValidationError as error:
        return PolicyCheckResponse(False, [as_problem(error)], [])
    problems = [as_problem(error) for error in (*rule_problems(pack), *pattern_problems(pack))]
    if problems:
        return PolicyCheckResponse(False, problems, [])
    try:
        policy = load_policy(Path(task.policy_dir), candidate=pack)
    except ValidationError as error:  # another of the user's packs
        return PolicyCheckResponse(False, [as_problem(error)], [])
    whole = next(each for each in policy.packs if each.name == pack.name)
    problems = list(test_problems(whole))
    tests = run_tests(Guardian.of(policy, settings=task.settings, metrics=Metrics()), [whole])
    return PolicyCheckResponse(not problems and all(test.passed for test in tests), problems, tests)


def pattern_problems(pack: Pack) -> Iterator[LukhasError]:
    for rule in pack.rules:
        for pattern in patterns_of(rule):
            where = f"{pack.path}: rule {rule.id}"
            try:
                with within(PATTERN_LIMIT_S):
                    compile_bounded(pattern, where=where)
            except ValidationError as error:
                yield error
            except TimeoutError:
                yield ValidationError(f"{where}: the pattern is too slow", field=where, hint=SLOW_HINT)


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    """TimeoutError after `limit_s`, in the main thread alone: the search for a pattern looks for signals as it goes."""

    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def test_problems(pack: Pack) -> Iterator[PolicyProblem]:
    """Tests that could never fail."""
    ids = {rule.id for rule in pack.rules}
    for number, test in enumerate(pack.file.test, start=1):
        where = f"test {number}"
        if not (test.fires or test.silent or test.decision):
            yield PolicyProblem(where, f"{where} expects nothing", "give it fires, silent or decision")
        for name in (test.fires, test.silent):
            if name and name not in ids:
                yield PolicyProblem(where, f"{where} names a rule that is not there: {name}", "use a rule's id")


def as_problem(error: LukhasError) -> PolicyProblem:
    prefix = f"{SOURCE}: "
    where = str(error.details.get("field", SOURCE))
    return PolicyProblem(where.removeprefix(prefix), error.message.removeprefix(prefix), error.hint)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(examine(task)))


if __name__ == "__main__":
    main()
