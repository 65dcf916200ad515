"""How often the rules were right on labelled data, and what a finding says of it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import msgspec

from lukhas_sdk.contract.guardian import Finding
from lukhasd.guardian.findings import Match
from lukhasd.guardian.policy import Rule

MIN_SAMPLES = 20
"""A rule's precision is stated from this many samples on."""


class Measured(msgspec.Struct, frozen=True):
    """How often a rule fired on labelled data, and how often what it fired on was harmful."""

    fired: int
    harmful: int

    @property
    def precision(self) -> float | None:
        """Posterior mean under Jeffreys' prior Beta(½, ½), from `MIN_SAMPLES` on."""
        return (self.harmful + 0.5) / (self.fired + 1.0) if self.fired >= MIN_SAMPLES else None


def load_measured() -> dict[str, Measured]:
    """By the names of the rules."""
    raw = (resources.files("lukhasd.guardian") / "packs" / "measured.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, Measured])


def finding(match: Match, measured: Mapping[str, Measured]) -> Finding:
    # What labels there are on commands take every line of a manual for harmless, `mkfs` and `rm -rf /` too.
    record = None if match.rule.shell else measured.get(match.rule.name)
    probability = match.probability
    if probability is None and record and match.severity == match.rule.severity:
        probability = record.precision or _pooled(match.rule, measured)
    return Finding(
        rule=match.rule.name,
        category=match.category or match.rule.category,
        text=match.rule.text,
        framework=match.rule.framework,
        severity=match.severity,
        start=match.start,
        end=match.end,
        excerpt=match.excerpt,
        found_in=match.found_in,
        probability=probability,
        threshold=match.threshold,
        detector="shell" if match.rule.shell else match.detector,
    )


def _pooled(rule: Rule, measured: Mapping[str, Measured]) -> float | None:
    """The precision of all rules of its pack together, where it fired too seldom for one of its own."""
    pack = rule.name.split(".")[0]
    alike = [one for name, one in measured.items() if name.split(".")[0] == pack]
    return Measured(sum(one.fired for one in alike), sum(one.harmful for one in alike)).precision
