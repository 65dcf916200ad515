"""How far a session's actions have moved from what was asked: 1 − cos(intent, action), averaged over 64.

The raw cosine of a sentence and a command that fits it lies anywhere between 0.1 and 0.8, so the distance is taken on a
calibrated scale: the probability that the action has nothing to do with the intent, by a logistic fit on the cosine
(Platt, 1999) of `behaviour_training`. A fitting action has a drift near 0, a foreign one near 1.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import msgspec

from lukhas_sdk.contract import guardian as contract
from lukhas_sdk.contract.guardian import ActionType
from lukhas_sdk.contract.verdict_log import VerdictRecord
from lukhasd.models.embedder import Embedder

WINDOW = 64
ALPHA = 2 / (WINDOW + 1)
"""Of an exponential moving average over `WINDOW` values. It begins at 0: the first action alone says little."""
WARN, BLOCK = 0.15, 0.25
SESSIONS = 10_000
"""Kept at once; the one used longest ago goes first, and begins anew when it comes back."""
SEEN_CHARS = 600
"""Of an intent and of an action. The embedder reads little more."""
MEASURED: frozenset[ActionType] = frozenset(
    ("response_generation", "shell_command", "tool_call", "memory_write", "file_write", "http_request", "message")
)
"""What is done; what merely comes in (the user's words, a document, a tool's output) is no action of the session's."""

State = Literal["steady", "warn", "block"]
Key = tuple[str | None, str]


class Scale(msgspec.Struct, frozen=True):
    """Logit of the drift = intercept + weight × cosine."""

    intercept: float
    weight: float

    def drift(self, cosine: float) -> float:
        logit = self.intercept + self.weight * cosine
        return 1.0 / (1.0 + math.exp(-max(min(logit, 30.0), -30.0)))


def load_scale() -> Scale:
    raw = resources.files("lukhasd.guardian").joinpath("behaviour.json").read_bytes()
    return msgspec.json.decode(raw, type=Scale)


@dataclass(frozen=True)
class Average:
    value: float = 0.0
    actions: int = 0

    def after(self, drift: float) -> Average:
        return Average(self.value + ALPHA * (drift - self.value), self.actions + 1)

    @property
    def state(self) -> State:
        return "block" if self.value >= BLOCK else "warn" if self.value >= WARN else "steady"


@dataclass(frozen=True)
class Standing:
    """Of the sessions that are kept."""

    sessions: int
    warn: int
    block: int
    highest: float | None


class Behaviour:
    """The sessions' averages. Safe to use from any thread; `measure` embeds, and may not run on the event loop."""

    def __init__(self, embedder: Embedder, scale: Scale, *, sessions: int = SESSIONS) -> None:
        self._embedder = embedder
        self._scale = scale
        self._limit = sessions
        self._lock = threading.Lock()
        self._averages: OrderedDict[Key, Average] = OrderedDict()

    def measure(
        self, session_id: str, intent: str | None, action: contract.GuardianAction, *, owner: str | None = None
    ) -> contract.Behaviour:
        """The session's standing with this action counted, where there is an intent to compare it with. A session is
        its owner's: another's of the same name is another one. Raises EmbedderError."""
        drift = None
        if intent is not None and intent.strip() and action.type in MEASURED:
            drift = self._scale.drift(self._cosine(intent, action.content))
        with self._lock:
            average = self._averages.get((owner, session_id), Average())
            if drift is not None:
                average = average.after(drift)
                self._keep((owner, session_id), average)
        return contract.Behaviour(
            session_id=session_id,
            drift=None if drift is None else round(drift, 4),
            average=round(average.value, 4) if average.actions else None,
            actions=average.actions,
            state=average.state,
        )

    def restore(self, newest: Iterable[VerdictRecord]) -> None:
        """Takes up each session where its last verdict left it; `newest` comes newest first."""
        found: dict[Key, Average] = {}
        for record in newest:
            behaviour = record.behaviour
            if behaviour is not None and behaviour.average is not None and len(found) < self._limit:
                found.setdefault((record.owner, behaviour.session_id), Average(behaviour.average, behaviour.actions))
        with self._lock:
            for key in reversed(found):
                self._keep(key, found[key])

    def standing(self) -> Standing:
        with self._lock:
            averages = [*self._averages.values()]
        states = [average.state for average in averages]
        highest = max((average.value for average in averages), default=None)
        return Standing(
            len(averages), states.count("warn"), states.count("block"), None if highest is None else round(highest, 4)
        )

    def _keep(self, key: Key, average: Average) -> None:
        self._averages[key] = average
        self._averages.move_to_end(key)
        while len(self._averages) > self._limit:
            self._averages.popitem(last=False)

    def _cosine(self, intent: str, action: str) -> float:
        one, other = self._embedder.embed([intent[:SEEN_CHARS], action[:SEEN_CHARS]])
        return float(one @ other)
