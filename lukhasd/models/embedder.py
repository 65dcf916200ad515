"""Texts to vectors: the `Embedder` protocol, and the packaged all-MiniLM-L6-v2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.errors import LukhasError
from lukhasd.models import encoder, minilm
from lukhasd.models.recent import Recent

Vectors = NDArray[np.float32]

WINDOW_TOKENS = 254
"""The model's 256 less its start and end marks."""
OVERLAP_TOKENS = 32
UNBROKEN_CHARS = 80
"""Where a text without spaces may be cut: a character is at most three tokens."""


class EmbedderError(LukhasError):
    """The model cannot be used; memories are then found by their words alone."""


class Embedder(Protocol):
    """Safe to call from several threads; none of it may run on the event loop."""

    @property
    def name(self) -> str:
        """Vectors of differing names are never compared."""

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, dimensions), rows of length 1. What exceeds the model's window is not seen. Raises EmbedderError."""

    def count_tokens(self, text: str) -> int: ...

    def chunks(self, text: str) -> list[str]:
        """Overlapping parts that each fit the window, in order; `[text]` when it fits whole."""


class MiniLmEmbedder:
    """all-MiniLM-L6-v2 (Wang et al., 2020), int8 weights, on onnxruntime; loaded and checked at first use."""

    name = "all-MiniLM-L6-v2-int8"
    dimensions = 384

    def __init__(self, *, threads: int = 1) -> None:
        self._encoder = encoder.shared(threads=threads)
        self._recent = Recent()

    def embed(self, texts: Sequence[str]) -> Vectors:
        try:
            return self._embed(texts)
        except minilm.BrokenModel as error:
            raise EmbedderError(error.message, hint=error.hint) from error

    def _embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        known = self._recent.get(texts)
        for place, text in enumerate(texts):
            vectors[place] = known.get(text, 0.0)
        missing = [place for place, text in enumerate(texts) if text not in known]
        tokens = [self._encoder.tokenizer.encode_until(texts[place], WINDOW_TOKENS) for place in missing]
        for batch in minilm.batches(tokens):
            places = [missing[number] for number in batch]
            states = self._encoder.upper([tokens[number] for number in batch])
            means = np.array([upper.last.mean(axis=0) for upper in states])
            vectors[places] = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        self._recent.keep({texts[place]: vectors[place] for place in missing})
        return vectors

    def count_tokens(self, text: str) -> int:
        return len(self._encoder.tokenizer.encode(text))

    def chunks(self, text: str) -> list[str]:
        if self.count_tokens(text) <= WINDOW_TOKENS:
            return [text]
        words = list(self._words(text))
        sizes = [self.count_tokens(word) for word in words]
        parts: list[str] = []
        start = 0
        while start < len(words):
            end = _fill(sizes, start, WINDOW_TOKENS)
            if end < len(words):
                end = _sentence_end(words, start, end)
            parts.append("".join(words[start:end]).strip())
            if end == len(words):
                break
            start = max(_fill_back(sizes, end, OVERLAP_TOKENS), start + 1)
        return parts

    def _words(self, text: str) -> Iterator[str]:
        """`text` cut after white space, and inside what alone would overflow a window."""
        for match in re.finditer(r"\s*\S+\s*", text):
            word = match[0]
            if len(word) <= UNBROKEN_CHARS or self.count_tokens(word) <= WINDOW_TOKENS // 2:
                yield word
            else:
                yield from (word[at : at + UNBROKEN_CHARS] for at in range(0, len(word), UNBROKEN_CHARS))


def _fill(sizes: Sequence[int], start: int, limit: int) -> int:
    """End of the longest run from `start` within `limit` tokens, at least one word."""
    total = sizes[start]
    end = start + 1
    while end < len(sizes) and total + sizes[end] <= limit:
        total += sizes[end]
        end += 1
    return end


def _fill_back(sizes: Sequence[int], end: int, limit: int) -> int:
    """Start of the longest run up to `end` within `limit` tokens."""
    total = 0
    while end > 0 and total + sizes[end - 1] <= limit:
        end -= 1
        total += sizes[end]
    return end


def _sentence_end(words: Sequence[str], start: int, end: int) -> int:
    """The last sentence's end in the second half of `start:end`, else `end`."""
    for place in range(end, start + (end - start) // 2, -1):
        word = words[place - 1]
        if "\n" in word or word.rstrip().endswith((".", "!", "?", "。", "！", "？")):
            return place
    return end
