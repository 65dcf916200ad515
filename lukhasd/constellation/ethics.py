"""The Ethics star's self-test: a known sample fires a rule of each framework."""

from __future__ import annotations

from lukhasd.guardian import Guardian
from lukhasd.guardian.pack_tests import compare
from lukhasd.guardian.policy import Pack, Test


def self_test(guardian: Guardian) -> str | None:
    """None where every framework that a pack in force has a sample for still fires on it. Blocks."""
    samples = _samples(guardian.packs)
    if not samples:
        return "no policy pack in force carries a sample to try"
    for framework, (pack, test) in samples.items():
        result = compare(pack, test, guardian.trial(test))
        if not result.passed:
            return f"{framework}: {result.expected} on {test.text[:60]!r}; the decision was {result.decision}"
    return None


def _samples(packs: tuple[Pack, ...]) -> dict[str, tuple[Pack, Test]]:
    """By framework, the first test of a pack that a rule of it must fire on."""
    found: dict[str, tuple[Pack, Test]] = {}
    for pack in packs:
        frameworks = {rule.id: rule.framework for rule in pack.rules}
        for test in pack.file.test:
            if test.fires in frameworks:
                found.setdefault(frameworks[test.fires], (pack, test))
    return found
