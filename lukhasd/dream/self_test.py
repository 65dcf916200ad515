"""Whether dreaming works at all, on a sample whose outcome is known."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from lukhasd.dream import notes, scoring
from lukhasd.dream.notes import Material, Note
from lukhasd.models.embedder import Embedder, EmbedderError

SEED = 7
WATER = "Drip irrigation under mulch halved what the tomatoes drank."
BARREL = "The rain barrel was full again after two storms."
HEAT = "Straw bales keep the workshop warm down to minus ten."


def run(embedder: Embedder) -> str | None:
    """None when the same seed gives the same realities, no two of them of the same notes, a constraint that nothing
    addresses counts against them, and what is unlike is farther apart than what is alike. Blocks."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    water, barrel, heat = (Note(f"mem_{place}", text, at, 0.5) for place, text in enumerate((WATER, BARREL, HEAT)))
    material = Material([], {"Limited water": [water, barrel], "Cold": [heat], "Zero gravity": []}, 3, 0)
    first, second = (
        notes.recombine(material, count=2, creativity=1.0, chance=random.Random(SEED))  # noqa: S311
        for _ in range(2)
    )
    if first != second:
        return "the same seed gave different realities"
    if len({draft.memory_ids for draft in first}) != 2:
        return "two realities were not told apart"
    if any(abs((draft.feasibility or 0.0) - 2 / 3) > 1e-9 for draft in first):
        return "a constraint that nothing addresses was not counted"
    try:
        vectors = embedder.embed([WATER, "Mulch and drip irrigation saved half of the tomatoes' water.", HEAT])
    except EmbedderError as error:
        return error.message
    alike, unlike = scoring.diversity(vectors[:2]).mean_cosine, scoring.diversity(vectors[1:]).mean_cosine
    if alike is None or unlike is None or alike <= unlike:
        return "what is unlike was not farther apart than what is alike"
    return None
