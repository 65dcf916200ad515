"""The network: the packaged MiniLM's first layers, and layers of our own after them.

`tail.onnx` takes what layer `SHARED_LAYERS` of all-MiniLM-L6-v2 (Wang et al., 2020) gives and ends in one logit per
column. Sharing the lower layers keeps the weights that are ours at a few megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lukhasd.models import minilm

SHARED_LAYERS = 3
WINDOW_TOKENS = 190
"""Tokens of a window less its start and end marks; the weights were trained on no longer ones."""

Floats = NDArray[np.float32]


class BrokenWeights(Exception):
    """A file of the classifier is missing, altered or unreadable; the message names it."""


class LowerLayers:
    """Tokens to what layer `SHARED_LAYERS` of the packaged model makes of them."""

    def __init__(self) -> None:
        self._session = minilm.open_layers(minilm.packaged_model(), SHARED_LAYERS)
        self.tokenizer = minilm.tokenizer()

    def run(
        self, rows: Sequence[Sequence[int]], check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[int, Floats]]:
        """Each row's place and its states, (tokens with their marks, width), in batches of like length. `check` is
        called before each batch and may raise to stop the work."""
        for batch in minilm.batches(rows):
            check()
            hidden = self._session.run(None, minilm.inputs([rows[place] for place in batch], self.tokenizer))[0]
            for number, place in enumerate(batch):
                yield place, hidden[number, : len(rows[place]) + 2]


class Network:
    """Tokens to logits, on onnxruntime with one thread. Safe to call from several threads."""

    def __init__(self, *, tail: bytes) -> None:
        self._lower = LowerLayers()
        self._tail = open_session(tail, "tail.onnx")

    def encode(self, text: str, *, limit: int) -> list[int]:
        """At most `limit` token numbers of `text`."""
        return self._lower.tokenizer.encode_until(text, limit)

    def logits(self, rows: Sequence[Sequence[int]], check: Callable[[], None] = lambda: None) -> Floats:
        """(rows, columns). `check` is called before each batch and may raise to stop the work."""
        # One by one: the tail scales its numbers to what it is given, and no text's answer may hang on its neighbours.
        found = {
            place: self._tail.run(None, {"hidden": hidden[None]})[0][0]
            for place, hidden in self._lower.run(rows, check)
        }
        return np.stack([found[place] for place in range(len(rows))]) if found else np.zeros((0, 0), dtype=np.float32)


def open_session(model: bytes, name: str) -> Any:
    try:
        return minilm.open_session(model)
    except Exception as error:  # onnxruntime raises classes of its own, made at import
        raise BrokenWeights(f"{name} cannot be used: {error}") from error
