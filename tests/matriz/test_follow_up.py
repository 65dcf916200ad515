"""Which questions are searched for together with the one before them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lukhasd.matriz.stages.memory import follow_up
from lukhasd.memory.folds import Interaction

BEFORE = Interaction(
    "interaction_1", "owner", None, "chat", None, "Where is the spare key?", "…", "ask", "memory", (), "APPROVED", 1.0,
    datetime(2026, 3, 1, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    "text", ["Why?", "And who put it there?", "why not", "What about Tomas?", "Why did he move?", "the same for Ana"]
)
def test_what_leans_on_the_question_before(text: str) -> None:
    assert follow_up(text, BEFORE) == f"{BEFORE.input} {text}"
    assert follow_up(text, None) == text


@pytest.mark.parametrize("text", ["Why did Tomas move?", "Who repaired the boiler?", "Whyte's birthday"])
def test_what_stands_by_itself(text: str) -> None:
    assert follow_up(text, BEFORE) == text
