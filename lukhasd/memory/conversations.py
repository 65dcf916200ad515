"""Reads the conversations of `tests/data/questions/conversations`: who said what when, and questions about it.

What is written out stands in one file a conversation. Between its sessions come sessions made of `scenes.txt`:
each scene once or twice, with its names, places and numbers drawn anew, so that no two conversations say the same. The
README beside the files says what their lines mean. The same files always give the same conversations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from lukhas_sdk.contract.memory import MemoryContent, StoreRequest

SCENES_TOGETHER = 3
"""In one session."""
TWICE = 0.5
"""Share of the scenes that come a second time with their people changed over."""
SWAPPED = 0.45
"""Share of the questions about one person that are also asked of the other one, to whom it did not happen."""
UNANSWERABLE_SCENES = 0.6
"""Share of the scenes of which also a question is asked that they do not answer."""
LABEL = re.compile(r" \[([a-z])\]$")
SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Asked:
    """`answers` are the places of the turns that answer, from 0; none where nothing does."""

    text: str
    kind: str
    answers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Turn:
    speaker: str
    text: str
    said_at: datetime


@dataclass(frozen=True)
class Conversation:
    name: str
    people: tuple[str, str]
    turns: tuple[Turn, ...]
    questions: tuple[Asked, ...]

    def memories(self) -> list[StoreRequest]:
        return [
            StoreRequest(
                content=MemoryContent(
                    type="episodic",
                    data=turn.text,
                    context={
                        "speaker": turn.speaker,
                        "timestamp": turn.said_at.isoformat(),
                        "source": f"{self.name}:{place}",
                    },
                )
            )
            for place, turn in enumerate(self.turns)
        ]


@dataclass
class _Session:
    """Turns as (letter, text), and lines that ask: the mark, the text, and the turns meant, in this session."""

    at: datetime | None
    turns: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    joint: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def read(folder: Path) -> list[Conversation]:
    slots, scenes = _read_scenes((folder / "scenes.txt").read_text(encoding="utf-8"))
    files = sorted(path for path in folder.glob("*.txt") if path.name != "scenes.txt")
    return [_compose(path.stem, path.read_text(encoding="utf-8"), slots, scenes) for path in files]


def _compose(name: str, text: str, slots: dict[str, list[str]], scenes: Sequence[str]) -> Conversation:
    heading, _, body = text.partition("\n")
    first, second = heading.removeprefix("# ").split(" and ")
    people = {first[0]: first, second[0]: second}
    random = Random(name)  # noqa: S311 - the same conversation every time
    written = [_parse(part) for part in body.split("== ")[1:]]
    sessions: list[tuple[_Session, dict[str, str], str]] = []
    made = _made(scenes, (first, second), slots, random)
    fillers = [made[start : start + SCENES_TOGETHER] for start in range(0, len(made), SCENES_TOGETHER)]
    for place, session in enumerate(written):
        sessions.append((session, people, "written"))
        begin = session.at or datetime.min
        following = written[place + 1].at if place + 1 < len(written) else begin + timedelta(days=60)
        gap = (following or begin) - begin
        own = fillers[place :: len(written)]
        for number, filler in enumerate(own, start=1):
            day = begin + gap * number / (len(own) + 1)
            at = day.replace(hour=random.randint(8, 22), minute=random.randrange(60))
            sessions += [(replace(scene, at=at), names, "scene") for scene, names in filler]
    turns: list[Turn] = []
    questions: list[Asked] = []
    labels: dict[str, int] = {}
    for session, names, kind in sessions:
        start = len(turns)
        turns += [Turn(names[letter], said, session.at or datetime.min) for letter, said in session.turns]
        labels |= {label: start + at for label, at in session.labels.items()}
        asked = session.asked if kind == "written" else _few(session.asked, random)
        questions += _questions(asked, (first, second), start=start, kind=kind, random=random)
    for session in written:
        questions += [Asked(ask, "two turns", tuple(labels[one] for one in of)) for ask, of in session.joint]
    return Conversation(name, (first, second), tuple(turns), tuple(questions))


def _questions(
    asked: Sequence[tuple[str, str, int]], people: tuple[str, str], *, start: int, kind: str, random: Random
) -> Iterator[Asked]:
    for mark, text, place in asked:
        if mark == "-":
            yield Asked(text, f"{kind}, never told")
            continue
        yield Asked(text, kind, (start + place,))
        named = [name for name in people if re.search(rf"\b{name}\b", text)]
        if mark == "?" and len(named) == 1 and random.random() < SWAPPED:
            other = people[1] if named[0] == people[0] else people[0]
            yield Asked(re.sub(rf"\b{named[0]}\b", other, text), f"{kind}, of the other")


def _few(asked: Sequence[tuple[str, str, int]], random: Random) -> list[tuple[str, str, int]]:
    """One question that the scene answers, and of some scenes one that it does not."""
    told = [one for one in asked if one[0] != "-"]
    missing = [one for one in asked if one[0] == "-"]
    few = [random.choice(told)] if told else []
    if missing and random.random() < UNANSWERABLE_SCENES:
        few.append(random.choice(missing))
    return few


def _made(
    scenes: Sequence[str], people: tuple[str, str], slots: dict[str, list[str]], random: Random
) -> list[tuple[_Session, dict[str, str]]]:
    """The scenes in some order. What comes for both people is marked as not to be asked of the other."""
    made = []
    for scene in scenes:
        roles = list(people) if random.random() < 0.5 else list(reversed(people))
        twice = random.random() < TWICE
        for names in [roles, roles[::-1]] if twice else [roles]:
            drawn = {slot: random.choice(values) for slot, values in slots.items()}
            filled = dict(drawn, A=names[0], B=names[1])
            session = _parse(_fill(scene, filled))
            if twice:
                session.asked = [("?!" if mark == "?" else mark, text, place) for mark, text, place in session.asked]
            made.append((session, {"A": names[0], "B": names[1]}))
    random.shuffle(made)
    return made


def _fill(scene: str, values: dict[str, str]) -> str:
    return SLOT.sub(lambda match: values[match[1]], scene)


def _parse(text: str) -> _Session:
    """A session whose first line may be its time."""
    lines = text.strip().splitlines()
    at = re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", lines[0])
    session = _Session(datetime.fromisoformat(lines[0]) if at else None)
    for line in lines[1:] if at else lines:
        mark, _, rest = line.partition(" ")
        if mark == "&":
            of, _, ask = rest.partition(" | ")
            session.joint.append((ask, tuple(of.split())))
        elif mark in ("?", "?!", "-"):
            session.asked.append((mark, rest[0].upper() + rest[1:], len(session.turns) - 1))
        elif mark.endswith(":"):
            label = LABEL.search(rest)
            if label:
                session.labels[label[1]] = len(session.turns)
            said = LABEL.sub("", rest)
            session.turns.append((mark[:-1], said[0].upper() + said[1:]))
    return session


def _read_scenes(text: str) -> tuple[dict[str, list[str]], list[str]]:
    head, *scenes = re.split(r"^\[.*\]$", text, flags=re.MULTILINE)
    slots = {}
    for line in head.splitlines():
        if line.startswith("$ "):
            name, _, values = line.removeprefix("$ ").partition(" = ")
            slots[name] = values.split(" | ")
    return slots, [scene.strip() for scene in scenes]
