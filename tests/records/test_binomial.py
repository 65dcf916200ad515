"""The bounds against sums of the binomial distribution as it is defined."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from lukhasd.records import binomial


def summed(bad: int, count: int, share: Fraction) -> float:
    return float(sum(comb(count, each) * share**each * (1 - share) ** (count - each) for each in range(bad + 1)))


@pytest.mark.parametrize("share", [Fraction(1, 20), Fraction(1, 10_000), Fraction(1, 2), Fraction(19, 20)])
@pytest.mark.parametrize(("bad", "count"), [(0, 1), (0, 59), (3, 59), (5, 100), (20, 100), (99, 100), (7, 700)])
def test_tails(bad: int, count: int, share: Fraction) -> None:
    assert binomial.at_most(bad, count, float(share)) == pytest.approx(summed(bad, count, share), rel=1e-9, abs=1e-14)
    above = 1 - summed(bad - 1, count, share) if bad else 1.0
    assert binomial.at_least(bad, count, float(share)) == pytest.approx(above, rel=1e-6, abs=1e-12)


def test_bounds_are_where_the_tails_are_five_percent() -> None:
    for bad, count in ((1, 100), (5, 100), (40, 1000), (3, 40_000)):
        upper, lower = binomial.upper_bound(bad, count), binomial.lower_bound(bad, count)
        assert lower < bad / count < upper
        assert binomial.at_most(bad, count, upper) == pytest.approx(0.05, rel=1e-3)
        assert binomial.at_least(bad, count, lower) == pytest.approx(0.05, rel=1e-3)


def test_without_a_failure_it_is_the_rule_of_three() -> None:
    assert binomial.upper_bound(0, 30_000) == pytest.approx(3 / 30_000, rel=0.002)
    assert binomial.lower_bound(0, 30_000) == 0.0
    assert binomial.upper_bound(0, 1) == pytest.approx(0.95)
    assert binomial.upper_bound(5, 5) == 1.0


@pytest.mark.parametrize(("bad", "share", "samples"), [(0, 0.05, 59), (0, 0.0001, 29_956), (1, 0.0001, 47_437)])
def test_needed_is_the_first_count_that_shows_it(bad: int, share: float, samples: int) -> None:
    assert binomial.needed(bad, share, have=0) == samples
    assert binomial.at_most(bad, samples, share) <= 0.05 < binomial.at_most(bad, samples - 1, share)
    assert binomial.needed(bad, share, have=samples + 7) == samples + 7


def test_large_counts() -> None:
    assert binomial.at_most(49_000, 1_000_000, 0.05) == pytest.approx(2.1e-6, rel=0.1)  # 4.6 standard deviations under
    assert binomial.at_most(50_000, 1_000_000, 0.05) == pytest.approx(0.5, abs=0.01)
