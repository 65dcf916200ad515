from __future__ import annotations

import pytest

from lukhasd.matriz import grounded


def test_marks_that_point_at_no_note_are_removed() -> None:
    assert grounded.without_false_marks("Yes [1], no [7].", 2) == "Yes [1], no."
    assert grounded.cited("A [2]. B [1]. C [2]. D [9].", 2) == [1, 0]


KEY = "The key hangs behind the door."


@pytest.mark.parametrize(
    ("draft", "kept", "left_out"),
    [
        (" ".join([KEY] * 30), KEY, 29),
        (f"{KEY} [1] Nobody has another. {KEY} [2] Nobody has another. {KEY} [1]", f"{KEY} [1] Nobody has another.", 3),
        (f"{KEY}\n\nTHE KEY hangs behind the door!\n\nAsk Ana.", f"{KEY}\n\nAsk Ana.", 1),
        (f"{KEY} {KEY} The key hangs be", KEY, 2),  # cut off in the middle of a circle
        ("Yes. Why? Yes. Yes.", "Yes. Why? Yes.", 1),
        ("1. Feed the cat.\n2. Feed the cat.\n3. Sleep.", "1. Feed the cat.\n3. Sleep.", 1),
        (text := "Monday:\n- Feed the cat now.\nTuesday:\n- Feed the cat now.", text, 0),
        (text := "```py\nf(a, b, c, d).\nf(a, b, c, d).\n```\nThat is all.", text, 0),
        (text := "I met Dr. Smith on his boat. We saw Dr. Smith on his boat.", text, 0),
        (text := "A line\nthat is wrapped.  Two spaces.\n\nThe end", text, 0),
        ("", "", 0),
    ],
)
def test_what_is_said_again_is_left_out(draft: str, kept: str, left_out: int) -> None:
    assert grounded.without_repeats(draft) == (kept, left_out)
    for length in range(len(draft)):  # what is streamed of it is a beginning of it
        beginning = "".join(grounded.pieces(draft[:length])[:-1]).strip()
        assert kept.startswith(grounded.without_repeats(beginning)[0]), draft[:length]
