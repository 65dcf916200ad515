from __future__ import annotations

import asyncio
from collections.abc import Callable

from lukhas_sdk.contract.matriz import ProcessEvent
from lukhasd.matriz.release import Release


async def passes(text: str) -> bool:
    return "poison" not in text


async def feed(release: Release, *pieces: str) -> None:
    for piece in pieces:
        release.take(piece)
        for _ in range(4):
            await asyncio.sleep(0)


def shown(events: list[ProcessEvent]) -> str:
    text = ""
    for event in events:
        text = (event.text or "") if event.replace else text + (event.text or "")
    return text


async def test_each_sentence_comes_once_the_next_has_begun() -> None:
    events: list[ProcessEvent] = []
    release = Release(passes, events.append)
    release.begin(str)
    await feed(release, "The key ", "is here. ")
    assert events == []
    await feed(release, "[1] And", " so on")
    assert shown(events) == "The key is here. [1] "
    release.finish("The key is here. [1] And so on")
    assert shown(events) == "The key is here. [1] And so on"
    assert not any(event.replace for event in events)


async def test_nothing_after_what_may_not_be_shown() -> None:
    events: list[ProcessEvent] = []
    release = Release(passes, events.append)
    release.begin(str)
    await feed(release, "Fine. ", "Now poison. ", "And more. ", "End")
    assert shown(events) == "Fine. "


async def test_another_text_begins_anew() -> None:
    events: list[ProcessEvent] = []
    release = Release(passes, events.append)
    release.begin(str)
    await feed(release, "Invented. ", "More")
    release.finish("From memory:\n“A note.”")
    assert [event.replace for event in events] == [False, True, False]
    assert shown(events) == "From memory:\n“A note.”"


async def test_what_is_cleaned_is_shown_cleaned() -> None:
    clean: Callable[[str], str] = lambda text: text.replace(" [7]", "")  # noqa: E731
    events: list[ProcessEvent] = []
    release = Release(passes, events.append)
    release.begin(clean)
    await feed(release, "Yes. [7] ", "No")
    release.finish("Yes. No")
    assert shown(events) == "Yes. No"
    assert not any(event.replace for event in events)
