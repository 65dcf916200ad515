"""A time that hangs on something remembered is dated by the memory of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lukhas_sdk.contract.memory import SearchRequest
from lukhasd.memory import MemoryStore


async def filled(store: MemoryStore, make_memory: Any) -> dict[str, str | None]:
    notes = {
        "trip": make_memory("The trip to Rome with Ana began", timestamp="2025-05-10T08:00:00Z"),
        "wedding": make_memory("Ben's wedding is on 3 June 2025", timestamp="2025-01-02T08:00:00Z"),
        "before": make_memory("Bought new walking shoes in town", timestamp="2025-05-08T12:00:00Z"),
        "after": make_memory("Bought a suit and a tie in town", timestamp="2025-06-10T12:00:00Z"),
        "other": make_memory("Bought a garden hose in town", timestamp="2024-02-01T12:00:00Z"),
    }
    stored = {name: (await store.store("ada", note)).memory_id for name, note in notes.items()}
    assert await store.wait_for_vectors(30)
    return stored


@pytest.mark.parametrize(
    ("query", "dated_by", "start", "first"),
    [
        (
            "what was bought in town two days before the trip to Rome",
            "trip",
            datetime(2025, 5, 8, tzinfo=UTC),
            "before",
        ),
        ("what was bought in town the week after Ben's wedding", "wedding", datetime(2025, 6, 9, tzinfo=UTC), "after"),
    ],
)
async def test_the_memory_of_it_dates_it(
    store: MemoryStore, make_memory: Any, query: str, dated_by: str, start: datetime, first: str
) -> None:
    ids = await filled(store, make_memory)
    found = await store.search("ada", SearchRequest(query=query, explain=True))
    assert found.reading is not None
    (time,) = found.reading.times
    assert (time.dated_by, time.start) == (ids[dated_by], start)
    bought = [hit.memory_id for hit in found.results if hit.content.data.startswith("Bought")]
    assert bought[0] == ids[first]


async def test_what_nobody_remembers_dates_nothing(store: MemoryStore, make_memory: Any) -> None:
    await filled(store, make_memory)
    found = await store.search("ada", SearchRequest(query="what was bought two days before the funeral"))
    assert found.reading is not None
    assert found.reading.times == []
    assert (await store.search("bob", SearchRequest(query="bought two days before the trip to Rome"))).results == []
