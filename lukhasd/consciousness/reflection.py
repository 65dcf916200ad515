"""Reflection: topics, preferences and changes in what one identity stored and asked, each with its evidence."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec
import numpy as np

from lukhas_sdk.contract import reflection as contract
from lukhas_sdk.contract.base import Reasons
from lukhas_sdk.contract.streams import ReflectionData
from lukhas_sdk.errors import ModuleTimeout
from lukhasd.consciousness import changes, clusters, preferences
from lukhasd.consciousness.awareness import AwarenessKeeper
from lukhasd.consciousness.emotion import BrokenEmotion, Emotion, Felt
from lukhasd.consciousness.entries import Entry, Gathered, gather
from lukhasd.consciousness.events import reflection_token
from lukhasd.consciousness.labels import label
from lukhasd.glyph import Bus
from lukhasd.memory import MemoryStore, moments
from lukhasd.memory.words import Analyser
from lukhasd.models.embedder import EmbedderError
from lukhasd.records.metrics import Metrics

TOPIC_WORDS = 6
LABEL_WORDS = 3
SMALLEST_TOPIC = 5
STABLE = 0.5
"""A group below it dissolves in resamples (Hennig, 2007)."""
FELT_LIMIT = 500
"""Texts whose emotions are looked at: the newest."""
DETECTED_IN = 2
DETECTED_SHARE = 0.02
NEUTRAL = "neutral"


@dataclass
class _Found:
    """What one reflection comes to, bit by bit."""

    topics: dict[str, list[Entry]] = field(default_factory=dict)
    """The most central entry first."""
    words: dict[str, list[str]] = field(default_factory=dict)
    stability: dict[str, float] = field(default_factory=dict)
    silhouette: float | None = None
    by_chance: float | None = None
    felt: dict[str, Felt] = field(default_factory=dict)
    valences: dict[str, float] = field(default_factory=dict)
    reasons: Reasons = field(default_factory=dict)


class Reflector:
    """`emotion` None: `consciousness.emotion` is off."""

    def __init__(
        self, memory: MemoryStore, emotion: Emotion | None, *, awareness: AwarenessKeeper, bus: Bus, metrics: Metrics
    ) -> None:
        self._memory = memory
        self._emotion = emotion
        self._awareness = awareness
        self._bus = bus
        self._metrics = metrics
        self._analyser = Analyser()
        self._one_at_a_time = asyncio.Lock()

    async def reflect(self, owner: str, request: contract.ReflectRequest) -> contract.Reflection:
        """Raises ValidationError (`since`) and ModuleTimeout (a topic that cannot be embedded)."""
        since = moments.parse(request.since, field="$.since") if request.since is not None else None
        async with self._one_at_a_time, self._awareness.working(owner, "REFLECTING"):
            with self._metrics.timed("consciousness.reflect"):
                try:
                    gathered = await gather(self._memory, owner, topic=request.topic, since=since)
                except EmbedderError as error:
                    raise ModuleTimeout(
                        f"the topic cannot be embedded: {error.message}", hint="ask without a topic, or: lukhas doctor"
                    ) from error
                reflection = await asyncio.to_thread(self._reflect, owner, request, gathered)
        data = ReflectionData(reflection.reflection_id, request.topic, len(reflection.insights))
        self._bus.publish(reflection_token(owner, data))
        return reflection

    def _reflect(self, owner: str, request: contract.ReflectRequest, gathered: Gathered) -> contract.Reflection:
        entries = gathered.entries
        found = _Found()
        if request.include_emotions:
            self._feel(entries, found)
        else:
            found.reasons["emotional_assessment"] = "include_emotions was false"
        self._group(entries, found, seed=request.seed)
        insights = [_about(name, some, len(entries), found) for name, some in found.topics.items()]
        if request.depth >= 2:
            held = preferences.find(entries, gathered.wishes, found.topics, self._analyser)
            insights += held
            if not held:
                found.reasons["preferences"] = (
                    "no behaviour went one way with a probability above 0.9 in at least 8 observations"
                )
        if request.depth >= 3:
            changed = changes.find([entry for entry in entries if entry.dated], found.topics, found.valences)
            insights += changed
            if not changed:
                found.reasons["changes"] = "no topic, valence or fact changed more than chance would explain"
        if not insights:
            found.reasons["insights"] = "nothing was found that recurs or changed"
        step, periods = _periods([entry for entry in entries if entry.dated], found.valences)
        return contract.Reflection(
            reflection_id=_name(owner, request, gathered),
            topic=request.topic,
            depth=request.depth,
            seed=request.seed,
            considered=_considered(gathered),
            insights=insights,
            topics=[_topic(name, some, len(entries), found, step, periods) for name, some in found.topics.items()],
            silhouette=found.silhouette,
            unstructured_silhouette=found.by_chance,
            period=step,
            periods=periods,
            emotional_assessment=_assessment(found) if request.include_emotions and found.felt else None,
            reasons=found.reasons,
        )

    def _feel(self, entries: Sequence[Entry], found: _Found) -> None:
        if self._emotion is None:
            found.reasons["emotional_assessment"] = "the setting consciousness.emotion is off"
            return
        newest = entries[-FELT_LIMIT:]
        if not newest:
            found.reasons["emotional_assessment"] = "there is no text to look at"
            return
        try:
            felt = self._emotion.feel([entry.text for entry in newest])
        except BrokenEmotion as error:
            found.reasons["emotional_assessment"] = f"the emotion model is out of order: {error}"
            return
        found.felt = {entry.id: each for entry, each in zip(newest, felt, strict=True)}
        found.valences = {entry.id: entry.valence for entry in entries if entry.valence is not None}
        found.valences |= {id: each.valence for id, each in found.felt.items() if each.valence is not None}

    def _group(self, entries: Sequence[Entry], found: _Found, *, seed: int) -> None:
        placed = [entry for entry in entries if entry.vector is not None]
        vectors = np.array([entry.vector for entry in placed], dtype=np.float32)
        grouping = clusters.group(vectors, seed=seed) if placed else None
        if grouping is None:
            found.reasons["topics"] = (
                f"{len(placed)} entries with a vector: {2 * clusters.SMALLEST} differing ones are needed"
            )
            found.reasons["silhouette"] = found.reasons["unstructured_silhouette"] = "nothing was grouped"
            return
        found.silhouette, found.by_chance = round(grouping.silhouette, 4), round(grouping.by_chance, 4)
        if grouping.silhouette <= grouping.by_chance:
            found.reasons["topics"] = "the entries fall into no groups that are clearer than chance would make"
            return
        order = np.argsort(-grouping.centrality, kind="stable")
        members = [[placed[place] for place in order if grouping.groups[place] == number]
                   for number in range(len(grouping.stability))]  # fmt: skip
        words = label([[entry.text for entry in some] for some in members], self._analyser, words=TOPIC_WORDS)
        for number in sorted(range(len(members)), key=lambda number: -len(members[number])):
            stable = grouping.stability[number] >= STABLE and len(members[number]) >= SMALLEST_TOPIC
            name = ", ".join(words[number][:LABEL_WORDS])
            if stable and name and name not in found.topics:
                found.topics[name] = members[number]
                found.words[name] = words[number]
                found.stability[name] = round(grouping.stability[number], 4)
        if not found.topics:
            found.reasons["topics"] = "no group of entries stayed together when they were resampled"


def _about(name: str, some: Sequence[Entry], total: int, found: _Found) -> contract.Insight:
    ids = [entry.id for entry in some]
    text = f"{len(some)} of {total} entries are about {name}"
    return contract.Insight("topic", text, found.stability[name], ids[: contract.EVIDENCE_LIMIT], len(ids))


def _topic(
    name: str, some: Sequence[Entry], total: int, found: _Found, step: Literal["day", "week", "month"] | None,
    periods: Sequence[contract.Period],
) -> contract.Topic:  # fmt: skip
    counts = Counter(_start(entry.at.date(), step) for entry in some if step and entry.dated)
    return contract.Topic(
        label=name,
        words=found.words[name],
        count=len(some),
        share=round(len(some) / total, 4),
        stability=found.stability[name],
        per_period=[counts[period.start] for period in periods],
    )


def _periods(
    entries: Sequence[Entry], valences: Mapping[str, float]
) -> tuple[Literal["day", "week", "month"] | None, list[contract.Period]]:
    """Days up to three weeks, weeks up to half a year, else months; those without entries too, at most the last 120."""
    if not entries:
        return None, []
    first, last = entries[0].at.date(), entries[-1].at.date()
    days = (last - first).days
    step: Literal["day", "week", "month"] = "day" if days <= 21 else "week" if days <= 183 else "month"
    starts = [_start(first, step)]
    while starts[-1] < _start(last, step):
        starts.append(_start(starts[-1] + timedelta(days={"day": 1, "week": 7, "month": 32}[step]), step))
    within: dict[date, list[Entry]] = {start: [] for start in starts}
    for entry in entries:
        within[_start(entry.at.date(), step)].append(entry)
    return step, [
        contract.Period(start, len(some), _mean([valences[entry.id] for entry in some if entry.id in valences]))
        for start, some in list(within.items())[-120:]
    ]


def _start(day: date, step: str) -> date:
    if step == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if step == "week" else day


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _considered(gathered: Gathered) -> contract.Considered:
    entries = gathered.entries
    dated = [entry for entry in entries if entry.dated]
    kinds = Counter(entry.kind for entry in entries)
    return contract.Considered(
        memories=kinds["memory"],
        interactions=kinds["interaction"],
        left_out=gathered.left_out,
        not_embedded=sum(entry.vector is None for entry in entries),
        undated=len(entries) - len(dated),
        first=_moment(dated[0].at) if dated else None,
        last=_moment(dated[-1].at) if dated else None,
    )


def _moment(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _assessment(found: _Found) -> contract.EmotionalAssessment:
    counts = Counter(name for felt in found.felt.values() for name in felt.emotions if name != NEUTRAL)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    least = max(DETECTED_IN, DETECTED_SHARE * len(found.felt))
    return contract.EmotionalAssessment(
        overall_valence=_mean([felt.valence for felt in found.felt.values() if felt.valence is not None]),
        detected_emotions=[name for name, count in ordered if count >= least],
        counts=[contract.EmotionCount(name, count) for name, count in ordered],
        texts=len(found.felt),
    )


def _name(owner: str, request: contract.ReflectRequest, gathered: Gathered) -> str:
    seen = [(entry.id, entry.text) for entry in gathered.entries]
    said = msgspec.json.encode(
        [owner, request, seen, [(wish.interaction_id, wish.rating, wish.style) for wish in gathered.wishes]]
    )
    return f"ref_{hashlib.sha256(said).hexdigest()[:16]}"
