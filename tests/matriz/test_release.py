from __future__ import annotations

import asyncio
from collections.abc import Callable

from lukhas_sdk.contract.matriz import ProcessEvent
from lukhasd.matriz.grounded import without_repeats
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
    assert shown(events) == "The key is here. [1]"
    release.finish("The key is here. [1] And so on")
    assert shown(events) == "The key is here. [1] And so on"
    assert not any(event.replace for event in events)


async def test_nothing_after_what_may_not_be_shown() -> None:
    events: list[ProcessEvent] = []
    release = Release(passes, events.append)
    release.begin(str)
    await feed(release, "Fine. ", "Now poison. ", "And more. ", "End")
    assert shown(events) == "Fine."


async def test_a_sentence_that_is_said_again_is_shown_once() -> None:
    events: list[ProcessEvent] = []
    release = Release(passes, events.append)
    release.begin(lambda text: without_repeats(text)[0])
    circle = "The key hangs behind the door. Nobody else has one. "
    for number in range(12):
        await feed(release, circle[: number * 3 + 1], circle[number * 3 + 1 :])
    await feed(release, "The key han")
    release.finish(without_repeats(f"{circle * 12}The key han")[0])
    assert shown(events) == circle.rstrip()
    assert not any(event.replace for event in events)


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
