"""The classifier, loaded once and on first use; what is wrong with its files is found once too."""

from __future__ import annotations

import threading
from importlib.resources.abc import Traversable

from lukhasd.guardian.classifiers.classifier import Classifier, packaged, read_manifest
from lukhasd.guardian.classifiers.network import BrokenWeights


class Shelf:
    """Safe to call from several threads. `folder`: where the weights lie, the packaged ones without it."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._folder = folder
        self._loading = threading.Lock()
        self._classifier: Classifier | None = None
        self._broken: str | None = None

    def weights(self) -> str:
        """Names the network's weights without loading them; empty where nothing can be read."""
        try:
            return read_manifest(self._folder or packaged()).sha256.get("tail.onnx", "")
        except BrokenWeights:
            return ""

    @property
    def is_settled(self) -> bool:
        """Whether `take` answers at once."""
        return self._classifier is not None or self._broken is not None

    def take(self) -> Classifier:
        """Raises BrokenWeights, each time with the same reason, where it cannot be used."""
        with self._loading:
            if self._broken is not None:
                raise BrokenWeights(self._broken)
            if self._classifier is None:
                try:
                    self._classifier = Classifier.load(self._folder)
                except Exception as error:
                    self._broken = str(error) or type(error).__name__
                    raise BrokenWeights(self._broken) from error
            return self._classifier
