"""The network: the packaged MiniLM's first layers, and layers of our own after them.

`tail.onnx` takes what layer `encoder.LOWER_LAYERS` of all-MiniLM-L6-v2 (Wang et al., 2020) gives and ends in one logit
per column. Sharing the lower layers keeps the weights that are ours at a few megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lukhasd.models import encoder, minilm

WINDOW_TOKENS = 190
"""Tokens of a window less its start and end marks; the weights were trained on no longer ones."""

Floats = NDArray[np.float32]


class BrokenWeights(Exception):
    """A file of the classifier is missing, altered or unreadable; the message names it."""


class Network:
    """Tokens to logits, on onnxruntime with one thread. Safe to call from several threads."""

    def __init__(self, *, tail: bytes) -> None:
        self._encoder = encoder.shared()
        self._encoder.load(upper=False)
        self._tail = open_session(tail, "tail.onnx")

    def encode(self, text: str, *, limit: int) -> list[int]:
        """At most `limit` token numbers of `text`."""
        return self._encoder.tokenizer.encode_until(text, limit)

    def logits(self, rows: Sequence[Sequence[int]], check: Callable[[], None] = lambda: None) -> Floats:
        """(rows, columns). `check` is called before each batch and may raise to stop the work."""
        found: dict[int, Floats] = {}
        for batch in minilm.batches(rows):
            check()
            for place, states in zip(batch, self._encoder.lower([rows[place] for place in batch]), strict=True):
                # One by one: the tail scales its numbers to what it is given, and no text's answer may hang on its
                # neighbours.
                found[place] = self._tail.run(None, {"hidden": states[None]})[0][0]
        return np.stack([found[place] for place in range(len(rows))])


def open_session(model: bytes, name: str) -> Any:
    try:
        return minilm.open_session(model)
    except Exception as error:  # onnxruntime raises classes of its own, made at import
        raise BrokenWeights(f"{name} cannot be used: {error}") from error
