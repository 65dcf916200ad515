"""What the packaged model makes of a text is computed once, whoever asks and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from lukhasd.models import bert, encoder, minilm
from lukhasd.models.encoder import LONGEST_KEPT_TOKENS, LOWER_LAYERS, MIDDLE_LAYER, ROWS_KEPT, Encoder, Row, States

TEXTS = ("hello there", "A somewhat longer text, with commas; and more of it: in truth.", "one two three " * 80)


@pytest.fixture(scope="module")
def rows() -> list[list[int]]:
    tokenizer = minilm.tokenizer()
    return [tokenizer.encode_until(text, 254) for text in TEXTS]


def test_states_are_those_of_the_whole_model(rows: list[list[int]]) -> None:
    ours = Encoder()
    whole = minilm.open_session(
        bert.build(minilm.packaged_model().read_bytes(), LOWER_LAYERS, MIDDLE_LAYER, bert.LAYERS)
    )
    lower, upper = ours.lower(rows), ours.upper(rows)
    for place, row in enumerate(rows):
        expected = [states[0] for states in whole.run(None, minilm.inputs([row], ours.tokenizer))]
        for found, theirs in zip((lower[place], *upper[place]), expected, strict=True):
            assert found.shape == (len(row) + 2, bert.WIDTH)
            assert np.abs(found - theirs).max() < 1e-4


class Counted(Encoder):
    def __init__(self, gate: Event | None = None) -> None:
        super().__init__()
        self.computed: list[int] = []
        self.gate = gate
        self.begun = Event()
        self.broken = False

    def _compute_lower(self, rows: list[Row]) -> list[States]:
        self.begun.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.broken:
            raise minilm.BrokenModel("it is broken")
        self.computed.append(len(rows))
        return super()._compute_lower(rows)


def test_a_short_text_is_computed_once_for_all_layers_and_threads() -> None:
    gate = Event()
    ours = Counted(gate)
    row = ours.tokenizer.encode("Where is the key?")
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(ours.lower, [row])
        assert ours.begun.wait(10)
        others = [pool.submit(ours.lower, [row]), pool.submit(ours.upper, [row, row])]
        gate.set()
        assert len({id(each.result()[0]) for each in (first, others[0])}) == 1
        assert len(others[1].result()) == 2
    assert ours.computed == [1]


def test_all_who_ask_for_the_same_threads_share_one() -> None:
    assert encoder.shared() is encoder.shared(threads=1)
    assert encoder.shared() is not encoder.shared(threads=2)


def test_long_and_old_texts_are_not_kept() -> None:
    ours = Counted()
    long = list(range(2000, 2000 + LONGEST_KEPT_TOKENS + 1))
    for _ in range(2):
        ours.lower([long])
    assert ours.computed == [1, 1]
    short = [[2000 + number] for number in range(ROWS_KEPT + 1)]
    ours.lower(short)
    ours.lower(short[-1:])
    ours.lower(short[:1])
    assert ours.computed == [1, 1, ROWS_KEPT + 1, 1]


def test_a_failure_is_not_kept() -> None:
    ours = Counted()
    ours.broken = True
    with pytest.raises(minilm.BrokenModel):
        ours.upper([[2000]])
    ours.broken = False
    assert len(ours.upper([[2000]])) == 1
