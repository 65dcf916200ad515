from __future__ import annotations

from lukhasd.matriz import grounded


def test_marks_that_point_at_no_note_are_removed() -> None:
    assert grounded.without_false_marks("Yes [1], no [7].", 2) == "Yes [1], no."
    assert grounded.cited("A [2]. B [1]. C [2]. D [9].", 2) == [1, 0]
