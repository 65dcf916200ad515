from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lukhas_sdk.contract.memory import Memory, MemoryContent, MemoryMetadata
from lukhasd.matriz import grounded
from lukhasd.memory.words import Analyser

ANALYSER = Analyser()


def memory(text: str) -> Memory:
    at = datetime(2023, 5, 8, tzinfo=UTC)
    return Memory("m", "h", MemoryContent(type="semantic", data=text), [], MemoryMetadata(at, at, 0, None, 0.0, 0.5))


@pytest.mark.parametrize(
    ("draft", "share"),
    [
        ("The boiler was serviced in June [1].", 1.0),
        ("The boiler was serviced in June. It cost 300 euros.", 0.5),
        ("The boiler was serviced for 120 euros.", 0.0),
        ("Dragons live in caves.", 0.0),
        ("[1]", None),
    ],
)
def test_support_counts_the_statements_that_a_memory_carries(draft: str, share: float | None) -> None:
    found = grounded.support(draft, [memory("The boiler was serviced in June by Tom.")], ANALYSER)
    assert found.share == share


def test_a_figure_that_no_memory_holds_is_unsupported() -> None:
    found = grounded.support("The lease costs 900 euros.", [memory("The lease costs 800 euros.")], ANALYSER)
    assert found.unsupported == ("The lease costs 900 euros.",)


def test_marks_that_point_at_no_note_are_removed() -> None:
    assert grounded.without_false_marks("Yes [1], no [7].", 2) == "Yes [1], no."
    assert grounded.cited("A [2]. B [1]. C [2]. D [9].", 2) == [1, 0]
