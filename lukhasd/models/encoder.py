"""What the packaged MiniLM makes of a text, computed once for all who read it.

A question is embedded, judged and felt, each from another layer and within milliseconds of the others.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache, cached_property
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lukhasd.models import bert, minilm
from lukhasd.models.wordpiece import WordPiece

LOWER_LAYERS = 3
MIDDLE_LAYER = 4
ROWS_KEPT = 64
LONGEST_KEPT_TOKENS = 64

States = NDArray[np.float32]
Row = Sequence[int]
Made = TypeVar("Made")


class Upper(NamedTuple):
    """Of one text, (tokens with their marks, width) each."""

    middle: States
    """After layer MIDDLE_LAYER."""
    last: States


class Encoder:
    """Rows of token numbers to states, those of one call computed together: see `minilm.batches`. Safe to call from
    several threads; who asks for a row that another thread computes waits for it. All of it raises
    minilm.BrokenModel."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads
        self._loading = threading.Lock()
        self._sessions: dict[int, Any] = {}
        self._lower = _Once(self._compute_lower)
        self._upper = _Once(self._compute_upper)

    @cached_property
    def tokenizer(self) -> WordPiece:
        return minilm.tokenizer()

    def lower(self, rows: Sequence[Row]) -> list[States]:
        """After layer LOWER_LAYERS, each (tokens with their marks, width)."""
        return self._lower.of(rows)

    def upper(self, rows: Sequence[Row]) -> list[Upper]:
        return self._upper.of(rows)

    def load(self, *, upper: bool = True) -> None:
        """The first use opens what is not open; this does it beforehand."""
        self._session(0, LOWER_LAYERS)
        if upper:
            self._session(LOWER_LAYERS, MIDDLE_LAYER, bert.LAYERS)

    def _compute_lower(self, rows: list[Row]) -> list[States]:
        inputs = minilm.inputs(rows, self.tokenizer)
        (states,) = self._session(0, LOWER_LAYERS).run(None, inputs)
        return _unpadded(states, rows)

    def _compute_upper(self, rows: list[Row]) -> list[Upper]:
        lower = self.lower(rows)
        states = np.zeros((len(rows), max(map(len, lower)), bert.WIDTH), dtype=np.float32)
        mask = np.zeros(states.shape[:2], dtype=np.int64)
        for place, each in enumerate(lower):
            states[place, : len(each)] = each
            mask[place, : len(each)] = 1
        middle, last = self._session(LOWER_LAYERS, MIDDLE_LAYER, bert.LAYERS).run(
            None, {"states": states, "attention_mask": mask}
        )
        return [Upper(*each) for each in zip(_unpadded(middle, rows), _unpadded(last, rows), strict=True)]

    def _session(self, after: int, *layers: int) -> Any:
        with self._loading:
            if after not in self._sessions:
                self._sessions[after] = minilm.open_layers(*layers, after=after, threads=self._threads)
            return self._sessions[after]


def shared(*, threads: int = 1) -> Encoder:
    """The process's one of so many threads."""
    return _shared(threads)


@cache
def _shared(threads: int) -> Encoder:
    return Encoder(threads=threads)


class _Once(Generic[Made]):
    """Keeps what was made of the last short rows."""

    def __init__(self, make: Callable[[list[Row]], list[Made]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, ...], Future[Made]] = OrderedDict()

    def of(self, rows: Sequence[Row]) -> list[Made]:
        keys = [tuple(row) for row in rows]
        ours: dict[tuple[int, ...], Future[Made]] = {}
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in keys:
                if key not in found:
                    found[key] = ours[key] = Future()
                    if len(key) <= LONGEST_KEPT_TOKENS:
                        self._kept[key] = ours[key]
            while len(self._kept) > ROWS_KEPT:
                self._kept.popitem(last=False)
        if ours:
            self._fulfil(ours)
        return [found[key].result() for key in keys]

    def _fulfil(self, ours: dict[tuple[int, ...], Future[Made]]) -> None:
        try:
            made = self._make(list(ours))
        except BaseException as error:
            with self._lock:
                for key in ours:
                    self._kept.pop(key, None)
            for future in ours.values():
                future.set_exception(error)
            raise
        for future, each in zip(ours.values(), made, strict=True):
            future.set_result(each)


def _unpadded(states: States, rows: Sequence[Row]) -> list[States]:
    """Copies: a view would keep the whole batch in memory."""
    return [states[place, : len(row) + 2].copy() for place, row in enumerate(rows)]
