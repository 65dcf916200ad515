"""What emotions the words of a text express, by a packaged model: twenty-seven classes and valence.

A text's features are the mean, the maximum and the first of what the packaged MiniLM's first layers make of its tokens,
and its hashed n-grams. A layer of our own reads the one, a linear map the other; each class is logistic in their sum.
The weights come from `lukhasd.consciousness.emotion_training`; MODEL_CARD.md beside them says what they can do.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.guardian.classifiers.ngrams import features
from lukhasd.models import minilm

logger = logging.getLogger(__name__)
LAYERS = 4
POSITIVE = (
    "admiration", "amusement", "approval", "caring", "desire", "excitement", "gratitude", "joy", "love", "optimism",
    "pride", "relief",
)  # fmt: skip
NEGATIVE = (
    "anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment", "fear", "grief", "nervousness",
    "remorse", "sadness",
)  # fmt: skip
"""As GoEmotions groups its classes; the others are ambiguous, or neutral."""
READ_TOKENS = 60
"""Of a text; the rest is not seen. The model was trained on no longer ones."""
WIDTH = 384

Floats = NDArray[np.float32]


class BrokenEmotion(Exception):
    """A file of the model is missing, altered or unreadable; the message names it."""


@dataclass(frozen=True)
class Felt:
    """`valence` in [-1, 1]: P(positive) − P(negative); None for a text without a word. `emotions`: the classes whose
    probability is above their threshold, the most certain first."""

    valence: float | None
    emotions: tuple[str, ...]


class Emotion(Protocol):
    """Safe to call from several threads; never on the event loop."""

    def feel(self, texts: Sequence[str]) -> list[Felt]:
        """Raises BrokenEmotion."""


class Manifest(msgspec.Struct, frozen=True):
    version: str
    sha256: str
    """Of `emotion.npz`."""
    columns: list[str]
    """The classes, then positive and negative."""
    thresholds: dict[str, float]
    """By class, of its probability; a class without one is suppressed: the model cannot tell it."""


class Reader:
    """Texts to what the packaged model's first layers make of them."""

    def __init__(self) -> None:
        self._session = minilm.open_layers(minilm.packaged_model(), LAYERS)
        self._tokenizer = minilm.tokenizer()

    def read(self, texts: Sequence[str]) -> Floats:
        """(texts, 3 × WIDTH): over the tokens and their marks, mean, maximum and the first."""
        rows = [self._tokenizer.encode_until(text, READ_TOKENS) for text in texts]
        found = np.zeros((len(rows), 3 * WIDTH), dtype=np.float32)
        for batch in minilm.batches(rows):
            hidden = self._session.run(None, minilm.inputs([rows[place] for place in batch], self._tokenizer))[0]
            for number, place in enumerate(batch):
                states = hidden[number, : len(rows[place]) + 2]
                found[place] = np.concatenate([states.mean(axis=0), states.max(axis=0), states[0]])
        return found


@dataclass(frozen=True)
class Weights:
    """`grams` (buckets, columns) int8 with a scale a column; the layer of our own is `first` (3 × WIDTH, hidden) and
    `second` (hidden, columns), over features less `mean` in units of `spread`."""

    grams: NDArray[np.int8]
    scales: Floats
    mean: Floats
    spread: Floats
    first: Floats
    first_bias: Floats
    second: Floats
    bias: Floats

    def logits(self, read: Floats, texts: Sequence[str]) -> Floats:
        """(texts, columns)."""
        inner = np.maximum((read - self.mean) / self.spread @ self.first + self.first_bias, 0.0)
        found: Floats = inner @ self.second + self.bias
        for place, text in enumerate(texts):
            found[place] += self._gram_logits(text)
        return found

    def _gram_logits(self, text: str) -> Floats:
        buckets = features(text)
        total = self.grams[buckets].sum(axis=0, dtype=np.float32) * self.scales
        return np.asarray(total / np.sqrt(max(len(buckets), 1)), dtype=np.float32)


class EmotionModel:
    """Loaded and checked at first use. `folder`: where the weights lie, the packaged ones without it."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = folder or packaged()
        self._loading = threading.Lock()
        self._loaded: tuple[Reader, Weights, Manifest] | None = None

    def feel(self, texts: Sequence[str]) -> list[Felt]:
        reader, weights, manifest = self._load()
        logits = weights.logits(reader.read(texts), texts)
        return [_felt(row, manifest) if any(map(str.isalnum, text)) else Felt(None, ())
                for row, text in zip(logits, texts, strict=True)]  # fmt: skip

    def _load(self) -> tuple[Reader, Weights, Manifest]:
        with self._loading:
            if self._loaded is None:
                try:
                    self._loaded = (Reader(), *load(self._folder))
                except (OSError, minilm.BrokenModel, msgspec.DecodeError, ValueError, KeyError) as error:
                    raise BrokenEmotion(str(error)) from error
            return self._loaded


async def measure_valence(emotion: Emotion | None, text: str) -> float | None:
    """None where nothing measures it: no answer fails for want of it."""
    if emotion is None:
        return None
    try:
        (felt,) = await asyncio.to_thread(emotion.feel, [text])
    except BrokenEmotion as error:
        logger.warning("no valence was measured", extra={"reason": str(error)})
        return None
    return felt.valence


def load(folder: Traversable) -> tuple[Weights, Manifest]:
    """Raises OSError, ValueError, KeyError and msgspec.DecodeError."""
    manifest = msgspec.json.decode(folder.joinpath("manifest.json").read_bytes(), type=Manifest)
    content = folder.joinpath("emotion.npz").read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise ValueError("emotion.npz is not the file that manifest.json names: reinstall lukhas")
    with np.load(io.BytesIO(content)) as arrays:
        floats = {name: arrays[name].astype(np.float32) for name in arrays.files if name != "grams"}
        return Weights(grams=arrays["grams"], **floats), manifest


def packaged() -> Traversable:
    return resources.files("lukhasd.consciousness").joinpath("weights")


def _felt(logits: Floats, manifest: Manifest) -> Felt:
    given = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -30, 30)))
    above = [
        (float(probability), name)
        for name, probability in zip(manifest.columns, given, strict=True)
        if probability > manifest.thresholds.get(name, 1.0)
    ]
    valence = round(float(given[-2] - given[-1]), 4)
    return Felt(valence, tuple(name for _, name in sorted(above, reverse=True)))
