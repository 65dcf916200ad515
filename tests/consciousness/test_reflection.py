"""Reflection: what is found in a year that is known, what is not found in noise, and that nobody sees another's."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lukhas_sdk.contract.glyph import Token
from lukhas_sdk.contract.memory import MemoryContent, StoreRequest
from lukhas_sdk.contract.reflection import Reflection, ReflectRequest
from lukhas_sdk.errors import ValidationError
from lukhasd.consciousness import changes, clusters, preferences
from lukhasd.consciousness.entries import Entry, Wish
from lukhasd.consciousness.labels import label
from lukhasd.memory.words import Analyser
from lukhasd.parts import Parts

DATA = Path(__file__).parents[1] / "data"
START = datetime(2025, 1, 6, 18, 30, tzinfo=UTC)


def entries(*texts: str, days: int = 1, kind: str = "memory") -> list[Entry]:
    return [
        Entry(f"{kind[:3]}_{place}", kind, text, START + place * timedelta(days=days))  # type: ignore[arg-type]
        for place, text in enumerate(texts)
    ]


def blobs(seed: int, *, apart: float, count: int = 150) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    which = np.arange(count) % 5
    centres = chance.normal(size=(5, 384))
    return (apart * centres[which] + chance.normal(size=(count, 384))).astype(np.float32), which


def test_groups_that_are_there_are_found_whole() -> None:
    vectors, truth = blobs(3, apart=0.8)
    found = clusters.group(vectors, seed=1)
    assert found is not None
    assert len(found.stability) == 5
    assert all(len(np.unique(found.groups[truth == one])) == 1 for one in range(5))
    assert found.silhouette > 2 * found.by_chance
    assert min(found.stability) > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_groups_clearer_than_chance(seed: int) -> None:
    vectors, _ = blobs(seed, apart=0.0)
    found = clusters.group(vectors, seed=seed)
    assert found is not None
    assert found.silhouette < found.by_chance


def test_the_silhouette_is_rousseeuws() -> None:
    points = clusters.unit(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.2, 1.0]]))
    distance = 1 - points @ points.T
    by_hand = []
    for i, (mate, others) in enumerate([(1, (2, 3)), (0, (2, 3)), (3, (0, 1)), (2, (0, 1))]):
        a, b = distance[i, mate], float(np.mean([distance[i, other] for other in others]))
        by_hand.append((b - a) / max(a, b))
    assert clusters.silhouette(points, np.array([0, 0, 1, 1])) == pytest.approx(np.mean(by_hand))


def test_labels_are_what_a_group_alone_says() -> None:
    kiln = ["The kiln cracked two mugs today.", "Opened the kiln: mugs fine today.", "Kiln again today, mugs glazed."]
    boat = ["Sailing today past the point.", "The dinghy leaks today; sailing off.", "Sailing with a new dinghy today."]
    assert [set(words[:2]) for words in label([kiln, boat], Analyser(), words=4)] == [
        {"kiln", "mugs"}, {"sailing", "dinghy"},
    ]  # fmt: skip


def test_a_preference_needs_eight_observations_and_certainty() -> None:
    tram = "Took the tram rather than the bus into town."
    bus = "Took the bus rather than the tram into town."
    analyser = Analyser()

    def said(*texts: str) -> list[str]:
        found = preferences.find(entries(*texts, days=0), [], {}, analyser)
        return [one.insight for one in found if "Chooses" in one.insight]

    assert said(*[tram] * 7) == []
    assert said(*[tram] * 8) == ["Chooses “tram” over something else: 8 of 8 times"]
    assert said(*[tram] * 6, *[bus] * 4) == [], "P(θ > 1/2) is 0.73"
    assert said(*[tram] * 9, *[bus] * 3) == ["Chooses “tram” over something else: 9 of 12 times"]
    assert preferences.probability(9, 12) == pytest.approx(0.9539, abs=1e-4)


def test_likes_in_so_many_words() -> None:
    analyser = Analyser()
    texts = [*["I love the estuary at dusk."] * 9, "I don't like the estuary when it smells.", "I never like coffee."]
    found = preferences.find(entries(*texts, days=0), [], {}, analyser)
    assert [one.insight for one in found if "Likes" in one.insight] == [
        "Likes “estuary”, in so many words: 9 of 10 times"
    ]


def test_wishes_about_answers_cite_the_answers() -> None:
    wishes = [Wish(f"interaction_{place}", "good", "more_concise") for place in range(9)]
    found = preferences.find([], [*wishes, Wish("interaction_9", "bad", "friendlier")], {}, Analyser())
    wished = next(one for one in found if "concise" in one.insight)
    assert (wished.evidence_count, wished.observations) == (9, 10)
    assert wished.supporting_evidence == [f"interaction_{place}" for place in range(9)]


def test_many_entries_of_one_day_are_one_observation() -> None:
    same_day = [replace(entry, at=START) for entry in entries(*["Filed it."] * 40)]
    assert preferences.find(same_day, [], {}, Analyser()) == []
    spread = preferences.find(entries(*["Filed it."] * 12), [], {}, Analyser())
    assert [one.insight for one in spread] == ["Notes come mostly in the evening (17 to 22 h UTC): 12 of 12 days"]
    undated = [replace(entry, dated=False) for entry in entries(*["Filed it."] * 12)]
    assert preferences.find(undated, [], {}, Analyser()) == []


def test_a_change_is_said_where_chance_would_not_make_it() -> None:
    assert changes.probability_greater((0, 0), (10, 10)) == pytest.approx(0.5)
    assert changes.probability_greater((2, 9), (12, 11)) == pytest.approx(0.9992, abs=5e-4)
    all_of_them = entries(*["note"] * 60)
    late = {"running": all_of_them[40:55], "tea": all_of_them[::4]}
    (found,) = changes.find(all_of_them, late, {})
    assert found.insight.startswith("Entries about running became more frequent: 0% of 2025-01-06 to 2025-02-04, 50%")
    assert set(found.supporting_evidence) == {entry.id for entry in late["running"]}


def test_what_was_replaced_is_a_change_without_a_probability() -> None:
    old, new = entries("The key is under the pot.", "The key is with Orla now.")
    (found,) = changes.find([replace(old, superseded_by=new.id), new], {}, {})
    assert found.supporting_evidence == [new.id, old.id]
    assert found.confidence is None
    assert "confidence" in found.reasons


async def year(parts: Parts, owner: str) -> None:
    files = [DATA / "questions" / "notes.jsonl", DATA / "reflection" / "year.jsonl"]
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    items = [
        StoreRequest(
            MemoryContent("episodic", row["text"], {"timestamp": row["timestamp"]} if "timestamp" in row else {})
        )
        for row in rows
    ]
    done = await parts.memory.import_items(owner, items)
    assert done.stored > 300
    assert await parts.memory.wait_for_vectors(100)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_year_of_notes(shared_parts: Parts) -> None:
    await year(shared_parts, "nell")
    heard: list[Token] = []
    async with shared_parts.bus.subscribe(lambda token: token.context.user_id == "nell") as deliveries:
        request = ReflectRequest(include_emotions=False)
        answer, again = [await shared_parts.reflector.reflect("nell", request) for _ in range(2)]
        async with asyncio.timeout(10):
            while [token.payload.action for token in heard].count("reflection") < 2:
                heard.append((await anext(deliveries)).token)
    assert answer == again, "the same seed and store give the same reflection"
    check_year(answer)
    assert {"REFLECTING", "IDLE"} <= {token.payload.data.get("mode") for token in heard}
    last = [token.payload.data for token in heard if token.payload.action == "reflection"][-1]
    assert last == {
        "reflection_id": answer.reflection_id, "topic": "everything", "insights": len(answer.insights),
    }  # fmt: skip
    about = await shared_parts.reflector.reflect("nell", ReflectRequest("singing in a choir", depth=1))
    assert 15 <= about.considered.memories < answer.considered.memories / 2
    other = await shared_parts.reflector.reflect("somebody else", ReflectRequest())
    assert (other.considered.memories, other.insights, other.topics) == (0, [], [])
    assert {"topics", "preferences", "changes", "insights", "emotional_assessment"} <= other.reasons.keys()
    with pytest.raises(ValidationError, match="since"):
        await shared_parts.reflector.reflect("nell", ReflectRequest(since="last summer"))


def check_year(answer: Reflection) -> None:
    words = [word for topic in answer.topics for word in topic.words]
    assert {"tram", "choir", "allotment"} <= set(words)
    assert answer.period == "month"
    assert all(len(topic.per_period) == len(answer.periods) for topic in answer.topics)
    said = {one.kind: [each.insight for each in answer.insights if each.kind == one.kind] for one in answer.insights}
    assert any("“tram”" in text and "of 26 times" in text for text in said["preference"])
    assert any("choir" in text and "less frequent" in text for text in said["change"])
    assert all(one.supporting_evidence for one in answer.insights)
    assert all(one.evidence_count >= len(one.supporting_evidence) for one in answer.insights)
