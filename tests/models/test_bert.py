"""The graph of our own gives what the packaged model's own graph gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lukhasd.models import bert, minilm, onnx_wire

TEXTS = ("hello there", "A somewhat longer text, with commas; and more of it: in truth.", "one two three " * 80)


@pytest.fixture(scope="module")
def packaged() -> bytes:
    return minilm.packaged_model().read_bytes()


@pytest.fixture(scope="module")
def rows() -> list[list[int]]:
    tokenizer = minilm.tokenizer()
    return [tokenizer.encode_until(text, 254) for text in TEXTS]


def run(session: Any, given: dict[str, Any]) -> Any:
    return session.run(None, given)[0]


def test_states_are_the_packaged_graphs_in_a_padded_batch_and_alone(packaged: bytes, rows: list[list[int]]) -> None:
    tokenizer = minilm.tokenizer()
    theirs, ours = minilm.open_session(packaged), minilm.open_session(bert.build(packaged))
    given = minilm.inputs(rows, tokenizer)
    expected = run(theirs, {**given, "token_type_ids": np.zeros_like(given["input_ids"])})
    found = run(ours, given)
    for place, row in enumerate(rows):
        seen = slice(0, len(row) + 2)
        assert np.abs(found[place, seen] - expected[place, seen]).max() < 1e-4
        alone = run(ours, minilm.inputs([row], tokenizer))[0]
        assert np.abs(alone - expected[place, seen]).max() < 1e-4


def test_the_first_layers_are_those_of_the_whole(packaged: bytes, rows: list[list[int]]) -> None:
    tensors, nodes = onnx_wire.read(packaged)
    assert [operator for operator, _ in nodes].count("MatMul") == 8 * bert.LAYERS
    assert tensors["inner.embeddings.word_embeddings.weight_q"].shape == (30_522, bert.WIDTH)
    given = minilm.inputs(rows[:1], minilm.tokenizer())
    states = [run(minilm.open_session(bert.build(packaged, layers)), given) for layers in (1, 3, bert.LAYERS)]
    assert {each.shape for each in states} == {(1, len(rows[0]) + 2, bert.WIDTH)}
    assert not np.allclose(states[0], states[1], atol=0.1)
    several = minilm.open_session(bert.build(packaged, 1, 3, bert.LAYERS)).run(None, given)
    assert all(np.allclose(one, other, atol=1e-5) for one, other in zip(several, states, strict=True))
    assert len(bert.build(packaged, 1)) < len(bert.build(packaged))


@pytest.mark.parametrize("broken", [b"\x3a\xff\xff\xff\x7f", b"\x3b", b"\xff" * 20, b""])
def test_what_is_no_such_model_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError):
        bert.build(broken)
