"""What a pack's test came to."""

from __future__ import annotations

from lukhas_sdk.contract.guardian import Verdict
from lukhas_sdk.contract.policy import PolicyTest
from lukhasd.guardian.policy import Pack, Test


def compare(pack: Pack, test: Test, verdict: Verdict) -> PolicyTest:
    """`verdict` held against all that `test` expects of it."""
    fired = sorted({finding.rule for finding in verdict.reasoning.findings})
    passed = (
        (not test.fires or named(pack, test.fires) in fired)
        and (not test.silent or named(pack, test.silent) not in fired)
        and test.decision in (None, verdict.decision)
        # What could not be judged is no proof that a rule stays silent.
        and "decision" not in verdict.reasons
    )
    return PolicyTest(pack.name, test.text, test.type, expected(pack, test), passed, fired, verdict.decision)


def expected(pack: Pack, test: Test) -> str:
    wanted = (
        test.fires and f"{named(pack, test.fires)} should fire",
        test.silent and f"{named(pack, test.silent)} should be silent",
        test.decision and f"the decision should be {test.decision}",
    )
    return ", ".join(part for part in wanted if part)


def named(pack: Pack, rule: str) -> str:
    return f"{pack.name}.{rule}"
