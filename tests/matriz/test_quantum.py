from __future__ import annotations

import pytest

from lukhasd.matriz.quantum import Candidate, agreements, collapse, failed
from lukhasd.models.embedder import MiniLmEmbedder


def test_the_best_supported_wins_and_the_reason_says_so() -> None:
    rows, won = collapse([Candidate("a", "A", 0.2, 0.5, 0.9), Candidate("b", "B", 0.4, 1.0, 0.9)], [0.8, 0.8])
    assert won
    assert won.chosen == 1
    assert "support 1.00 against 0.50" in won.why
    assert sum(row.weight for row in rows) == pytest.approx(1.0)
    assert rows[0].weight / rows[1].weight == pytest.approx((0.25 + 0.24 + 0.18) / (0.5 + 0.24 + 0.18))


def test_of_equal_weights_the_first_wins() -> None:
    _, won = collapse([Candidate("a", "A", support=1.0), Candidate("b", "B", support=1.0)], [None, None])
    assert won
    assert won.chosen == 0


def test_what_the_guardian_would_stop_is_never_chosen_nor_shown() -> None:
    rows, won = collapse(
        [Candidate("a", "bad", 0.2, 1.0, 1.0, stopped=True), Candidate("b", "B", 0.4, 0.0, 0.1)], [1, 0]
    )
    assert won
    assert won.chosen == 1
    assert rows[0].text is None
    assert rows[0].weight == 0.0
    assert collapse([Candidate("a", "bad", stopped=True)], [None])[1] is None


def test_one_that_failed_says_why() -> None:
    rows, won = collapse([failed("a", 0.2, "timeout: too slow"), Candidate("b", "B", support=0.0)], [None, None])
    assert won
    assert won.chosen == 1
    assert rows[0].reasons["text"] == "timeout: too slow"


def test_a_stray_agrees_least() -> None:
    found = agreements(
        ["The key is behind the door.", "The key hangs behind the door.", "Whales sing.", None], MiniLmEmbedder()
    )
    assert found[3] is None
    known = [value for value in found if value is not None]
    assert min(known) == found[2]
    assert all(0.0 <= value <= 1.0 for value in known)
