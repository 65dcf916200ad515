from __future__ import annotations

import pytest

from lukhasd.matriz.sentences import split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One thing. Another thing!", ["One thing.", "Another thing!"]),
        ("Ask Dr. Smith at 3.5 p.m. today.", ["Ask Dr. Smith at 3.5 p.m. today."]),
        ("A line that\nis wrapped. And more.", ["A line that is wrapped.", "And more."]),
        ("- first point\n- second point", ["first point", "second point"]),
        ("# Undo\n\nRun the command.", ["Undo", "Run the command."]),
        ("“Come in.” She sat down.", ["“Come in.”", "She sat down."]),
        ("Do this:\n\n```sh\npip install x\nx --run\n```\n\nDone.", ["Do this:", "pip install x", "x --run", "Done."]),
        ("\n\n---\n", []),
        ("", []),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    assert split(text) == expected
