"""The network: the packaged MiniLM's first layers, and layers of our own after them.

`tail.onnx` takes what layer `SHARED_LAYERS` of all-MiniLM-L6-v2 (Wang et al., 2020) gives and ends in one logit per
column. Sharing the lower layers keeps the weights that are ours at a few megabytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lukhasd.guardian.classifiers.graph import with_output
from lukhasd.models.embedder import MODEL_SHA256, packaged_model
from lukhasd.models.wordpiece import WordPiece

SHARED_LAYERS = 3
SHARED_OUTPUT = f"layer_norm_{2 * SHARED_LAYERS}"
"""The name that the packaged graph gives to the output of layer `SHARED_LAYERS`."""
WINDOW_TOKENS = 190
"""Tokens of a window less its start and end marks; the weights were trained on no longer ones."""
BATCH_TOKENS = 1024

Floats = NDArray[np.float32]


class BrokenWeights(Exception):
    """A file of the classifier is missing, altered or unreadable; the message names it."""


class Network:
    """Tokens to logits, on onnxruntime with one thread. Safe to call from several threads."""

    def __init__(self, *, tail: bytes) -> None:
        model = packaged_model().read_bytes()
        if hashlib.sha256(model).hexdigest() != MODEL_SHA256:
            raise BrokenWeights("the packaged MiniLM is not the one that the classifier was trained on")
        self._shared = open_session(with_output(model, SHARED_OUTPUT), "the packaged MiniLM")
        self._tail = open_session(tail, "tail.onnx")
        vocabulary = resources.files("lukhasd.models").joinpath("minilm-vocab.txt")
        self._tokenizer = WordPiece(vocabulary.read_text(encoding="utf-8"))

    def encode(self, text: str, *, limit: int) -> list[int]:
        """At most `limit` token numbers of `text`."""
        return self._tokenizer.encode_until(text, limit)

    def logits(self, rows: Sequence[Sequence[int]], check: Callable[[], None] = lambda: None) -> Floats:
        """(rows, columns). `check` is called before each batch and may raise to stop the work."""
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        found: dict[int, Floats] = {}
        at = 0
        while at < len(order):
            check()
            stop = at + 1
            while stop < len(order) and (stop + 1 - at) * (len(rows[order[stop]]) + 2) <= BATCH_TOKENS:
                stop += 1
            found.update(zip(order[at:stop], self._run([rows[place] for place in order[at:stop]]), strict=True))
            at = stop
        return np.stack([found[place] for place in range(len(rows))])

    def _run(self, rows: Sequence[Sequence[int]]) -> Floats:
        longest = max(len(row) for row in rows) + 2
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row) + 2] = [self._tokenizer.start, *row, self._tokenizer.end]
            mask[place, : len(row) + 2] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._shared.run(None, inputs)[0]
        # One by one: the tail scales its numbers to what it is given, and no text's answer may hang on its neighbours.
        return np.concatenate(
            [
                self._tail.run(None, {"hidden": hidden[place : place + 1, : len(row) + 2]})[0]
                for place, row in enumerate(rows)
            ]
        )


def open_session(model: bytes, name: str) -> Any:
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own, made at import
        raise BrokenWeights(f"{name} cannot be used: {error}") from error
