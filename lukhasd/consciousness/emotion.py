"""What emotions the words of a text express, by a packaged model: twenty-seven classes and valence.

Detectors of our own read each token as the packaged MiniLM's fourth layer has it, with its neighbours. How strongly
each is met, at most and on the whole, a hidden layer on what the fourth and the last layer make of the text as a whole,
and its hashed n-grams add up to a class's logit. The weights come from `lukhasd.consciousness.emotion_training`;
MODEL_CARD.md beside them says what they can do.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from lukhasd.guardian.classifiers.ngrams import features
from lukhasd.models import encoder, minilm

logger = logging.getLogger(__name__)
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
Bytes = NDArray[np.int8]
Places = NDArray[np.int64]


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


@dataclass(frozen=True)
class Seen:
    """What the packaged model makes of some texts. `tokens` (tokens of all of them, WIDTH): its fourth layer, one text
    after the other, their marks among them; `starts`: where each begins, and the end. `pooled` (texts, 6 × WIDTH): over
    those tokens the mean, the maximum and the first, of the fourth layer, then of the last."""

    tokens: Floats
    starts: Places
    pooled: Floats


def see(texts: Sequence[str]) -> Iterator[tuple[list[int], Seen]]:
    """Texts of like length together: their places, and what is seen of them."""
    shared = encoder.shared()
    rows = [shared.tokenizer.encode_until(text, READ_TOKENS) for text in texts]
    for batch in minilm.batches(rows):
        states = shared.upper([rows[place] for place in batch])
        pooled = [np.concatenate([*_pool(each.middle), *_pool(each.last)]) for each in states]
        starts = np.concatenate([[0], np.cumsum([len(each.middle) for each in states])])
        yield batch, Seen(np.concatenate([each.middle for each in states]), starts, np.array(pooled))


def _pool(states: Floats) -> tuple[Floats, Floats, Floats]:
    return states.mean(axis=0), states.max(axis=0), states[0]


def neighboured(tokens: Floats, starts: Places) -> Floats:
    """(tokens, 3 × width): each with the one before and the one after in its text, zero at its ends."""
    before, after = np.zeros_like(tokens), np.zeros_like(tokens)
    before[1:], after[:-1] = tokens[:-1], tokens[1:]
    before[starts[:-1]] = after[starts[1:] - 1] = 0.0
    return np.concatenate([tokens, before, after], axis=1)


def met(strengths: Floats, starts: Places) -> tuple[Floats, Floats]:
    """(texts, detectors) each: how strongly at most, and on the whole."""
    begins, sizes = starts[:-1], np.diff(starts).astype(np.float32)[:, None]
    whole = np.add.reduceat(strengths, begins, axis=0) / sizes
    return np.maximum.reduceat(strengths, begins, axis=0), np.asarray(whole, dtype=np.float32)


@dataclass(frozen=True)
class Weights:
    """`grams` (buckets, columns), `taps` (3 × WIDTH, detectors) and `first` (6 × WIDTH, hidden) are int8 with a scale a
    column; `second` (hidden + 2 × detectors, columns) reads the hidden layer and what is met. Tokens and pooled are
    taken less their mean in units of their spread."""

    grams: Bytes
    gram_scales: Floats
    token_mean: Floats
    token_spread: Floats
    taps: Bytes
    tap_scales: Floats
    tap_bias: Floats
    mean: Floats
    spread: Floats
    first: Bytes
    first_scales: Floats
    first_bias: Floats
    second: Floats
    bias: Floats

    def logits(self, seen: Seen, texts: Sequence[str]) -> Floats:
        """(texts, columns)."""
        taps, first = self.matrices
        tokens = (seen.tokens - self.token_mean) / self.token_spread
        most, whole = met(np.maximum(neighboured(tokens, seen.starts) @ taps + self.tap_bias, 0.0), seen.starts)
        hidden = np.maximum((seen.pooled - self.mean) / self.spread @ first + self.first_bias, 0.0)
        found: Floats = np.concatenate([hidden, most, whole], axis=1) @ self.second + self.bias
        for place, text in enumerate(texts):
            found[place] += self._gram_logits(text)
        return found

    @cached_property
    def matrices(self) -> tuple[Floats, Floats]:
        return self.taps * self.tap_scales, self.first * self.first_scales

    def _gram_logits(self, text: str) -> Floats:
        buckets = features(text)
        total = self.grams[buckets].sum(axis=0, dtype=np.float32) * self.gram_scales
        return np.asarray(total / np.sqrt(max(len(buckets), 1)), dtype=np.float32)


class EmotionModel:
    """Loaded and checked at first use. `folder`: where the weights lie, the packaged ones without it."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = folder or packaged()
        self._loading = threading.Lock()
        self._loaded: tuple[Weights, Manifest] | None = None

    def feel(self, texts: Sequence[str]) -> list[Felt]:
        weights, manifest = self._load()
        logits = judge(weights, texts)
        return [_felt(row, manifest) if any(map(str.isalnum, text)) else Felt(None, ())
                for row, text in zip(logits, texts, strict=True)]  # fmt: skip

    def _load(self) -> tuple[Weights, Manifest]:
        with self._loading:
            if self._loaded is None:
                try:
                    encoder.shared().load()
                    self._loaded = load(self._folder)
                except (OSError, minilm.BrokenModel, msgspec.DecodeError, ValueError, KeyError) as error:
                    raise BrokenEmotion(str(error)) from error
            return self._loaded


def judge(weights: Weights, texts: Sequence[str]) -> Floats:
    """(texts, columns): logits."""
    found = np.zeros((len(texts), len(weights.bias)), dtype=np.float32)
    for batch, seen in see(texts):
        found[batch] = weights.logits(seen, [texts[place] for place in batch])
    return found


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
        found = {name: arrays[name] for name in arrays.files}
    whole = {name: array if array.dtype == np.int8 else array.astype(np.float32) for name, array in found.items()}
    return Weights(**whole), manifest


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
