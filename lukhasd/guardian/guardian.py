"""The guardian: judges an action before it is done, and rejects whenever it cannot judge."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.contract.guardian import (
    ClassifierThreshold,
    EthicsLevel,
    Finding,
    GuardianAction,
    PolicyResponse,
    Reasoning,
    ValidateRequest,
    Verdict,
)
from lukhas_sdk.errors import ValidationError
from lukhas_sdk.settings import GuardianSettings
from lukhasd.guardian.allowances import Allowances
from lukhasd.guardian.classifiers.classifier import COLUMNS, Assessment
from lukhasd.guardian.classifiers.loading import Shelf
from lukhasd.guardian.classifiers.network import BrokenWeights
from lukhasd.guardian.detectors.intent import IntentDetector
from lukhasd.guardian.detectors.shell import ShellDetector
from lukhasd.guardian.detectors.text import TextDetector
from lukhasd.guardian.detectors.trained import doubted, folded, found
from lukhasd.guardian.findings import Detector, Match, Quoted, Subject
from lukhasd.guardian.keeper import Keeper, Turn
from lukhasd.guardian.measured import Measured, finding, load_measured
from lukhasd.guardian.normalise import unfold
from lukhasd.guardian.pack_tests import compare
from lukhasd.guardian.policy import Pack, Policy, Test, load_policy
from lukhasd.guardian.profiles import Thresholds, load_profiles
from lukhasd.guardian.quoting import quote
from lukhasd.guardian.second_judge import AT_ONCE, Case, SecondJudge, second_opinion, settled
from lukhasd.guardian.self_tests import SELF_TESTS
from lukhasd.guardian.verdict import NO_CLASSIFIER, NO_TEXT, Judgement, heaviest, judge, stricter
from lukhasd.identity.caller import Caller
from lukhasd.records.metrics import Metrics

log = logging.getLogger(__name__)

WORKERS = 2
TEST_BUDGET_S = 10.0


class OverBudget(Exception):
    """The time for a verdict is used up."""


class Unjudgeable(Exception):
    """The content cannot be judged; the message says why."""


class Guardian:
    """Policy, detectors and a small pool of threads. Safe to use from any thread; make one with `open`."""

    def __init__(
        self,
        *,
        settings: GuardianSettings,
        policy: Policy,
        detectors: tuple[Detector, ...],
        measured: Mapping[str, Measured],
        metrics: Metrics,
        shelf: Shelf | None = None,
        keeper: Keeper | None = None,
        judge_key: str | None = None,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._detectors = detectors
        self._measured = measured
        self._metrics = metrics
        self._shelf = shelf or Shelf()
        self._profiles = load_profiles()
        self._keeper = keeper
        self._allowances: Allowances | None = None
        self._second = SecondJudge.open(settings, api_key=judge_key)
        waiting = AT_ONCE if settings.judge_base_url else 0
        self._pool = ThreadPoolExecutor(WORKERS + waiting, thread_name_prefix="guardian")

    @classmethod
    def open(
        cls,
        *,
        settings: GuardianSettings,
        policy_dir: Path,
        metrics: Metrics,
        keeper: Keeper | None = None,
        allowances: Allowances | None = None,
        judge_key: str | None = None,
    ) -> Guardian:
        """Loads and checks the packs, and runs the tests that user packs carry. `keeper` is handed every verdict that
        is answered; `judge_key` is sent to the endpoint of the optional judge.

        Raises ValidationError that names the file, the rule and the remedy.
        """
        policy = load_policy(policy_dir)
        guardian = cls.of(policy, settings=settings, metrics=metrics, keeper=keeper, judge_key=judge_key)
        for pack in policy.packs:
            if pack.origin == "user":
                for test in pack.file.test:
                    guardian.check(pack, test)
        guardian._allowances = allowances
        return guardian

    @classmethod
    def of(
        cls,
        policy: Policy,
        *,
        settings: GuardianSettings,
        metrics: Metrics,
        shelf: Shelf | None = None,
        keeper: Keeper | None = None,
        judge_key: str | None = None,
    ) -> Guardian:
        """One that judges by `policy`, whose tests were not run."""
        return cls(
            settings=settings,
            policy=policy,
            detectors=(ShellDetector(policy), TextDetector(policy), IntentDetector(policy)),
            measured=load_measured(),
            metrics=metrics,
            shelf=shelf,
            keeper=keeper,
            judge_key=judge_key,
        )

    async def validate(
        self, request: ValidateRequest, *, caller: Caller | None = None, quoted: Quoted | None = None
    ) -> Verdict:
        """The verdict on `request`, within the budget, off the event loop, and written down when this returns. Never
        raises: what fails is REJECTED. `caller` is who asks; None: the daemon itself. `quoted`: what the content is
        made of, beside words of our own. The classifier reads these by themselves first, and the whole, as of any other
        content, where that leaves a doubt; the rules always read the whole."""
        await self._loaded(request)
        started = perf_counter()
        deadline = started + self._settings.budget_ms / 1000
        turn = Turn()
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._pool, partial(self._answer, request, caller, started, deadline, turn, quoted or {})
            )
            try:
                await asyncio.wait({work}, timeout=max(0.0, deadline - perf_counter()))
                if work.done() or not turn.take():
                    return await work
            finally:
                work.cancel()
            why = self._overrun()
        except RuntimeError as error:
            why = f"the guardian cannot work: {error}"
        return await asyncio.to_thread(self._kept, request, self._failed(request, why), caller, started)

    async def preview(self, request: ValidateRequest) -> Verdict:
        """The verdict that `validate` would give on a part of what will be validated whole: counted and written down
        nowhere. Within the budget; what fails is REJECTED."""
        await self._loaded(request)
        deadline = perf_counter() + self._settings.budget_ms / 1000
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._pool, partial(self._judge, request, deadline, second=self._second)
            )
            try:
                await asyncio.wait({work}, timeout=max(0.0, deadline - perf_counter()))
                return work.result() if work.done() else self._failed(request, self._overrun())
            finally:
                work.cancel()
        except RuntimeError as error:
            return self._failed(request, f"the guardian cannot work: {error}")

    def judge(self, request: ValidateRequest, *, caller: Caller | None = None) -> Verdict:
        """The same, in the caller's thread."""
        self._load(request)
        started = perf_counter()
        return self._answer(request, caller, started, started + self._settings.budget_ms / 1000, Turn())

    def policy(self) -> PolicyResponse:
        return PolicyResponse(
            packs=[pack.described() for pack in self._policy.packs],
            ethics_level=self._settings.ethics_level,
            profile=self._settings.profile,
            thresholds=[
                ClassifierThreshold(name, classifier, limits.review, limits.reject)
                for name, columns in self._profiles.items()
                for classifier, limits in columns.items()
            ],
        )

    @property
    def packs(self) -> tuple[Pack, ...]:
        """Those in force."""
        return self._policy.packs

    def self_test(self) -> str | None:
        """None when known-bad and known-good actions are told apart; else which one was not, and why."""
        for action, bad in SELF_TESTS:
            verdict = self._judge(ValidateRequest(action), perf_counter() + TEST_BUDGET_S)
            if (verdict.decision != "APPROVED") != bad or "decision" in verdict.reasons:
                why = verdict.reasons.get("decision", "; ".join(verdict.reasoning.key_factors))
                return f"{action.type} {action.content!r} was judged {verdict.decision}: {why}"
        return None

    def wrap_as_data(self, text: str, *, memory_id: str) -> str:
        """`text` as a block that a language model can read as a quotation and not as instructions: `quoting.quote`."""
        return quote(text, memory_id=memory_id)

    def close(self) -> None:
        if self._second is not None:
            self._second.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def trial(self, test: Test) -> Verdict:
        """The verdict of the rules alone on a pack's test, by the level STRICT; counted and kept nowhere."""
        request = ValidateRequest(GuardianAction(test.type, test.text, intent=test.intent), "STRICT")
        return self._judge(request, perf_counter() + TEST_BUDGET_S, level="STRICT", rules_only=True)

    def check(self, pack: Pack, test: Test) -> None:
        """Runs one test of a pack; raises ValidationError where it fails."""
        result = compare(pack, test, self.trial(test))
        if not result.passed:
            raise ValidationError(
                f"{pack.path}: the pack's test on {test.text[:60]!r} fails: {result.expected}; "
                f"fired: {', '.join(result.fired) or 'none'}; the decision is {result.decision}",
                field=f"{pack.path}: test",
                hint="mend the rule or the test; no pack is used while its tests fail",
            )

    def find(self, action: GuardianAction, *, budget_s: float) -> list[Match]:
        """What all detectors find in `action`, undecided. Raises what a verdict would hide."""
        return self._matches(self._subject(action, perf_counter() + budget_s))

    def read(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """What the classifier makes of each, for `quoted`. Raises BrokenWeights."""
        return self._shelf.take().read(texts)

    def weights(self) -> str:
        """Names those of the classifier; empty where it cannot be used."""
        return self._shelf.weights()

    def _subject(self, action: GuardianAction, deadline: float, quoted: Quoted = MappingProxyType({})) -> Subject:
        def check() -> None:
            if perf_counter() > deadline:
                raise OverBudget

        check()
        return Subject(action.type, unfold(action.content), check, action.intent, quoted)

    def _matches(self, subject: Subject) -> list[Match]:
        """What all detectors find, in order of place. Raises OverBudget when the time is up."""
        found = [match for detector in self._detectors for match in detector.find(subject)]
        subject.check()
        if subject.views.truncated:
            raise Unjudgeable("the content holds more encoded stretches than are decoded")
        return sorted(found, key=lambda match: (match.start, match.end, match.rule.name))

    def _judge(
        self,
        request: ValidateRequest,
        deadline: float,
        *,
        level: EthicsLevel | None = None,
        rules_only: bool = False,
        second: SecondJudge | None = None,
        quoted: Quoted = MappingProxyType({}),
    ) -> Verdict:
        started = perf_counter()
        level = level or stricter(self._settings.ethics_level, request.ethics_level)

        def decided(some: list[Match]) -> tuple[list[Finding], Judgement]:
            findings = [finding(match, self._measured) for match in some]
            return findings, judge(
                some,
                findings,
                level=level,
                applying=self._policy.applying(request.action.type),
                hazards=assessment.hazards,
                likeliest=assessment.likeliest,
                content=request.action.content,
                undertakings=request.undertakings,
                unassessed=NO_TEXT if request.action.type in COLUMNS and not rules_only else NO_CLASSIFIER,
            )

        try:
            subject = self._subject(request.action, deadline, quoted)
            profile = request.profile or self._settings.profile
            thresholds = self._profiles[profile]
            assessment = Assessment() if rules_only else self._assess(subject, thresholds)
            matches = [*doubted(self._matches(subject), assessment), *found(assessment, thresholds, subject.type)]
            if self._allowances is not None:
                matches = self._allowances.applied(matches, request.action.content)
            matches = heaviest(matches, level, request.undertakings)
            findings, result = decided(matches)
            case = Case(request.action, matches, assessment, thresholds, result.decision, deadline)
            opinion = second_opinion(second, case)
            state = opinion.state
            if opinion.matches is not matches:
                findings, result = decided(opinion.matches)
                state, result = settled(opinion, case.decision, result)
            subject.check()
        except OverBudget:
            return self._failed(request, self._overrun())
        except (Unjudgeable, BrokenWeights) as error:
            return self._failed(request, str(error))
        except Exception as error:
            log.exception("the guardian failed on an action of type %s", request.action.type)
            return self._failed(request, f"an error inside the guardian: {type(error).__name__}: {error}")
        return Verdict(
            validation_id=new_id(),
            decision=result.decision,
            ethics_score=result.ethics_score,
            safety_score=result.safety_score,
            conditions=[requirement.text for requirement in result.requirements],
            profile=profile,
            requirements=result.requirements,
            hazards=folded(assessment.hazards),
            frameworks=result.frameworks,
            reasoning=Reasoning(result.framework, result.key_factors, findings, result.would_change),
            ethics_level=level,
            duration_ms=(perf_counter() - started) * 1000,
            judge=state,
            reasons=result.reasons | ({"judge": opinion.reason} if opinion.reason else {}),
        )

    async def _loaded(self, request: ValidateRequest) -> None:
        """The classifier is loaded by the first verdict that asks it, whose time begins after that."""
        if request.action.type in COLUMNS and not self._shelf.is_settled:
            with suppress(RuntimeError):  # closing: the verdict says so
                await asyncio.get_running_loop().run_in_executor(self._pool, self._load, request)

    def _load(self, request: ValidateRequest) -> None:
        if request.action.type in COLUMNS:
            with suppress(BrokenWeights):  # the verdict says so
                self._shelf.take()

    def _assess(self, subject: Subject, thresholds: Mapping[str, Thresholds]) -> Assessment:
        if subject.type not in COLUMNS:
            return Assessment()
        return self._shelf.take().assess(
            subject, explain_from={column: limits.review for column, limits in thresholds.items()}
        )

    def _overrun(self) -> str:
        return f"no verdict within {self._settings.budget_ms} ms (guardian.budget_ms)"

    def _failed(self, request: ValidateRequest, why: str) -> Verdict:
        """The verdict when there is none: REJECTED, with why."""
        return Verdict(
            validation_id=new_id(),
            decision="REJECTED",
            ethics_score=None,
            safety_score=None,
            conditions=[],
            reasoning=Reasoning("none", [f"the action could not be judged: {why}"], [], "an action that can be judged"),
            ethics_level=stricter(self._settings.ethics_level, request.ethics_level),
            duration_ms=0.0,
            profile=request.profile or self._settings.profile,
            reasons={"decision": why, "ethics_score": why, "safety_score": why, "hazards": why, "frameworks": why},
        )

    def _answer(
        self, request: ValidateRequest, caller: Caller | None, started: float, deadline: float, turn: Turn,
        quoted: Quoted = MappingProxyType({}),
    ) -> Verdict:  # fmt: skip
        """The verdict, written down unless the request was answered meanwhile."""
        verdict = self._judge(request, deadline, second=self._second, quoted=quoted)
        if self._keeper is not None:
            verdict = self._keeper.weigh(request, verdict, caller)
        return self._kept(request, verdict, caller, started) if turn.take() else verdict

    def _kept(self, request: ValidateRequest, verdict: Verdict, caller: Caller | None, started: float) -> Verdict:
        """The verdict with its duration, written down and counted."""
        duration_ms = (perf_counter() - started) * 1000
        verdict = msgspec.structs.replace(verdict, duration_ms=round(duration_ms, 3))
        if self._keeper is not None:
            verdict = self._keeper.keep(request, verdict, caller)
        self._metrics.record("guardian.validate", duration_ms)
        self._metrics.increment(f"guardian.{verdict.decision}")
        return verdict


def new_id() -> str:
    return f"val_{uuid.uuid4().hex}"
