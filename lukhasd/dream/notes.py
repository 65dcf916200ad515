"""Dreaming without a model: the dreamer's own memories, put together anew. Nothing is added to their words."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, product

from lukhas_sdk.contract.dream import ConstraintCheck, Taken
from lukhasd.dream.draft import Draft, Woven
from lukhasd.memory.item import keywords
from lukhasd.memory.words import Analyser

EXCERPT_CHARS = 240
SENTENCES_MOST = 40
"""Of a note, that are looked at."""
DRAWS_EACH = 40
"""Combinations that are drawn for each reality."""
WAYS_MOST = 2_000
"""Combinations that are gone through where too few were drawn."""
STEEPEST = 20.0
NO_NOTE = "no memory is likely to say anything to it"
CONCEPT_NOTES = 3
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True)
class Note:
    """A memory that says something to a constraint, or to the seed, with its probability of that."""

    memory_id: str
    excerpt: str
    event_at: datetime
    probability: float


@dataclass(frozen=True)
class Material:
    """Notes by constraint, the likeliest first; one without any has an empty list. `about_seed` are those that say
    something to the seed itself."""

    about_seed: Sequence[Note]
    by_constraint: Mapping[str, Sequence[Note]]
    considered: int
    left_out: int

    @property
    def uncovered(self) -> list[str]:
        return [constraint for constraint, notes in self.by_constraint.items() if not notes]


def sentences(text: str) -> list[str]:
    """At most SENTENCES_MOST, each in one line."""
    found = [" ".join(part.split()) for part in SENTENCE.split(text[:20_000]) if part.strip()]
    return found[:SENTENCES_MOST] or [text[:1000]]


def excerpt(sentence: str) -> str:
    """Cut at EXCERPT_CHARS."""
    return sentence if len(sentence) <= EXCERPT_CHARS else sentence[: EXCERPT_CHARS - 1].rpartition(" ")[0] + "…"


def shares_most(found: Sequence[str], topic: str, analyser: Analyser) -> str:
    """The sentence that shares the most words with the topic, the first of several."""
    wanted = set(analyser.terms(topic))
    return max(found, key=lambda sentence: len(wanted.intersection(analyser.terms(sentence))))


def recombine(material: Material, *, count: int, creativity: float, chance: random.Random) -> list[Draft]:
    """At most `count`, no two of the same notes. Each takes one note for every constraint that has any and one about
    the seed; at creativity 0 almost always the likeliest, at 1 any of them alike."""
    slots: list[tuple[str | None, Sequence[Note]]] = [
        (constraint, notes) for constraint, notes in material.by_constraint.items() if notes
    ]
    if material.about_seed:
        slots.insert(0, (None, material.about_seed))
    if not slots:
        return []
    power = min((1.0 - creativity) / max(creativity, 1e-9), STEEPEST)
    ways: dict[frozenset[str], dict[str | None, Note]] = {}
    for _ in range(DRAWS_EACH * count):
        chosen = {
            name: chance.choices(notes, weights=[note.probability**power for note in notes])[0] for name, notes in slots
        }
        ways.setdefault(_ids(chosen), chosen)
    if len(ways) < count:  # what is never drawn is there all the same
        for notes in islice(product(*(notes for _, notes in slots)), WAYS_MOST):
            chosen = dict(zip((name for name, _ in slots), notes, strict=True))
            ways.setdefault(_ids(chosen), chosen)
    return [_draft(chosen, material) for chosen in _unlike(list(ways.values()), count)]


def _unlike(ways: Sequence[Mapping[str | None, Note]], count: int) -> list[Mapping[str | None, Note]]:
    """The first drawn, then each time the one that shares the fewest notes with those before, the first of several."""
    kept = [*ways[:1]]
    left = [*ways[1:]]
    while left and len(kept) < count:
        best = min(left, key=lambda way: max(len(_ids(way) & _ids(other)) for other in kept))
        kept.append(best)
        left.remove(best)
    return kept


def _ids(chosen: Mapping[str | None, Note]) -> frozenset[str]:
    return frozenset(note.memory_id for note in chosen.values())


def weave(drafts: Sequence[Draft], material: Material) -> Woven:
    """The likeliest note for each constraint, and what one note does for several of them."""
    elements = []
    for constraint, notes in material.by_constraint.items():
        used = [note for note in notes if _users(drafts, note)]
        if used:
            elements.append(Taken(f"“{used[0].excerpt}” (for: {constraint})", _users(drafts, used[0])))
    serves: dict[str, list[tuple[str, Note]]] = {}
    for constraint, notes in material.by_constraint.items():
        for note in notes:
            serves.setdefault(note.memory_id, []).append((constraint, note))
    insights = [
        Taken(
            f"One note speaks to {len(pairs)} constraints ({'; '.join(name for name, _ in pairs)}):"
            f" “{pairs[0][1].excerpt}”",
            _users(drafts, pairs[0][1]),
        )
        for pairs in serves.values()
        if len(pairs) > 1 and _users(drafts, pairs[0][1])
    ]
    reasons = {}
    if not elements:
        reasons["best_elements"] = "there is no constraint that a note addresses"
    if not insights:
        reasons["novel_insights"] = "no one note speaks to several constraints, and without a model nothing is made up"
    return Woven(tuple(elements), tuple(insights), reasons)


def _users(drafts: Sequence[Draft], note: Note) -> list[str]:
    return [str(place) for place, draft in enumerate(drafts) if note.memory_id in draft.memory_ids]


def _draft(chosen: Mapping[str | None, Note], material: Material) -> Draft:
    notes = list({note.memory_id: note for note in chosen.values()}.values())
    parts = [
        f"{f'for “{name}”' if name else 'on the seed'}: “{note.excerpt}” ({note.event_at:%Y-%m-%d})"
        for name, note in chosen.items()
    ]
    checks = []
    for constraint in material.by_constraint:
        note = chosen.get(constraint)
        checks.append(
            ConstraintCheck(constraint, False, NO_NOTE)
            if note is None
            else ConstraintCheck(constraint, True, f"“{note.excerpt}”", [note.memory_id], note.probability)
        )
    return Draft(
        concept=" + ".join(" ".join(keywords(note.excerpt)) for note in notes[:CONCEPT_NOTES]),
        description=f"From your notes, {'; '.join(parts)}.",
        text=" ".join(note.excerpt for note in notes),
        key_features=tuple(note.excerpt for note in notes),
        label="from your notes",
        checks=tuple(checks),
        memory_ids=tuple(note.memory_id for note in notes),
    )
